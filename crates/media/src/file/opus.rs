//! Reads Ogg Opus (RFC 7845): one stream of one or two channels. A chained file ends with its first link.

use std::{
    collections::VecDeque,
    fmt,
    io::{self, Read, Seek, SeekFrom},
};

use ogg::{OggReadError, Packet, PacketReader};
use smallvec::SmallVec;

use super::FileError;
use crate::{Payload, codec::Decoder, sound::Rate};

/// Octets of a file that are read for one packet, at most. Pictures may stand among the tags.
const MAX_PACKET: u64 = 1 << 20;
/// Packets in a row that cannot be used; after them the file is over.
const MAX_BAD: u32 = 1_000;

fn damaged(what: &'static str) -> FileError {
    FileError::Damaged {
        format: "Ogg Opus",
        what,
    }
}

/// Opus as the codecs know it.
pub(super) fn opus() -> Payload {
    Payload {
        number: 111,
        codec: "OPUS".into(),
        clock_rate: 48_000,
        channels: 2,
        fmtp: None,
    }
}

/// A source that ends with an error where one packet is too long.
struct Budget<R> {
    source: R,
    left: u64,
}

impl<R: Read> Read for Budget<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = buffer.len().min(self.left as usize);
        if most == 0 && !buffer.is_empty() {
            return Err(io::Error::other("a packet is too long"));
        }
        let got = self.source.read(&mut buffer[..most])?;
        self.left -= got as u64;
        Ok(got)
    }
}

impl<R: Seek> Seek for Budget<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.source.seek(to)
    }
}

/// An Ogg Opus file that is being read.
pub(super) struct OpusReader<R: Read + Seek> {
    packets: PacketReader<Budget<R>>,
    serial: u32,
    /// One; or two, where each channel is a stream by itself (channel mapping family 1).
    decoders: SmallVec<[Decoder; 2]>,
    /// What samples are multiplied by.
    gain: Option<f32>,
    /// Decoded samples to be left out before the sound begins.
    skip: usize,
    /// Packets of the page that was read last.
    page: VecDeque<Vec<u8>>,
    /// Samples of all pages before the one that was read last.
    position: u64,
    /// The granule position of the first sample.
    base: Option<u64>,
    /// Samples that are left up to the end, from the page that was read last; known with the last page.
    left: Option<u64>,
    /// Decoded samples, and how many of them were given.
    pcm: Vec<i16>,
    given: usize,
    over: bool,
}

impl<R: Read + Seek> fmt::Debug for OpusReader<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { serial, position, .. } = self;
        write!(f, "OpusReader({serial:#x} at {position})")
    }
}

impl<R: Read + Seek> OpusReader<R> {
    pub(super) fn open(source: R) -> Result<Self, FileError> {
        let mut packets = PacketReader::new(Budget {
            source,
            left: MAX_PACKET,
        });
        let first = next(&mut packets)?.ok_or(damaged("it has no packet"))?;
        let head = Head::read(&first.data)?;
        let serial = first.stream_serial();
        let tags = next(&mut packets)?.ok_or(damaged("it has no tags"))?;
        if tags.stream_serial() != serial || !tags.data.starts_with(b"OpusTags") {
            return Err(damaged("no tags follow its head"));
        }
        let decoders: Option<SmallVec<_>> = (0..head.streams).map(|_| Decoder::at(&opus(), Rate::Full)).collect();
        Ok(Self {
            packets,
            serial,
            decoders: decoders.ok_or_else(|| FileError::Unsupported { found: "Opus".into() })?,
            gain: head.gain,
            skip: head.skip,
            page: VecDeque::new(),
            position: 0,
            base: None,
            left: None,
            pcm: Vec::new(),
            given: 0,
            over: false,
        })
    }

    pub(super) fn read(&mut self, samples: usize, out: &mut Vec<i16>) -> Result<usize, FileError> {
        let mut count = 0;
        while count < samples {
            let ready = &self.pcm[self.given..];
            let taken = ready.len().min(samples - count);
            out.extend_from_slice(&ready[..taken]);
            (self.given, count) = (self.given + taken, count + taken);
            if count == samples {
                break;
            }
            match self.page.pop_front() {
                Some(packet) => self.decode(&packet),
                None if self.over => break,
                None => self.page()?,
            }
        }
        Ok(count)
    }

    /// Decodes a packet into `pcm`.
    fn decode(&mut self, packet: &[u8]) {
        self.pcm.clear();
        self.given = 0;
        match self.decoders.as_mut_slice() {
            [one] => decode(one, packet, &mut self.pcm),
            [one, other] => {
                let Some((kind, first, second)) = split(packet) else {
                    return;
                };
                let first: SmallVec<[u8; 256]> = std::iter::once(&kind).chain(first).copied().collect();
                let mut beside = Vec::new();
                decode(one, &first, &mut self.pcm);
                decode(other, second, &mut beside);
                for (sample, more) in self.pcm.iter_mut().zip(beside) {
                    *sample = ((i32::from(*sample) + i32::from(more)) / 2) as i16;
                }
            }
            _ => {}
        }
        if let Some(left) = &mut self.left {
            self.pcm.truncate(usize::try_from(*left).unwrap_or(usize::MAX));
            *left -= self.pcm.len() as u64;
        }
        self.given = self.skip.min(self.pcm.len());
        self.skip -= self.given;
        if let Some(gain) = self.gain {
            // The conversion saturates.
            self.pcm.iter_mut().for_each(|s| *s = (f32::from(*s) * gain) as i16);
        }
    }

