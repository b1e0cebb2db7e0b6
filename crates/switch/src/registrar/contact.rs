//! What the registrar tells of a contact that is bound.

use std::sync::Arc;

use sip::ConnectionId;

use crate::Binding;

/// A contact as it is reached: its binding, and what is known of it besides what is on disk.
#[derive(Clone, Debug, PartialEq)]
pub struct Contact {
    /// As it is on disk.
    pub binding: Binding,
    /// The connection it was registered over has gone.
    pub lost: bool,
    /// Its URI is one of our own sockets: of use only with the flow it came over.
    pub leads_back: bool,
}

impl Contact {
    /// A connection has gone. Says whether it was this contact's.
    pub(super) fn lose(&mut self, connection: ConnectionId) -> bool {
        let is_own = self.binding.flow.connection == Some(connection);
        if is_own {
            self.binding.flow.connection = None;
            self.lost = true;
        }
        is_own
    }
}

/// A change of the contacts that calls and messages can be sent to: for whoever keeps a copy of them.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// A contact is new, or is another now; its id stays.
    Put(Arc<Contact>),
    /// A contact is gone.
    Remove {
        /// Its extension.
        number: String,
        /// Its binding's id.
        id: u64,
    },
}
