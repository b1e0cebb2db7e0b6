//! Writes Ogg Opus (RFC 7845). Each page goes out whole, at least one a second, so that a file that ends anywhere can be
//! played up to its last page. Two channels are two streams side by side (channel mapping family 1, none coupled): what
//! one side says is not heard on the other.

use std::{
    fmt,
    io::{self, Read, Seek, SeekFrom, Write},
};

use ogg::{PacketWriteEndInfo, PacketWriter};
use smallvec::SmallVec;

use super::{FileError, Repair, fill, opus::opus};
use crate::{codec::Encoder, sound::Rate};

/// Milliseconds of a packet.
const PTIME: u32 = 20;
/// Samples at 48 kHz of a packet, of a page, and of what the encoder delays by (libopus: 2.5 ms of overlap and 4 ms of
/// filter, at each rate).
const FRAME: u64 = 960;
const PAGE: u64 = 48_000;
const DELAY: u16 = 312;
/// The first octet of a packet with one empty frame of 20 ms, which decoders conceal (RFC 6716 section 3.1).
const EMPTY: u8 = 0xf8;
/// Octets of a packet of one stream, at most.
const MAX_PACKET: usize = 1_275;

/// An Ogg Opus file that is being written.
pub(super) struct OpusWriter<W> {
    out: W,
    pages: PacketWriter<'static, Vec<u8>>,
    serial: u32,
    tracks: SmallVec<[Track; 2]>,
    /// The packet that was encoded last: only the end of the file tells whether it is the last.
    held: Option<Vec<u8>>,
    /// Samples at 48 kHz that were taken in, and that were encoded, the held packet included.
    taken: u64,
    encoded: u64,
    /// Samples in pages that were written.
    written: u64,
    /// Octets in whole pages.
    octets: u64,
    /// A page could not be written: the file ends before it.
    torn: bool,
    /// Samples at 48 kHz for each one that comes in.
    factor: u64,
}

/// One channel.
struct Track {
    encoder: Encoder,
    /// Samples that do not fill a packet yet.
    waiting: Vec<i16>,
}

impl<W> fmt::Debug for OpusWriter<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OpusWriter({:#x} at {})", self.serial, self.taken)
    }
}

impl<W: Write + Seek> OpusWriter<W> {
    pub(super) fn begin(out: W, rate: Rate, channels: u8, serial: u32) -> Result<Self, FileError> {
        let track = |_| {
            let encoder = Encoder::at(&opus(), PTIME, rate)?;
            Some(Track {
                encoder,
                waiting: Vec::new(),
            })
        };
        let tracks: Option<SmallVec<[Track; 2]>> = (0..channels).map(track).collect();
        let mut writer = Self {
            out,
            pages: PacketWriter::new(Vec::new()),
            serial,
            tracks: tracks.ok_or_else(|| FileError::Unsupported { found: "Opus".into() })?,
            held: None,
            taken: 0,
            encoded: 0,
            written: 0,
            octets: 0,
            torn: false,
            factor: u64::from(Rate::Full.hertz() / rate.hertz()),
        };
        let mut head = b"OpusHead\x01".to_vec();
        head.push(channels);
        head.extend(DELAY.to_le_bytes());
        head.extend(rate.hertz().to_le_bytes());
        head.extend(0_i16.to_le_bytes());
        head.extend(if channels == 1 { &[0][..] } else { &[1, 2, 0, 0, 1] });
        writer.page(head, PacketWriteEndInfo::EndPage, 0)?;
        let mut tags = b"OpusTags\x06\0\0\0Tandem".to_vec();
        tags.extend(0_u32.to_le_bytes());
        writer.page(tags, PacketWriteEndInfo::EndPage, 0)?;
        Ok(writer)
    }

    /// Adds a packet to the page; a page that is complete goes out in one piece.
    fn page(&mut self, packet: Vec<u8>, end: PacketWriteEndInfo, granule: u64) -> Result<(), FileError> {
        self.pages.write_packet(packet, self.serial, end, granule)?;
        let page = self.pages.inner_mut();
        if !page.is_empty() {
            let written = self.out.write_all(page);
            let octets = page.len() as u64;
            page.clear();
            self.torn |= written.is_err();
            written?;
            self.octets += octets;
        }
        Ok(())
    }

