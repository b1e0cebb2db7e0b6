//! The user of each dialog, and dialogs that have no user.

use std::collections::{HashMap, VecDeque};

use sip::{Instant, Message, dialog::DialogId, headers::dialogs::Replaces};

use crate::{
    ids::{LegId, SubscriptionId},
    tables::room::Room,
};

/// The user of a dialog: the requests within the dialog go to it.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum DialogUser {
    /// A leg: a dialog that an INVITE began.
    Leg(LegId),
    /// A subscription with its own dialog, which a SUBSCRIBE began (RFC 6665 section 4.4.1). The subscription that a
    /// REFER within a call makes has no dialog of its own: the user of that dialog is the leg.
    Subscription(SubscriptionId),
}

/// The open dialogs, by name.
#[derive(Default)]
pub(crate) struct Dialogs {
    users: HashMap<DialogId, DialogUser>,
    /// Dialogs without a user that were ended at once, the latest last.
    strays: VecDeque<DialogId>,
    /// Early dialogs whose INVITE the phone has cancelled, and until when that is remembered; the latest last.
    cancelled: VecDeque<(DialogId, Instant)>,
}

/// How many dialogs without a user, and how many cancelled ones, are remembered.
const KEPT: usize = 256;

impl Dialogs {
    /// A dialog begins; its user gets the requests within it.
    pub fn insert(&mut self, dialog: DialogId, user: DialogUser) {
        self.users.insert(dialog, user);
    }

    /// A dialog is over.
    pub fn remove(&mut self, dialog: &DialogId) {
        self.users.remove(dialog);
    }

    /// The user of the dialog with this name.
    pub fn get(&self, dialog: &DialogId) -> Option<DialogUser> {
        self.users.get(dialog).copied()
    }

    /// The leg whose dialog has this name; `None` for a subscription's dialog.
    pub fn leg(&self, dialog: &DialogId) -> Option<LegId> {
        match self.get(dialog)? {
            DialogUser::Leg(leg) => Some(leg),
            DialogUser::Subscription(_) => None,
        }
    }

    /// The leg whose dialog a `Replaces` of a phone names (RFC 3891 section 3).
    pub fn replaced(&self, replaces: &Replaces<'_>) -> Option<LegId> {
        DialogId::of_replaces(replaces).find_map(|dialog| self.leg(&dialog))
    }

    /// The user of the dialog in which a request came (RFC 3261 12.2.2); `None` if there is no such dialog.
    pub fn user_of(&self, request: &Message) -> Option<DialogUser> {
        self.get(&DialogId::of_request(request)?)
    }

    /// A dialog without a user is ended; false if that was done before. Only the last few are remembered, since a
    /// repeated 2xx comes within seconds.
    pub fn note_stray(&mut self, dialog: &DialogId) -> bool {
        if self.strays.contains(dialog) {
            return false;
        }
        if self.strays.len() == KEPT {
            self.strays.pop_front();
        }
        self.strays.push_back(dialog.clone());
        true
    }

    /// A phone has cancelled its INVITE. That is remembered as long as its transaction may last (RFC 3261 table 4, 64*T1).
    pub fn note_cancelled(&mut self, dialog: &DialogId, until: Instant) {
        if self.cancelled.len() == KEPT {
            self.cancelled.pop_front();
        }
        self.cancelled.push_back((dialog.clone(), until));
    }

    /// Whether a `Replaces` names an early dialog whose INVITE the phone has cancelled just now.
    pub fn was_cancelled(&self, replaces: &Replaces<'_>, now: Instant) -> bool {
        let recent = || {
            let latest = self.cancelled.iter().rev();
            latest.take_while(|(_, until)| now < *until)
        };
        DialogId::of_replaces(replaces).any(|dialog| recent().any(|(cancelled, _)| *cancelled == dialog))
    }

    /// How many dialogs of subscriptions are open.
    pub fn of_subscriptions(&self) -> usize {
        self.users.len() - self.of_calls()
    }

    /// How many dialogs of calls are open.
    pub fn of_calls(&self) -> usize {
        let users = self.users.values();
        users.filter(|user| matches!(user, DialogUser::Leg(_))).count()
    }
}

impl Room for Dialogs {
    fn measure(&self) -> (usize, usize) {
        self.users.measure()
    }

    fn shrink(&mut self, keep: usize) {
        self.users.shrink(keep);
    }
}

#[cfg(test)]
mod tests {
    use sip::{Builder, HeaderName, Method};

    use super::*;
    use crate::tables::slots::Slots;

    #[test]
    fn a_request_finds_the_leg_or_the_subscription_whose_dialog_it_came_in() {
        let leg: LegId = Slots::default().try_insert_with(|_| Ok::<_, ()>(0)).unwrap();
        let subscription: SubscriptionId = Slots::default().try_insert_with(|_| Ok::<_, ()>(0)).unwrap();
        let request = |method: &Method, call_id: &str, tag: &str| {
            Builder::request(method, "sip:t")
                .header(HeaderName::From, "<sip:101@t>;tag=theirs")
                .header(HeaderName::To, format_args!("<sip:102@t>{tag}"))
                .header(HeaderName::CallId, call_id)
                .finish()
        };
        let mut dialogs = Dialogs::default();
        let users = [
            ("call", DialogUser::Leg(leg)),
            ("presence", DialogUser::Subscription(subscription)),
        ];
        for (call_id, user) in users {
            let dialog = DialogId::of_request(&request(&Method::Bye, call_id, ";tag=ours")).unwrap();
            dialogs.insert(dialog, user);
        }
        let user = |dialogs: &Dialogs, method, call_id, tag| dialogs.user_of(&request(&method, call_id, tag));
        assert_eq!(user(&dialogs, Method::Bye, "call", ";tag=ours"), Some(users[0].1));
        assert_eq!(
            user(&dialogs, Method::Subscribe, "presence", ";tag=ours"),
            Some(users[1].1)
        );
        assert_eq!(user(&dialogs, Method::Bye, "call", ";tag=other"), None);
        assert_eq!(
            user(&dialogs, Method::Invite, "call", ""),
            None,
            "outside of any dialog"
        );
        dialogs.remove(&DialogId::of_request(&request(&Method::Bye, "presence", ";tag=ours")).unwrap());
        assert_eq!(user(&dialogs, Method::Notify, "presence", ";tag=ours"), None);
        assert_eq!(dialogs.of_calls(), 1);
    }
}
