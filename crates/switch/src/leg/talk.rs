//! The offers and answers between Tandem and the phone of a leg (RFC 3264).
//!
//! [`Talk`] is the only place that reads and writes session descriptions. The rest of the leg, and the calls above it,
//! see a [`Spec`]: codecs and a direction that mean the same on either leg of a call.

use std::net::IpAddr;

use ::media::{Codec, Local, Payload, Remote, SdpDirection, SdpError, Session, Spec, Transcode, sdp::Sdp};
use bytes::Bytes;

use crate::api::{AudioRules, Dtmf, Listens, TalkImage};

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

/// Why an offer of ours cannot be made.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OfferError {
    /// An offer of one side is open (RFC 3264 section 4). The next offer waits for the answer.
    #[error("an offer is open")]
    OpenOffer,
    /// The device may use none of the codecs.
    #[error("the device may use none of the codecs")]
    NothingAllowed,
}

/// Why an offer of the phone is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unusable {
    /// The offer cannot be read, comes out of order, or has no codec that the device may use.
    #[error(transparent)]
    Description(#[from] SdpError),
    /// The offer would turn a session with audio into a session of media that is not relayed.
    #[error("it has media, but no audio")]
    NoAudio,
}

/// The offer that waits for its answer. There is never more than one (RFC 3264 section 4).
#[derive(Clone, Debug, PartialEq)]
enum Open {
    /// None.
    None,
    /// Ours, in an INVITE or a re-INVITE.
    Ours(Spec),
    /// Ours, in a 2xx: the ACK brings the answer.
    OursInSuccess(Spec),
    /// The phone's.
    Theirs(Spec),
    /// The phone's, answered in a 1xx. The 2xx has to repeat the answer (RFC 3261 13.2.1).
    AnsweredEarly,
}

/// The offer/answer state of one leg.
#[derive(Clone, Debug)]
pub(crate) struct Talk {
    session: Session,
    /// What the device may do with audio.
    audio: AudioRules,
    /// The media that the phone described last, in an offer that was answered, or in an answer.
    heard: Option<Spec>,
    /// The media of the other side that the phone was told last, in an offer that the phone answered, or in an answer.
    said: Option<Spec>,
    listens: Listens,
    open: Open,
}

impl Talk {
    /// A leg without any offer. `audio`: what the device may do with audio.
    pub fn new(local: Local, audio: AudioRules) -> Self {
        Self {
            session: Session::new(local),
            audio,
            heard: None,
            said: None,
            listens: Listens::NotYet,
            open: Open::None,
        }
    }

    /// The image of the session. `None` while an offer is open, or before the first answer.
    pub fn image(&self) -> Option<TalkImage> {
        let quiet = self.open == Open::None && self.is_established();
        quiet.then(|| TalkImage {
            session: self.session.clone(),
            audio: self.audio.clone(),
            heard: self.heard.clone(),
            said: self.said.clone(),
            listens: self.listens,
        })
    }

    /// Goes on from an image.
    pub fn resume(image: TalkImage) -> Self {
        Self {
            session: image.session,
            audio: image.audio,
            heard: image.heard,
            said: image.said,
            listens: image.listens,
            open: Open::None,
        }
    }

    /// The UDP port that the leg's media is received at.
    pub const fn local_port(&self) -> u16 {
        self.session.local().port
    }

    /// Sets the address and UDP port that the leg's media is received at. The next description has them.
    pub fn receive_at(&mut self, address: IpAddr, port: u16) {
        self.session.move_to(address, port);
    }

    /// How many lines besides the audio the leg may have.
    pub fn allow_lines(&mut self, most: usize) {
        self.session.allow_lines(most);
    }

    /// Sets the UDP port that the line at this place is received at. The next description has it.
    pub fn receive_line_at(&mut self, place: usize, port: u16) {
        self.session.receive_line_at(place, port);
    }

    /// The UDP port of the line at each place; 0: none.
    pub fn line_ports(&self) -> &[u16] {
        self.session.line_ports()
    }

    /// Whether the leg may have a line besides the audio at this place.
    pub fn may_have_line(&self, place: usize) -> bool {
        self.session.may_have_line(place)
    }

