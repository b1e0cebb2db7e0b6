//! What is agreed on, and what the phone needs now.

use std::net::IpAddr;

use ::media::{Codec, Payload, Remote, SdpDirection, Spec};

use super::{Open, Talk, exchange::allowed};
use crate::api::{Dtmf, Listens};

/// How the last description sent to the phone fits media that the other side describes by a [`Spec`].
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fit {
    /// The direction is the one that the phone was told, and its codecs serve. Nothing is to be sent.
    Same,
    /// The phone was told another direction, but the same media flows. An offer would change only the description.
    Relays,
    /// Media flows as described only after an offer to this phone.
    NeedsOffer,
}

impl Talk {
    /// The media that the phone described last. The first offer of the phone counts even without an answer.
    pub const fn heard(&self) -> Option<&Spec> {
        match (&self.heard, &self.open) {
            (Some(heard), _) | (None, Open::Theirs(heard)) => Some(heard),
            (None, Open::None | Open::Ours(_) | Open::OursInSuccess(_) | Open::AnsweredEarly) => None,
        }
    }

    /// The media of the other side that the phone was told last. Our first offer counts even without an answer.
    pub const fn said(&self) -> Option<&Spec> {
        match (&self.said, &self.open) {
            (Some(said), _) | (None, Open::Ours(said) | Open::OursInSuccess(said)) => Some(said),
            (None, Open::None | Open::Theirs(_) | Open::AnsweredEarly) => None,
        }
    }

    /// Whether the phone has put the other side on hold: it has listened in this dialog, and does not listen any more (RFC
    /// 3264 section 8.4). A phone that has never listened, such as a camera, or that only mirrors our hold, does not hold.
    pub fn holds(&self) -> bool {
        self.listens == Listens::NoLonger
    }

    /// Whether the phone would hold after this offer of its own.
    pub fn holds_by(&self, offered: &Spec) -> bool {
        self.listens.after(offered.direction(), true) == Listens::NoLonger
    }

    /// The media that the phone takes now: the codecs that the phone described and was told, too (RFC 3264 6.1, 7).
    pub fn agreed(&self) -> Option<Spec> {
        let heard = self.heard()?;
        let both = self.said().map(|said| heard.intersect(said));
        Some(both.filter(Spec::has_audio).unwrap_or_else(|| heard.clone()))
    }

    /// As [`Talk::agreed`], with the direction that is in force. It may be narrower than what the phone described: a
    /// phone that offered `sendrecv` and was answered `sendonly` only hears (RFC 3264 section 6.1).
    pub fn in_force(&self) -> Option<Spec> {
        let agreed = self.agreed()?;
        let said = self.said().map_or(SdpDirection::SendRecv, Spec::direction);
        let direction = agreed.direction().and(said.reversed());
        Some(agreed.with_direction(direction))
    }

    /// The phone's offer that waits for our answer.
    pub const fn offered(&self) -> Option<&Spec> {
        match &self.open {
            Open::Theirs(offered) => Some(offered),
            Open::None | Open::Ours(_) | Open::OursInSuccess(_) | Open::AnsweredEarly => None,
        }
    }

    /// Whether an offer of one side waits for the answer of the other.
    pub const fn is_open(&self) -> bool {
        match self.open {
            Open::Ours(_) | Open::OursInSuccess(_) | Open::Theirs(_) => true,
            Open::None | Open::AnsweredEarly => false,
        }
    }

    /// Whether the ACK is to bring the answer to our offer.
    pub const fn awaits_ack(&self) -> bool {
        matches!(self.open, Open::OursInSuccess(_))
    }

    /// Whether an offer of the phone waits for our answer, which comes in the 2xx at the latest.
    pub const fn owes_answer(&self) -> bool {
        matches!(self.open, Open::Theirs(_) | Open::AnsweredEarly)
    }

    /// Whether the first offer was answered in a 1xx, and not yet in the 2xx.
    pub const fn is_answered_early(&self) -> bool {
        matches!(self.open, Open::AnsweredEarly)
    }

    /// Whether an offer has been answered, by either side.
    pub fn is_established(&self) -> bool {
        self.session.is_established()
    }

