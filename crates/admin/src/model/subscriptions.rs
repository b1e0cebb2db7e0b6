//! What phones watch, and what extensions do, in JSON.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::convert::timestamp;

/// What a phone is subscribed to (RFC 6665).
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "1767225600000001", "watcher": "103", "number": "102", "package": "dialog", "event_id": null, "state": "active",
    "contact": "sip:103@192.0.2.30:5060", "source": "192.0.2.30:5060", "transport": "udp",
    "expires_at": "2026-01-05T09:30:00Z", "last_answer": 200, "failures": 0
}))]
pub(crate) struct Subscription {
    /// Names the subscription. A string, because it does not fit into a JavaScript number.
    pub(crate) id: String,
    /// The extension of the phone that watches.
    pub(crate) watcher: String,
    /// The number that is watched.
    pub(crate) number: String,
    /// The event package: `dialog`, `presence`, `message-summary`, `reg` ...
    pub(crate) package: String,
    /// The `id` of Event, which tells several subscriptions of a phone apart.
    #[schema(required = true)]
    pub(crate) event_id: Option<String>,
    /// `active`; `pending` until it is stored, `terminated` until the phone has heard of its end.
    pub(crate) state: String,
    /// The Contact URI of the phone.
    pub(crate) contact: String,
    /// Address and port it subscribed from.
    pub(crate) source: String,
    /// `udp`, `tcp`, `tls`, `ws` or `wss`.
    pub(crate) transport: String,
    /// When it ends unless refreshed.
    pub(crate) expires_at: Timestamp,
    /// The phone's last answer to a NOTIFY, 408 if none came; null before the first.
    #[schema(required = true)]
    pub(crate) last_answer: Option<u16>,
    /// NOTIFYs in a row that failed.
    pub(crate) failures: u32,
}

/// Subscriptions, by watcher.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SubscriptionPage {
    /// The items of this page.
    pub(crate) items: Vec<Subscription>,
    /// Ask with this `cursor` for the next page; null on the last.
    #[schema(required = true)]
    pub(crate) next_cursor: Option<String>,
}

impl From<switch::LiveSubscription> for Subscription {
    fn from(it: switch::LiveSubscription) -> Self {
        Self {
            id: it.id.to_string(),
            watcher: it.watcher,
            number: it.number,
            package: it.package,
            event_id: it.event_id,
            state: it.state,
            contact: it.contact,
            source: it.source,
            transport: it.transport,
            expires_at: timestamp(it.expires_at),
            last_answer: it.last_answer,
            failures: it.failures,
        }
    }
}

/// What an extension does, and what its phones say about it.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(example = json!({
    "number": "102", "state": "on_the_phone", "activities": ["on-the-phone", "meeting"], "notes": ["back at 3"],
    "publications": 1
}))]
pub(crate) struct Presence {
    /// The extension.
    pub(crate) number: String,
    /// `offline` (no phone is registered), `available`, `ringing`, `on_the_phone` or `dnd`.
    pub(crate) state: String,
    /// Activities in the words of RFC 4480: those that follow from the state, and those that its phones have published.
    pub(crate) activities: Vec<String>,
    /// What its phones have published in words.
    pub(crate) notes: Vec<String>,
    /// How many documents its phones have published.
    pub(crate) publications: u64,
}

/// What extensions do, by number.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PresencePage {
    /// The items of this page.
    pub(crate) items: Vec<Presence>,
    /// Ask with this `cursor` for the next page; null on the last.
    #[schema(required = true)]
    pub(crate) next_cursor: Option<String>,
}

impl From<switch::LivePresence> for Presence {
    fn from(it: switch::LivePresence) -> Self {
        Self {
            number: it.number,
            state: it.state,
            activities: it.activities,
            notes: it.notes,
            publications: it.publications,
        }
    }
}