    /// Takes an offer of the phone. The offer waits for [`Talk::answer`], [`Talk::answer_early`] or [`Talk::withdraw`].
    pub fn hear_offer(&mut self, sdp: &[u8]) -> Result<Spec, Unusable> {
        if self.open != Open::None {
            return Err(SdpError::State("an offer is open already").into());
        }
        let first = !self.session.is_established();
        let described = self.session.receive_offer(sdp)?;
        let offered = allowed(&self.audio, described);
        let refused = match (offered.has_audio() || (offered.has_lines() && !first), first) {
            (true, _) => None,
            (false, true) => Some(SdpError::NoCommonCodec.into()),
            // RFC 3264 section 8.2: with port 0 a stream ends. What takes its place must be something that is relayed.
            (false, false) => in_use(sdp).then_some(Unusable::NoAudio),
        };
        if let Some(refused) = refused {
            self.session.rollback();
            return Err(refused);
        }
        self.open = Open::Theirs(offered.clone());
        Ok(offered)
    }

    /// Answers the phone's offer. `spec` is the part of the offer that the other side, or Tandem itself, accepts. After
    /// an answer in a 1xx the same answer is returned again. An error leaves the offer open.
    pub fn answer(&mut self, spec: &Spec) -> Result<Bytes, SdpError> {
        let again = match &self.open {
            Open::AnsweredEarly => self.session.last_local().cloned(),
            Open::Theirs(_) | Open::None | Open::Ours(_) | Open::OursInSuccess(_) => None,
        };
        let bytes = match again {
            Some(again) => again,
            None => self.answer_now(spec)?,
        };
        self.open = Open::None;
        Ok(bytes)
    }

    /// As [`Talk::answer`], in a 1xx. The 2xx has to repeat the answer.
    pub fn answer_early(&mut self, spec: &Spec) -> Result<Bytes, SdpError> {
        let bytes = self.answer(spec)?;
        self.open = Open::AnsweredEarly;
        Ok(bytes)
    }

    fn answer_now(&mut self, spec: &Spec) -> Result<Bytes, SdpError> {
        let Open::Theirs(offered) = &self.open else {
            return Err(SdpError::State("no offer to answer"));
        };
        let told = with_keys(&self.audio, spec.clone().under(rule(&self.audio)));
        let told = self.session.adapted(&told)?;
        let bytes = self.session.make_answer(&told)?;
        self.listens = self.listens.after(offered.direction(), true);
        self.heard = Some(offered.clone());
        self.said = Some(told);
        Ok(bytes)
    }

    /// Makes an offer in a request of ours, with the codecs of `spec` that the device may use. The offer waits for
    /// [`Talk::hear_answer`] or [`Talk::withdraw`].
    pub fn offer(&mut self, spec: &Spec) -> Result<Bytes, OfferError> {
        let (offered, bytes) = self.make_offer(spec)?;
        self.open = Open::Ours(offered);
        Ok(bytes)
    }

    /// As [`Talk::offer`], in a 2xx to an INVITE without an offer (RFC 3261 13.3.1.4): the answer comes with the ACK.
    pub fn offer_in_success(&mut self, spec: &Spec) -> Result<Bytes, OfferError> {
        let (offered, bytes) = self.make_offer(spec)?;
        self.open = Open::OursInSuccess(offered);
        Ok(bytes)
    }

    fn make_offer(&mut self, spec: &Spec) -> Result<(Spec, Bytes), OfferError> {
        if self.open != Open::None {
            return Err(OfferError::OpenOffer);
        }
        let offered = self.offered_for(spec);
        if spec.has_audio() && !offered.has_audio() {
            return Err(OfferError::NothingAllowed);
        }
        let bytes = self.session.make_offer(&offered).map_err(|_| OfferError::OpenOffer)?;
        Ok((offered, bytes))
    }

    /// Offers the session as it is, for a refresh (RFC 4028 section 7.4). `None` where there is no session yet, or an
    /// offer is open.
    pub fn offer_again(&mut self) -> Option<Bytes> {
        if self.open != Open::None {
            return None;
        }
        let bytes = self.session.repeat_offer()?;
        self.open = Open::Ours(self.said.clone().unwrap_or_default());
        Some(bytes)
    }

    /// Makes our open offer again, with media received at another address. An INVITE that goes to another target needs
    /// this. `None` where no offer of ours is open.
    pub fn offer_at(&mut self, address: IpAddr) -> Option<Bytes> {
        let Open::Ours(offered) = &self.open else {
            return None;
        };
        let offered = offered.clone();
        self.withdraw();
        self.receive_at(address, self.local_port());
        self.offer(&offered).ok()
    }

