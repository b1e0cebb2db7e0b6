//! `record`: records what the caller says, until a key, silence, the longest duration or a hang-up.

use std::time::Duration;

use ::media::{
    Source,
    service::{RecordingId, Taken},
};

use crate::{
    api::{Outcome, Record, RecordResult, RecordStatus, Recording, RecordingEnd, RecordingKind, RecordingUid},
    call::{Call, VerbEvent},
    core::Core,
    recordings::{Full, Wish},
    stack::TimerKey,
};

use super::{
    Next, Running,
    answer::pick_up,
    sound::{Played, Sound, awaits_ack, established},
};

/// How long the media engine may take to report the end of a recording.
const PATIENCE: Duration = Duration::from_secs(10);

/// A `record` in progress.
pub(crate) struct Taking {
    want: Record,
    stage: Stage,
}

enum Stage {
    /// The caller's ACK is to bring its session description.
    Answering,
    /// The caller hears the beep.
    Beeping(Sound),
    /// The media engine records.
    Running(RecordingId),
    /// The media engine was told to stop, for this key if it was one.
    Ending(RecordingId, Option<char>),
}

/// `caller.record(name, #{ max, silence, format, beep })`.
pub(super) fn record(call: &mut Call, x: &mut Core, want: Record) -> Next {
    if !pick_up(call, x) {
        return failed();
    }
    let taking = Taking {
        want,
        stage: Stage::Answering,
    };
    if awaits_ack(call, x) {
        return Next::Wait(Running::Record(Box::new(taking)));
    }
    taking.begin(call, x)
}

fn failed() -> Next {
    Next::Done(Outcome::Recorded(Box::new(RecordResult {
        status: RecordStatus::Failed,
        seconds: 0.0,
        file: String::new(),
        id: None,
        digit: None,
    })))
}

impl Taking {
    fn begin(mut self, call: &mut Call, x: &mut Core) -> Next {
        if !self.want.beep {
            return self.take(call, x);
        }
        match Sound::play(call, x, Source::Tone("beep".into()), false) {
            Ok(sound) => {
                self.stage = Stage::Beeping(sound);
                Next::Wait(Running::Record(Box::new(self)))
            }
            Err(_) => failed(),
        }
    }

    fn take(mut self, call: &mut Call, x: &mut Core) -> Next {
        let Some(port) = established(call, x) else {
            return failed();
        };
        // A key that was pressed before is no key that ends the recording.
        call.keys.waiting.clear();
        let wish = Wish {
            owner: call.id,
            call: call.uid,
            kind: RecordingKind::Caller,
            name: &self.want.name,
            taken: Taken::Leg(port),
            format: self.want.format,
            max: Some(self.want.max),
            silence: self.want.silence,
        };
        match x.recordings.begin(&mut x.stack, &wish) {
            Ok(id) => {
                self.stage = Stage::Running(id);
                let until = x.stack.now + self.want.max + PATIENCE;
                x.stack.timers.set(TimerKey::Verb(call.id), until);
                Next::Wait(Running::Record(Box::new(self)))
            }
            Err(Full) => failed(),
        }
    }

    /// Something happened.
    pub fn event(mut self: Box<Self>, call: &mut Call, x: &mut Core, event: VerbEvent) -> Next {
        match (std::mem::replace(&mut self.stage, Stage::Answering), event) {
            (Stage::Beeping(mut sound), VerbEvent::SubjectGone) => {
                sound.stop(x);
                failed()
            }
            (Stage::Answering, VerbEvent::SubjectGone) => failed(),
            (Stage::Running(id) | Stage::Ending(id, _), VerbEvent::SubjectGone) => {
                x.stack.timers.clear(TimerKey::Verb(call.id));
                x.recordings.stop(&mut x.stack, id, RecordingEnd::HangUp);
                failed()
            }
            (Stage::Answering, VerbEvent::SubjectConfirmed) => self.begin(call, x),
            // The phone that is there now hears the beep from its beginning.
            (Stage::Answering | Stage::Beeping(_), VerbEvent::Guest(guest)) if guest.subject => self.begin(call, x),
            (Stage::Beeping(mut sound), event) => match sound.event(call, x, &event) {
                Played::GoesOn | Played::Begins => self.waits(Stage::Beeping(sound)),
                Played::Over => self.take(call, x),
                Played::Fault(_) => failed(),
            },
            (Stage::Running(id), VerbEvent::Digit(digit)) => {
                call.keys.waiting.clear();
                self.stop(call, x, id, Some(digit))
            }
            // The recording is that of the phone that was there before.
            (Stage::Running(id), VerbEvent::Guest(guest)) if guest.subject => self.stop(call, x, id, None),
            (Stage::Running(id), VerbEvent::Recorded(report)) if report.id == RecordingUid(id.0) => {
                over(call, x, *report, None)
            }
            (Stage::Ending(id, digit), VerbEvent::Recorded(report)) if report.id == RecordingUid(id.0) => {
                over(call, x, *report, digit)
            }
            (Stage::Running(id) | Stage::Ending(id, _), VerbEvent::Timer) => {
                tracing::error!("the media engine did not end a recording");
                x.recordings.stop(&mut x.stack, id, RecordingEnd::Failed);
                failed()
            }
            (
                stage,
                VerbEvent::Leg(..)
                | VerbEvent::PeerEnded
                | VerbEvent::SubjectConfirmed
                | VerbEvent::Timer
                | VerbEvent::Digit(_)
                | VerbEvent::Media(..)
                | VerbEvent::Recorded(_)
                | VerbEvent::Stored(..)
                | VerbEvent::Found(..)
                | VerbEvent::Removed
                | VerbEvent::Joined(_)
                | VerbEvent::Proxied(_)
                | VerbEvent::Resolved(..)
                | VerbEvent::Guest(_),
            ) => self.waits(stage),
        }
    }

    fn stop(self: Box<Self>, call: &Call, x: &mut Core, id: RecordingId, digit: Option<char>) -> Next {
        x.recordings.stop(&mut x.stack, id, RecordingEnd::Stopped);
        let until = x.stack.now + PATIENCE;
        x.stack.timers.set(TimerKey::Verb(call.id), until);
        self.waits(Stage::Ending(id, digit))
    }

    fn waits(mut self: Box<Self>, stage: Stage) -> Next {
        self.stage = stage;
        Next::Wait(Running::Record(self))
    }
}

/// The file is whole.
fn over(call: &Call, x: &mut Core, report: Recording, digit: Option<char>) -> Next {
    x.stack.timers.clear(TimerKey::Verb(call.id));
    let Some(ended) = report.ended else { return failed() };
    let status = match ended.end {
        RecordingEnd::Stopped | RecordingEnd::HangUp => RecordStatus::Done,
        RecordingEnd::Max => RecordStatus::Max,
        RecordingEnd::Silence => RecordStatus::Silence,
        RecordingEnd::Failed | RecordingEnd::Interrupted => RecordStatus::Failed,
    };
    Next::Done(Outcome::Recorded(Box::new(RecordResult {
        status,
        seconds: Duration::from_millis(ended.millis).as_secs_f64(),
        // A disk that was full from the beginning has no file.
        file: if ended.octets > 0 { report.file } else { String::new() },
        id: Some(report.id),
        digit,
    })))
}
