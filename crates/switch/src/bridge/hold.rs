//! Hold: a phone that no longer listens, and the music that the other party hears meanwhile.
//!
//! RFC 3264 section 8.4 says how a phone asks for hold: `sendonly`, `inactive`, or the address 0.0.0.0. Where there is music
//! for that hold, Tandem answers the phone itself, and the other phone is offered nothing: its media stays as it was (section
//! 5.1: the direction is that of one session, and its session is with Tandem), and it hears music in place of the holder.
//! So resuming is no offer to the other phone either, and no phone shows that it is held twice.
//!
//! The hold crosses the bridge instead, as any other offer does, where the settings say so, where there is no such file of
//! music, where the other phone has no codec that Tandem encodes, and where a party that is no extension of ours says
//! `sendonly`: a trunk or another PBX then plays music of its own.

use ::media::{Command, MediaId, SdpDirection, Source, Spec};

use super::{Bridge, answer_alone_with, is_held_by_other, join, lines_between, unjoin, wish};
use crate::{
    config::Hold,
    core::Core,
    ids::LegId,
    leg::{Fit, Leg},
    locations::Peer,
    own::MUSIC,
};

/// What a bridge does for a party on hold.
#[derive(Debug, Default)]
pub(super) struct Holding {
    /// No media flows between the two.
    apart: bool,
    /// Who hears music.
    playing: Option<Playing>,
    /// There is no such music: holds cross the bridge from now on.
    missing: bool,
}

#[derive(Copy, Clone, Debug)]
struct Playing {
    to: LegId,
    port: MediaId,
    token: u64,
}

impl Bridge {
    /// Answers an offer that begins, repeats or ends a hold for which there is music. False where the offer is for the other
    /// phone.
    pub(super) fn answers_hold(&self, x: &mut Core, leg: LegId, other: LegId, offered: &Spec) -> bool {
        let Some(holder) = x.legs.get(leg) else { return false };
        let holds = holder.talk().holds_by(offered);
        let begins = holds && !self.holding.missing && music(x, holder, offered.direction()).is_some();
        if !(begins && hears(x, other) || !holds && self.keeps(x, leg)) {
            return false;
        }
        let (Some(spec), Some(stays)) = (wish(x, other), x.legs.get(other)) else {
            return false;
        };
        // A resume with other codecs or another direction than before is an offer for the other phone, which hears music
        // until it has answered. A phone that holds itself is not asked about the direction.
        let told = stays.talk().said().map(Spec::direction);
        let direction = told.filter(|_| self.keeps(x, other)).unwrap_or(offered.direction());
        let fits = if begins {
            spec.meets(offered)
        } else {
            stays.fit(&offered.clone().with_direction(direction)) == Fit::Same
        };
        if fits {
            x.with_leg(leg, |leg, cx| leg.answer_change(cx, &spec));
        }
        fits
    }

    /// Whether Tandem keeps a leg's hold to itself.
    pub(super) fn keeps(&self, x: &Core, leg: LegId) -> bool {
        !self.holding.missing && has_music(x, leg) && self.other(leg).is_some_and(|other| hears(x, other))
    }

    /// What a leg has described, as the other leg is to be told: without a hold that Tandem keeps to itself.
    pub(super) fn as_told(&self, x: &Core, leg: LegId, spec: Spec) -> Spec {
        if self.keeps(x, leg) { spec.opened() } else { spec }
    }

    /// Lets media flow as the holds of the two phones say.
    pub(super) fn settle_holds(&mut self, x: &mut Core) {
        let [a, b] = self.sides;
        match [a, b].map(|leg| self.keeps(x, leg)) {
            [false, false] => self.come_together(x),
            [true, true] => self.keep_apart(x, None),
            [true, false] => self.keep_apart(x, Some((a, b))),
            [false, true] => self.keep_apart(x, Some((b, a))),
        }
    }

    fn come_together(&mut self, x: &mut Core) {
        self.end_music(x);
        if std::mem::take(&mut self.holding.apart) {
            let [a, b] = self.sides;
            join(x, a, b);
            self.lines = lines_between(x, a, b);
        }
    }

    /// `music`: who holds, and who hears music for it.
    fn keep_apart(&mut self, x: &mut Core, music: Option<(LegId, LegId)>) {
        if !std::mem::replace(&mut self.holding.apart, true) {
            self.sides.into_iter().for_each(|leg| unjoin(x, leg));
            self.lines.clear();
        }
        let hearer = music.map(|(_, to)| to);
        if self.holding.playing.map(|playing| playing.to) == hearer {
            return;
        }
        self.end_music(x);
        if let Some((holder, to)) = music {
            self.holding.playing = play(x, holder, to);
        }
    }

