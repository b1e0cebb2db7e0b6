//! The short tones of entry and leave: two soft notes, up for entry, down for leave.

use std::{
    f32::consts::{PI, TAU},
    sync::LazyLock,
};

use super::floor::Floor;
use crate::sound::Rate;

/// Milliseconds of one note.
const NOTE: u32 = 110;
/// The two notes in hertz.
const LOW: f32 = 523.25;
const HIGH: f32 = 783.99;
/// Their level of full scale: -24 dBov.
const LEVEL: f32 = 0.09;
/// Tones that sound at once; further ones are left out, so that a crowd is no noise.
const MAX: usize = 2;

/// Which tone.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Chime {
    Entry,
    Leave,
}

static ENTRY: LazyLock<Vec<i16>> = LazyLock::new(|| notes([LOW, HIGH]));
static LEAVE: LazyLock<Vec<i16>> = LazyLock::new(|| notes([HIGH, LOW]));

/// Each note swells and dies away like half a wave, so that nothing clicks.
fn notes(notes: [f32; 2]) -> Vec<i16> {
    let length = Rate::Narrow.samples(NOTE);
    let note = |hertz: f32| {
        (0..length).map(move |n| {
            let swell = (PI * n as f32 / length as f32).sin();
            let wave = (TAU * hertz * n as f32 / Rate::Narrow.hertz() as f32).sin();
            (wave * swell * LEVEL * f32::from(i16::MAX)) as i16
        })
    };
    notes.into_iter().flat_map(note).collect()
}

#[derive(Debug)]
struct Ringing {
    chime: Chime,
    at: usize,
    owner: Option<u32>,
}

/// The tones that sound now.
#[derive(Debug, Default)]
pub(super) struct Chimes {
    ringing: Vec<Ringing>,
}

impl Chimes {
    /// Sounds a tone for all but `owner`.
    pub(super) fn ring(&mut self, chime: Chime, owner: Option<u32>) {
        if self.ringing.len() < MAX {
            self.ringing.push(Ringing { chime, at: 0, owner });
        }
    }

    /// A slot may be taken by somebody else from now on.
    pub(super) fn leave(&mut self, slot: u32) {
        for one in &mut self.ringing {
            if one.owner == Some(slot) {
                one.owner = None;
            }
        }
    }

    /// Adds a tick of what sounds.
    pub(super) fn sound(&mut self, millis: u32, floor: &mut Floor) {
        let length = Rate::Narrow.samples(millis);
        self.ringing.retain_mut(|one| {
            let sound: &[i16] = match one.chime {
                Chime::Entry => &ENTRY,
                Chime::Leave => &LEAVE,
            };
            let rest = sound.get(one.at..).unwrap_or_default();
            let padded = rest.iter().copied().chain(std::iter::repeat(0));
            floor.add(one.owner, Rate::Narrow, padded.take(length));
            one.at += length;
            // One tick of silence more: a resampler still holds the end, and the owner is not to hear that either.
            one.at < sound.len() + length
        });
    }
}
