//! Recordings: from frames of sound to blocks for a file. Pure: the shell has a thread that writes the files.
//!
//! | file | what it does | fields it owns |
//! |---|---|---|
//! | `mod.rs` | [`Recorder`]: what one recording takes, and when it ends | all of [`Recorder`] |
//! | `table.rs` | [`Recordings`]: all of an engine, and what is said to the thread that writes | all of [`Recordings`], [`Write`], [`Written`] |
//!
//! # The way of a sound
//!
//! 1. [`Recordings::begin`] makes a [`Recorder`] and tells the writer the name of the file ([`Write::Begin`]).
//! 2. Each tick [`Recordings::take`] gets the frame of each side, from the first frame after the command on.
//! 3. Each half second a block goes to the writer ([`Write::Block`]).
//! 4. The recording ends by command, by its length, by silence or with its leg; the writer is told ([`Write::End`]), makes
//!    the file whole, and answers ([`Written`]). The writer may answer earlier, when the disk is full.
//! 5. [`Recordings::written`] turns the answer into [`crate::Event::Recorded`].

mod table;
#[cfg(test)]
mod tests;

use std::{collections::VecDeque, time::Duration};

pub use table::{Limits, Recordings, Write, Written};

use crate::{
    service::{RecordEnd, Recording, Taken},
    sound::Rate,
};

/// Milliseconds of a block.
pub const BLOCK: u32 = 500;
/// Silence that is held back, at most, because it may turn out to be the end. Of a longer silence at the end of a
/// recording the first part stays in the file.
const HELD: Duration = Duration::from_secs(30);
/// Below this level a frame is silence: the square of a root mean square of -50 dBov, 32,768 * 10^(-50/20).
const SILENCE: i64 = 10_737;

/// Whether a recording goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// It does.
    Go,
    /// It has ended: [`RecordEnd::Full`] or [`RecordEnd::Silence`].
    Ended(RecordEnd),
}

/// A recording in progress. Its sound is cut into blocks of [`BLOCK`] milliseconds.
#[derive(Debug)]
pub struct Recorder {
    rate: Rate,
    channels: usize,
    /// Whether each side is a channel of its own.
    split: bool,
    /// The longest recording, and the silence that ends it, in samples of one channel.
    most: u64,
    silence: Option<u64>,
    paused: bool,
    /// Samples of one channel, up to now.
    taken: u64,
    /// Samples of silence at the end, of one channel.
    quiet: u64,
    /// Samples that are in no block yet.
    pcm: Vec<i16>,
    blocks: VecDeque<Vec<i16>>,
    ended: Option<RecordEnd>,
}

/// So many samples; a time beyond reckoning is never.
fn samples(rate: Rate, time: Duration) -> u64 {
    u64::try_from(time.as_micros() * u128::from(rate.hertz()) / 1_000_000).unwrap_or(u64::MAX)
}

/// Whether a frame is silence.
fn is_silent(frame: &[i16]) -> bool {
    let energy: i64 = frame.iter().map(|s| i64::from(*s) * i64::from(*s)).sum();
    energy < SILENCE * frame.len().max(1) as i64
}

impl Recorder {
    /// A recording that begins with the next frame. Without [`Recording::max`] only its own command ends it.
    pub fn new(recording: &Recording, rate: Rate) -> Recorder {
        let split = matches!(recording.taken, Taken::Call { split: true, .. });
        Recorder {
            rate,
            channels: if split { 2 } else { 1 },
            split,
            most: recording.max.map_or(u64::MAX, |max| samples(rate, max)),
            silence: recording.silence.map(|silence| samples(rate, silence).max(1)),
            paused: false,
            taken: 0,
            quiet: 0,
            pcm: Vec::new(),
            blocks: VecDeque::new(),
            ended: None,
        }
    }

    /// 2 where each side is a channel, else 1.
    pub fn channels(&self) -> u8 {
        self.channels as u8
    }

    /// Leaves out what follows, or goes on. A pause counts neither as length nor as silence.
    pub fn pause(&mut self, paused: bool) {
        self.paused = paused;
    }

    /// Takes one frame of each side, at the recording's rate. A side without a frame is silent, as is the rest of a
    /// shorter one. Where the sides are no channels of their own they are mixed. After the end nothing is taken.
    pub fn take(&mut self, left: &[i16], right: Option<&[i16]>) -> Step {
        if let Some(end) = &self.ended {
            return Step::Ended(end.clone());
        }
        if self.paused {
            return Step::Go;
        }
        let right = right.unwrap_or_default();
        let length = left.len().max(right.len()) as u64;
        let frame = length.min(self.most - self.taken) as usize;
        let at = |side: &[i16], at: usize| side.get(at).copied().unwrap_or_default();
        if self.split {
            self.pcm.extend((0..frame).flat_map(|n| [at(left, n), at(right, n)]));
        } else if right.is_empty() {
            self.pcm.extend_from_slice(&left[..frame]);
        } else {
            self.pcm
                .extend((0..frame).map(|n| at(left, n).saturating_add(at(right, n))));
        }
        self.taken += frame as u64;
        if self.silence.is_some() {
            let silent = is_silent(left) && is_silent(right);
            self.quiet = if silent { self.quiet + frame as u64 } else { 0 };
        }
        if self.silence.is_some_and(|silence| self.quiet >= silence) {
            let held = self.held();
            self.pcm.truncate(self.pcm.len() - held);
            self.taken -= (held / self.channels) as u64;
            return self.end(RecordEnd::Silence);
        }
        if self.taken >= self.most {
            return self.end(RecordEnd::Full);
        }
        self.cut(self.held());
        Step::Go
    }

    /// Samples at the end of `pcm` that are held back: silence that may be the end.
    fn held(&self) -> usize {
        let held = self.quiet.min(samples(self.rate, HELD)) as usize * self.channels;
        held.min(self.pcm.len())
    }

    /// Cuts blocks off `pcm`, but leaves so many samples.
    fn cut(&mut self, held: usize) {
        let block = self.rate.samples(BLOCK) * self.channels;
        while self.pcm.len() - held >= block {
            let rest = self.pcm.split_off(block);
            self.blocks.push_back(std::mem::replace(&mut self.pcm, rest));
        }
    }

    fn end(&mut self, end: RecordEnd) -> Step {
        self.cut(0);
        if !self.pcm.is_empty() {
            self.blocks.push_back(std::mem::take(&mut self.pcm));
        }
        self.ended = Some(end.clone());
        Step::Ended(end)
    }

    /// Ends the recording now; what was held back goes into the last block.
    pub fn stop(&mut self) {
        if self.ended.is_none() {
            self.end(RecordEnd::Stopped);
        }
    }

    /// The next block, the samples of two channels in turns. The last one is shorter.
    pub fn poll_block(&mut self) -> Option<Vec<i16>> {
        self.blocks.pop_front()
    }

    /// The length of what was recorded.
    pub fn millis(&self) -> u64 {
        self.taken * 1_000 / u64::from(self.rate.hertz())
    }
}
