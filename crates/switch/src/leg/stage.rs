//! How far a leg is, and what a leg has only in that stage.

use std::{collections::VecDeque, mem};

use sip::{
    Flow, Message,
    dialog::{Dialog, DialogId},
    retransmit::{Accepted, Due},
    transaction::ServerId,
};

use super::{
    Cause, LegId, LegTimer, Spec, Talk,
    change::{Change, Wanted, early::Early},
    progress::Progress,
    reliable::sent::Reliable,
};
use crate::{
    requests::{self, RequestId},
    stack::{Stack, TimerKey, dialogs::DialogUser, layer_config},
};

/// How far a leg is.
pub(super) enum Stage {
    /// The phone has called, and is not answered.
    Incoming(Box<Incoming>),
    /// The phone is called, and has not answered.
    Calling(Calling),
    /// Answered.
    Up(Box<Up>),
    /// BYE was sent.
    Ending(Box<Confirmed>),
    /// Over. The leg is about to be removed.
    Gone,
}

/// The phone waits for our final answer.
pub(super) struct Incoming {
    /// Its INVITE.
    pub server: ServerId,
    pub dialog: Dialog,
    /// The last provisional answer.
    pub progress: Option<Progress>,
    /// The provisional answers that wait for a PRACK.
    pub reliable: Reliable,
    /// The changes before the answer.
    pub early: Early,
}

/// We wait for the final answer of the phone, or of several phones behind a proxy.
pub(super) struct Calling {
    /// Our INVITE.
    pub request: RequestId,
    /// CANCEL was sent.
    pub cancelled: bool,
    /// The last provisional answer was a 180.
    pub rings: bool,
    /// Several phones have answered with a 1xx.
    pub forked: bool,
    /// The phones that have answered with a 1xx. The last one is the one that described its session last.
    pub forks: Vec<Fork>,
    /// The early dialogs that are over, by tag: at most `limits.forks`. A 2xx that crosses the 199 of its phone goes on with the
    /// sequence numbers of its dialog (RFC 3261 12.2.1.1).
    left: Vec<(Box<str>, Dialog)>,
}

/// One phone that answered the INVITE with a 1xx (RFC 3261 13.2.2.4).
pub(super) struct Fork {
    /// The To tag of the phone; empty where the 1xx had none. Without a To tag there is no dialog.
    pub tag: Box<str>,
    /// The early dialog.
    pub dialog: Option<Dialog>,
    /// The session, once this phone has described it: our offer with the answer of this phone.
    pub talk: Option<Box<Talk>>,
    /// The number of its last reliable 1xx (RFC 3262 section 4).
    pub rseq: Option<u32>,
    /// The changes before the answer.
    pub early: Early,
}

impl Fork {
    /// Whether an UPDATE of ours has no answer yet.
    pub const fn is_changing(&self) -> bool {
        matches!(self.early.change, Change::Ours(_))
    }
}

/// A dialog that a 2xx has confirmed.
pub(super) struct Confirmed {
    pub dialog: Dialog,
    /// Our last 2xx, until its ACK comes.
    pub awaited: Option<AwaitedAck>,
    /// Our last ACK, for a 2xx that comes again.
    pub ack: Option<Message>,
}

/// A leg that was answered and is not over.
pub(super) struct Up {
    pub confirmed: Confirmed,
    /// The 2xx of the first INVITE was acknowledged.
    pub acknowledged: bool,
    /// The number of a provisional response of ours whose PRACK had not come when the 2xx was sent.
    pub unacknowledged: Option<u32>,
    /// The re-INVITE or UPDATE that is under way.
    pub change: Change,
    /// An offer of our own that waits for its turn.
    pub wanted: Option<Wanted>,
    /// An offer of the other phone that waits for the ACK of our 2xx.
    pub passing: Option<Spec>,
    /// Keys that go to the phone by INFO, with their durations in milliseconds. The first is under way.
    pub keys: VecDeque<(char, u16)>,
    /// BYE is to be sent as soon as the ACK has come (RFC 3261 15).
    pub hang_up_when_acked: Option<Cause>,
}

/// A 2xx of ours that is sent again until its ACK comes (RFC 3261 13.3.1.4).
pub(super) struct AwaitedAck {
    accepted: Accepted,
    flow: Flow,
    /// The CSeq number of the INVITE; its ACK has the same number.
    seq: u32,
}

/// What happened when the timer of a 2xx was due.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum AckDue {
    /// The 2xx goes on waiting for its ACK.
    Waits,
    /// No ACK came within the time that RFC 3261 allows.
    Lost,
}

