//! `wait`, `play`, `tone` and `echo`: the caller alone with Tandem. Keys are collected during that time.

use std::time::Duration;

use ::media::{Command, Event as MediaEvent, MediaId, Source, Spec};

use crate::{
    api::Outcome,
    call::{Call, VerbEvent},
    core::Core,
    stack::TimerKey,
};

use super::{Next, Running, answer::pick_up};

/// A verb that lasts until its time or its sound is over.
pub(crate) struct Listening {
    /// The sound that the media engine plays for it, if any.
    playing: Option<(MediaId, u64)>,
    /// The key that ends it.
    until: Option<char>,
    /// The sound to play once the caller's ACK has told where to send media.
    later: Option<(Source, Option<Duration>)>,
}

const TONE: Duration = Duration::from_secs(10);

/// `caller.wait(seconds)`.
pub(super) fn wait(call: &mut Call, x: &mut Core, time: Duration) -> Next {
    x.stack.timers.set(TimerKey::Verb(call.id), x.stack.now + time);
    Next::Wait(Running::Listen(Listening {
        playing: None,
        until: None,
        later: None,
    }))
}

/// `caller.play(..)`; before the answer as early media.
pub(super) fn play(call: &mut Call, x: &mut Core, prompts: Vec<String>) -> Next {
    let prompts: Vec<String> = prompts.into_iter().filter(|prompt| !prompt.is_empty()).collect();
    if prompts.is_empty() {
        return done(call);
    }
    sound(call, x, Source::Prompts(prompts), None)
}

/// `caller.tone(name, seconds?)`.
pub(super) fn tone(call: &mut Call, x: &mut Core, name: String, duration: Option<Duration>) -> Next {
    // A beep ends by itself; the other tones end only when they are stopped.
    let duration = duration.or_else(|| (name != "beep").then_some(TONE));
    sound(call, x, Source::Tone(name), duration)
}

/// `caller.echo()`: until `#` or the end of the call.
pub(super) fn echo(call: &mut Call, x: &mut Core) -> Next {
    if !pick_up(call, x) {
        return done(call);
    }
    let Some(port) = call.subject_port(x) else {
        return Next::Done(Outcome::Fault("the caller has no media".into()));
    };
    call.be_heard(x);
    x.stack.media(Command::Echo(port));
    Next::Wait(Running::Listen(Listening {
        playing: Some((port, 0)),
        until: Some('#'),
        later: None,
    }))
}

fn sound(call: &mut Call, x: &mut Core, source: Source, duration: Option<Duration>) -> Next {
    let port = audible(call, x);
    if port.is_none() && call.subject_leg(x).is_some_and(|leg| leg.talk().awaits_ack()) {
        return Next::Wait(Running::Listen(Listening {
            playing: None,
            until: None,
            later: Some((source, duration)),
        }));
    }
    let Some(port) = port else {
        return Next::Done(Outcome::Fault("the caller has no media that could be played to".into()));
    };
    let token = x.stack.ids.u64();
    x.stack.media(Command::Play {
        media: port,
        source,
        repeat: duration.is_some(),
        token,
    });
    if let Some(duration) = duration {
        x.stack.timers.set(TimerKey::Verb(call.id), x.stack.now + duration);
    }
    Next::Wait(Running::Listen(Listening {
        playing: Some((port, token)),
        until: None,
        later: None,
    }))
}

/// The caller's port, with a session in which the caller hears us: early media (183) if the call is not answered.
fn audible(call: &mut Call, x: &mut Core) -> Option<MediaId> {
    if call.subject_waits(x) {
        match call
            .subject_leg(x)
            .and_then(|leg| leg.heard())
            .map(Spec::answered_by_us)
        {
            Some(spec) => {
                call.with_subject(x, |leg, cx| leg.provisional(cx, 183, Some(&spec)));
            }
            // Without an offer in the INVITE there is no early media, unless RFC 3262 is used.
            None => {
                pick_up(call, x);
            }
        }
    }
    call.be_heard(x);
    let leg = call.subject_leg(x)?;
    if leg.talk().is_established() { leg.port() } else { None }
}

fn done(call: &mut Call) -> Next {
    Next::Done(Outcome::Digits(std::mem::take(&mut call.digits)))
}

impl Listening {
    /// Something happened.
    pub fn event(self, call: &mut Call, x: &mut Core, event: VerbEvent) -> Next {
        match event {
            VerbEvent::Timer | VerbEvent::SubjectGone => self.finish(call, x),
            VerbEvent::Guest(guest) if guest.subject => self.finish(call, x),
            VerbEvent::Digit(digit) if self.until == Some(digit) => self.finish(call, x),
            VerbEvent::Media(leg, MediaEvent::Played { token, fault, .. })
                if call.subject() == Some(leg) && self.playing.is_some_and(|(_, playing)| playing == token) =>
            {
                x.stack.timers.clear(TimerKey::Verb(call.id));
                match fault {
                    Some(fault) => Next::Done(Outcome::Fault(fault)),
                    None => done(call),
                }
            }
            VerbEvent::SubjectConfirmed => match self.later {
                Some((source, duration)) => sound(call, x, source, duration),
                None => Next::Wait(Running::Listen(self)),
            },
            VerbEvent::Digit(_)
            | VerbEvent::Media(..)
            | VerbEvent::Leg(..)
            | VerbEvent::PeerEnded
            | VerbEvent::Guest(_)
            | VerbEvent::Resolved(..) => Next::Wait(Running::Listen(self)),
        }
    }

    fn finish(self, call: &mut Call, x: &mut Core) -> Next {
        x.stack.timers.clear(TimerKey::Verb(call.id));
        if let Some((port, _)) = self.playing {
            x.stack.media(Command::Stop(port));
        }
        done(call)
    }
}
