//! How long the sound of a file lasts, without decoding it.

use std::{
    io::{Read, Seek, SeekFrom},
    time::Duration,
};

use super::{FileError, fill};

/// A page of Ogg has at most 27 octets of head, 255 of its table and 255 times 255 of packets (RFC 3533 section 6).
const LONGEST_PAGE: u64 = 27 + 255 + 255 * 255;
/// Ogg Opus counts in samples of 48 kHz, whatever was encoded (RFC 7845 section 4).
const OPUS_CLOCK: u64 = 48_000;

/// How long the sound of a file lasts that [`super::Writer`] wrote, also where a crash cut it off. `None`: the file does
/// not tell.
///
/// # Errors
/// The file cannot be read.
pub fn length<F: Read + Seek>(file: &mut F) -> Result<Option<Duration>, FileError> {
    let end = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(0))?;
    let mut head = [0; 48];
    let got = fill(file, &mut head)?;
    Ok(match &head[..got.min(4)] {
        b"RIFF" if got >= 44 => wav(&head, end),
        b"OggS" if got == 48 => {
            let last = end.saturating_sub(LONGEST_PAGE);
            file.seek(SeekFrom::Start(last))?;
            let mut tail = Vec::new();
            file.by_ref().take(LONGEST_PAGE).read_to_end(&mut tail)?;
            opus(&head, &tail)
        }
        _ => None,
    })
}

/// By the length of the file: the sizes in its head are wrong after a crash.
fn wav(head: &[u8; 48], end: u64) -> Option<Duration> {
    let ours = &head[8..16] == b"WAVEfmt " && &head[36..40] == b"data";
    let octets_a_second = u64::from(u32::from_le_bytes([head[28], head[29], head[30], head[31]]));
    let octets = end.saturating_sub(44);
    let millis = octets.saturating_mul(1_000).checked_div(octets_a_second)?;
    ours.then(|| Duration::from_millis(millis))
}

/// By the last page with a position, less the samples that are to be skipped at the beginning (RFC 7845 sections 4.2, 4.5).
fn opus(head: &[u8; 48], tail: &[u8]) -> Option<Duration> {
    if &head[28..36] != b"OpusHead" {
        return None;
    }
    let skipped = u64::from(u16::from_le_bytes([head[38], head[39]]));
    let mut pages = (0..tail.len().saturating_sub(26))
        .rev()
        .filter(|at| tail[*at..].starts_with(b"OggS"));
    let position = pages.find_map(|at| {
        let position = tail.get(at + 6..at + 14)?.try_into().ok().map(u64::from_le_bytes)?;
        // No packet ends in this page (RFC 3533 section 6).
        (position != u64::MAX).then_some(position)
    })?;
    Some(Duration::from_millis(
        position.saturating_sub(skipped).saturating_mul(1_000) / OPUS_CLOCK,
    ))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use ogg::{PacketWriteEndInfo, PacketWriter};

    use super::{super::Writer, *};
    use crate::{service::FileFormat, sound::Rate};

    /// Without its end a file is as on the disk when the process is killed.
    fn wav_of(rate: Rate, channels: u8, millis: u32, finished: bool) -> Vec<u8> {
        let mut file = Cursor::new(Vec::new());
        let mut writer = Writer::begin(&mut file, FileFormat::Wav, rate, channels, 7).unwrap();
        for _ in 0..millis / 20 {
            writer
                .write(&vec![77; rate.samples(20) * usize::from(channels)])
                .unwrap();
        }
        if finished {
            writer.finish().unwrap();
        }
        file.into_inner()
    }

    /// Packets of 20 ms, fifty a page.
    fn opus_of(millis: u64) -> Vec<u8> {
        let mut writer = PacketWriter::new(Vec::new());
        let mut head = b"OpusHead\x01\x01".to_vec();
        head.extend(312_u16.to_le_bytes());
        head.extend([0; 7]);
        let mut write = |packet: &[u8], end, position| writer.write_packet(packet.to_vec(), 7, end, position).unwrap();
        write(&head, PacketWriteEndInfo::EndPage, 0);
        write(b"OpusTags\0\0\0\0\0\0\0\0", PacketWriteEndInfo::EndPage, 0);
        let packets = (millis * 48 + 312).div_ceil(960);
        for packet in 1..=packets {
            let end = match packet {
                last if last == packets => PacketWriteEndInfo::EndStream,
                full if full % 50 == 0 => PacketWriteEndInfo::EndPage,
                _ => PacketWriteEndInfo::NormalPacket,
            };
            write(&[0x5a; 80], end, (packet * 960).min(millis * 48 + 312));
        }
        writer.into_inner()
    }

    fn millis(file: &[u8]) -> Option<u128> {
        length(&mut Cursor::new(file)).unwrap().map(|length| length.as_millis())
    }

    #[test]
    fn the_length_is_that_of_the_sound() {
        for length in [20, 1_500, 61_020] {
            for (rate, channels) in [(Rate::Narrow, 1), (Rate::Wide, 2), (Rate::Full, 1)] {
                let file = wav_of(rate, channels, length, true);
                assert_eq!(millis(&file), Some(length.into()), "{rate:?} {channels}");
            }
            assert_eq!(millis(&opus_of(length.into())), Some(length.into()));
        }
    }

    #[test]
    fn the_length_of_what_was_cut_off_is_that_of_what_is_there() {
        let wav = wav_of(Rate::Narrow, 1, 3_000, false);
        assert_eq!(millis(&wav), Some(3_000));
        assert_eq!(millis(&wav[..44 + 16_000]), Some(1_000));
        let opus = opus_of(10_000);
        // The last page that is there may be torn; its head is read.
        let half = millis(&opus[..opus.len() / 2]).unwrap();
        assert!((4_900..=6_000).contains(&half), "{half}");
    }

    #[test]
    fn what_is_no_file_of_ours_tells_nothing() {
        let (wav, opus) = (wav_of(Rate::Narrow, 1, 100, true), opus_of(100));
        for file in [&[][..], b"RIFF", b"OggS", &wav[..43], &opus[..47], &[b'x'; 100]] {
            assert_eq!(millis(file), None);
        }
        let mut silent = wav.clone();
        silent[28..32].fill(0);
        assert_eq!(millis(&silent), None);
        let mut other = opus.clone();
        other[28..36].copy_from_slice(b"\x01vorbis\0");
        assert_eq!(millis(&other), None);
    }
}
