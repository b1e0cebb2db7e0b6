//! Subscriptions that phones have with us: so far the implicit one of a REFER (RFC 3515 section 2.4.4), within the dialog
//! of a leg.

use std::collections::HashMap;

use sip::{Message, StatusCode, message::sipfrag};

use crate::{ids::LegId, leg::Leg, stack::Stack};

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
        leg.notify(
            cx,
            &event,
            &format!("active;expires={LASTS}"),
            &sipfrag::write(StatusCode::TRYING, "Trying"),
        );
        entry.open = Some(event);
    }

    /// What the request that a REFER asked for came to: the subscription ends (RFC 3515 section 2.4.5).
    pub fn conclude(&mut self, leg: &mut Leg, cx: &mut Stack, code: u16) {
        let Some(event) = self.by_leg.get_mut(&leg.id).and_then(|refer| refer.open.take()) else {
            return;
        };
        let status = StatusCode::new(code).unwrap_or(StatusCode::SERVER_INTERNAL_ERROR);
        leg.notify(
            cx,
            &event,
            "terminated;reason=noresource",
            &sipfrag::write(status, status.reason()),
        );
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
