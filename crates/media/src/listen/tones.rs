//! The beep of an answering machine, and the tones of fax machines, from the run of blocks.
//!
//! A beep is one steady tone that ends in silence. Ringing and busy tones do that, too: tones of their frequencies count
//! only after speech, since a machine greets before it beeps, and where no second one follows within a second.

use super::blocks::{Block, MILLIS};
use crate::service::Sound;

/// Frequencies of a beep, in hertz.
const BEEP: std::ops::RangeInclusive<f32> = 394.0..=2030.0;
/// Milliseconds of a beep.
const BEEP_LASTS: std::ops::RangeInclusive<u32> = 140..=2050;
/// Milliseconds of silence after a beep; and after one with the frequency of a network's tone, which a busy tone would
/// have ended before.
const AFTER: u32 = 160;
const AFTER_PROGRESS: u32 = 1000;
/// Frequencies of single tones that networks use for ringing, busy and congestion (ITU-T E.180).
const PROGRESS: std::ops::RangeInclusive<f32> = 375.0..=515.0;
/// Before a tone of such a frequency: milliseconds of sound that is no tone, within so many milliseconds.
const SPEECH: u32 = 300;
const WITHIN: u32 = 4000;
/// ITU-T T.30 4.3.3.1: 1,100 Hz within 38 Hz, half a second within 15 %; and what measuring adds.
const CNG: std::ops::RangeInclusive<f32> = 1060.0..=1140.0;
const CNG_LASTS: std::ops::RangeInclusive<u32> = 405..=595;
/// ITU-T T.30 4.3.3.2: 2,100 Hz, 2.6 to 4 s; known after half a second. ITU-T V.25 and V.8 turn its phase each 450 ms and
/// change its level by 20 %.
const CED: std::ops::RangeInclusive<f32> = 2068.0..=2132.0;
const CED_LASTS: u32 = 500;
/// A tone's power is within this factor of its mean: 4 dB.
const STEADY: f32 = 2.5;
/// Silence is so much below the tone before: 16 dB.
const FALL: u32 = 40;

/// A tone that sounds.
#[derive(Copy, Clone, Debug)]
struct Run {
    hertz: f32,
    /// Its mean.
    power: f32,
    /// Milliseconds, with the part of the block before in which it began.
    millis: u32,
    /// A tone, or too little speech for its frequency, came before: it is no beep.
    doubtful: bool,
    /// The last block did not fit: the tone's end within a block, or a turn of its phase.
    gap: Option<Block>,
    told: bool,
}

impl Run {
    fn fits(&self, hertz: f32, power: u32) -> bool {
        let change = power as f32 / self.power;
        (hertz - self.hertz).abs() < 10.0 + self.hertz * 0.01 && (1.0 / STEADY..STEADY).contains(&change)
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Tones {
    run: Option<Run>,
    /// A tone that has ended, and the silence since.
    ended: Option<(Run, u32)>,
    /// The power of the block before.
    before: u32,
    /// Milliseconds of sound that is no tone; halved when it is long ago.
    speech: u32,
    /// Milliseconds since such sound, and since a tone.
    since_speech: u32,
    since_tone: Option<u32>,
}

impl Tones {
    /// Takes in the next block.
    pub(super) fn block(&mut self, block: Block) -> Option<Sound> {
        let found = self.next(block);
        self.before = block.power();
        found
    }

    fn next(&mut self, block: Block) -> Option<Sound> {
        self.since_speech = self.since_speech.saturating_add(MILLIS);
        self.since_tone = self.since_tone.map(|since| since.saturating_add(MILLIS));
        if let Some(mut run) = self.run.take() {
            let goes_on = match block {
                Block::Tone { hertz, power } => run.fits(hertz, power),
                Block::Quiet(_) | Block::Other(_) => false,
            };
            if goes_on {
                run.power += (block.power() as f32 - run.power) / 4.0;
                run.millis += if run.gap.take().is_some() { 2 * MILLIS } else { MILLIS };
                let answers = !run.told && CED.contains(&run.hertz) && run.millis >= CED_LASTS;
                run.told |= answers;
                self.run = Some(run);
                return answers.then_some(Sound::FaxAnswering);
            }
            let edge = match block {
                Block::Other(_) | Block::Tone { .. } => {
                    run.gap.is_none() && (block.power() as f32) < run.power * STEADY
                }
                Block::Quiet(_) => false,
            };
            if edge {
                // One block may differ.
                run.gap = Some(block);
                self.run = Some(run);
                return None;
            }
            self.end(run, block);
        }
        self.silence(block).or_else(|| {
            self.start(block);
            None
        })
    }

    /// A tone has ended with this block, which is not of it, or with the one before.
    fn end(&mut self, mut run: Run, block: Block) {
        let edge = run.gap.unwrap_or(block);
        let part = (edge.power() as f32 / run.power).min(1.0);
        run.millis += (part * MILLIS as f32) as u32;
        self.since_tone = (run.millis >= 60).then_some(0);
        self.ended = Some((run, 0));
    }

    /// Waits for the silence after a tone.
    fn silence(&mut self, block: Block) -> Option<Sound> {
        let (run, mut silence) = self.ended.take()?;
        let quiet = match block {
            Block::Quiet(_) => true,
            Block::Other(power) | Block::Tone { power, .. } => power < run.power as u32 / FALL,
        };
        if !quiet {
            return None;
        }
        silence += MILLIS;
        let calling = CNG.contains(&run.hertz) && CNG_LASTS.contains(&run.millis);
        let after = if PROGRESS.contains(&run.hertz) {
            AFTER_PROGRESS
        } else {
            AFTER
        };
        if silence < after {
            self.ended = Some((run, silence));
            None
        } else if calling {
            Some(Sound::FaxCalling)
        } else {
            let beep = BEEP.contains(&run.hertz) && BEEP_LASTS.contains(&run.millis) && !run.doubtful;
            beep.then_some(Sound::Beep)
        }
    }

    fn start(&mut self, block: Block) {
        match block {
            Block::Quiet(_) => {}
            Block::Other(_) => {
                if self.since_speech > WITHIN {
                    self.speech = 0;
                }
                self.speech = (self.speech + MILLIS).min(10 * SPEECH);
                self.since_speech = 0;
            }
            Block::Tone { hertz, power } => {
                let spoken = self.speech >= SPEECH && self.since_speech <= WITHIN;
                let after_tone = self.since_tone.is_some_and(|since| since < 100);
                // The block before may hold its begin.
                let part = (self.before as f32 / power as f32).min(1.0);
                self.run = Some(Run {
                    hertz,
                    power: power as f32,
                    millis: MILLIS + if part < 0.9 { (part * MILLIS as f32) as u32 } else { 0 },
                    doubtful: after_tone || PROGRESS.contains(&hertz) && !spoken,
                    gap: None,
                    told: false,
                });
            }
        }
    }
}
