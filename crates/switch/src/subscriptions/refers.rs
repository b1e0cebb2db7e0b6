//! Subscriptions that phones have with us: so far the implicit one of a REFER (RFC 3515 section 2.4.4), within the dialog
//! of a leg.

use std::collections::HashMap;

use sip::{Message, StatusCode, message::sipfrag};

use crate::{event::Cause, ids::LegId, leg::Leg, stack::Stack};

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
    /// The open subscription: the value of Event.
    open: Option<String>,
    /// NOTIFYs that the phone has not answered.
    unanswered: u32,
    /// The transfer is done: the leg ends once the phone has answered its NOTIFYs.
    through: bool,
}

impl Refers {
    /// A REFER was accepted: its subscription begins, and the phone hears that it is being tried (RFC 3515 section 2.4.4).
    pub fn open(&mut self, leg: &mut Leg, cx: &mut Stack, refer: &Message) {
        let entry = self.by_leg.entry(leg.id).or_default();
        entry.count = entry.count.saturating_add(1);
        let number = refer.cseq().map_or(0, |cseq| cseq.number);
        // RFC 3515 section 2.4.6: from the second REFER of a dialog on, the CSeq number tells which one is meant.
        let event = match entry.count {
            1 => "refer".to_owned(),
            _ => format!("refer;id={number}"),
        };
        let state = format!("active;expires={LASTS}");
        entry.notify(leg, cx, &event, &state, &sipfrag::write(StatusCode::TRYING, "Trying"));
        entry.open = Some(event);
    }

    /// What the request that a REFER asked for came to: the subscription ends (RFC 3515 section 2.4.5). With `through` the
    /// leg that sent the REFER ends, too: not before the phone has answered the NOTIFY, as over UDP a BYE can overtake it,
    /// and the phone would then take the transfer for failed.
    pub fn conclude(&mut self, leg: &mut Leg, cx: &mut Stack, code: u16, through: bool) {
        let entry = self.by_leg.entry(leg.id).or_default();
        if let Some(event) = entry.open.take() {
            let status = StatusCode::new(code).unwrap_or(StatusCode::SERVER_INTERNAL_ERROR);
            let body = sipfrag::write(status, status.reason());
            entry.notify(leg, cx, &event, "terminated;reason=noresource", &body);
        }
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
    fn notify(&mut self, leg: &mut Leg, cx: &mut Stack, event: &str, state: &str, body: &[u8]) {
        // Where there is no room for another transaction, the phone learns of the outcome from its call.
        self.unanswered += u32::from(leg.notify(cx, event, state, body));
    }

    fn end_if_through(&self, leg: &mut Leg, cx: &mut Stack) {
        if self.through && self.unanswered == 0 {
            leg.hang_up(cx, Cause::ours("transferred"));
        }
    }
}
