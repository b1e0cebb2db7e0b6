//! The trunks of the fake switch.

use std::collections::BTreeMap;

use switch::{TrunkChange, TrunkState, TrunkStatus};

/// Each trunk of these changes is registered, or down where it does not register.
pub(crate) fn of(changes: &[TrunkChange]) -> Vec<TrunkStatus> {
    let mut trunks = BTreeMap::new();
    for change in changes {
        match change {
            TrunkChange::Put { trunk, .. } => trunks.insert(trunk.name.clone(), trunk.register),
            TrunkChange::Remove(name) => trunks.remove(name),
        };
    }
    let status = |(name, registers)| TrunkStatus {
        name,
        state: if registers {
            TrunkState::Registered
        } else {
            TrunkState::Down
        },
        last_error: (!registers).then(|| "it does not answer".to_owned()),
        calls: 0,
    };
    trunks.into_iter().map(status).collect()
}
