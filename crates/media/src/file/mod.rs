//! Sound files: WAV and Ogg Opus, read and written piece by piece, never loaded whole. Pure: the shell hands in what is
//! open.
//!
//! | file | what it does | fields it owns |
//! |---|---|---|
//! | `mod.rs` | [`Reader`] and [`Writer`]: a file of either format | all of [`Reader`], [`Writer`] |
//! | `length.rs` | how long the sound of a file lasts | none |
//! | `wav.rs` | reads WAV: 16-bit PCM and G.711 | all of `WavReader` |
//! | `wav_writer.rs` | writes WAV, and repairs its header | all of `WavWriter` |
//! | `opus.rs` | reads Ogg Opus (RFC 7845) | all of `OpusReader`, `Budget` |
//! | `opus_writer.rs` | writes Ogg Opus, and cuts off a torn page | all of `OpusWriter` |
//!
//! A reader trusts no size that a file states. A damaged file plays as far as it goes.

mod length;
mod opus;
mod opus_writer;
#[cfg(test)]
mod tests;
mod wav;
mod wav_writer;

use std::io::{self, Read, Seek, SeekFrom, Write};

pub use length::length;
use thiserror::Error;

use self::{opus::OpusReader, opus_writer::OpusWriter, wav::WavReader, wav_writer::WavWriter};
use crate::{service::FileFormat, sound::Rate};

/// A file that cannot be read or written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FileError {
    /// Neither of the two formats, by its first octets.
    #[error("neither a WAV nor an Ogg Opus file")]
    Unknown,
    /// Damaged before its sound begins.
    #[error("not a {format} file: {what}")]
    Damaged {
        /// `WAV` or `Ogg Opus`.
        format: &'static str,
        /// What is wrong with it.
        what: &'static str,
    },
    /// Sound of a kind that Tandem does not play.
    #[error(
        "{found}; sound files are WAV (16-bit PCM or G.711) or Ogg Opus, 8000, 16000 or 48000 Hz, mono or stereo: \
         ffmpeg -i OLD -ar 16000 -ac 1 -c:a pcm_s16le NEW.wav"
    )]
    Unsupported {
        /// What was found.
        found: String,
    },
    /// The file may not get any longer: a WAV file has at most 4 GiB.
    #[error("the file has reached 4 GiB, the most that WAV can have")]
    Full,
    /// The file could not be read or written.
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// Reads until the buffer is full or the file ends. Gives the octets read.
fn fill<R: Read>(source: &mut R, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match source.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// A sound file that is being read.
#[derive(Debug)]
pub struct Reader<R: Read + Seek>(Format<R>);

#[derive(Debug)]
enum Format<R: Read + Seek> {
    Wav(WavReader<R>),
    Opus(Box<OpusReader<R>>),
}

impl<R: Read + Seek> Reader<R> {
    /// Begins to read, from where the source stands. The format is known by the first octets, not by a name.
    ///
    /// # Errors
    /// The file is of another format, of a kind that is not played, damaged before its sound, or cannot be read.
    pub fn open(mut source: R) -> Result<Reader<R>, FileError> {
        let mut start = [0; 4];
        let begin = source.stream_position()?;
        fill(&mut source, &mut start)?;
        source.seek(SeekFrom::Start(begin))?;
        match &start {
            b"RIFF" | b"RF64" => Ok(Reader(Format::Wav(WavReader::open(source)?))),
            b"OggS" => Ok(Reader(Format::Opus(Box::new(OpusReader::open(source)?)))),
            _ => Err(FileError::Unknown),
        }
    }

    /// Samples a second of what [`Reader::read`] gives. For Ogg Opus 48 kHz, whatever was encoded.
    pub fn rate(&self) -> Rate {
        match &self.0 {
            Format::Wav(wav) => wav.rate(),
            Format::Opus(_) => Rate::Full,
        }
    }

    /// Appends at most `samples` samples, mono, and gives how many; 0: the file is over. Stereo is mixed to mono.
    ///
    /// # Errors
    /// The source could not be read. What is damaged in mid-file is left out or concealed, and ends the file at worst.
    pub fn read(&mut self, samples: usize, out: &mut Vec<i16>) -> Result<usize, FileError> {
        match &mut self.0 {
            Format::Wav(wav) => wav.read(samples, out),
            Format::Opus(opus) => opus.read(samples, out),
        }
    }
}

/// A sound file that is being written. What was written before a crash can be played.
#[derive(Debug)]
pub struct Writer<W: Write + Seek>(Written<W>);

#[derive(Debug)]
enum Written<W: Write + Seek> {
    Wav(WavWriter<W>),
    Opus(Box<OpusWriter<W>>),
}

impl<W: Write + Seek> Writer<W> {
    /// Begins a file of one or two channels. `serial`: any number; Ogg names its stream by it.
    ///
    /// # Errors
    /// The head of the file could not be written.
    pub fn begin(out: W, format: FileFormat, rate: Rate, channels: u8, serial: u32) -> Result<Writer<W>, FileError> {
        let channels = channels.clamp(1, 2);
        Ok(Writer(match format {
            FileFormat::Wav => Written::Wav(WavWriter::begin(out, rate, channels)?),
            FileFormat::OggOpus => Written::Opus(Box::new(OpusWriter::begin(out, rate, channels, serial)?)),
        }))
    }

    /// Writes samples, those of two channels in turns. A part of a sample pair is left out.
    ///
    /// # Errors
    /// The disk is full, or [`FileError::Full`]. What was written before is still good; [`Writer::finish`] may follow.
    pub fn write(&mut self, pcm: &[i16]) -> Result<(), FileError> {
        match &mut self.0 {
            Written::Wav(wav) => wav.write(pcm),
            Written::Opus(opus) => opus.write(pcm),
        }
    }

    /// Ends the file: writes what was held back, and the sizes. Gives the sink, and the octets that the file should have:
    /// after a fault more may have been written, which the caller cuts off.
    ///
    /// # Errors
    /// The end could not be written; [`repair`] can make good for it.
    pub fn finish(self) -> Result<(W, u64), FileError> {
        match self.0 {
            Written::Wav(wav) => wav.finish(),
            Written::Opus(opus) => opus.finish(),
        }
    }
}

/// The state of a file that a crash may have left behind.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Repair {
    /// It was whole.
    Whole,
    /// Its sizes are right now.
    Mended {
        /// Octets that the file should have: what follows is a torn page or half a sample, which the caller cuts off.
        length: u64,
    },
    /// It holds no sound at all.
    Empty,
}

/// Mends a file that was not finished: the sizes of a WAV file are set from the length of the file.
///
/// # Errors
/// The file is of neither format, or cannot be read or written.
pub fn repair<F: Read + Write + Seek>(file: &mut F) -> Result<Repair, FileError> {
    let mut start = [0; 4];
    file.seek(SeekFrom::Start(0))?;
    let got = fill(file, &mut start)?;
    file.seek(SeekFrom::Start(0))?;
    match &start[..got] {
        b"RIFF" => wav_writer::repair(file),
        b"OggS" => opus_writer::repair(file),
        _ if got < 4 => Ok(Repair::Empty),
        _ => Err(FileError::Unknown),
    }
}
