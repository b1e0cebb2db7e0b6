//! Files of both formats; here are WAV files, and what all use.

mod opus;

use std::io::Cursor;

use proptest::prelude::*;

use super::*;
use crate::codec::g711::Law;

/// A WAV file: the chunk `fmt ` of these fields, chunks before and after it, and sound.
fn wav(tag: u16, channels: u16, hertz: u32, bits: u16, data: &[u8]) -> Vec<u8> {
    let mut file = b"RIFF\0\0\0\0WAVELIST\x03\0\0\0abc\0fmt \x12\0\0\0".to_vec();
    let frame = channels * bits / 8;
    file.extend([tag.to_le_bytes(), channels.to_le_bytes()].concat());
    file.extend([hertz.to_le_bytes(), (hertz * u32::from(frame)).to_le_bytes()].concat());
    file.extend([frame.to_le_bytes(), bits.to_le_bytes(), [0, 0]].concat());
    file.extend(b"bext\x02\0\0\0hidata");
    file.extend((data.len() as u32).to_le_bytes());
    file.extend(data);
    let length = (file.len() - 8) as u32;
    file[4..8].copy_from_slice(&length.to_le_bytes());
    file
}

fn octets(samples: &[i16]) -> Vec<u8> {
    samples.iter().flat_map(|s| s.to_le_bytes()).collect()
}

/// All samples, read in pieces of that length.
fn read(file: &[u8], piece: usize) -> Result<Vec<i16>, FileError> {
    let mut reader = Reader::open(Cursor::new(file))?;
    let mut pcm = Vec::new();
    while reader.read(piece, &mut pcm)? > 0 {
        assert!(pcm.len() < 1 << 22);
    }
    Ok(pcm)
}

fn written(rate: Rate, channels: u8, pieces: &[&[i16]]) -> Vec<u8> {
    let mut writer = Writer::begin(Cursor::new(Vec::new()), FileFormat::Wav, rate, channels, 1).unwrap();
    pieces.iter().for_each(|piece| writer.write(piece).unwrap());
    let (file, length) = writer.finish().unwrap();
    assert_eq!(file.get_ref().len() as u64, length);
    file.into_inner()
}

#[test]
fn pcm_and_both_laws_are_read_at_each_rate_and_stereo_is_mixed() {
    let samples = [0, 1000, -1000, i16::MAX, i16::MIN];
    for hertz in [8_000, 16_000, 48_000] {
        let file = wav(1, 1, hertz, 16, &octets(&samples));
        assert_eq!(Reader::open(Cursor::new(&file)).unwrap().rate().hertz(), hertz);
        assert_eq!(read(&file, 2).unwrap(), samples);
        for (law, tag) in [(Law::Pcma, 6), (Law::Pcmu, 7)] {
            let mut encoded = [0; 5];
            law.encode(&samples, &mut encoded);
            let mut decoded = Vec::new();
            law.decode(&encoded, &mut decoded);
            assert_eq!(read(&wav(tag, 1, hertz, 8, &encoded), 100).unwrap(), decoded);
            let twice: Vec<u8> = encoded.iter().flat_map(|b| [*b, *b]).collect();
            assert_eq!(read(&wav(tag, 2, hertz, 8, &twice), 3).unwrap(), decoded);
        }
    }
    let pairs = [100, 300, -5, -7, i16::MIN, i16::MIN];
    assert_eq!(
        read(&wav(1, 2, 16_000, 16, &octets(&pairs)), 1).unwrap(),
        [200, -6, i16::MIN]
    );
}

#[test]
fn an_extensible_format_is_read_by_its_subformat() {
    let mut file = b"RIFF\xff\xff\xff\xffWAVEfmt \x28\0\0\0\xfe\xff\x01\0\x80\x3e\0\0\0\x7d\0\0\x02\0\x10\0\x16\0\x10\0\x04\0\0\0\x01\0\0\0\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71data\x04\0\0\0\x01\0\x02\0".to_vec();
    assert_eq!(read(&file, 10).unwrap(), [1, 2]);
    file[46] = 9;
    assert!(read(&file, 10).unwrap_err().to_string().contains("format 0xfffe"));
}