    /// How the last description sent to the phone fits media that the other side describes by `other`.
    pub fn fit(&self, other: &Spec) -> Fit {
        if matches!(&self.open, Open::OursInSuccess(offered) if *offered == self.offered_for(other)) {
            return Fit::Same;
        }
        if !self.session.can_relay(other) && !self.converts(other) {
            return Fit::NeedsOffer;
        }
        let (Some(said), Some(heard)) = (self.said(), self.heard()) else {
            return Fit::Relays;
        };
        if !said.lines_serve(other) {
            return Fit::NeedsOffer;
        }
        if said.direction() == other.direction() {
            return Fit::Same;
        }
        let flows = |spec: &Spec| spec.direction().and(heard.direction().reversed());
        if flows(said) == flows(other) {
            Fit::Relays
        } else {
            Fit::NeedsOffer
        }
    }

    /// Whether Tandem is to convert between this phone and the other side, which takes `other`: no offer could find a
    /// codec that both have.
    fn converts(&self, other: &Spec) -> bool {
        let other = allowed(&self.audio, other.clone());
        let (heard, agreed) = (self.heard.as_ref(), self.agreed());
        let has = |spec: Option<&Spec>, one: &Codec| spec.is_some_and(|spec| spec.audio().any(|c| c.carries(one)));
        let unused = |one: &Codec| has(heard, one) && !has(agreed.as_ref(), one);
        if !self.session.can_convert(&other) || self.prefers_other(&other) || other.audio().any(unused) {
            return false;
        }
        // A phone that offered has named all that it has. Another phone is known to lack what it was asked for in vain.
        let asked = |one: &Codec| {
            self.said
                .as_ref()
                .is_some_and(|said| said.audio().any(|c| c.same_as(one)))
        };
        self.session.peer_offered() || other.audio().all(asked)
    }

    /// See [`crate::leg::Leg::prefers_other`].
    pub fn prefers_other(&self, other: &Spec) -> bool {
        let first = self.session.first_audio();
        let in_use = first.is_none_or(|first| other.audio().any(|codec| codec.carries(first)));
        !in_use && self.heard.as_ref().is_some_and(|heard| heard.shares(other))
    }

    /// Whether the phone can hear Tandem itself, as far as is known. True also for a phone that put us on hold: it does
    /// not want to hear anything.
    pub fn hears_us(&self) -> bool {
        if !self.is_established() || self.awaits_ack() || self.heard().is_some_and(Spec::is_hold) {
            return true;
        }
        let remote = self.remote_payloads();
        remote.direction.send && self.agreed().is_some_and(|agreed| agreed.audio().any(Codec::converts))
    }

    /// Whether keys can be sent to the phone as RFC 4733 events.
    pub fn hears_events(&self) -> bool {
        let remote = self.remote_payloads();
        remote.send_payloads.iter().any(|payload| payload.is_event())
    }

    /// Whether the phone takes sound in which Tandem can send keys as tones.
    pub fn hears_tones(&self) -> bool {
        self.remote_payloads().send_payloads.iter().any(Payload::converts)
    }

    /// How the device gets keys, and sends keys.
    pub const fn dtmf(&self) -> Dtmf {
        self.audio.dtmf
    }

    /// The name of the codec in use, for display.
    pub fn codec(&self) -> Option<String> {
        let remote = self.remote_payloads();
        // A phone may name its events before its audio, if the audio is not the first of what was offered.
        let audio = remote.send_payloads.iter().find(|payload| payload.is_audio());
        audio.map(|payload| payload.codec.to_string())
    }

    /// What the media engine must know of the phone. `signalling`: the address that its SIP comes from.
    pub fn remote(&self, signalling: IpAddr) -> Remote {
        self.session.remote(signalling)
    }

    /// As [`Talk::remote`], for each line besides the audio, by place; `None` where there is none in use.
    pub fn line_remotes(&self, signalling: IpAddr) -> Vec<Option<Remote>> {
        self.session.line_remotes(signalling)
    }

    /// As [`Talk::remote`], where only the payloads matter.
    fn remote_payloads(&self) -> Remote {
        self.session.remote(IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED))
    }
}