    pub(super) fn write(&mut self, pcm: &[i16]) -> Result<(), FileError> {
        if self.torn {
            return Err(io::Error::other("an earlier page could not be written").into());
        }
        let channels = self.tracks.len();
        self.taken += (pcm.len() / channels) as u64 * self.factor;
        for (at, track) in self.tracks.iter_mut().enumerate() {
            let own = pcm.chunks_exact(channels).filter_map(|frame| frame.get(at));
            track.waiting.extend(own);
        }
        self.encode()
    }

    /// Encodes all whole frames.
    fn encode(&mut self) -> Result<(), FileError> {
        let samples = (FRAME / self.factor) as usize;
        while self.tracks.iter().all(|track| track.waiting.len() >= samples) {
            let mut packet = Vec::with_capacity(256);
            let last = self.tracks.len() - 1;
            for (at, track) in self.tracks.iter_mut().enumerate() {
                let mut octets = [0; MAX_PACKET];
                let length = track.encoder.encode(&track.waiting[..samples], &mut octets);
                track.waiting.drain(..samples);
                let (kind, frame) = match octets[..length] {
                    // Two streams need the framing of one frame a packet, and the encoder makes no other.
                    [kind, ref frame @ ..] if last == 0 || kind & 3 == 0 => (kind, frame),
                    _ => (EMPTY, &[][..]),
                };
                packet.push(kind);
                if at < last {
                    // RFC 6716 appendix B, for a packet of one frame.
                    match frame.len() {
                        short @ 0..=251 => packet.push(short as u8),
                        long => {
                            let first = 252 + (long % 4);
                            packet.extend([first as u8, ((long - first) / 4) as u8]);
                        }
                    }
                }
                packet.extend_from_slice(frame);
            }
            self.encoded += FRAME;
            let held = self.held.replace(packet);
            if let Some(before) = held {
                let granule = self.encoded - FRAME;
                let full = granule - self.written >= PAGE;
                let end = if full {
                    PacketWriteEndInfo::EndPage
                } else {
                    PacketWriteEndInfo::NormalPacket
                };
                if full {
                    self.written = granule;
                }
                self.page(before, end, granule)?;
            }
        }
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<(W, u64), FileError> {
        if self.torn {
            return Ok((self.out, self.octets));
        }
        // The last samples come out of the encoder after as many more.
        let total = self.taken + u64::from(DELAY);
        let missing = (total.next_multiple_of(FRAME) - self.encoded) / self.factor;
        for track in &mut self.tracks {
            track.waiting.resize(missing as usize, 0);
        }
        self.encode()?;
        if let Some(last) = self.held.take() {
            self.page(last, PacketWriteEndInfo::EndStream, total)?;
        }
        self.out.flush()?;
        Ok((self.out, self.octets))
    }
}

/// Finds the end of the last whole page.
pub(super) fn repair<F: Read + Seek>(file: &mut F) -> Result<Repair, FileError> {
    let end = file.seek(SeekFrom::End(0))?;
    let (mut at, mut pages, mut finished) = (0, 0_u64, false);
    loop {
        file.seek(SeekFrom::Start(at))?;
        let mut head = [0; 27 + 255];
        let got = fill(file, &mut head[..27])?;
        let segments = usize::from(head[26]);
        if got < 27 || !head.starts_with(b"OggS") || fill(file, &mut head[27..27 + segments])? < segments {
            break;
        }
        let body: u64 = head[27..27 + segments].iter().map(|octets| u64::from(*octets)).sum();
        let next = at + 27 + segments as u64 + body;
        if next > end {
            break;
        }
        finished = head[5] & 4 != 0;
        (at, pages) = (next, pages + 1);
    }
    Ok(match pages {
        // The first two hold no sound.
        0..=2 => Repair::Empty,
        _ if at == end && finished => Repair::Whole,
        _ => Repair::Mended { length: at },
    })
}
