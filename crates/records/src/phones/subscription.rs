//! What phones are subscribed to (RFC 6665), as it is kept over a restart.

use serde::{Deserialize, Serialize};
use sip::Flow;

/// A subscription that a phone has with us, with a dialog of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    /// Unique in its domain, across restarts; names the subscription in the admin API and in the database.
    pub id: u64,
    /// The extension of the phone that watches.
    pub watcher: String,
    /// The device that subscribed; `None` for a phone in a trusted network.
    pub username: Option<String>,
    /// The number that is watched.
    pub number: String,
    /// The numbers of a list (RFC 4662); empty for a number that is watched by itself.
    #[serde(default)]
    pub members: Vec<String>,
    /// The event package, such as `dialog`.
    pub package: String,
    /// The `id` of Event, if there is one.
    pub event_id: Option<String>,
    /// The media type of the bodies that the phone gets.
    pub accept: String,
    /// The way the last SUBSCRIBE came. A connection ends with the process that had it, so a flow that was read from the
    /// disk has none.
    pub flow: Flow,
    /// The dialog.
    pub dialog: SubscriptionDialog,
    /// The version of the last document.
    pub version: u32,
    /// When it ends.
    pub expires_at: i64,
}

/// The dialog of a subscription (RFC 3261 section 12), seen from our side.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubscriptionDialog {
    /// The Call-ID.
    pub call_id: String,
    /// Our tag.
    pub local_tag: String,
    /// The phone's tag.
    pub remote_tag: String,
    /// From, as our requests carry it, tag included.
    pub local: String,
    /// To, as our requests carry it, tag included.
    pub remote: String,
    /// The phone's Contact.
    pub target: String,
    /// Route entries in the order our requests carry them; none holds a line end.
    pub routes: Vec<String>,
    /// The number of our last request; 0 before the first.
    pub local_seq: u32,
    /// The number of the phone's last request.
    pub remote_seq: u32,
    /// Whether our Contact must be a `sips:` URI.
    pub secure: bool,
}

/// A change to the subscriptions on disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SubscriptionChange {
    /// New, or changed (same id).
    Save(Box<Subscription>),
    /// Gone.
    Remove(u64),
}

impl SubscriptionChange {
    /// The subscription's id.
    pub const fn id(&self) -> u64 {
        match self {
            Self::Save(subscription) => subscription.id,
            Self::Remove(id) => *id,
        }
    }
}