    /// Reads the next page that ends a packet: all its packets at once, since its granule position tells where the last
    /// one ends (RFC 7845 section 4).
    fn page(&mut self) -> Result<(), FileError> {
        let (mut length, mut bad) = (0_u64, 0);
        loop {
            let Some(packet) = next(&mut self.packets)? else {
                // A file that was cut ends where it was cut.
                self.over = true;
                return Ok(());
            };
            if packet.stream_serial() != self.serial {
                bad += 1;
                // The next link of a chain, or a stream beside this one.
                if bad > MAX_BAD || packet.first_in_stream() {
                    self.over = true;
                    return Ok(());
                }
                continue;
            }
            let (granule, last, end) = (packet.absgp_page(), packet.last_in_page(), packet.last_in_stream());
            if let Some(samples) = self.samples(&packet.data) {
                length += samples as u64;
                self.page.push_back(packet.data);
            } else {
                bad += 1;
            }
            if end || last {
                let granule = if granule == u64::MAX { length } else { granule };
                let base = *self.base.get_or_insert(granule.saturating_sub(length));
                if end {
                    let total = granule.saturating_sub(base);
                    self.left = Some(total.saturating_sub(self.position).min(length));
                }
                self.over = end || bad > MAX_BAD;
                self.position += length;
                return Ok(());
            }
        }
    }

    fn samples(&self, packet: &[u8]) -> Option<usize> {
        match self.decoders.as_slice() {
            [one] => one.samples(packet),
            [_, other] => other.samples(split(packet)?.2),
            _ => None,
        }
    }
}

/// What cannot be decoded is concealed.
fn decode(decoder: &mut Decoder, packet: &[u8], out: &mut Vec<i16>) {
    let begun = out.len();
    if decoder.decode(packet, out).is_err() {
        out.truncate(begun);
        let samples = decoder.samples(packet).unwrap_or_default();
        decoder.conceal(samples, None, out);
    }
}

/// The next packet of any stream; pages with a wrong check sum are left out. `None` at the end, also of a file that
/// ends within a page.
fn next<R: Read + Seek>(packets: &mut PacketReader<Budget<R>>) -> Result<Option<Packet>, FileError> {
    for _ in 0..MAX_BAD {
        packets.get_mut().left = MAX_PACKET;
        return match packets.read_packet() {
            Ok(packet) => Ok(packet),
            Err(OggReadError::HashMismatch(..)) => continue,
            Err(OggReadError::ReadError(error)) if error.kind() != io::ErrorKind::UnexpectedEof => Err(error.into()),
            Err(
                OggReadError::ReadError(_)
                | OggReadError::NoCapturePatternFound
                | OggReadError::InvalidStreamStructVer(_)
                | OggReadError::InvalidData,
            ) => Ok(None),
        };
    }
    Ok(None)
}

/// The streams of a packet with two: the first one's first octet, the rest of it, and the second one. The length of the
/// first stands after its first octet (RFC 6716 appendix B).
fn split(packet: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&kind, rest) = packet.split_first()?;
    // One frame a packet: what Tandem writes.
    if kind & 3 != 0 {
        return None;
    }
    let (length, rest) = match *rest {
        [short @ 0..=251, ..] => (usize::from(short), &rest[1..]),
        [first, second, ..] => (usize::from(first) + 4 * usize::from(second), &rest[2..]),
        _ => return None,
    };
    let (first, second) = rest.split_at_checked(length)?;
    Some((kind, first, second))
}

/// The identification header (RFC 7845 section 5.1).
struct Head {
    streams: u8,
    skip: usize,
    gain: Option<f32>,
}

impl Head {
    fn read(packet: &[u8]) -> Result<Head, FileError> {
        let fields = packet.strip_prefix(b"OpusHead").ok_or_else(|| FileError::Unsupported {
            found: "Ogg, but not Opus".into(),
        })?;
        let [version, channels, fields @ ..] = fields else {
            return Err(damaged("its head is cut short"));
        };
        let Some((fields, mapping)) = fields.split_first_chunk::<9>() else {
            return Err(damaged("its head is cut short"));
        };
        // RFC 7845 section 5.1: a decoder takes all versions with the same upper half.
        let unsupported = |found: String| Err(FileError::Unsupported { found });
        if version >> 4 != 0 {
            return unsupported(format!("Ogg Opus of version {version}"));
        }
        let streams = match (fields[8], *channels, mapping) {
            (0, 1 | 2, _) | (1, 1 | 2, [1, ..]) => 1,
            (1, 2, [2, 0, 0, 1, ..]) => 2,
            (family, channels, _) => {
                return unsupported(format!("Ogg Opus of {channels} channels, mapping family {family}"));
            }
        };
        let gain = i16::from_le_bytes([fields[6], fields[7]]);
        Ok(Head {
            streams,
            skip: usize::from(u16::from_le_bytes([fields[0], fields[1]])),
            gain: (gain != 0).then(|| 10_f32.powf(f32::from(gain) / (20.0 * 256.0))),
        })
    }
}
