//! Two legs connected: media flows between them, and what one phone offers goes to the other.
//!
//! A bridge knows its two legs and nothing of calls. The owner of a bridge passes on what the two legs report of their sessions.
//!
//! | file | what it does | fields of [`Bridge`] |
//! |---|---|---|
//! | `mod.rs` | connects, replaces a leg, parts | `sides`, `lines` |
//! | `hold.rs` | hold: music for the party on hold | `holding` |
//! | `offers.rs` | passes offers and answers from one side to the other | `passing`, `resyncs` |

mod hold;
mod offers;

use ::media::{Command, MediaId, SdpDirection, Spec};

use crate::{
    core::Core,
    ids::LegId,
    leg::{Fit, Leg, identity, session_id},
    own::OWN_CODECS,
    stack::Stack,
};
use hold::Holding;
pub(crate) use hold::{answer_alone, hides_hold, music_of};

/// Two legs that are connected. See the module.
pub(crate) struct Bridge {
    sides: [LegId; 2],
    /// The lines besides the audio that are connected, by their places in the media engine.
    lines: Vec<(MediaId, MediaId)>,
    passing: Passing,
    /// Re-INVITEs of ours that bring the two legs to the same session, since a phone last changed its session by itself.
    resyncs: u8,
    holding: Holding,
}

/// An offer of one phone on its way to the other.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Passing {
    /// None.
    None,
    /// This leg's offer waits for the answer of the other leg.
    From(LegId),
    /// The offer was taken back; the other leg has not said yet whether it took the offer.
    Withdrawn,
}

/// The two legs have no codec in common; the unanswered one was refused with 488.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct NoCommonCodec;

impl Bridge {
    /// Connects two legs. A leg that waits for its answer gets its 200; a leg that is up gets a re-INVITE where its session
    /// does not fit that of the other leg.
    pub fn connect(x: &mut Core, a: LegId, b: LegId) -> Result<Self, NoCommonCodec> {
        accept(x, a, b)?;
        accept(x, b, a)?;
        let bridge = Self::new(x, a, b);
        bridge.align_and_introduce(x, a);
        Ok(bridge)
    }

    /// Connects a leg `a` with `b`, which has just answered the offer of `a` with `spec`.
    pub fn answered(x: &mut Core, a: LegId, b: LegId, spec: &Spec) -> Result<Self, NoCommonCodec> {
        introduce(x, a, b);
        if waits(x, a) && !x.with_leg(a, |leg, cx| leg.accept(cx, spec)).unwrap_or(false) {
            return Err(NoCommonCodec);
        }
        // An answer given earlier (to early media, or when Tandem itself picked up) may not fit the phone that answered.
        if x.legs.get(a).is_none_or(|leg| leg.fit(spec) != Fit::Same) {
            x.with_leg(a, |leg, cx| leg.offer_own(cx, spec));
        } else if let Some(chosen) = wish(x, a)
            && x.legs
                .get(b)
                .is_some_and(|leg| leg.prefers_other(&chosen) || tells_other(leg, &chosen))
        {
            // The phone that answered prefers a codec that only Tandem could convert for the other phone; or the other
            // phone has another direction by now than was offered here.
            x.with_leg(b, |leg, cx| leg.offer_own(cx, &chosen));
        }
        Ok(Self::new(x, a, b))
    }

    /// Lets media flow between the two.
    fn new(x: &mut Core, a: LegId, b: LegId) -> Self {
        join(x, a, b);
        let mut bridge = Self {
            sides: [a, b],
            lines: lines_between(x, a, b),
            passing: Passing::None,
            resyncs: 0,
            holding: Holding::default(),
        };
        bridge.settle_holds(x);
        bridge
    }

    /// Puts `new` in the place of `old`, which is neither hung up nor told.
    pub fn replace(&mut self, x: &mut Core, old: LegId, new: LegId) -> Result<(), NoCommonCodec> {
        let Some(stays) = self.other(old) else {
            return Err(NoCommonCodec);
        };
        accept(x, new, stays)?;
        accept(x, stays, new)?;
        self.settle_open_offers(x, old, stays);
        unjoin(x, old);
        self.forget_holds(x);
        self.sides = [stays, new];
        self.resyncs = 0;
        join(x, stays, new);
        self.lines = lines_between(x, stays, new);
        self.settle_holds(x);
        self.align_and_introduce(x, new);
        Ok(())
    }

