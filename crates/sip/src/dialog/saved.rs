//! A dialog as plain values, for a table on disk.

use super::{Dialog, DialogId, Role};

/// A dialog whose first request we received, as plain values. What is read back goes on where the written one stood.
///
/// Only text that this program has written may be read: nothing in it is checked again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Saved {
    /// The Call-ID.
    pub call_id: String,
    /// Our tag.
    pub local_tag: String,
    /// The peer's tag; empty for a peer that has none.
    pub remote_tag: String,
    /// From, as our requests carry it, tag included.
    pub local: String,
    /// To, as our requests carry it, tag included.
    pub remote: String,
    /// The peer's Contact.
    pub target: String,
    /// Route entries in the order our requests carry them.
    pub routes: Vec<String>,
    /// The number of our last request; 0 before the first.
    pub local_seq: u32,
    /// The number of the peer's last request.
    pub remote_seq: u32,
    /// Whether our Contact must be a `sips:` URI.
    pub secure: bool,
}

impl Dialog {
    /// Its plain values.
    pub fn save(&self) -> Saved {
        Saved {
            call_id: self.id.call_id.to_string(),
            local_tag: self.id.local_tag.to_string(),
            remote_tag: self.id.remote_tag.to_string(),
            local: self.local.to_string(),
            remote: self.remote.to_string(),
            target: self.remote_target.to_string(),
            routes: self.routes.iter().map(ToString::to_string).collect(),
            local_seq: self.local_seq.unwrap_or(0),
            remote_seq: self.remote_seq.unwrap_or(0),
            secure: self.secure,
        }
    }

    /// The dialog of these values.
    pub fn resume(saved: Saved) -> Self {
        Self {
            id: DialogId {
                call_id: saved.call_id.into(),
                local_tag: saved.local_tag.into(),
                remote_tag: saved.remote_tag.into(),
            },
            role: Role::Uas,
            local: saved.local.into(),
            remote: saved.remote.into(),
            remote_target: saved.target.into(),
            routes: saved.routes.into_iter().map(Into::into).collect(),
            local_seq: Some(saved.local_seq).filter(|number| *number > 0),
            remote_seq: Some(saved.remote_seq),
            secure: saved.secure,
            session: None,
        }
    }
}
