//! Pickup groups that change: the lists of lamps of their members follow.

use std::collections::BTreeSet;

use crate::{api::AccountChange, core::Core};

/// An extension before a change, and the members of its group, which includes it.
pub(super) struct Group {
    number: String,
    members: BTreeSet<Box<str>>,
}

/// The group of the extension that a change is about; `None` where no list can follow.
pub(super) fn before(x: &Core, change: &AccountChange) -> Option<Group> {
    let number = match change {
        AccountChange::Extension(extension) => &extension.number,
        AccountChange::RemoveExtension(number) => number,
        AccountChange::Device(_) | AccountChange::RemoveDevice(_) | AccountChange::LogOn { .. } => return None,
    };
    (x.subscribed.table.len() > 0).then(|| Group {
        number: number.clone(),
        members: x.accounts.pickup_group_of(number).map(Into::into).collect(),
    })
}

/// The change is made: the phones that watch a list with other members than before are told.
pub(super) fn after(x: &mut Core, group: Group) {
    let now: BTreeSet<Box<str>> = x.accounts.pickup_group_of(&group.number).map(Into::into).collect();
    if now == group.members {
        return;
    }
    let most = x.stack.config.limits.services.subscriptions.list_members;
    for member in group.members.union(&now) {
        let lamps = x.accounts.lamps_of(member, most);
        x.subscribed.table.list_changed(&mut x.stack, member, &lamps);
    }
}
