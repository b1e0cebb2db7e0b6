//! All recordings of an engine, and what is said to the thread that writes them.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use super::{Recorder, Step};
use crate::{
    Event,
    audio::prompt,
    service::{FileFormat, RecordEnd, Recording, RecordingId},
    sound::Rate,
};

/// Limits of the recordings of one engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// At once.
    pub recordings: usize,
    /// The longest; a longer [`Recording::max`] is cut to this.
    pub longest: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            recordings: 2_000,
            longest: Duration::from_secs(4 * 3_600),
        }
    }
}

/// A message to the thread that writes files. Those of one recording come in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// Begin a file.
    Begin {
        /// Its recording.
        recording: RecordingId,
        /// Its name below the folder of recordings, without suffix.
        file: String,
        /// Its format.
        format: FileFormat,
        /// Samples a second.
        rate: Rate,
        /// 1 or 2.
        channels: u8,
    },
    /// Sound for the file, the samples of two channels in turns.
    Block {
        /// The recording.
        recording: RecordingId,
        /// The samples.
        pcm: Vec<i16>,
    },
    /// Make the file whole; answered with [`Written`].
    End {
        /// The recording.
        recording: RecordingId,
    },
}

/// A file is whole and closed. Comes once for each [`Write::Begin`]: after [`Write::End`], or earlier with a fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Its recording.
    pub recording: RecordingId,
    /// Octets of the file.
    pub octets: u64,
    /// Its name below the folder, without suffix: a number is added to a name that was taken. Empty where there is none.
    pub file: String,
    /// Why not all could be written, in words for the log.
    pub fault: Option<String>,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Recordings {
    limits: Limits,
    open: BTreeMap<RecordingId, Open>,
    writes: VecDeque<Write>,
}

#[derive(Debug)]
struct Open {
    recorder: Recorder,
    /// Why it ended: it waits for the writer.
    end: Option<RecordEnd>,
}

impl Recordings {
    /// No recording.
    pub fn new(limits: Limits) -> Recordings {
        Recordings {
            limits,
            ..Recordings::default()
        }
    }

    /// Begins a recording with the next frame, at that rate.
    ///
    /// # Errors
    /// Too many recordings, or a name that is none; in words for [`RecordEnd::Fault`]. Nothing has begun.
    pub fn begin(&mut self, recording: &Recording, rate: Rate) -> Result<(), String> {
        let id = recording.id;
        if self.open.contains_key(&id) {
            return Err("the recording is in progress".to_owned());
        }
        if self.open.len() >= self.limits.recordings {
            return Err(format!("more than {} recordings at once", self.limits.recordings));
        }
        if !prompt::is_name(&recording.file) {
            let start: String = recording.file.chars().take(64).collect();
            return Err(format!("{start:?} is no name of a recording"));
        }
        let longest = self.limits.longest;
        let recording = Recording {
            max: Some(recording.max.map_or(longest, |max| max.min(longest))),
            ..recording.clone()
        };
        let recorder = Recorder::new(&recording, rate);
        self.writes.push_back(Write::Begin {
            recording: id,
            file: recording.file,
            format: recording.format,
            rate,
            channels: recorder.channels(),
        });
        self.open.insert(id, Open { recorder, end: None });
        Ok(())
    }

    /// Gives a recording one frame of each side; see [`Recorder::take`]. `false`: it takes no more.
    pub fn take(&mut self, recording: RecordingId, left: &[i16], right: Option<&[i16]>) -> bool {
        let Some(open) = self.open.get_mut(&recording).filter(|open| open.end.is_none()) else {
            return false;
        };
        let step = open.recorder.take(left, right);
        let blocks = std::iter::from_fn(|| open.recorder.poll_block());
        self.writes.extend(blocks.map(|pcm| Write::Block { recording, pcm }));
        match step {
            Step::Go => true,
            Step::Ended(end) => {
                self.end(recording, end);
                false
            }
        }
    }

    /// Whether the recording takes more.
    pub fn is_open(&self, recording: RecordingId) -> bool {
        self.open.get(&recording).is_some_and(|open| open.end.is_none())
    }

    /// See [`Recorder::pause`].
    pub fn pause(&mut self, recording: RecordingId, paused: bool) {
        if let Some(open) = self.open.get_mut(&recording) {
            open.recorder.pause(paused);
        }
    }

    /// Ends a recording: by command ([`RecordEnd::Stopped`]), or because its leg or room is gone ([`RecordEnd::Closed`]).
    pub fn end(&mut self, recording: RecordingId, end: RecordEnd) {
        let Some(open) = self.open.get_mut(&recording).filter(|open| open.end.is_none()) else {
            return;
        };
        open.recorder.stop();
        open.end = Some(end);
        let blocks = std::iter::from_fn(|| open.recorder.poll_block());
        self.writes.extend(blocks.map(|pcm| Write::Block { recording, pcm }));
        self.writes.push_back(Write::End { recording });
    }

    /// The next message to the writer.
    pub fn poll_write(&mut self) -> Option<Write> {
        self.writes.pop_front()
    }

    /// A file is closed. Gives [`Event::Recorded`] for signalling; a fault ends the recording.
    pub fn written(&mut self, written: Written) -> Option<Event> {
        let open = self.open.remove(&written.recording)?;
        let end = match (written.fault, open.end) {
            (Some(fault), _) => RecordEnd::Fault(fault),
            (None, Some(end)) => end,
            (None, None) => RecordEnd::Fault("the file was closed".to_owned()),
        };
        // Of what was waiting nothing can be written any more.
        self.writes.retain(|write| match write {
            Write::Begin { recording, .. } | Write::Block { recording, .. } | Write::End { recording } => {
                *recording != written.recording
            }
        });
        Some(Event::Recorded {
            recording: written.recording,
            millis: open.recorder.millis(),
            octets: written.octets,
            file: written.file,
            end,
        })
    }
}
