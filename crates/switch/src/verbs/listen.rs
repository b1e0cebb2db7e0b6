//! `wait`, `play`, `tone`, `music` and `echo`: the caller alone with Tandem. Keys are collected during that time.

use std::time::Duration;

use ::media::{Command, Source};

use crate::{
    api::Outcome,
    call::{self, Call, VerbEvent},
    core::Core,
    own::MUSIC,
    stack::TimerKey,
};

use super::{
    Next, Running,
    answer::pick_up,
    sound::{Played, Sound, established},
};

/// A verb that lasts until its time or its sound is over.
pub(crate) struct Listening {
    sound: Sound,
    /// Which keys end it.
    until: Until,
    /// How long it lasts, from the beginning of the sound.
    lasts: Option<Duration>,
}

/// Which keys end a verb.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Until {
    NoKey,
    Pound,
    AnyKey,
}

const TONE: Duration = Duration::from_secs(10);

/// `caller.wait(seconds)`.
pub(super) fn wait(call: &mut Call, x: &mut Core, time: Duration) -> Next {
    x.stack.timers.set(TimerKey::Verb(call.id), x.stack.now + time);
    call::listen(call, x, false);
    Next::Wait(Running::Listen(Listening {
        sound: Sound::Silence,
        until: Until::NoKey,
        lasts: None,
    }))
}

/// `caller.play(..)`; before the answer as early media.
pub(super) fn play(call: &mut Call, x: &mut Core, prompts: Vec<String>) -> Next {
    let prompts: Vec<String> = prompts.into_iter().filter(|prompt| !prompt.is_empty()).collect();
    if prompts.is_empty() {
        return done(call);
    }
    sound(call, x, Source::Prompts(prompts), (Until::NoKey, None))
}

/// `caller.tone(name, seconds?)`.
pub(super) fn tone(call: &mut Call, x: &mut Core, name: String, duration: Option<Duration>) -> Next {
    // A beep ends by itself; the other tones end only when they are stopped.
    let duration = duration.or_else(|| (name != "beep").then_some(TONE));
    sound(call, x, Source::Tone(name), (Until::NoKey, duration))
}

/// `caller.music(name?, seconds?)`: until a key is pressed, the time is over or the caller hangs up.
pub(super) fn music(call: &mut Call, x: &mut Core, name: Option<String>, duration: Option<Duration>) -> Next {
    let name = name.unwrap_or_else(|| MUSIC.to_owned());
    sound(call, x, Source::Music(name), (Until::AnyKey, duration))
}

/// `caller.echo()`: until `#` or the end of the call.
pub(super) fn echo(call: &mut Call, x: &mut Core) -> Next {
    if !pick_up(call, x) {
        return done(call);
    }
    let Some(port) = call.subject_port(x) else {
        return Next::Done(Outcome::Fault("the caller has no media".into()));
    };
    established(call, x);
    x.stack.media(Command::Echo(port));
    Next::Wait(Running::Listen(Listening {
        sound: Sound::Playing(port, 0),
        until: Until::Pound,
        lasts: None,
    }))
}

fn sound(call: &mut Call, x: &mut Core, source: Source, (until, lasts): (Until, Option<Duration>)) -> Next {
    let repeat = lasts.is_some() || matches!(source, Source::Music(_));
    match Sound::play(call, x, source, repeat) {
        Ok(sound) => {
            let listening = Listening { sound, until, lasts };
            if matches!(listening.sound, Sound::Playing(..)) {
                listening.begins(call, x);
            }
            Next::Wait(Running::Listen(listening))
        }
        Err(outcome) => Next::Done(outcome),
    }
}

fn done(call: &mut Call) -> Next {
    Next::Done(Outcome::Digits(std::mem::take(&mut call.keys.waiting)))
}

impl Listening {
    /// Something happened.
    pub fn event(mut self, call: &mut Call, x: &mut Core, event: VerbEvent) -> Next {
        let over = match &event {
            VerbEvent::Timer | VerbEvent::SubjectGone => true,
            VerbEvent::Guest(guest) => guest.subject,
            VerbEvent::Digit(digit) => match self.until {
                Until::NoKey => false,
                Until::Pound => *digit == '#',
                Until::AnyKey => true,
            },
            VerbEvent::Media(..)
            | VerbEvent::SubjectConfirmed
            | VerbEvent::Leg(..)
            | VerbEvent::PeerEnded
            | VerbEvent::Recorded(_)
            | VerbEvent::Stored(..)
            | VerbEvent::Found(..)
            | VerbEvent::Removed
            | VerbEvent::Joined(_)
            | VerbEvent::Proxied(_)
            | VerbEvent::Resolved(..) => false,
        };
        if over {
            return self.finish(call, x);
        }
        match self.sound.event(call, x, &event) {
            Played::GoesOn => Next::Wait(Running::Listen(self)),
            Played::Begins => {
                self.begins(call, x);
                Next::Wait(Running::Listen(self))
            }
            Played::Over => self.finish(call, x),
            Played::Fault(outcome) => {
                x.stack.timers.clear(TimerKey::Verb(call.id));
                Next::Done(outcome)
            }
        }
    }

    fn begins(&self, call: &Call, x: &mut Core) {
        if let Some(lasts) = self.lasts {
            x.stack.timers.set(TimerKey::Verb(call.id), x.stack.now + lasts);
        }
    }

    fn finish(mut self, call: &mut Call, x: &mut Core) -> Next {
        x.stack.timers.clear(TimerKey::Verb(call.id));
        self.sound.stop(x);
        done(call)
    }
}