    /// Ends the music.
    pub(crate) fn end_music(&mut self, x: &mut Core) {
        if let Some(Playing { port, .. }) = self.holding.playing.take() {
            x.stack.media(Command::Stop(port));
        }
    }

    /// Whether no media flows between the two, since a phone holds.
    pub(super) const fn is_apart(&self) -> bool {
        self.holding.apart
    }

    /// The bridge has another leg: its holds are those of its present legs.
    pub(super) fn forget_holds(&mut self, x: &mut Core) {
        self.end_music(x);
        self.holding.apart = false;
    }

    /// A play has ended. Music ends only where it cannot be played: then the hold crosses the bridge. True where the play was
    /// that of the bridge.
    pub fn played(&mut self, x: &mut Core, token: u64, fault: Option<&str>) -> bool {
        let Some(playing) = self.holding.playing.take_if(|playing| playing.token == token) else {
            return false;
        };
        tracing::info!(
            fault,
            "there is no music for a party on hold: the phone is told of the hold"
        );
        self.holding.missing = true;
        self.come_together(x);
        let holder = self.other(playing.to).and_then(|leg| x.legs.get(leg));
        if let Some(spec) = holder.and_then(|leg| leg.talk().agreed()) {
            x.with_leg(playing.to, |leg, cx| leg.offer_own(cx, &spec));
        }
        true
    }
}

/// Plays the music of the holder to a leg.
fn play(x: &mut Core, holder: LegId, to: LegId) -> Option<Playing> {
    let leg = x.legs.get(holder)?;
    let name = music(x, leg, leg.heard()?.direction())?;
    let port = x.port_of(to)?;
    let token = x.stack.ids.u64();
    x.stack.media(Command::Play {
        media: port,
        source: Source::Music(name),
        repeat: true,
        token,
    });
    Some(Playing { to, port, token })
}

/// Whether a leg holds and there is music for that, as far as is known.
pub(crate) fn has_music(x: &Core, leg: LegId) -> bool {
    let holder = x.legs.get(leg).filter(|leg| leg.is_up() && leg.talk().holds());
    holder.is_some_and(|leg| {
        let direction = leg.heard().map_or(SdpDirection::SendRecv, Spec::direction);
        music(x, leg, direction).is_some()
    })
}

/// The music that the other party hears while this phone holds with that direction: that of the extension, else that of the
/// PBX. `None` where the hold is to cross the bridge.
fn music(x: &Core, holder: &Leg, direction: SdpDirection) -> Option<String> {
    let ours = matches!(holder.peer, Peer::Extension(_));
    match x.stack.config.limits.services.hold {
        Hold::Music if ours || !direction.sends() => Some(named(x, holder)),
        Hold::Music | Hold::Pass => None,
    }
}

/// The name of an extension's music, else that of the PBX.
fn named(x: &Core, leg: &Leg) -> String {
    let number = leg.peer.number();
    let extension = number.and_then(|number| x.accounts.extension(number));
    let own = extension.and_then(|extension| extension.rules.music.clone());
    own.unwrap_or_else(|| MUSIC.to_owned())
}

/// The music of a party for whom another one waits: `None` where the settings want none.
pub(crate) fn music_of(x: &Core, leg: LegId) -> Option<String> {
    match x.stack.config.limits.services.hold {
        Hold::Music => x.legs.get(leg).map(|leg| named(x, leg)),
        Hold::Pass => None,
    }
}

/// Whether a phone that is up could hear music.
fn hears(x: &Core, leg: LegId) -> bool {
    x.legs.get(leg).is_some_and(|leg| leg.is_up() && leg.talk().hears_us())
}

/// A phone that only mirrors the hold of a former partner, or whose hold Tandem keeps to itself: its next partner is told of
/// neither.
pub(crate) fn hides_hold(x: &Core, leg: &Leg) -> bool {
    is_held_by_other(leg) || has_music(x, leg.id)
}

/// Tandem itself takes what it can do of an offer that waits. Nothing is taken of a phone in a conference that holds, such
/// as music that it plays by itself: the others would hear it (RFC 3264 section 6.1: `sendonly` may be answered `inactive`).
pub(crate) fn answer_alone(x: &mut Core, leg: LegId) {
    let in_conference = x.port_of(leg).is_some_and(|port| x.conferences.name_of(port).is_some());
    x.with_leg(leg, |leg, cx| {
        let holds = in_conference && leg.pending_offer().is_some_and(|offered| leg.talk().holds_by(offered));
        answer_alone_with(leg, cx, holds.then_some(SdpDirection::Inactive));
    });
}
