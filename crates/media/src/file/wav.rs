//! Reads WAV: RIFF chunks in any order before the sound, 16-bit PCM or G.711 (the multimedia data standards update of
//! 1994; `WAVE_FORMAT_EXTENSIBLE` as Microsoft's `mmreg.h` has it).

use std::io::{self, Read};

use super::{FileError, fill};
use crate::{codec::g711::Law, sound::Rate};

/// Octets before the sound, at most: names and pictures may stand there.
const MAX_HEAD: u64 = 16 << 20;
/// Octets read at once. A multiple of every size of a frame.
const PIECE: usize = 4096;
/// The rest of a subformat's GUID, after the format tag.
const GUID: [u8; 14] = [0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71];

/// How a sample is coded.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Coded {
    Linear,
    G711(Law),
}

/// What the chunk `fmt ` says.
#[derive(Copy, Clone, Debug)]
struct Layout {
    coded: Coded,
    rate: Rate,
    channels: usize,
}

impl Layout {
    /// Octets of one sample of each channel.
    fn frame(self) -> usize {
        match self.coded {
            Coded::Linear => 2 * self.channels,
            Coded::G711(_) => self.channels,
        }
    }
}

/// A WAV file that is being read.
#[derive(Debug)]
pub(super) struct WavReader<R> {
    source: R,
    layout: Layout,
    /// Octets of sound that are left by the file's own account; `None`: up to the end of the file.
    left: Option<u64>,
}

fn damaged(what: &'static str) -> FileError {
    FileError::Damaged { format: "WAV", what }
}

fn half(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..at + 2).map_or(0, |b| u16::from_le_bytes([b[0], b[1]]))
}

fn word(bytes: &[u8], at: usize) -> u32 {
    bytes
        .get(at..at + 4)
        .map_or(0, |b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]))
}

/// Reads past so many octets; `false` where the file ends before.
fn skip<R: Read>(source: &mut R, octets: u64) -> io::Result<bool> {
    Ok(io::copy(&mut source.take(octets), &mut io::sink())? == octets)
}

impl<R: Read> WavReader<R> {
    pub(super) fn open(mut source: R) -> Result<Self, FileError> {
        let mut riff = [0; 12];
        if fill(&mut source, &mut riff)? < riff.len() || &riff[8..] != b"WAVE" {
            return Err(damaged("it is no RIFF file of WAVE"));
        }
        let stated = u64::from(word(&riff, 4)) + 8;
        let mut at = 12;
        let mut layout = None;
        loop {
            let mut head = [0; 8];
            if fill(&mut source, &mut head)? < head.len() {
                return Err(damaged("it has no sound"));
            }
            at += 8;
            let length = word(&head, 4);
            match &head[..4] {
                b"fmt " => {
                    let mut fields = [0; 40];
                    let held = (length as usize).min(fields.len());
                    if fill(&mut source, &mut fields[..held])? < held {
                        return Err(damaged("it ends in its head"));
                    }
                    layout = Some(self::layout(&fields[..held])?);
                    at += held as u64;
                    let rest = u64::from(length) + u64::from(length % 2) - held as u64;
                    at += rest;
                    if at > MAX_HEAD || !skip(&mut source, rest)? {
                        return Err(damaged("it ends in its head"));
                    }
                }
                b"data" => {
                    let layout = layout.ok_or(damaged("its format is not told before its sound"))?;
                    // Whoever writes without seeking back leaves sizes of 0 or of all ones.
                    let unknown = length == u32::MAX || (length == 0 && stated <= at);
                    let left = (!unknown).then_some(u64::from(length));
                    return Ok(Self { source, layout, left });
                }
                _ => {
                    let length = u64::from(length) + u64::from(length % 2);
                    at += length;
                    if at > MAX_HEAD {
                        return Err(damaged("its sound begins too late"));
                    }
                    if !skip(&mut source, length)? {
                        return Err(damaged("it has no sound"));
                    }
                }
            }
        }
    }

    pub(super) fn rate(&self) -> Rate {
        self.layout.rate
    }

    pub(super) fn read(&mut self, samples: usize, out: &mut Vec<i16>) -> Result<usize, FileError> {
        let frame = self.layout.frame();
        let mut piece = [0; PIECE];
        let mut given = 0;
        while given < samples {
            let most = (samples - given).saturating_mul(frame).min(PIECE);
            let most = self.left.map_or(most, |left| left.min(most as u64) as usize);
            let got = fill(&mut self.source, &mut piece[..most])?;
            self.left = self.left.map(|left| left - got as u64);
            // A file that ends within a sample ends before it.
            let frames = got / frame;
            self.decode(&piece[..frames * frame], out);
            given += frames;
            if got < most || frames == 0 {
                self.left = Some(0);
                break;
            }
        }
        Ok(given)
    }

    fn decode(&self, octets: &[u8], out: &mut Vec<i16>) {
        let linear = |b: &[u8]| i16::from_le_bytes([b[0], b[1]]);
        let mix = |left: i16, right: i16| ((i32::from(left) + i32::from(right)) / 2) as i16;
        match (self.layout.coded, self.layout.channels) {
            (Coded::Linear, 1) => out.extend(octets.chunks_exact(2).map(linear)),
            (Coded::Linear, _) => out.extend(octets.chunks_exact(4).map(|b| mix(linear(&b[..2]), linear(&b[2..])))),
            (Coded::G711(law), 1) => law.decode(octets, out),
            (Coded::G711(law), _) => {
                let mut both = Vec::with_capacity(octets.len());
                law.decode(octets, &mut both);
                out.extend(both.chunks_exact(2).map(|pair| mix(pair[0], pair[1])));
            }
        }
    }
}

/// Reads the chunk `fmt `.
fn layout(fields: &[u8]) -> Result<Layout, FileError> {
    if fields.len() < 14 {
        return Err(damaged("its format is cut short"));
    }
    let (mut tag, channels, hertz, bits) = (half(fields, 0), half(fields, 2), word(fields, 4), half(fields, 14));
    if tag == 0xfffe && fields.get(26..40) == Some(&GUID) {
        tag = half(fields, 24);
    }
    let (coded, name) = match (tag, bits) {
        (1, 16) => (Some(Coded::Linear), "16-bit PCM".to_owned()),
        (6, _) => (Some(Coded::G711(Law::Pcma)), "G.711 A-law".to_owned()),
        (7, _) => (Some(Coded::G711(Law::Pcmu)), "G.711 µ-law".to_owned()),
        (1, bits) => (None, format!("{bits}-bit PCM")),
        (3, bits) => (None, format!("{bits}-bit floating point")),
        (tag, _) => (None, format!("WAV of format {tag:#06x}")),
    };
    match (coded, Rate::of(hertz), channels) {
        (Some(coded), Some(rate), 1 | 2) => Ok(Layout {
            coded,
            rate,
            channels: usize::from(channels),
        }),
        _ => Err(FileError::Unsupported {
            found: format!("{name} at {hertz} Hz, {channels} channels"),
        }),
    }
}