impl Stage {
    /// The dialog of the leg; before the answer of a called phone, all early dialogs.
    pub fn dialogs(&self) -> impl Iterator<Item = &Dialog> {
        let (one, early): (_, &[Fork]) = match self {
            Self::Incoming(incoming) => (Some(&incoming.dialog), &[]),
            Self::Calling(calling) => (None, &calling.forks),
            Self::Up(up) => (Some(&up.confirmed.dialog), &[]),
            Self::Ending(confirmed) => (Some(&confirmed.dialog), &[]),
            Self::Gone => (None, &[]),
        };
        one.into_iter()
            .chain(early.iter().filter_map(|fork| fork.dialog.as_ref()))
    }

    /// Requests within its dialogs have this Session-ID from now on (RFC 7989).
    pub fn name_session(&mut self, value: Option<&str>) {
        let (one, early): (_, &mut [Fork]) = match self {
            Self::Incoming(incoming) => (Some(&mut incoming.dialog), &mut []),
            Self::Calling(calling) => (None, &mut calling.forks),
            Self::Up(up) => (Some(&mut up.confirmed.dialog), &mut []),
            Self::Ending(confirmed) => (Some(&mut confirmed.dialog), &mut []),
            Self::Gone => (None, &mut []),
        };
        let early = early.iter_mut().filter_map(|fork| fork.dialog.as_mut());
        for dialog in one.into_iter().chain(early) {
            dialog.name_session(value);
        }
    }

    /// The dialog that a request of the phone belongs to.
    pub fn dialog_of(&mut self, request: &Message) -> Option<&mut Dialog> {
        match self {
            Self::Incoming(incoming) => Some(&mut incoming.dialog),
            Self::Calling(calling) => {
                let id = DialogId::of_request(request)?;
                let mut dialogs = calling.forks.iter_mut().filter_map(|fork| fork.dialog.as_mut());
                dialogs.find(|dialog| *dialog.id() == id)
            }
            Self::Up(up) => Some(&mut up.confirmed.dialog),
            Self::Ending(confirmed) => Some(&mut confirmed.dialog),
            Self::Gone => None,
        }
    }

    /// The dialog that a 2xx has confirmed.
    pub fn confirmed(&mut self) -> Option<&mut Confirmed> {
        match self {
            Self::Up(up) => Some(&mut up.confirmed),
            Self::Ending(confirmed) => Some(confirmed),
            Self::Incoming(_) | Self::Calling(_) | Self::Gone => None,
        }
    }

    /// The state of a leg that was answered and is not over.
    pub fn up(&mut self) -> Option<&mut Up> {
        match self {
            Self::Up(up) => Some(up),
            Self::Incoming(_) | Self::Calling(_) | Self::Ending(_) | Self::Gone => None,
        }
    }

    /// Whether the leg is in use: not over, not ending, and not cancelled.
    pub const fn is_live(&self) -> bool {
        match self {
            Self::Incoming(_) | Self::Up(_) => true,
            Self::Calling(calling) => !calling.cancelled,
            Self::Ending(_) | Self::Gone => false,
        }
    }

    /// The session of a called phone that has described its media and has not answered yet.
    pub fn early_talk(&self) -> Option<&Talk> {
        match self {
            Self::Calling(calling) => calling.early_talk(),
            Self::Incoming(_) | Self::Up(_) | Self::Ending(_) | Self::Gone => None,
        }
    }

    /// Whether a change of ours may begin (RFC 3261 14.1).
    pub fn is_free(&mut self) -> bool {
        self.up().is_some_and(|up| up.is_free())
    }

    /// The phone knows the present state: an offer of our own is not needed any more.
    pub fn forget_wanted(&mut self) {
        if let Some(up) = self.up() {
            up.wanted = None;
        } else if let Some((_, early)) = self.early() {
            early.wanted = None;
        }
    }

    /// The early dialog whose session may change before the answer, and its changes. For a called phone the one that
    /// described its session last.
    pub fn early(&mut self) -> Option<(&mut Dialog, &mut Early)> {
        match self {
            Self::Incoming(incoming) => Some((&mut incoming.dialog, &mut incoming.early)),
            Self::Calling(calling) if !calling.cancelled => {
                let fork = calling.forks.iter_mut().rev().find(|fork| fork.talk.is_some())?;
                Some((fork.dialog.as_mut()?, &mut fork.early))
            }
            Self::Calling(_) | Self::Up(_) | Self::Ending(_) | Self::Gone => None,
        }
    }