    /// Takes the phone's answer to our offer. An error leaves the offer open.
    pub fn hear_answer(&mut self, sdp: &[u8]) -> Result<Spec, SdpError> {
        let (Open::Ours(offered) | Open::OursInSuccess(offered)) = &self.open else {
            return Err(SdpError::State("no offer to be answered"));
        };
        let heard = self.session.receive_answer(sdp)?.under(rule(&self.audio));
        self.listens = self.listens.after(heard.direction(), offered.direction().sends());
        self.said = Some(offered.clone());
        self.heard = Some(heard.clone());
        self.open = Open::None;
        Ok(heard)
    }

    /// The open offer was refused or is given up. The session is as before the offer (RFC 6141 section 3.1).
    pub fn withdraw(&mut self) {
        match &self.open {
            Open::Ours(_) | Open::OursInSuccess(_) | Open::Theirs(_) => {
                self.session.rollback();
                self.open = Open::None;
            }
            Open::None | Open::AnsweredEarly => {}
        }
    }

    /// As [`Talk::withdraw`], where the offer is ours.
    pub fn withdraw_ours(&mut self) {
        if matches!(self.open, Open::Ours(_)) {
            self.withdraw();
        }
    }

    /// Whether an offer of ours waits for its answer.
    pub const fn is_open_by_us(&self) -> bool {
        matches!(self.open, Open::Ours(_) | Open::OursInSuccess(_))
    }

    /// A new early dialog with the phone begins, in which our answer has to be said again.
    pub fn unsettle(&mut self) {
        if self.open == Open::None && self.is_established() {
            self.open = Open::AnsweredEarly;
        }
    }

    /// The other side has taken the direction that the phone offered, which the phone has in its answer.
    pub fn is_agreed(&mut self, spec: &Spec) {
        if let Some(said) = &mut self.said {
            *said = said.clone().with_direction(spec.direction());
        }
    }

    /// The phone has confirmed our answer in a 1xx by PRACK: the 2xx has none (RFC 6337 section 3.1.1).
    pub fn settle(&mut self) {
        if self.open == Open::AnsweredEarly {
            self.open = Open::None;
        }
    }

    /// The first offer to a device of media that the other side describes by `spec`: the codecs of `spec` first, then
    /// what Tandem can convert to, and of all these what the device may use.
    pub fn first_offer(audio: &AudioRules, spec: &Spec) -> Spec {
        let spec = with_keys(audio, spec.clone().under(rule(audio)));
        allowed(audio, spec.widened())
    }

    /// What the phone is offered of media that the other side describes by `spec`. A phone that is known to have one of
    /// these codecs is offered no other ones, so that nothing is converted without need.
    fn offered_for(&self, spec: &Spec) -> Spec {
        let within = allowed(&self.audio, with_keys(&self.audio, spec.clone()));
        match &self.heard {
            Some(heard) if heard.shares(&within) => allowed(&self.audio, within.with_both_laws()),
            Some(_) | None => Self::first_offer(&self.audio, spec),
        }
    }

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

    /// See [`super::Leg::prefers_other`].
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

/// `spec` with only the codecs that the device may use, and as far as Tandem may convert for it.
fn allowed(audio: &AudioRules, spec: Spec) -> Spec {
    let mut spec = spec.under(rule(audio));
    if !audio.dtmf.allows_events() {
        spec = spec.without_events();
    }
    if audio.codecs.is_empty() {
        return spec;
    }
    spec.restrict(&audio.codecs)
}

/// `spec` with RFC 4733 events, whether the author has these or not: Tandem turns keys into what the author takes. Without
/// where the device is not to have events.
fn with_keys(audio: &AudioRules, spec: Spec) -> Spec {
    if audio.dtmf.allows_events() {
        spec.with_events()
    } else {
        spec.without_events()
    }
}

const fn rule(audio: &AudioRules) -> Transcode {
    match audio.transcode {
        crate::api::Transcode::Auto => Transcode::Auto,
        crate::api::Transcode::Off => Transcode::Off,
    }
}

/// Whether a description has a stream that is in use.
fn in_use(sdp: &[u8]) -> bool {
    Sdp::parse(sdp).is_ok_and(|sdp| sdp.media.iter().any(|media| media.port != 0))
}

#[cfg(test)]
mod tests;
