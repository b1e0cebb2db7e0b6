//! `message-summary` (RFC 3842): the messages that wait.

use std::collections::BTreeMap;

use super::{Document, Package, Scene, Told, Topic, any_number};

pub(in crate::subscriptions) static PACKAGE: Package = Package {
    name: "message-summary",
    content_type: "application/simple-message-summary",
    moved_by: &[Topic::Mailbox],
    watch: any_number,
    lists: true,
    follows: true,
    write,
    change: None,
};

/// How many voice messages wait in each mailbox. A mailbox without any has no entry.
#[derive(Default)]
pub(crate) struct Mailboxes(BTreeMap<Box<str>, Counts>);

#[derive(Copy, Clone, Default, PartialEq, Eq)]
struct Counts {
    new: u32,
    old: u32,
}

impl Mailboxes {
    /// A mailbox holds so many messages now. Returns whether that has changed.
    pub fn set(&mut self, number: &str, new: u32, old: u32) -> bool {
        let counts = Counts { new, old };
        let before = if counts == Counts::default() {
            self.0.remove(number)
        } else {
            self.0.insert(number.into(), counts)
        };
        before.unwrap_or_default() != counts
    }

    fn of(&self, number: &str) -> Counts {
        self.0.get(number).copied().unwrap_or_default()
    }
}

fn write(scene: &Scene<'_>, _: &mut Told) -> Document {
    let Counts { new, old } = scene.view.mailboxes.of(scene.number);
    let waiting = if new > 0 { "yes" } else { "no" };
    let account = scene.uri(scene.number);
    Document {
        kind: None,
        head: format!(
            "Messages-Waiting: {waiting}\r\nMessage-Account: {account}\r\nVoice-Message: {new}/{old} (0/0)\r\n"
        ),
        tail: None,
        again: false,
    }
}