#[test]
fn sizes_that_lie_do_not_matter() {
    let samples: Vec<i16> = (0..3000).collect();
    let honest = wav(1, 1, 8_000, 16, &octets(&samples));
    let data = honest.len() - 6004;
    assert_eq!(&honest[data - 4..data], b"data");
    for (riff, claimed) in [
        (u32::MAX, u32::MAX),
        (0, 0),
        (7, 60_000),
        (0, u32::MAX),
        (u32::MAX, 1 << 31),
    ] {
        let mut file = honest.clone();
        file[4..8].copy_from_slice(&riff.to_le_bytes());
        file[data..data + 4].copy_from_slice(&claimed.to_le_bytes());
        assert_eq!(read(&file, 700).unwrap(), samples, "{riff} {claimed}");
    }
    let mut file = honest.clone();
    file.extend(b"LIST\x04\0\0\0abcd");
    assert_eq!(
        read(&file, 700).unwrap(),
        samples,
        "what follows the sound is not played"
    );
    file[data..data + 4].copy_from_slice(&0_u32.to_le_bytes());
    assert!(
        read(&file, 700).unwrap().is_empty(),
        "a file without sound, by both of its sizes"
    );
}

#[test]
fn what_is_not_played_is_refused_in_words() {
    let told = |file: &[u8]| read(file, 10).unwrap_err().to_string();
    assert_eq!(
        told(&wav(1, 1, 44_100, 16, &[0; 4])),
        "16-bit PCM at 44100 Hz, 1 channels; sound files are WAV (16-bit PCM or G.711) or Ogg Opus, 8000, 16000 or \
         48000 Hz, mono or stereo: ffmpeg -i OLD -ar 16000 -ac 1 -c:a pcm_s16le NEW.wav"
    );
    assert!(told(&wav(1, 6, 48_000, 16, &[0; 12])).contains("6 channels"));
    assert!(told(&wav(1, 1, 8_000, 24, &[0; 3])).contains("24-bit PCM"));
    assert!(told(&wav(3, 1, 8_000, 32, &[0; 4])).contains("32-bit floating point"));
    assert!(told(&wav(0x55, 1, 8_000, 0, &[0; 4])).contains("format 0x0055"));
    assert_eq!(told(b"ID3 and so on"), "neither a WAV nor an Ogg Opus file");
    assert_eq!(told(b""), "neither a WAV nor an Ogg Opus file");
    assert_eq!(told(b"RIFF\0\0\0\0AVI "), "not a WAV file: it is no RIFF file of WAVE");
    assert_eq!(
        told(b"RIFF\0\0\0\0WAVEdata\x02\0\0\0ab"),
        "not a WAV file: its format is not told before its sound"
    );
    let late = [b"RIFF\0\0\0\0WAVEjunk".as_slice(), &u32::MAX.to_le_bytes()].concat();
    assert_eq!(told(&late), "not a WAV file: its sound begins too late");
}

#[test]
fn a_file_cut_at_any_octet_or_with_any_octet_bent_never_panics() {
    let pcm = octets(&(0..50).collect::<Vec<i16>>());
    for file in [wav(1, 2, 8_000, 16, &pcm), wav(7, 1, 8_000, 8, &pcm)] {
        let whole = read(&file, 7).unwrap();
        let head = file.len() - pcm.len();
        for cut in 0..file.len() {
            match read(&file[..cut], 7) {
                Ok(pcm) => assert!(cut >= head && whole.starts_with(&pcm)),
                Err(_) => assert!(cut < head),
            }
            for bent in [0, 0x7f, 0x80, 0xff] {
                let mut file = file.clone();
                file[cut] = bent;
                let _ = read(&file, 7);
            }
        }
    }
}

#[test]
fn what_is_written_is_read_by_us_and_by_others() {
    for rate in Rate::ALL {
        for channels in [1, 2] {
            let pcm: Vec<i16> = (0..1200).map(|n| (n * 37 % 20_000 - 10_000) as i16).collect();
            let file = written(rate, channels, &[&pcm[..400], &[], &pcm[400..]]);
            let mut theirs = hound::WavReader::new(Cursor::new(&file)).unwrap();
            assert_eq!(theirs.spec().sample_rate, rate.hertz());
            assert_eq!(theirs.spec().channels, u16::from(channels));
            let samples: Vec<i16> = theirs.samples().map(Result::unwrap).collect();
            assert_eq!(samples, pcm);
            let ours = read(&file, 333).unwrap();
            assert_eq!(ours.len(), pcm.len() / usize::from(channels));
            assert!(channels == 2 || ours == pcm);
            assert_eq!(repair(&mut Cursor::new(file)).unwrap(), Repair::Whole);
        }
    }
}

