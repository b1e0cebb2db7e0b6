//! The recording of the two parties of a call, for `dial`'s option `record` and for the admin API.
//!
//! A recording belongs to two legs that are connected. It ends when they are no longer; if another leg takes the place of
//! one of them, another recording of the same name begins.

use ::media::{
    MediaId,
    service::{RecordingId, Taken},
};

use crate::{
    api::{CommandError, LiveRecording, RecordAction, RecordingEnd, RecordingFormat, RecordingKind},
    core::Core,
    recordings::{Full, Wish},
};

use super::Call;

/// The name of a recording for which no other was chosen.
const NAME: &str = "call";

/// The recording of a call that is to be recorded.
pub(crate) struct Tape {
    name: String,
    paused: bool,
    /// The recording in progress, and whom it records.
    running: Option<(RecordingId, [MediaId; 2])>,
}

/// The parties that are connected, and those who come in their place, are recorded from now on.
pub(crate) fn record(call: &mut Call, x: &mut Core, name: &str) -> Result<(), Full> {
    let tape = Tape {
        name: name.to_owned(),
        paused: false,
        running: None,
    };
    call.tape.get_or_insert(Box::new(tape));
    follow(call, x)
}

/// The ports of the parties that are connected: the subject's first.
fn parties(call: &Call, x: &Core) -> Option<[MediaId; 2]> {
    let [a, b] = call.bridge.as_ref()?.sides();
    let sides = if call.subject == Some(b) { [b, a] } else { [a, b] };
    Some([x.port_of(sides[0])?, x.port_of(sides[1])?])
}

/// Brings the recording to who is connected now.
pub(crate) fn follow(call: &mut Call, x: &mut Core) -> Result<(), Full> {
    let now = parties(call, x);
    let Some(tape) = call.tape.as_deref_mut() else {
        return Ok(());
    };
    let same = |[a, b]: [MediaId; 2]| now == Some([a, b]) || now == Some([b, a]);
    if tape.running.is_some_and(|(_, parties)| same(parties)) {
        return Ok(());
    }
    if let Some((id, _)) = tape.running.take() {
        x.recordings.stop(&mut x.stack, id, RecordingEnd::Stopped);
    }
    let Some([left, right]) = now else {
        call.tape = None;
        return Ok(());
    };
    let _entered = call.span.clone().entered();
    let wish = Wish {
        owner: call.id,
        call: call.uid,
        kind: RecordingKind::Call,
        name: &tape.name,
        taken: Taken::Call {
            left,
            right,
            split: true,
        },
        format: RecordingFormat::Wav,
        max: None,
        silence: None,
    };
    let begun = x.recordings.begin(&mut x.stack, &wish);
    match begun {
        Ok(id) => {
            tape.running = Some((id, [left, right]));
            if tape.paused {
                x.recordings.pause(&mut x.stack, id, true);
            }
            Ok(())
        }
        Err(Full) => {
            call.tape = None;
            Err(Full)
        }
    }
}

/// A recording of the call has ended. One that ended by itself, such as by a full disk, is not begun again.
pub(crate) fn recorded(call: &mut Call, id: RecordingId) {
    let running = call.tape.as_deref().and_then(|tape| tape.running);
    if running.is_some_and(|(running, _)| running == id) {
        call.tape = None;
    }
}

/// Whether the parties are recorded.
pub(super) fn state(call: &Call) -> LiveRecording {
    match call.tape.as_deref() {
        None => LiveRecording::Off,
        Some(tape) if tape.paused => LiveRecording::Paused,
        Some(_) => LiveRecording::On,
    }
}

/// The admin API begins, ends, pauses the recording.
pub(crate) fn command(call: &mut Call, x: &mut Core, action: RecordAction) -> Result<(), CommandError> {
    let conflict = |words: &str| Err(CommandError::Conflict(words.to_owned()));
    let connected = parties(call, x).is_some();
    match (action, call.tape.as_deref_mut()) {
        (RecordAction::Start, Some(_)) => conflict("the call is recorded already"),
        (RecordAction::Start, None) if !connected => conflict("no two phones are connected"),
        (RecordAction::Start, None) => record(call, x, NAME).map_err(|Full| CommandError::Busy),
        (RecordAction::Stop | RecordAction::Pause | RecordAction::Resume, None) => conflict("the call is not recorded"),
        (RecordAction::Stop, Some(tape)) => {
            if let Some((id, _)) = tape.running {
                x.recordings.stop(&mut x.stack, id, RecordingEnd::Stopped);
            }
            call.tape = None;
            Ok(())
        }
        (RecordAction::Pause | RecordAction::Resume, Some(tape)) => {
            tape.paused = action == RecordAction::Pause;
            if let Some((id, _)) = tape.running {
                x.recordings.pause(&mut x.stack, id, tape.paused);
            }
            Ok(())
        }
    }
}
