//! What the stand-in for the switch says of presence.

use switch::{AccountChange, LivePresence};

/// Every extension that was made is busy.
pub fn of(changes: &[AccountChange], numbers: Vec<String>) -> Vec<LivePresence> {
    let is_known = |number: &String| {
        let mut changes = changes.iter();
        changes.any(|change| matches!(change, AccountChange::Extension(it) if it.number == *number))
    };
    let presence = |number| LivePresence {
        number,
        state: "dnd".into(),
        activities: vec!["busy".into()],
        notes: vec!["back at 3".into()],
        publications: 1,
    };
    numbers.into_iter().filter(is_known).map(presence).collect()
}
