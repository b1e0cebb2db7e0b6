//! The implicit subscription of a REFER (RFC 3515 section 2.4.4), within the dialog of a leg, or in one of its own.

use std::collections::HashMap;

use sip::{
    Message, StatusCode,
    dialog::Dialog,
    headers::{Header, event::Event, refer::ReferSub},
    message::sipfrag,
    transaction::ServerId,
};

use crate::{
    answer::Answer,
    event::Cause,
    ids::LegId,
    leg::{Leg, within::accept_subscribe},
    stack::Stack,
};

/// Seconds that the subscription of a REFER lasts at most; it ends with the outcome of the transfer.
const LASTS: u32 = 60;

/// The subscriptions of REFERs, by the leg that sent the REFER: at most one at a time.
#[derive(Default)]
pub(crate) struct Refers {
    by_leg: HashMap<LegId, Refer>,
}

#[derive(Default)]
struct Refer {
    /// REFERs that this leg has sent.
    count: u32,
    /// The REFER that has no outcome so far.
    open: Option<Open>,
    /// NOTIFYs that the phone has not answered.
    unanswered: u32,
    /// The transfer is done: the leg ends once the phone has answered its NOTIFYs.
    through: bool,
}

/// A REFER that has no outcome so far.
struct Open {
    /// The value of Event.
    event: String,
    told: Told,
    /// What the phone was told last.
    status: StatusCode,
    /// The REFER itself, while the party that it moves has not answered.
    waits: Option<Box<Message>>,
}

/// How the phone is told of what its REFER came to.
enum Told {
    /// Within the dialog of its call.
    Within,
    /// In this dialog, which the REFER began.
    Apart(Box<Dialog>),
    /// Not at all, as the phone asked (RFC 4488).
    Not,
}

impl Refers {
    /// Accepts a REFER: its subscription begins, and the phone hears that it is being tried (RFC 3515 section 2.4.4). A phone
    /// that asks for no subscription gets none (RFC 4488 section 4).
    pub fn accept(&mut self, leg: &mut Leg, cx: &mut Stack, server: ServerId, refer: &Message) {
        let silent = matches!(refer.read::<ReferSub>(), Ok(Some(ReferSub(false))));
        let apart = leg.accept_refer(cx, server, refer, silent);
        let entry = self.by_leg.entry(leg.id).or_default();
        entry.count = entry.count.saturating_add(1);
        let number = refer.cseq().map_or(0, |cseq| cseq.number);
        // RFC 3515 section 2.4.6: from the second REFER of a dialog on, the CSeq number tells which one is meant.
        let event = match entry.count {
            1 => "refer".to_owned(),
            _ => format!("refer;id={number}"),
        };
        let told = match apart {
            _ if silent => Told::Not,
            Some(dialog) => Told::Apart(dialog),
            None => Told::Within,
        };
        entry.open = Some(Open {
            event,
            told,
            status: StatusCode::TRYING,
            waits: None,
        });
        entry.tell(leg, cx, StatusCode::TRYING, None);
    }

    /// A SUBSCRIBE of the phone for its REFER: the subscription goes on, or ends, which does not end the transfer. REFER alone
    /// begins one (RFC 3515 section 2.4.4): without one there is 403.
    pub fn subscribe(&mut self, leg: &mut Leg, cx: &mut Stack, server: ServerId, request: &Message) {
        let event = request.read::<Event<'_>>().ok().flatten();
        let seconds = request.expires().ok().flatten().unwrap_or(LASTS).min(LASTS);
        let entry = self.by_leg.get_mut(&leg.id);
        let open = entry.filter(|entry| {
            let own = entry.open.as_ref().filter(|open| matches!(open.told, Told::Within));
            let own = own.and_then(|open| Event::read(&open.event).ok());
            own.zip(event).is_some_and(|(own, event)| own.is_same(&event))
        });
        let Some(entry) = open else {
            let answer = Answer::because(StatusCode::FORBIDDEN, "Only REFER Begins It");
            return cx.answer(server, request, &answer);
        };
        accept_subscribe(leg, cx, server, request, seconds);
        let status = entry.open.as_ref().map_or(StatusCode::TRYING, |open| open.status);
        entry.tell(leg, cx, status, (seconds == 0).then_some("terminated;reason=timeout"));
        if let Some(open) = entry.open.as_mut().filter(|_| seconds == 0) {
            open.told = Told::Not;
        }
    }