    /// The dialog and the change that belong to this request of ours, before the answer or after it. The early dialog
    /// becomes the one whose media is heard.
    pub fn changed_by(&mut self, request: RequestId) -> Option<(&mut Dialog, &mut Change)> {
        match self {
            Self::Up(up) => Some((&mut up.confirmed.dialog, &mut up.change)),
            Self::Incoming(incoming) => Some((&mut incoming.dialog, &mut incoming.early.change)),
            Self::Calling(calling) => {
                let at = calling
                    .forks
                    .iter()
                    .position(|fork| fork.early.change.is_ours(request))?;
                let fork = calling.forks.remove(at);
                calling.forks.push(fork);
                let fork = calling.forks.last_mut()?;
                Some((fork.dialog.as_mut()?, &mut fork.early.change))
            }
            Self::Ending(_) | Self::Gone => None,
        }
    }

    /// Sends CANCEL for our INVITE, once. `reason`: the value of Reason. Does nothing in any stage but
    /// [`Stage::Calling`].
    pub fn cancel(&mut self, cx: &mut Stack, reason: Option<&str>) {
        if let Self::Calling(calling) = self
            && !mem::replace(&mut calling.cancelled, true)
        {
            requests::cancel(cx, calling.request, reason);
        }
    }

    /// The phone's INVITE is answered with this 2xx. `unacknowledged`: the number of a provisional response that has no
    /// PRACK so far. Returns false and does nothing in any stage but
    /// [`Stage::Incoming`].
    pub fn answered(&mut self, success: &Message, awaited: AwaitedAck, unacknowledged: Option<u32>) -> bool {
        match mem::replace(self, Self::Gone) {
            Self::Incoming(mut incoming) => {
                incoming.dialog.confirm(success);
                let mut up = Up::new(incoming.dialog, Some(awaited), incoming.early);
                up.unacknowledged = unacknowledged;
                *self = Self::Up(Box::new(up));
                true
            }
            other @ (Self::Calling(_) | Self::Up(_) | Self::Ending(_) | Self::Gone) => {
                *self = other;
                false
            }
        }
    }

    /// BYE is about to be sent. Returns false and does nothing in any stage but [`Stage::Up`].
    pub fn ends(&mut self) -> bool {
        match mem::replace(self, Self::Gone) {
            Self::Up(up) => {
                *self = Self::Ending(Box::new(up.confirmed));
                true
            }
            other @ (Self::Incoming(_) | Self::Calling(_) | Self::Ending(_) | Self::Gone) => {
                *self = other;
                false
            }
        }
    }
}

impl Up {
    /// A dialog that a 2xx has just confirmed. `awaited`: our 2xx, which waits for its ACK; `None` for a 2xx of the
    /// phone. `early`: what was under way before.
    pub fn new(dialog: Dialog, awaited: Option<AwaitedAck>, early: Early) -> Self {
        Self {
            acknowledged: awaited.is_none(),
            unacknowledged: None,
            confirmed: Confirmed {
                dialog,
                awaited,
                ack: None,
            },
            change: early.change,
            wanted: early.wanted,
            passing: None,
            keys: VecDeque::new(),
            hang_up_when_acked: None,
        }
    }

    /// Whether a change of ours may begin (RFC 3261 14.1).
    pub const fn is_free(&self) -> bool {
        self.acknowledged && self.confirmed.awaited.is_none() && matches!(self.change, Change::None)
    }
}

impl Calling {
    pub const fn new(request: RequestId) -> Self {
        Self {
            request,
            cancelled: false,
            rings: false,
            forked: false,
            forks: Vec::new(),
            left: Vec::new(),
        }
    }

    /// The session of the phone that described its session last.
    pub fn early_talk(&self) -> Option<&Talk> {
        self.forks.iter().rev().find_map(|fork| fork.talk.as_deref())
    }

    /// As [`Calling::early_talk`], to be changed.
    pub fn early_talk_mut(&mut self) -> Option<&mut Talk> {
        self.forks.iter_mut().rev().find_map(|fork| fork.talk.as_deref_mut())
    }

    /// The phone that described its session last.
    pub fn latest(&self) -> Option<&Fork> {
        self.forks.iter().rev().find(|fork| fork.talk.is_some())
    }

    /// A 1xx came. Begins an early dialog if the phone has not answered before. Where there are more phones than
    /// `limits.forks`, forgets the first one. Returns the index of the phone in `forks`.
    pub fn fork(&mut self, cx: &mut Stack, leg: LegId, invite: &Message, response: &Message) -> usize {
        let tag = response.to_tag().unwrap_or_default();
        if let Some(known) = self.forks.iter().position(|fork| *fork.tag == *tag) {
            return known;
        }
        if self.forks.len() >= cx.config.limits.forks.max(1) {
            self.leave(cx, 0);
        }
        let dialog = self.dialog(invite, response);
        if let Some(dialog) = &dialog {
            self.forked |= self.forks.iter().any(|fork| fork.dialog.is_some());
            cx.dialogs.insert(dialog.id().clone(), DialogUser::Leg(leg));
        }
        self.forks.push(Fork {
            tag: tag.into(),
            dialog,
            talk: None,
            rseq: None,
            early: Early::default(),
        });
        self.forks.len() - 1
    }

