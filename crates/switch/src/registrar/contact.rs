//! What the registrar tells other rooms about a contact.

use std::sync::Arc;

use sip::ConnectionId;

use crate::{Binding, api::PushTarget};

/// A contact as it can be reached: its binding, and facts that are not on disk.
#[derive(Clone, Debug, PartialEq)]
pub struct Contact {
    /// The binding as it is on disk.
    pub binding: Binding,
    /// The connection over which the phone registered has closed.
    pub lost: bool,
    /// The contact's URI is a socket of ours: only the flow of the REGISTER leads to the phone.
    pub leads_back: bool,
    /// The phone may sleep, and is woken so (RFC 8599).
    pub push: Option<Box<PushTarget>>,
}

impl Contact {
    /// The phone, where it may have several contacts of which a call goes to one at a time: by device and instance for an
    /// outbound flow (RFC 5626), by push service for a phone that sleeps (RFC 8599). `None` for any other contact.
    pub(crate) fn phone(&self) -> Option<(&str, &str)> {
        let binding = &self.binding;
        match (binding.reg_id, &self.push) {
            (Some(_), _) => Some((&binding.username, binding.instance.as_deref()?)),
            (None, Some(push)) => Some((&push.provider, &push.prid)),
            (None, None) => None,
        }
    }

    /// A connection has closed. Returns whether the contact used it.
    pub(super) fn lose(&mut self, connection: ConnectionId) -> bool {
        let is_own = self.binding.flow.connection == Some(connection);
        if is_own {
            self.binding.flow.connection = None;
            self.lost = true;
        }
        is_own
    }
}

/// A change of the contacts to which calls and messages can be sent. A room that keeps a copy of the contacts applies
/// it.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// A contact is new or has changed; its id stays the same.
    Put(Arc<Contact>),
    /// A contact is gone.
    Remove {
        /// Its extension.
        number: String,
        /// Its binding's id.
        id: u64,
    },
}
