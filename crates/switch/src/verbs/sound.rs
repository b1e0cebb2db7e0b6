//! What Tandem plays to the subject for a verb.

use ::media::{Command, Event as MediaEvent, MediaId, Source, Spec};

use crate::{
    api::Outcome,
    call::{self, Call, VerbEvent},
    core::Core,
};

use super::answer::pick_up;

/// A sound, from the verb's wish to the report that it was played.
pub(crate) enum Sound {
    /// None.
    Silence,
    /// To be played once the caller's ACK has told where to send media; again and again if so.
    Later(Source, bool),
    /// The media engine plays it under this token.
    Playing(MediaId, u64),
}

/// What an event means for a sound.
pub(super) enum Played {
    /// Nothing.
    GoesOn,
    /// It has waited, and begins now.
    Begins,
    /// It was played to its end.
    Over,
    /// It cannot be played: the outcome of the verb.
    Fault(Outcome),
}

impl Sound {
    /// Plays to the subject; before the answer as early media. An error is the outcome of the verb.
    pub fn play(call: &mut Call, x: &mut Core, source: Source, repeat: bool) -> Result<Self, Outcome> {
        let port = audible(call, x);
        if port.is_none() && awaits_ack(call, x) {
            return Ok(Self::Later(source, repeat));
        }
        let port = port.ok_or_else(|| Outcome::Fault("the caller has no media that could be played to".into()))?;
        let token = x.stack.ids.u64();
        x.stack.media(Command::Play {
            media: port,
            source,
            repeat,
            token,
        });
        Ok(Self::Playing(port, token))
    }

    /// Something happened.
    pub fn event(&mut self, call: &mut Call, x: &mut Core, event: &VerbEvent) -> Played {
        match (&*self, event) {
            (Self::Playing(_, playing), VerbEvent::Media(leg, MediaEvent::Played { token, fault, .. }))
                if call.subject() == Some(*leg) && token == playing =>
            {
                *self = Self::Silence;
                match fault {
                    Some(fault) => Played::Fault(Outcome::Fault(fault.clone())),
                    None => Played::Over,
                }
            }
            (Self::Later(..), VerbEvent::SubjectConfirmed) => {
                let Self::Later(source, repeat) = std::mem::replace(self, Self::Silence) else {
                    return Played::GoesOn;
                };
                match Self::play(call, x, source, repeat) {
                    Ok(sound) => {
                        *self = sound;
                        Played::Begins
                    }
                    Err(outcome) => Played::Fault(outcome),
                }
            }
            (Self::Silence | Self::Later(..) | Self::Playing(..), _) => Played::GoesOn,
        }
    }

    /// Ends it.
    pub fn stop(&mut self, x: &mut Core) {
        if let Self::Playing(port, _) = std::mem::replace(self, Self::Silence) {
            x.stack.media(Command::Stop(port));
        }
    }

    /// Whether it is being played, or waits.
    pub const fn lasts(&self) -> bool {
        !matches!(self, Self::Silence)
    }
}

/// Whether the caller's ACK is to bring its session description.
pub(super) fn awaits_ack(call: &Call, x: &Core) -> bool {
    call.subject_leg(x).is_some_and(|leg| leg.talk().awaits_ack())
}

/// The caller's port, with a session in which the caller hears us: early media (183) if the call is not answered. Keys
/// are heard, too.
fn audible(call: &mut Call, x: &mut Core) -> Option<MediaId> {
    if call.subject_waits(x) {
        let offered = call.subject_leg(x).and_then(|leg| leg.heard());
        match offered.map(Spec::answered_by_us) {
            Some(spec) => {
                call.with_subject(x, |leg, cx| leg.provisional(cx, 183, Some(&spec)));
            }
            // Without an offer in the INVITE there is no early media, unless RFC 3262 is used.
            None => {
                pick_up(call, x);
            }
        }
    }
    established(call, x)
}

/// The caller's port, if there is a session. Keys are heard from now on.
pub(super) fn established(call: &mut Call, x: &mut Core) -> Option<MediaId> {
    call.be_heard(x);
    call::listen(call, x, false);
    let leg = call.subject_leg(x)?;
    if leg.talk().is_established() { leg.port() } else { None }
}