    /// The party that the accepted REFER of this leg moves has not answered: the REFER waits for that.
    pub fn wait(&mut self, leg: LegId, refer: Message) {
        if let Some(open) = self.by_leg.get_mut(&leg).and_then(|entry| entry.open.as_mut()) {
            open.waits = Some(Box::new(refer));
        }
    }

    /// The REFER of this leg that waited waits no longer; `None` if there is none.
    pub fn take_waiting(&mut self, leg: LegId) -> Option<Box<Message>> {
        self.by_leg.get_mut(&leg)?.open.as_mut()?.waits.take()
    }

    /// How far the request that a REFER asked for is (RFC 3515 section 2.4.5).
    pub fn progress(&mut self, leg: &mut Leg, cx: &mut Stack, status: StatusCode) {
        if let Some(entry) = self.by_leg.get_mut(&leg.id) {
            entry.tell(leg, cx, status, None);
        }
    }

    /// What the request that a REFER asked for came to: the subscription ends (RFC 3515 section 2.4.5). With `through` the
    /// leg that sent the REFER ends, too: not before the phone has answered the NOTIFY, as over UDP a BYE can overtake it,
    /// and the phone would then take the transfer for failed.
    pub fn conclude(&mut self, leg: &mut Leg, cx: &mut Stack, code: u16, through: bool) {
        let entry = self.by_leg.entry(leg.id).or_default();
        let status = StatusCode::new(code).unwrap_or(StatusCode::SERVER_INTERNAL_ERROR);
        entry.tell(leg, cx, status, Some("terminated;reason=noresource"));
        entry.open = None;
        entry.through |= through;
        entry.end_if_through(leg, cx);
    }

    /// The phone has answered a NOTIFY of its REFER, or will not.
    pub fn answered(&mut self, leg: &mut Leg, cx: &mut Stack) {
        if let Some(entry) = self.by_leg.get_mut(&leg.id) {
            entry.unanswered = entry.unanswered.saturating_sub(1);
            entry.end_if_through(leg, cx);
        }
    }

    /// Whether a REFER of this leg has no outcome so far.
    pub fn is_open(&self, leg: LegId) -> bool {
        self.by_leg.get(&leg).is_some_and(|refer| refer.open.is_some())
    }

    /// The leg is over, and with it everything it was subscribed to.
    pub fn forget(&mut self, leg: LegId) {
        self.by_leg.remove(&leg);
    }

    /// Legs that have sent a REFER.
    pub fn len(&self) -> usize {
        self.by_leg.len()
    }
}

impl Refer {
    /// Sends a NOTIFY with this status; `ends` is the state of a subscription that ends with it.
    fn tell(&mut self, leg: &mut Leg, cx: &mut Stack, status: StatusCode, ends: Option<&str>) {
        let Some(open) = &mut self.open else { return };
        open.status = status;
        let own = match &mut open.told {
            Told::Within => None,
            Told::Apart(dialog) => Some(&mut **dialog),
            Told::Not => return,
        };
        let goes_on = format!("active;expires={LASTS}");
        let state = ends.unwrap_or(&goes_on);
        let body = sipfrag::write(status, status.reason());
        // Where there is no room for another transaction, the phone learns of the outcome from its call.
        self.unanswered += u32::from(leg.notify(cx, own, (&open.event, state), &body));
    }

    fn end_if_through(&self, leg: &mut Leg, cx: &mut Stack) {
        if self.through && self.unanswered == 0 {
            leg.hang_up(cx, Cause::ours("transferred"));
        }
    }
}
