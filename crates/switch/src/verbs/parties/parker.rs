//! The phone that parks a call: the party that it has on hold, and how it learns the slot.

use ::media::{Command, Event as MediaEvent, Source};

use crate::{
    activity::LineState,
    call::Call,
    core::{Core, Destination, Handover, Why},
    event::{Cause, LegEvent, SessionEvent},
    ids::LegId,
    leg::{CallerId, Leg, identity},
};

/// The leg of the phone that has parked a party by a call of its own, as long as the phone hears the slot.
pub(super) struct Parker {
    leg: LegId,
    token: u64,
}

/// The other leg of the caller's phone that has put a party on hold: of several the latest.
pub(super) fn holding(call: &Call, x: &Core) -> Option<LegId> {
    let own = call.subject_leg(x)?;
    let holds = |leg: &&Leg| {
        leg.id != own.id && leg.path.flow.remote.ip() == own.path.flow.remote.ip() && leg.is_up() && leg.talk().holds()
    };
    let lines = x.activity.of(&own.peer).iter();
    let held = lines.filter(|line| line.state == LineState::Held && x.legs.get(line.leg).filter(holds).is_some());
    held.max_by_key(|line| line.since).map(|line| line.leg)
}

/// The party on hold is to take the caller's place in the slot.
pub(super) fn fetch(call: &Call, x: &mut Core) -> bool {
    let (Some(holder), Some(place)) = (holding(call, x), call.subject()) else {
        return false;
    };
    x.handovers.push_back(Handover {
        leg: holder,
        to: Destination::Place(place),
        why: Why::Fetched { by: place },
    });
    true
}

/// The phone of this leg shows the slot as the party that it talks with (RFC 4916, or Remote-Party-ID in an UPDATE), which
/// is also what stays in its list of calls.
pub(super) fn show_slot(x: &mut Core, leg: LegId, slot: &str) {
    let with = CallerId {
        number: slot.to_owned(),
        name: format!("Park {slot}"),
    };
    x.with_leg(leg, |leg, cx| identity::connected(leg, cx, &with));
}

/// As [`show_slot`], for a phone that has sent a party here and whose call ends with that: it also gets a text, if it takes
/// MESSAGE within a call. What it is told in the NOTIFY of its REFER is not shown by phones.
pub(super) fn text_slot(x: &mut Core, leg: LegId, slot: &str) {
    show_slot(x, leg, slot);
    x.with_leg(leg, |leg, cx| leg.say(cx, &format!("Parked at {slot}")));
}

impl Parker {
    /// The phone hears the slot, and is then hung up. `None` where it cannot hear anything: it is hung up at once.
    pub fn hears(x: &mut Core, leg: LegId, digits: Vec<String>) -> Option<Self> {
        let Some(media) = x.port_of(leg) else {
            hang_up(x, leg);
            return None;
        };
        let token = x.stack.ids.u64();
        x.stack.media(Command::Play {
            media,
            source: Source::Prompts(digits),
            repeat: false,
            token,
        });
        Some(Self { leg, token })
    }

    /// The media engine has played something. True where that was the slot: the phone is through.
    pub fn played(&self, x: &mut Core, leg: LegId, event: &MediaEvent) -> bool {
        let is_over = self.leg == leg && matches!(event, MediaEvent::Played { token, .. } if *token == self.token);
        if is_over {
            self.dismiss(x);
        }
        is_over
    }

    /// The phone reports. True where the report is about this leg: an offer is answered by Tandem itself.
    pub fn reports(&self, x: &mut Core, leg: LegId, event: &LegEvent) -> bool {
        if self.leg == leg && matches!(event, LegEvent::Session(SessionEvent::Offered(_))) {
            crate::bridge::answer_alone(x, leg);
        }
        self.leg == leg
    }

    /// The phone is hung up.
    pub fn dismiss(&self, x: &mut Core) {
        hang_up(x, self.leg);
    }
}

fn hang_up(x: &mut Core, leg: LegId) {
    x.with_leg(leg, |leg, cx| leg.hang_up(cx, Cause::ours("parked")));
}