    /// Takes the answer of a phone to our offer. Only its first answer counts (RFC 3261 13.2.1). Returns the first
    /// answer, and whether it came just now.
    pub fn early_answer(&mut self, at: usize, offered: &Talk, sdp: &[u8]) -> Option<(Spec, bool)> {
        let fork = self.forks.get_mut(at)?;
        if let Some(talk) = &fork.talk {
            return talk.heard().cloned().map(|spec| (spec, false));
        }
        let mut talk = offered.clone();
        let spec = talk.hear_answer(sdp).ok()?;
        fork.talk = Some(Box::new(talk));
        // The phone that is being offered something stays the one that is heard.
        let latest = self.forks.remove(at);
        let before = self.forks.len() - usize::from(self.latest().is_some_and(Fork::is_changing));
        self.forks.insert(before, latest);
        Some((spec, true))
    }

    /// Forgets an early dialog and its session.
    pub fn leave(&mut self, cx: &mut Stack, at: usize) {
        let fork = self.forks.remove(at);
        if let Some(dialog) = fork.dialog {
            cx.dialogs.remove(dialog.id());
            if self.left.len() >= cx.config.limits.forks.max(1) {
                self.left.remove(0);
            }
            self.left.push((fork.tag, dialog));
        }
    }

    /// The dialog that a response makes, or the one of that phone that was left before.
    fn dialog(&mut self, invite: &Message, response: &Message) -> Option<Dialog> {
        let tag = response.to_tag().unwrap_or_default();
        match self.left.iter().position(|(left, _)| **left == *tag) {
            Some(at) => Some(self.left.remove(at).1),
            None => Dialog::uac(invite, response).ok(),
        }
    }

    /// A 2xx came. The phone that sent the 2xx becomes the phone of the leg, and the early dialogs of the other phones
    /// are forgotten. Returns the dialog, the session that this phone described before, and its changes under way. Returns `None` and forgets
    /// nothing where the 2xx makes no dialog.
    pub fn choose(
        &mut self,
        cx: &mut Stack,
        leg: LegId,
        invite: &Message,
        response: &Message,
    ) -> Option<(Dialog, Option<Box<Talk>>, Early)> {
        let tag = response.to_tag().unwrap_or_default();
        let known = self.forks.iter_mut().find(|fork| *fork.tag == *tag);
        let (dialog, talk, early) = known.map_or((None, None, Early::default()), |fork| {
            (fork.dialog.take(), fork.talk.take(), mem::take(&mut fork.early))
        });
        let mut dialog = match dialog {
            Some(dialog) => dialog,
            None => self.dialog(invite, response)?,
        };
        dialog.confirm(response);
        while !self.forks.is_empty() {
            self.leave(cx, 0);
        }
        cx.dialogs.insert(dialog.id().clone(), DialogUser::Leg(leg));
        Some((dialog, talk, early))
    }
}

impl AwaitedAck {
    /// A 2xx to `invite` that is about to be sent. `path`: the way of the 2xx if its transaction is gone.
    pub fn new(cx: &mut Stack, leg: LegId, server: ServerId, invite: &Message, reply: &Message, path: Flow) -> Self {
        let timers = layer_config(&cx.config.transactions).timers;
        let awaited = Self {
            accepted: Accepted::new(cx.now, reply.bytes().clone(), &timers),
            flow: cx.layer.reply_flow(server).unwrap_or(path),
            seq: invite.cseq().map_or(0, |cseq| cseq.number),
        };
        awaited.wait(cx, leg);
        awaited
    }

    fn wait(&self, cx: &mut Stack, leg: LegId) {
        if let Some(at) = self.accepted.next_timeout() {
            cx.timers.set(TimerKey::Leg(leg, LegTimer::Accepted), at);
        }
    }

    /// Whether `ack` is the ACK of this 2xx, and not that of an earlier INVITE.
    pub fn is_met_by(&self, ack: &Message) -> bool {
        ack.cseq().is_ok_and(|cseq| cseq.number == self.seq)
    }

    /// The timer of the 2xx is due. Sends the 2xx again, unless the time for the ACK is over.
    pub fn due(&mut self, cx: &mut Stack, leg: LegId) -> AckDue {
        match self.accepted.due(cx.now) {
            Due::Nothing => {}
            Due::Retransmit(bytes) => cx.transmit(self.flow, bytes),
            Due::GiveUp => return AckDue::Lost,
        }
        self.wait(cx, leg);
        AckDue::Waits
    }
}