    /// Brings the two legs to the same session, and tells each phone of the other party. An offer that is sent for the
    /// session says both.
    fn align_and_introduce(&self, x: &mut Core, first: LegId) {
        let [a, b] = self.sides;
        for (leg, other) in [(a, b), (b, a)] {
            let with = x.legs.get(other).map(|other| x.identity_of(other));
            name_session(x, leg, other);
            if let (Some(leg), Some(with)) = (x.legs.get_mut(leg), with) {
                identity::is_with(leg, &with);
            }
        }
        self.align(x, first);
        introduce(x, a, b);
        introduce(x, b, a);
    }

    /// What the leg that goes has offered and waits for, or is to answer, is settled for the leg that stays.
    fn settle_open_offers(&mut self, x: &mut Core, goes: LegId, stays: LegId) {
        match self.passing {
            Passing::From(offerer) if offerer == goes => {
                self.passing = Passing::Withdrawn;
                x.with_leg(stays, |leg, cx| leg.withdraw_offer(cx));
            }
            Passing::From(_) => {
                self.passing = Passing::None;
                // RFC 3261 14.2: the phone tries again, and then meets the new party.
                x.with_leg(stays, |leg, cx| leg.refuse_change(cx, 491));
            }
            Passing::Withdrawn | Passing::None => {}
        }
        answer_alone(x, goes);
    }

    /// Takes the connection apart; no leg is hung up. An offer of a leg that waits for its answer is answered by Tandem
    /// itself; what it was offered for the other one is taken back.
    pub fn part(mut self, x: &mut Core) {
        self.end_music(x);
        if let Passing::From(offerer) = self.passing
            && let Some(other) = self.other(offerer)
        {
            x.with_leg(other, |leg, cx| leg.withdraw_offer(cx));
        }
        for side in self.sides {
            unjoin(x, side);
            answer_alone(x, side);
        }
    }

    /// Connects lines besides the audio that both legs have by now.
    pub(super) fn join_lines(&mut self, x: &mut Core) {
        if self.is_apart() {
            return;
        }
        let [a, b] = self.sides;
        let now = lines_between(x, a, b);
        for (a, b) in now.iter().filter(|pair| !self.lines.contains(pair)) {
            x.stack.media(Command::Bridge(*a, *b));
        }
        self.lines = now;
    }

    /// The leg at the other end of the bridge; `None` for a leg that is not connected by it.
    pub fn other(&self, leg: LegId) -> Option<LegId> {
        match self.sides {
            [a, b] if a == leg => Some(b),
            [a, b] if b == leg => Some(a),
            [_, _] => None,
        }
    }

    /// The bridge's two legs.
    pub const fn sides(&self) -> [LegId; 2] {
        self.sides
    }
}

/// Whether a phone was told of another direction than that of `spec`, so that other media would flow.
fn tells_other(leg: &Leg, spec: &Spec) -> bool {
    let differs = leg
        .talk()
        .said()
        .is_some_and(|said| said.direction() != spec.direction());
    differs && leg.fit(spec) == Fit::NeedsOffer
}

/// Lets media flow between two legs.
pub(crate) fn join(x: &mut Core, a: LegId, b: LegId) {
    if let (Some(a), Some(b)) = (x.port_of(a), x.port_of(b)) {
        x.stack.media(Command::Bridge(a, b));
    }
    for (a, b) in lines_between(x, a, b) {
        x.stack.media(Command::Bridge(a, b));
    }
}

/// The lines besides the audio that both legs have.
fn lines_between(x: &Core, a: LegId, b: LegId) -> Vec<(MediaId, MediaId)> {
    let lines = |leg: LegId| x.legs.get(leg).map(Leg::lines).unwrap_or_default();
    lines(a)
        .into_iter()
        .zip(lines(b))
        .filter_map(|(a, b)| a.zip(b))
        .collect()
}

/// Lets no media of a leg flow to another one.
pub(crate) fn unjoin(x: &mut Core, leg: LegId) {
    if let Some(port) = x.port_of(leg) {
        x.stack.media(Command::Unbridge(port));
    }
    for line in x
        .legs
        .get(leg)
        .map(Leg::lines)
        .unwrap_or_default()
        .into_iter()
        .flatten()
    {
        x.stack.media(Command::Unbridge(line));
    }
}

