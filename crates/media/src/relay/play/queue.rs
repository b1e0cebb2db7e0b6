//! The parts of a play, one after the other, at the rate that is asked for.

use std::collections::VecDeque;

use super::{Filled, Named, Owner, Piece, Track, files::Files};
use crate::sound::{Rate, Resampling};

/// Pieces of a file in memory: the one that is heard, and the one after it.
const AHEAD: usize = 2;
/// Milliseconds that are resampled at once.
const STEP: u32 = 20;

/// A part of a play.
#[derive(Clone, Debug)]
pub(in crate::relay) enum Part {
    /// From memory.
    Clip(Piece),
    /// From a file.
    File(Named),
}

/// A part that is heard, or will be next.
#[derive(Debug)]
struct Feed {
    part: usize,
    /// The file, while there is more of it.
    track: Option<Track>,
    /// Whether an answer of the reader is awaited, and whether that is the first.
    asked: bool,
    first: bool,
    pieces: VecDeque<Piece>,
    /// Samples of the first piece that were heard.
    offset: usize,
    fault: Option<String>,
}

/// A play's parts. The file of the next part is opened when the last piece of the part before is in memory.
#[derive(Debug)]
pub(super) struct Queue {
    owner: Owner,
    parts: Vec<Part>,
    repeat: bool,
    /// The part to be opened next.
    next: usize,
    feeds: VecDeque<Feed>,
    /// Parts in a row that were empty: a play that repeats nothing ends.
    empty: usize,
    begun: bool,
    resampling: Resampling,
    /// Samples at the rate that is asked for, and how many of them were given.
    ready: Vec<i16>,
    given: usize,
    /// What was heard, in samples at 48 kHz.
    heard: u64,
}

impl Queue {
    /// Asks for the first file at once.
    pub(super) fn new(owner: Owner, parts: Vec<Part>, repeat: bool, files: &mut Files) -> Queue {
        let mut queue = Queue {
            owner,
            parts,
            repeat,
            next: 0,
            feeds: VecDeque::new(),
            empty: 0,
            begun: false,
            resampling: Resampling::default(),
            ready: Vec::new(),
            given: 0,
            heard: 0,
        };
        queue.read_ahead(files);
        queue
    }

    /// Whether nothing can be heard before the reader of files has answered.
    pub(super) fn waits(&self) -> bool {
        let feed = self.feeds.front();
        feed.is_some_and(|feed| feed.track.is_some() && feed.pieces.is_empty() && feed.fault.is_none())
    }

    /// Milliseconds that were heard.
    pub(super) fn position(&self) -> u64 {
        self.heard / 48
    }

    /// An answer of the reader; `false` where the track is none of this play's.
    pub(super) fn arrived(&mut self, track: Track, piece: Result<Piece, String>, files: &mut Files) -> bool {
        let Some(feed) = self.feeds.iter_mut().find(|feed| feed.track == Some(track)) else {
            return false;
        };
        feed.asked = false;
        let first = std::mem::take(&mut feed.first);
        match piece {
            Ok(piece) => {
                if piece.last {
                    feed.track = None;
                    files.closed(track);
                    // A small file is heard again from memory.
                    if first
                        && self.repeat
                        && let Some(part) = self.parts.get_mut(feed.part)
                    {
                        *part = Part::Clip(piece.clone());
                    }
                }
                feed.pieces.push_back(piece);
            }
            Err(fault) => {
                (feed.track, feed.fault) = (None, Some(fault));
                files.closed(track);
            }
        }
        self.read_ahead(files);
        true
    }

    /// Asks for what will be heard next.
    fn read_ahead(&mut self, files: &mut Files) {
        for feed in &mut self.feeds {
            if let Some(track) = feed.track
                && !feed.asked
                && feed.pieces.len() < AHEAD
            {
                feed.asked = true;
                files.more(track);
            }
        }
        let complete = self
            .feeds
            .back()
            .is_none_or(|feed| feed.track.is_none() && feed.fault.is_none());
        if !complete || self.feeds.len() >= AHEAD {
            return;
        }
        if self.next == self.parts.len() && self.repeat && self.empty < self.parts.len() {
            self.next = 0;
        }
        let Some(part) = self.parts.get(self.next) else { return };
        let (track, pieces) = match part {
            Part::Clip(piece) => (None, VecDeque::from([piece.clone()])),
            Part::File(name) => (Some(files.open(self.owner, name.clone())), VecDeque::new()),
        };
        self.feeds.push_back(Feed {
            part: self.next,
            asked: track.is_some(),
            first: true,
            track,
            pieces,
            offset: 0,
            fault: None,
        });
        self.next += 1;
    }

    /// Fills a frame at that rate. What is missing at its end is silence.
    pub(super) fn fill(&mut self, rate: Rate, frame: &mut [i16], files: &mut Files) -> Filled {
        let mut filled = 0;
        let missing = loop {
            if filled == frame.len() {
                break Filled::Sound;
            }
            if self.given < self.ready.len() {
                let took = copy(&mut frame[filled..], &self.ready[self.given..]);
                (self.given, filled) = (self.given + took, filled + took);
                continue;
            }
            self.read_ahead(files);
            let Some(feed) = self.feeds.front_mut() else {
                break Filled::End;
            };
            let Some(piece) = feed.pieces.front() else {
                if let Some(fault) = feed.fault.take() {
                    break Filled::Fault(fault);
                }
                if feed.track.is_some() {
                    break Filled::Waiting;
                }
                self.feeds.pop_front();
                self.empty += 1;
                continue;
            };
            let (from, clip) = (piece.clip.rate(), piece.clip.clone());
            let rest = clip.pcm().get(feed.offset..).unwrap_or_default();
            if rest.is_empty() {
                feed.pieces.pop_front();
                feed.offset = 0;
                continue;
            }
            self.empty = 0;
            let took = if from == rate {
                self.resampling = Resampling::default();
                let took = copy(&mut frame[filled..], rest);
                filled += took;
                took
            } else {
                let took = rest.len().min(from.samples(STEP));
                self.resample(from, rate, &rest[..took]);
                took
            };
            if let Some(feed) = self.feeds.front_mut() {
                feed.offset += took;
            }
            self.heard += took as u64 * u64::from(Rate::Full.hertz() / from.hertz());
        };
        frame[filled..].fill(0);
        self.begun |= filled > 0;
        match missing {
            // A fault, too, is told with the next frame: what was heard before is sent.
            Filled::Fault(fault) if filled > 0 => {
                if let Some(feed) = self.feeds.front_mut() {
                    feed.fault = Some(fault);
                }
                Filled::Sound
            }
            _ if filled > 0 => Filled::Sound,
            Filled::Waiting if self.begun => Filled::Sound,
            Filled::Waiting | Filled::Sound | Filled::End | Filled::Fault(_) => missing,
        }
    }

    fn resample(&mut self, from: Rate, to: Rate, pcm: &[i16]) {
        self.ready.clear();
        self.given = 0;
        self.resampling.process(pcm, (from, to), &mut self.ready);
    }

    /// Closes all files.
    pub(super) fn close(&mut self, files: &mut Files) {
        for feed in self.feeds.drain(..) {
            if let Some(track) = feed.track {
                files.close(track);
            }
        }
        self.parts.clear();
    }
}

fn copy(frame: &mut [i16], pcm: &[i16]) -> usize {
    let took = frame.len().min(pcm.len());
    frame[..took].copy_from_slice(&pcm[..took]);
    took
}
