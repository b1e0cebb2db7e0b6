//! What scripts can do with a call: one file a verb, each a small machine.

mod answer;
mod dial;
mod listen;
mod originate;
mod reject;

use crate::own::{OWN_CODECS, own_spec};
pub(crate) use originate::Originating;

use ::media::Event as MediaEvent;
use sip::{Flow, HeaderName};

use crate::{
    api::{ExtensionState, Outcome, QueryId, Verb},
    call::Call,
    core::Core,
    leg::{LegEvent, LegId},
};

/// The verb that runs; at most one a call.
pub(crate) enum Running {
    /// None.
    None,
    /// `dial`.
    Dial(Box<dial::Dialing>),
    /// `wait`, `play`, `tone`, `echo`.
    Listen(listen::Listening),
    /// The phones of whoever wants the call ring.
    Originate(Originating),
}

/// What a running verb hears of.
pub(crate) enum VerbEvent {
    /// A leg that is neither the caller's nor the bridged one's.
    Leg(LegId, LegEvent),
    /// The bridged leg is over.
    PeerEnded,
    /// The caller is no longer there, or the script is over.
    CallerGone,
    /// The caller's ACK has come.
    CallerConfirmed,
    /// The verb's timer.
    Timer,
    /// The caller pressed a key.
    Digit(char),
    /// The media engine, about the caller's port.
    Media(MediaEvent),
    /// A target was looked up.
    Resolved(QueryId, Vec<Flow>),
}

/// How it goes on after something happened.
pub(crate) enum Next {
    /// The verb goes on.
    Wait(Running),
    /// The verb is over: the script gets this.
    Done(Outcome),
    /// No verb runs.
    Idle,
}

impl Running {
    /// Something happened.
    pub fn event(self, call: &mut Call, x: &mut Core, event: VerbEvent) -> Next {
        match self {
            Self::None => Next::Idle,
            Self::Dial(dialing) => dialing.event(call, x, event),
            Self::Listen(listening) => listening.event(call, x, event),
            Self::Originate(originating) => originating.event(call, x, event),
        }
    }
}

/// Begins a verb.
pub(crate) fn start(call: &mut Call, x: &mut Core, verb: Verb) -> Next {
    if call.has_ended() {
        return Next::Done(Outcome::Done); // rejected or hung up before: nothing has an effect any more
    }
    match verb {
        Verb::Dial(request) => dial::Dialing::start(call, x, *request),
        Verb::Ring => answer::ring(call, x),
        Verb::Answer => answer::answer(call, x),
        Verb::Reject { code, reason } => reject::reject(call, x, code, reason),
        Verb::Redirect { target } => reject::redirect(call, x, &target),
        Verb::Hangup => reject::hang_up(call, x),
        Verb::Wait(time) => listen::wait(call, x, time),
        Verb::Play(prompts) => listen::play(call, x, prompts),
        Verb::Tone { name, duration } => listen::tone(call, x, name, duration),
        Verb::Echo => listen::echo(call, x),
        Verb::Header(name) => Next::Done(Outcome::Text(header(call, x, &name))),
        Verb::Extension(number) => Next::Done(Outcome::Extension(state_of(x, &number))),
    }
}

/// A header field of the INVITE, its rows joined by commas where it is a list. What proves a password stays here: a script
/// writes to the log, and to other phones.
fn header(call: &Call, x: &Core, name: &str) -> Option<String> {
    let proof = [HeaderName::Authorization, HeaderName::ProxyAuthorization];
    let invite = call
        .invite(x)
        .filter(|_| !proof.contains(&HeaderName::parse(name.as_bytes())))?;
    invite.joined(name).map(|value| sip::clean(&value).into_owned())
}

/// The verb's name, as scripts write it.
pub(crate) const fn name(verb: &Verb) -> &'static str {
    match verb {
        Verb::Dial(_) => "dial",
        Verb::Ring => "ring",
        Verb::Answer => "answer",
        Verb::Reject { .. } => "reject",
        Verb::Redirect { .. } => "redirect",
        Verb::Hangup => "hangup",
        Verb::Wait(_) => "wait",
        Verb::Play(_) => "play",
        Verb::Tone { .. } => "tone",
        Verb::Echo => "echo",
        Verb::Header(_) => "header",
        Verb::Extension(_) => "extension",
    }
}

fn state_of(x: &Core, number: &str) -> Option<Box<ExtensionState>> {
    let extension = x.accounts.extension(number)?;
    Some(Box::new(ExtensionState {
        registered: x.registrar.is_registered(number),
        busy: x.is_busy(number),
        dnd: extension.dnd,
        forward: extension.forward_always.clone(),
    }))
}
