//! Writes WAV of 16-bit PCM. Until the file is finished its sizes are unknown (all ones), which readers take for "up to
//! the end of the file"; so it can be played at any time, also after a crash.

use std::io::{Read, Seek, SeekFrom, Write};

use super::{FileError, Repair, fill};
use crate::sound::Rate;

/// Octets before the sound.
const HEAD: u64 = 44;
/// Octets of sound, at most: sizes are 32-bit numbers, and all ones means unknown.
const MAX_DATA: u64 = u32::MAX as u64 - HEAD - 4;
/// A size that is not known yet.
const UNKNOWN: u32 = u32::MAX;
/// Where the two sizes stand.
const RIFF_SIZE: u64 = 4;
const DATA_SIZE: u64 = 40;

/// A WAV file that is being written.
#[derive(Debug)]
pub(super) struct WavWriter<W> {
    out: W,
    channels: u8,
    /// Octets of sound that were written.
    data: u64,
    /// Octets of sound, at most.
    most: u64,
    buffer: Vec<u8>,
}

fn head(rate: Rate, channels: u8) -> [u8; HEAD as usize] {
    let channels = u16::from(channels);
    let mut head = [0; HEAD as usize];
    let mut at = 0;
    let mut put = |bytes: &[u8]| {
        head[at..at + bytes.len()].copy_from_slice(bytes);
        at += bytes.len();
    };
    put(b"RIFF");
    put(&UNKNOWN.to_le_bytes());
    put(b"WAVEfmt ");
    put(&16_u32.to_le_bytes());
    put(&1_u16.to_le_bytes());
    put(&channels.to_le_bytes());
    put(&rate.hertz().to_le_bytes());
    put(&(rate.hertz() * 2 * u32::from(channels)).to_le_bytes());
    put(&(2 * channels).to_le_bytes());
    put(&16_u16.to_le_bytes());
    put(b"data");
    put(&UNKNOWN.to_le_bytes());
    head
}

/// Writes both sizes.
fn sizes<W: Write + Seek>(out: &mut W, data: u64) -> Result<(), FileError> {
    let data = u32::try_from(data.min(MAX_DATA)).unwrap_or(UNKNOWN);
    out.seek(SeekFrom::Start(RIFF_SIZE))?;
    out.write_all(&(data + (HEAD as u32 - 8)).to_le_bytes())?;
    out.seek(SeekFrom::Start(DATA_SIZE))?;
    out.write_all(&data.to_le_bytes())?;
    Ok(())
}

impl<W: Write + Seek> WavWriter<W> {
    pub(super) fn begin(mut out: W, rate: Rate, channels: u8) -> Result<Self, FileError> {
        out.write_all(&head(rate, channels))?;
        Ok(Self {
            out,
            channels,
            data: 0,
            most: MAX_DATA,
            buffer: Vec::new(),
        })
    }

    pub(super) fn write(&mut self, pcm: &[i16]) -> Result<(), FileError> {
        let whole = pcm.len() - pcm.len() % usize::from(self.channels);
        let octets = 2 * whole as u64;
        if self.data + octets > self.most {
            return Err(FileError::Full);
        }
        self.buffer.clear();
        self.buffer
            .extend(pcm[..whole].iter().flat_map(|sample| sample.to_le_bytes()));
        self.out.write_all(&self.buffer)?;
        self.data += octets;
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<(W, u64), FileError> {
        // After a fault a part of the last block may have been written.
        let end = self.out.seek(SeekFrom::End(0))?;
        let frame = 2 * u64::from(self.channels);
        let data = end.saturating_sub(HEAD) / frame * frame;
        sizes(&mut self.out, data)?;
        self.out.flush()?;
        Ok((self.out, HEAD + data))
    }

    /// As if so much could be written at most.
    #[cfg(test)]
    pub(super) fn limit(&mut self, most: u64) {
        self.most = most;
    }
}

/// Sets the sizes of a file that this module wrote, by its length.
pub(super) fn repair<F: Read + Write + Seek>(file: &mut F) -> Result<Repair, FileError> {
    let mut head = [0; HEAD as usize];
    let got = fill(file, &mut head)?;
    let end = file.seek(SeekFrom::End(0))?;
    if got < head.len() {
        return Ok(Repair::Empty);
    }
    let ours = &head[8..16] == b"WAVEfmt " && &head[36..40] == b"data";
    if !ours || head[40..44] != UNKNOWN.to_le_bytes() {
        return Ok(Repair::Whole);
    }
    let frame = u64::from(u16::from_le_bytes([head[32], head[33]])).max(1);
    let data = (end - HEAD) / frame * frame;
    if data == 0 {
        return Ok(Repair::Empty);
    }
    sizes(file, data)?;
    Ok(Repair::Mended { length: HEAD + data })
}
