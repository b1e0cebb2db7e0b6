//! The recordings in progress: what is recorded for which call, and how it ends.
//!
//! A recording ends with the media engine's report, also where the switch told it to stop: only then is its file whole.
//!
//! | part | what it holds |
//! |---|---|
//! | [`Wish`] | what is to be recorded |
//! | [`Recordings`] | the recordings that the engine has not reported the end of |

use std::{collections::BTreeMap, time::Duration};

use ::media::{
    Command,
    service::{FileFormat, RecordEnd, Recording as Order, RecordingId, Taken},
};

use crate::{
    api::{
        CallUid, Event, Output, Recording, RecordingEnd, RecordingEnded, RecordingFormat, RecordingKind, RecordingUid,
    },
    ids::CallId,
    stack::Stack,
};

/// What is to be recorded.
pub(crate) struct Wish<'a> {
    /// The call that hears of the end.
    pub owner: CallId,
    pub call: CallUid,
    pub kind: RecordingKind,
    /// A name as of a prompt: the beginning of the file's name.
    pub name: &'a str,
    pub taken: Taken,
    pub format: RecordingFormat,
    pub max: Option<Duration>,
    pub silence: Option<Duration>,
}

/// What the media engine has written.
pub(crate) struct Written {
    /// The recorded time in milliseconds.
    pub millis: u64,
    /// Octets of the file.
    pub octets: u64,
    /// The file without its suffix, if there is one; it may differ from the one that was asked for.
    pub file: String,
}

/// There are as many recordings as there may be.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct Full;

/// See the module. `limits.services` limits it.
#[derive(Default)]
pub(crate) struct Recordings {
    live: BTreeMap<RecordingId, Live>,
}

struct Live {
    report: Recording,
    owner: CallId,
    /// Why the switch has told it to stop.
    stopped: Option<RecordingEnd>,
}

impl Recordings {
    /// Begins to record.
    pub fn begin(&mut self, cx: &mut Stack, wish: &Wish<'_>) -> Result<RecordingId, Full> {
        if self.live.len() >= cx.config.limits.services.recordings {
            tracing::warn!(
                recordings = self.live.len(),
                "too many recordings at once (--max-recordings)"
            );
            return Err(Full);
        }
        let id = RecordingId(cx.ids.u64());
        let uid = RecordingUid(id.0);
        let format = format_of(wish.format);
        let file = format!("{}-{uid}", wish.name);
        let report = Recording {
            id: uid,
            call_id: wish.call,
            kind: wish.kind,
            name: wish.name.to_owned(),
            file: format!("{file}.{}", format.suffix()),
            format: wish.format,
            channels: if matches!(wish.taken, Taken::Call { split: true, .. }) {
                2
            } else {
                1
            },
            started_at: cx.unix(),
            ended: None,
        };
        tracing::info!(file = %report.file, "recording started");
        cx.outputs.push_back(Output::Recording(Box::new(report.clone())));
        cx.event(Event::RecordingStarted(Box::new(report.clone())));
        cx.media(Command::Record(Order {
            id,
            taken: wish.taken,
            file,
            format,
            max: wish.max,
            silence: wish.silence,
        }));
        let live = Live {
            report,
            owner: wish.owner,
            stopped: None,
        };
        self.live.insert(id, live);
        Ok(id)
    }

    /// Ends a recording for this reason. Its end is reported later.
    pub fn stop(&mut self, cx: &mut Stack, id: RecordingId, why: RecordingEnd) {
        if let Some(live) = self.live.get_mut(&id)
            && live.stopped.is_none()
        {
            live.stopped = Some(why);
            cx.media(Command::StopRecording(id));
        }
    }

    /// Leaves out what is said from now on, or goes on.
    pub fn pause(&self, cx: &mut Stack, id: RecordingId, paused: bool) {
        if self.live.contains_key(&id) {
            cx.media(Command::PauseRecording { recording: id, paused });
        }
    }

    /// The media engine reports the end of a recording. Its owner and the whole recording; `None` for a recording that
    /// is not known, such as one from before a restart.
    pub fn ended(
        &mut self,
        cx: &mut Stack,
        id: RecordingId,
        Written { millis, octets, file }: Written,
        end: RecordEnd,
    ) -> Option<(CallId, Recording)> {
        let Live {
            mut report,
            owner,
            stopped,
        } = self.live.remove(&id)?;
        let (end, fault) = match end {
            RecordEnd::Stopped => (stopped.unwrap_or(RecordingEnd::Stopped), String::new()),
            RecordEnd::Full => (RecordingEnd::Max, String::new()),
            RecordEnd::Silence => (RecordingEnd::Silence, String::new()),
            RecordEnd::Closed => (stopped.unwrap_or(RecordingEnd::HangUp), String::new()),
            RecordEnd::Fault(fault) => (RecordingEnd::Failed, fault),
        };
        if fault.is_empty() {
            tracing::info!(file = %report.file, millis, end = end.name(), "recording ended");
        } else {
            tracing::error!(file = %report.file, millis, %fault, "a recording failed; the call goes on");
        }
        if !file.is_empty() {
            report.file = format!("{file}.{}", format_of(report.format).suffix());
        }
        report.ended = Some(RecordingEnded {
            millis,
            octets,
            end,
            fault,
        });
        cx.outputs.push_back(Output::Recording(Box::new(report.clone())));
        cx.event(Event::RecordingEnded(Box::new(report.clone())));
        Some((owner, report))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.live.len()
    }
}

/// The format, as the media engine calls it.
const fn format_of(format: RecordingFormat) -> FileFormat {
    match format {
        RecordingFormat::Wav => FileFormat::Wav,
        RecordingFormat::Opus => FileFormat::OggOpus,
    }
}