#[test]
fn a_wav_file_that_was_cut_off_is_played_and_repaired() {
    let mut writer = Writer::begin(Cursor::new(Vec::new()), FileFormat::Wav, Rate::Narrow, 2, 1).unwrap();
    writer.write(&[1, 2, 3, 4, 5, 6]).unwrap();
    let Written::Wav(wav) = &writer.0 else { panic!() };
    // What a killed process leaves behind, down to half a sample.
    let left = format!("{wav:?}");
    assert!(left.contains("data: 12"));
    let whole = writer.finish().unwrap().0.into_inner();
    for cut in 0..=whole.len() {
        let mut file = whole[..cut].to_vec();
        if cut >= 8 {
            file[4..8].fill(0xff);
        }
        if cut >= 44 {
            file[40..44].fill(0xff);
        }
        let before = if cut >= 44 {
            read(&file, 10).unwrap()
        } else {
            Vec::new()
        };
        let mut file = Cursor::new(file);
        let found = repair(&mut file).unwrap();
        if cut < 48 {
            assert_eq!(found, Repair::Empty, "{cut}");
            continue;
        }
        let frames = (cut - 44) / 4;
        let length = 44 + 4 * frames as u64;
        assert_eq!(found, Repair::Mended { length });
        let mut file = file.into_inner();
        file.truncate(length as usize);
        let theirs = hound::WavReader::new(Cursor::new(&file)).unwrap();
        assert_eq!(theirs.duration() as usize, frames);
        assert_eq!(read(&file, 10).unwrap(), before);
        assert_eq!(repair(&mut Cursor::new(file)).unwrap(), Repair::Whole);
    }
    assert!(matches!(
        repair(&mut Cursor::new(b"text".to_vec())),
        Err(FileError::Unknown)
    ));
}

/// A disk with room for so many octets.
#[derive(Debug)]
struct Small {
    file: Cursor<Vec<u8>>,
    room: u64,
}

impl Write for Small {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(self.room.saturating_sub(self.file.position()) as usize);
        if taken == 0 && !bytes.is_empty() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.file.write(&bytes[..taken])
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for Small {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

#[test]
fn on_a_full_disk_what_fits_is_kept() {
    for room in 0..300 {
        let disk = Small {
            file: Cursor::new(Vec::new()),
            room,
        };
        let Ok(mut writer) = Writer::begin(disk, FileFormat::Wav, Rate::Wide, 1, 1) else {
            assert!(room < 44);
            continue;
        };
        let mut fault = None;
        for n in 0..20 {
            fault = fault.or(writer.write(&[n; 10]).err());
        }
        assert!(matches!(fault, Some(FileError::Io(error)) if error.kind() == io::ErrorKind::StorageFull));
        let (disk, length) = writer.finish().unwrap();
        let file = &disk.file.get_ref()[..length as usize];
        let samples = read(file, 50).unwrap();
        assert_eq!(samples.len() as u64, (room - 44) / 2);
        assert_eq!(
            hound::WavReader::new(Cursor::new(file)).unwrap().len() as usize,
            samples.len()
        );
    }
}

#[test]
fn a_wav_file_ends_before_its_sizes_overflow() {
    let mut writer = Writer::begin(Cursor::new(Vec::new()), FileFormat::Wav, Rate::Narrow, 1, 1).unwrap();
    let Written::Wav(wav) = &mut writer.0 else { panic!() };
    wav.limit(100);
    writer.write(&[1; 40]).unwrap();
    assert!(matches!(writer.write(&[2; 20]), Err(FileError::Full)));
    let file = writer.finish().unwrap().0.into_inner();
    assert_eq!(read(&file, 100).unwrap(), [1; 40]);
}

proptest! {
    #[test]
    fn any_octets_after_a_plausible_start_never_panic(start in 0..4_usize, tail in prop::collection::vec(any::<u8>(), 0..400)) {
        let starts: [&[u8]; 4] = [b"", b"RIFF\0\0\0\0WAVE", b"OggS\0\x02", b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0"];
        let file = [starts[start], &tail].concat();
        let _ = read(&file, 64);
        let _ = repair(&mut Cursor::new(file));
    }

    #[test]
    fn pieces_of_any_length_give_the_same_samples(pieces in prop::collection::vec(1..9_000_usize, 1..20)) {
        let samples: Vec<i16> = (0..20_000).map(|n| n as i16).collect();
        let file = wav(1, 1, 16_000, 16, &octets(&samples));
        let mut reader = Reader::open(Cursor::new(file)).unwrap();
        let mut pcm = Vec::new();
        for piece in pieces.into_iter().chain([40_000]) {
            let before = pcm.len();
            let got = reader.read(piece, &mut pcm).unwrap();
            prop_assert_eq!(pcm.len() - before, got);
            prop_assert_eq!(got, piece.min(20_000 - before));
        }
        prop_assert_eq!(pcm, samples);
    }
}
