//! The call's bridge: who is connected with the subject, and what comes of it.

use ::media::Spec;

use crate::{
    api::{Began, CauseCode, EndedBy},
    bridge::{self, Bridge, NoCommonCodec},
    core::Core,
    event::{Cause, EndEvent, LegEvent, SessionEvent, SetupEvent},
    ids::LegId,
    own::OWN_CODECS,
};

use super::{Call, Ending, VerbEvent, digits, end, transfer};

impl Call {
    /// Connects the subject with a leg that has just answered its offer with `spec`. Returns false where the subject could
    /// not be answered with that; the call is over then.
    pub fn connect(&mut self, x: &mut Core, peer: LegId, spec: &Spec) -> bool {
        let Some(subject) = self.subject else { return false };
        let bridge = Bridge::answered(x, subject, peer, spec);
        self.connected(x, bridge, Some(peer), Began::Answered)
    }

    /// Connects the subject with a leg that came from another call. Returns false where the subject was refused for want
    /// of a codec; the call is over then.
    pub fn connect_guest(&mut self, x: &mut Core, guest: LegId) -> bool {
        let Some(subject) = self.subject else { return false };
        let bridge = Bridge::connect(x, subject, guest);
        self.connected(x, bridge, None, Began::Replaced)
    }

    /// `told` is the leg whose phone was told by its INVITE who calls.
    fn connected(
        &mut self,
        x: &mut Core,
        bridge: Result<Bridge, NoCommonCodec>,
        told: Option<LegId>,
        why: Began,
    ) -> bool {
        match bridge {
            Ok(bridge) => {
                digits::deafen(self, x);
                self.bridge = Some(bridge);
                digits::session_changed(self, x);
                name_parties(self, x, told);
                self.mark_answered(x, why);
                transfer::answered(self, x);
                true
            }
            Err(NoCommonCodec) => {
                let ending = Ending::system(CauseCode::CodecNoneInCommon, 488, "no codec in common");
                end::close_record(self, x, ending);
                false
            }
        }
    }

    /// The answers to the subject's INVITE name the party of a leg that rings from now on.
    pub fn introduce(&self, x: &mut Core, leg: LegId) {
        if let Some(subject) = self.subject {
            bridge::introduce(x, subject, leg);
        }
    }

    /// Lets media flow between the subject and a leg that is not connected: early media.
    pub fn hear_early(&self, x: &mut Core, leg: LegId) {
        if let Some(subject) = self.subject {
            bridge::join(x, subject, leg);
        }
    }

    /// Tandem itself is to be heard by the subject, which may have been left with a codec that only the callee had, or
    /// on hold by the callee.
    pub fn be_heard(&self, x: &mut Core) {
        self.with_subject(x, |leg, cx| {
            if leg.is_up() && !leg.talk().hears_us() {
                leg.offer_own(cx, &Spec::own(OWN_CODECS));
            }
        });
    }

    /// The leg at the other end of the bridge.
    pub fn other(&self, leg: LegId) -> Option<LegId> {
        self.bridge.as_ref()?.other(leg)
    }

    /// Whether two legs are connected.
    pub const fn is_connected(&self) -> bool {
        self.bridge.is_some()
    }

    /// The legs of the call.
    pub fn legs(&self) -> &[LegId] {
        &self.legs
    }
}

/// The activity of extensions says who talks with whom from now on. The phone of the leg `told` knows the caller of the
/// call by the number that the dialplan has chosen: that number stays, unless the call has another subject by now.
pub(super) fn name_parties(call: &Call, x: &mut Core, told: Option<LegId>) {
    let Some([a, b]) = call.bridge.as_ref().map(Bridge::sides) else {
        return;
    };
    for (one, other) in [(a, b), (b, a)] {
        let Some(shown) = x.legs.get(other).map(|leg| x.shown(leg)) else {
            continue;
        };
        if told != Some(one) || shown != call.facts.number {
            x.is_with(one, &shown);
            bridge::introduce(x, one, other);
        }
    }
}

/// The record says who talks with whom from now on.
pub(super) fn note_parties(call: &mut Call, x: &mut Core, why: Began) {
    let party = |leg: LegId| x.legs.get(leg).map(|leg| leg.peer.to_string()).unwrap_or_default();
    let (one, other) = match &call.bridge {
        Some(bridge) => {
            let [a, b] = bridge.sides();
            let first = call.subject.filter(|subject| [a, b].contains(subject)).unwrap_or(a);
            (party(first), party(if first == a { b } else { a }))
        }
        None => {
            let alone = call.subject.or_else(|| call.legs.first().copied());
            match alone.filter(|leg| x.legs.get(*leg).is_some()) {
                Some(alone) => (party(alone), String::new()),
                // Its INVITE was passed on: Tandem has no leg of it.
                None => (call.facts.caller().to_owned(), call.record.to.clone()),
            }
        }
    };
    call.record.turn(x, &one, &other, why);
}