/// Tandem itself takes what it can do of an offer that waits, in that direction if one is given.
fn answer_alone_with(leg: &mut Leg, cx: &mut Stack, direction: Option<SdpDirection>) {
    if let Some(own) = leg.pending_offer().map(Spec::answered_by_us) {
        let own = match direction {
            Some(direction) => own.with_direction(direction),
            None => own,
        };
        leg.answer_change(cx, &own);
    }
}

/// Tandem itself answers a leg that waits for its answer. False where the leg was refused for want of a codec, or does not
/// wait.
pub(crate) fn accept_alone(x: &mut Core, leg: LegId) -> bool {
    if !waits(x, leg) {
        return false;
    }
    let own = x.legs.get(leg).and_then(|leg| leg.heard().map(Spec::answered_by_us));
    let own = own.unwrap_or_else(|| Spec::own(OWN_CODECS));
    x.with_leg(leg, |leg, cx| leg.accept(cx, &own)).unwrap_or(false)
}

/// Tells the phone of a leg with whom it talks from now on.
pub(crate) fn introduce(x: &mut Core, leg: LegId, other: LegId) {
    if let Some(with) = x.legs.get(other).map(|other| x.identity_of(other)) {
        name_session(x, leg, other);
        x.with_leg(leg, |leg, cx| identity::connected(leg, cx, &with));
    }
}

/// What is sent to the phone of a leg names the other end of the session (RFC 7989).
fn name_session(x: &mut Core, leg: LegId, other: LegId) {
    let far = x.legs.get(other).and_then(session_id::of).map(str::to_owned);
    if let Some(leg) = x.legs.get_mut(leg) {
        session_id::is_with(leg, far.as_deref());
    }
}

/// Whether a leg could be connected with another one: they have a codec in common, or Tandem converts, as far as is
/// known.
pub(crate) fn fits(x: &Core, leg: LegId, with: LegId) -> bool {
    // A caller that has not offered anything is offered what Tandem itself can do.
    let heard = |leg: LegId| x.legs.get(leg)?.talk().agreed();
    let [one, other] = [leg, with].map(|leg| heard(leg).unwrap_or_else(|| Spec::own(OWN_CODECS)));
    one.meets(&other)
}

/// Whether a leg has a codec in common with Tandem itself, as far as is known.
pub(crate) fn fits_us(x: &Core, leg: LegId) -> bool {
    let heard = x.legs.get(leg).and_then(|leg| leg.talk().agreed());
    heard.is_none_or(|heard| heard.answered_by_us().has_audio())
}

fn waits(x: &Core, leg: LegId) -> bool {
    x.legs.get(leg).is_some_and(Leg::is_waiting)
}

/// Answers a leg that waits for its answer with what the other one can do.
fn accept(x: &mut Core, leg: LegId, other: LegId) -> Result<(), NoCommonCodec> {
    if !waits(x, leg) {
        return Ok(());
    }
    introduce(x, leg, other);
    let spec = wish(x, other).unwrap_or_else(|| Spec::own(OWN_CODECS));
    let accepted = x.with_leg(leg, |leg, cx| leg.accept(cx, &spec));
    accepted.unwrap_or(false).then_some(()).ok_or(NoCommonCodec)
}

/// Whether a phone only mirrors the hold of its former partner, such as `recvonly` to our `sendonly`: that says nothing of
/// what it wants with the next one.
fn is_held_by_other(leg: &Leg) -> bool {
    let heard = leg.heard().map(Spec::direction);
    leg.is_up()
        && match (leg.talk().said().map(Spec::direction), heard) {
            (Some(SdpDirection::SendOnly), Some(SdpDirection::RecvOnly)) => true,
            (Some(said), heard) => said == SdpDirection::Inactive && heard == Some(said),
            (None, _) => false,
        }
}

/// What a leg takes, as its phone wants it. A phone that was held by its former partner is taken to want both directions:
/// a phone that does not answers so, and then the other leg is told. A hold for which there is music is not told.
fn wish(x: &Core, leg: LegId) -> Option<Spec> {
    let leg = x.legs.get(leg)?;
    let agreed = leg.talk().agreed()?;
    Some(if hides_hold(x, leg) { agreed.opened() } else { agreed })
}
