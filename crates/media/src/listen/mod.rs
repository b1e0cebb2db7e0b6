//! What the engine listens for in a leg's sound: keys as tones, voice, the beep of an answering machine, fax tones.
//!
//! All detectors take linear samples at 8 kHz, in pieces of any length. Levels are of G.711: a sine of full scale is at
//! 3.17 dBm0 (the law of PCMU), which is -3 dBov. Each sound counts from -30 dBm0 on.
//!
//! | file | what it does | fields it owns |
//! |---|---|---|
//! | `mod.rs` | [`Listener`]: the detectors of one leg | all of [`Listener`] |
//! | `dtmf.rs` | keys (ITU-T Q.23, Q.24) | all of `Dtmf` |
//! | `blocks.rs` | cuts sound into blocks of 20 ms: silence, a pure tone, or other sound | all of `Blocks` |
//! | `tones.rs` | beep, CNG and CED from the run of blocks | all of `Tones` |
//! | `activity.rs` | voice; also for rooms | all of `Activity` |
//!
//! Voice is found by its energy above the noise of its line. The other choice is a neural network (the crate `earshot`),
//! which was measured: it costs 0.17 % of a core for each leg, where all detectors here cost 0.02 % (voice alone 0.004 %),
//! takes 8 KiB for each leg, and sound of 16 kHz. It does not take music for voice, as this does; pure tones neither does.

pub(crate) mod activity;
mod blocks;
mod dtmf;
#[cfg(test)]
mod tests;
mod tones;

use smallvec::SmallVec;

use self::{
    activity::{Activity, Change},
    blocks::{Block, Blocks},
    dtmf::Dtmf,
    tones::Tones,
};
use crate::service::{Ears, Sound};

/// Milliseconds of silence after which speech has ended.
const HANGOVER: u32 = 400;

/// What was heard.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// A key is pressed: `0`-`9`, `*`, `#`, `A`-`D`. Told once a press, as soon as it is sure (after 40 ms at most).
    Pressed(char),
    /// That key was let go.
    Released {
        /// The key.
        digit: char,
        /// How long it was pressed, to about 10 ms.
        millis: u32,
    },
    /// Another sound.
    Sound(Sound),
}

/// The detectors of one leg: those that are asked for.
#[derive(Debug, Default)]
pub struct Listener {
    ears: Ears,
    dtmf: Option<Box<Dtmf>>,
    blocks: Option<Box<Blocks>>,
    tones: Tones,
    voice: Activity,
}

impl Listener {
    /// Listens for these.
    pub fn new(ears: Ears) -> Listener {
        Listener {
            ears,
            dtmf: ears.digits.then(Box::default),
            blocks: (ears.voice || ears.beep || ears.fax).then(Box::default),
            tones: Tones::default(),
            voice: Activity::default(),
        }
    }

    /// Whether what was heard last may be a key: one that was told of and is not let go, or a block of its tones.
    pub fn may_be_key(&self) -> bool {
        self.dtmf.as_ref().is_some_and(|dtmf| dtmf.is_pressed())
    }

    /// Nothing more is heard: a key that is pressed is let go.
    pub fn end(&mut self) -> Option<Heard> {
        self.dtmf.as_mut()?.end()
    }

    /// Samples at 8 kHz, of any number; what was heard in them, in order.
    pub fn hear(&mut self, pcm: &[i16]) -> SmallVec<[Heard; 4]> {
        let mut heard = SmallVec::new();
        if let Some(dtmf) = &mut self.dtmf {
            dtmf.hear(pcm, &mut heard);
        }
        if let Some(blocks) = &mut self.blocks {
            blocks.cut(pcm, |block| {
                if self.ears.beep || self.ears.fax {
                    let found = self.tones.block(block);
                    let wanted = found.filter(|sound| match sound {
                        Sound::Beep => self.ears.beep,
                        Sound::FaxCalling | Sound::FaxAnswering => self.ears.fax,
                        Sound::SpeechBegins | Sound::SpeechEnds => false,
                    });
                    heard.extend(wanted.map(Heard::Sound));
                }
                if self.ears.voice {
                    voice(&mut self.voice, block);
                    heard.extend(self.voice.take().map(|change| {
                        Heard::Sound(match change {
                            Change::Begins => Sound::SpeechBegins,
                            Change::Ends => Sound::SpeechEnds,
                        })
                    }));
                }
            });
        }
        heard
    }
}

/// A pure tone is no voice.
fn voice(voice: &mut Activity, block: Block) {
    match block {
        Block::Tone { .. } => voice.other(blocks::MILLIS, HANGOVER),
        Block::Quiet(power) | Block::Other(power) => voice.frame(power, blocks::MILLIS, HANGOVER),
    }
}