/// Takes the connection apart; the leg that is connected with the subject is hung up.
pub(super) fn hang_up_partner(call: &mut Call, x: &mut Core, cause: &Cause) {
    let Some(mut bridge) = call.bridge.take() else { return };
    bridge.end_music(x);
    for side in bridge.sides() {
        if Some(side) == call.subject {
            bridge::unjoin(x, side);
        } else {
            x.with_leg(side, |leg, cx| leg.hang_up(cx, cause.clone()));
        }
    }
}

/// The subject's ACK has come.
pub(super) fn subject_confirmed(call: &mut Call, x: &mut Core, subject: LegId, answer: Option<Spec>) {
    call.tell_verb(VerbEvent::SubjectConfirmed);
    if let (Some(spec), Some(bridge)) = (answer, &mut call.bridge) {
        bridge.confirmed(x, subject, &spec);
    }
    digits::session_changed(call, x);
}

/// A leg that was connected while its 2xx waited for a PRACK is up now.
pub(super) fn came_up(call: &mut Call, x: &mut Core) {
    if let Some(bridge) = &mut call.bridge {
        bridge.came_up(x);
    }
}

/// The leg that is connected with the subject reports.
pub(super) fn partner_event(call: &mut Call, x: &mut Core, partner: LegId, event: LegEvent) {
    match event {
        LegEvent::End(EndEvent::Ended(cause)) => partner_gone(call, x, Some(Ending::after(&cause, EndedBy::Callee))),
        LegEvent::End(EndEvent::Gone) => partner_gone(call, x, None),
        LegEvent::Setup(SetupEvent::Confirmed { answer: Some(spec) }) => {
            if let Some(bridge) = &mut call.bridge {
                bridge.confirmed(x, partner, &spec);
            }
            digits::session_changed(call, x);
        }
        LegEvent::Setup(SetupEvent::Accepted) => came_up(call, x),
        LegEvent::Session(event) => session_event(call, x, partner, event),
        LegEvent::Passed { server, request } => digits::passed(call, x, partner, server, &request),
        LegEvent::Setup(_) | LegEvent::Referred { .. } => {}
    }
}

/// The subject is alone. With a script the verb goes on; without one the call ends.
fn partner_gone(call: &mut Call, x: &mut Core, ending: Option<Ending>) {
    if let Some(bridge) = call.bridge.take() {
        bridge.part(x);
        digits::deafen(call, x);
    }
    if call.script.runs() {
        note_parties(call, x, Began::Left);
        if let Some(ending) = ending {
            call.script.callee_ended = Some(ending);
        }
        return call.tell_verb(VerbEvent::PeerEnded);
    }
    let ending = ending.unwrap_or_else(|| Ending::system(CauseCode::PhoneLost, 480, "a phone has gone"));
    let cause = Cause::ours("the other side hung up").because(ending.why.clone());
    end::close_record(call, x, ending);
    call.hang_up_all(x, &cause);
}

/// One party wants the other one to be hung up: as if that phone had ended the call.
pub(super) fn dismiss(call: &mut Call, x: &mut Core, party: LegId) {
    let cause = Cause::ours("the other side asked for the end of the call");
    if call.subject == Some(party) {
        let ending = Ending {
            by: EndedBy::Callee,
            cause: CauseCode::CalleeHungUp,
            ..Ending::after(&cause, EndedBy::Callee)
        };
        call.subject_gone(x, ending);
    } else {
        let ending = Ending {
            by: EndedBy::Caller,
            cause: CauseCode::CallerHungUp,
            ..Ending::after(&cause, EndedBy::Caller)
        };
        partner_gone(call, x, Some(ending));
    }
    x.with_leg(party, |leg, cx| leg.hang_up(cx, cause));
}

/// Something about the session of a leg: the leg connected with it is asked, or Tandem itself takes what it can do.
pub(super) fn session_event(call: &mut Call, x: &mut Core, leg: LegId, event: SessionEvent) {
    match (&mut call.bridge, event) {
        (Some(bridge), event) => bridge.session_event(x, leg, event),
        (None, SessionEvent::Offered(_)) => bridge::answer_alone(x, leg),
        // Before the answer: the running verb knows which phone's early media is heard.
        (None, event @ (SessionEvent::Redescribed(_) | SessionEvent::Accepted(_))) => {
            call.tell_verb(VerbEvent::Leg(leg, event.into()))
        }
        (None, SessionEvent::Withdrawn | SessionEvent::Pending | SessionEvent::Refused { .. }) => {}
    }
    digits::session_changed(call, x);
}

/// The report of a leg without a partner and without a verb: that of the phone that has transferred the other party.
pub(super) fn lone_event(call: &mut Call, x: &mut Core, leg: LegId, event: LegEvent) {
    match event {
        LegEvent::Passed { server, request } => digits::passed(call, x, leg, server, &request),
        LegEvent::Session(event) => session_event(call, x, leg, event),
        LegEvent::Setup(_) | LegEvent::End(_) | LegEvent::Referred { .. } => {}
    }
}
