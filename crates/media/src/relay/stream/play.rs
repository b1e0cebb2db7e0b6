//! A play in progress, frame by frame.

use std::{sync::Arc, time::Duration};

use crate::{audio::Clip, codec::g711::Law};

/// A part of a play.
#[derive(Clone, Debug)]
pub(in crate::relay) enum Part {
    Clip(Arc<Clip>),
    /// A prompt that is being read.
    Wanted(String),
}

/// A play in progress. It waits while any part is still being read.
#[derive(Debug)]
pub(in crate::relay) struct Player {
    parts: Vec<Part>,
    repeat: bool,
    pub(in crate::relay) token: u64,
    at: usize,
    offset: usize,
    /// When the next frame is due.
    pub(in crate::relay) next: Duration,
    /// Time stamp of the next frame; `None` before the first.
    pub(in crate::relay) timestamp: Option<u32>,
}

impl Player {
    pub(in crate::relay) fn new(parts: Vec<Part>, repeat: bool, token: u64, now: Duration) -> Player {
        Player {
            parts,
            repeat,
            token,
            at: 0,
            offset: 0,
            next: now,
            timestamp: None,
        }
    }

    /// Prompts that are still being read.
    pub(in crate::relay) fn wanted(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Wanted(name) => Some(name.as_str()),
            Part::Clip(_) => None,
        })
    }

    /// A prompt was read.
    pub(in crate::relay) fn loaded(&mut self, name: &str, clip: &Arc<Clip>) {
        for part in &mut self.parts {
            if matches!(part, Part::Wanted(wanted) if wanted == name) {
                *part = Part::Clip(clip.clone());
            }
        }
    }

    /// Fills a frame; the last one is padded with silence. `false` when nothing is left.
    pub(in crate::relay) fn fill(&mut self, law: Law, frame: &mut [u8]) -> bool {
        let mut filled = 0;
        let mut idle = false;
        while filled < frame.len() {
            let Some(part) = self.parts.get(self.at) else {
                // A repeated play of nothing at all ends as well.
                if !self.repeat || idle {
                    break;
                }
                (self.at, self.offset, idle) = (0, 0, true);
                continue;
            };
            let room = frame.len() - filled;
            let took = match part {
                Part::Clip(clip) => {
                    let rest = clip.encoded(law).get(self.offset..).unwrap_or_default();
                    let took = rest.len().min(room);
                    frame[filled..filled + took].copy_from_slice(&rest[..took]);
                    took
                }
                Part::Wanted(_) => 0,
            };
            filled += took;
            self.offset += took;
            if took == 0 {
                (self.at, self.offset) = (self.at + 1, 0);
            } else {
                idle = false;
            }
        }
        frame[filled..].fill(law.silence());
        filled > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clip(length: usize) -> Part {
        Part::Clip(Arc::new(Clip::from_law(Law::Pcmu, &vec![1; length])))
    }

    fn silence(length: usize) -> Part {
        Part::Clip(Arc::new(Clip::from_law(Law::Pcmu, &vec![0xff; length])))
    }

    fn frames(parts: Vec<Part>, repeat: bool, limit: usize) -> Vec<Vec<u8>> {
        let mut player = Player::new(parts, repeat, 0, Duration::ZERO);
        let mut frames = Vec::new();
        let mut frame = vec![0; 160];
        while frames.len() < limit && player.fill(Law::Pcmu, &mut frame) {
            frames.push(frame.clone());
        }
        frames
    }

    #[test]
    fn parts_follow_without_a_gap_and_the_last_frame_is_padded() {
        let got = frames(vec![clip(100), silence(20), clip(0), clip(60)], false, 9);
        assert_eq!(got.len(), 2);
        assert!(got[0][..100].iter().all(|b| *b == 1) && got[0][100..120].iter().all(|b| *b == 0xff));
        assert_eq!(
            (got[0][120..].iter().filter(|b| **b == 1).count(), got[1][..20].to_vec()),
            (40, vec![1; 20])
        );
        assert!(got[1][20..].iter().all(|b| *b == 0xff));
    }

    #[test]
    fn repeating_goes_round_but_never_spins_on_nothing() {
        assert_eq!(frames(vec![clip(100)], true, 5).concat(), vec![1; 800]);
        assert!(frames(vec![clip(0), silence(0)], true, 5).is_empty());
        assert!(frames(vec![], true, 5).is_empty());
    }
}
