//! An offer or an answer comes, is made, or is given up.

use std::net::IpAddr;

use ::media::{SdpError, Spec, Transcode, sdp::Sdp};
use bytes::Bytes;

use super::{Open, Talk};
use crate::api::AudioRules;

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

impl Talk {
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
    pub(super) fn offered_for(&self, spec: &Spec) -> Spec {
        let within = allowed(&self.audio, with_keys(&self.audio, spec.clone()));
        match &self.heard {
            Some(heard) if heard.shares(&within) => allowed(&self.audio, within.with_both_laws()),
            Some(_) | None => Self::first_offer(&self.audio, spec),
        }
    }
}

/// `spec` with only the codecs that the device may use, and as far as Tandem may convert for it.
pub(super) fn allowed(audio: &AudioRules, spec: Spec) -> Spec {
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
