//! Ogg Opus (RFC 7845).

use std::f64::consts::TAU;

use super::*;

fn tone(rate: Rate, hertz: f64, millis: u32) -> Vec<i16> {
    let step = TAU * hertz / f64::from(rate.hertz());
    (0..rate.samples(millis))
        .map(|n| ((step * n as f64).sin() * 10_000.0) as i16)
        .collect()
}

/// Amplitude at that frequency, of samples at 48 kHz.
fn amplitude(pcm: &[i16], hertz: f64) -> f64 {
    let step = TAU * hertz / 48_000.0;
    let (mut re, mut im) = (0.0, 0.0);
    for (n, sample) in pcm.iter().enumerate() {
        re += f64::from(*sample) * (step * n as f64).cos();
        im += f64::from(*sample) * (step * n as f64).sin();
    }
    2.0 * (re * re + im * im).sqrt() / pcm.len() as f64
}

fn written(rate: Rate, channels: u8, pcm: &[i16]) -> Vec<u8> {
    let mut writer = Writer::begin(Cursor::new(Vec::new()), FileFormat::OggOpus, rate, channels, 77).unwrap();
    for piece in pcm.chunks(rate.samples(100) * usize::from(channels)) {
        writer.write(piece).unwrap();
    }
    let (file, length) = writer.finish().unwrap();
    assert_eq!(file.get_ref().len() as u64, length);
    file.into_inner()
}

/// Where the pages of a file begin, and its length.
fn pages(file: &[u8]) -> Vec<usize> {
    let mut at = 0;
    let mut found = vec![0];
    while at < file.len() {
        let segments = usize::from(file[at + 26]);
        let body: usize = file[at + 27..at + 27 + segments].iter().map(|o| usize::from(*o)).sum();
        at += 27 + segments + body;
        found.push(at);
    }
    found
}

#[test]
fn what_is_written_is_read_again_to_the_sample() {
    for rate in Rate::ALL {
        for millis in [3_310, 20, 7, 1_000] {
            let pcm = tone(rate, 440.0, millis);
            let file = written(rate, 1, &pcm);
            let heard = read(&file, 1_000).unwrap();
            assert_eq!(heard.len(), Rate::Full.samples(millis), "{rate:?} {millis}");
            if millis == 3_310 {
                let level = amplitude(&heard[4_800..148_800], 440.0);
                assert!((9_000.0..11_000.0).contains(&level), "{rate:?} {level}");
            }
            assert_eq!(repair(&mut Cursor::new(file)).unwrap(), Repair::Whole);
        }
    }
}

#[test]
fn the_encoders_delay_is_taken_off() {
    for rate in Rate::ALL {
        // A click in silence, between two frames.
        let mut pcm = vec![0; rate.samples(1_000)];
        let at = rate.samples(417);
        pcm[at..at + rate.samples(1)].fill(20_000);
        let heard = read(&written(rate, 1, &pcm), 1_000).unwrap();
        let loudest = heard
            .iter()
            .enumerate()
            .max_by_key(|(_, s)| s.unsigned_abs())
            .unwrap()
            .0;
        let (first, last) = (Rate::Full.samples(416), Rate::Full.samples(419));
        assert!((first..last).contains(&loudest), "{rate:?} {loudest}");
    }
}

#[test]
fn each_side_is_a_stream_of_its_own_and_both_are_heard() {
    let (left, right) = (tone(Rate::Wide, 440.0, 2_000), tone(Rate::Wide, 1_000.0, 2_000));
    let pcm: Vec<i16> = left.iter().zip(&right).flat_map(|(l, r)| [*l, *r]).collect();
    let file = written(Rate::Wide, 2, &pcm);
    // OpusHead: two channels, mapping family 1, two streams, none coupled.
    assert_eq!((file[28 + 9], &file[28 + 18..28 + 23]), (2, [1, 2, 0, 0, 1].as_slice()));
    let heard = read(&file, 4_000).unwrap();
    assert_eq!(heard.len(), 96_000);
    for hertz in [440.0, 1_000.0] {
        let level = amplitude(&heard[4_800..91_200], hertz);
        assert!((4_500.0..5_500.0).contains(&level), "{hertz}: {level}");
    }
}

#[test]
fn a_page_is_written_each_second_and_a_file_cut_anywhere_plays_up_to_its_last_page() {
    let whole = written(Rate::Narrow, 1, &tone(Rate::Narrow, 440.0, 5_500));
    let all = read(&whole, 1_000).unwrap();
    let pages = pages(&whole);
    assert_eq!(pages.len() - 1, 2 + 6);
    for cut in (0..whole.len()).step_by(211).chain(pages.iter().copied()) {
        let mut file = whole[..cut].to_vec();
        let kept = pages.iter().filter(|page| **page <= cut).count() - 1;
        match read(&file, 1_000) {
            Ok(pcm) => {
                assert!(kept >= 2 && all.starts_with(&pcm), "{cut}");
                // Each page but the last has a second.
                assert!(pcm.len() + 312 >= 48_000 * (kept - 2).min(5), "{cut}: {}", pcm.len());
            }
            Err(_) => assert!(kept < 2, "{cut}"),
        }
        let found = repair(&mut Cursor::new(&mut file)).unwrap();
        match kept {
            0..=2 => assert_eq!(found, Repair::Empty, "{cut}"),
            _ if cut == whole.len() => assert_eq!(found, Repair::Whole),
            _ => {
                let length = pages[kept] as u64;
                assert_eq!(found, Repair::Mended { length });
            }
        }
    }
}

#[test]
fn a_damaged_file_never_panics_and_a_damaged_page_is_left_out() {
    let whole = written(Rate::Narrow, 2, &tone(Rate::Narrow, 440.0, 1_200));
    let pages = pages(&whole);
    for at in (0..200).chain((200..whole.len()).step_by(211)) {
        for bent in [0, 0xff] {
            let mut file = whole.clone();
            file[at] = bent;
            let _ = read(&file, 3_000);
            let _ = repair(&mut Cursor::new(file));
        }
    }
    let mut file = whole.clone();
    file[pages[2] + 60] ^= 0x55;
    let heard = read(&file, 3_000).unwrap();
    assert!(heard.len() < 48_000, "{}", heard.len());
}

#[test]
fn a_chain_ends_with_its_first_link_and_what_is_not_opus_is_refused() {
    let first = written(Rate::Wide, 1, &tone(Rate::Wide, 440.0, 300));
    let second = written(Rate::Wide, 1, &tone(Rate::Wide, 600.0, 500));
    let chain = [first.as_slice(), &second].concat();
    assert_eq!(read(&chain, 1_000).unwrap().len(), Rate::Full.samples(300));
    let refused = |at: usize, with: &[u8]| {
        let mut packets = ogg::PacketReader::new(Cursor::new(&first));
        let mut head = packets.read_packet().unwrap().unwrap().data;
        head.splice(at..at + with.len(), with.iter().copied());
        let mut writer = ogg::PacketWriter::new(Vec::new());
        for packet in [head, b"OpusTags".to_vec()] {
            writer
                .write_packet(packet, 1, ogg::PacketWriteEndInfo::EndPage, 0)
                .unwrap();
        }
        read(&writer.into_inner(), 10).map(|_| ()).map_err(|e| e.to_string())
    };
    assert_eq!(refused(8, &[1]), Ok(()));
    assert!(
        refused(0, b"\x01vorbis")
            .unwrap_err()
            .starts_with("Ogg, but not Opus; sound files are")
    );
    assert!(
        refused(9, &[6])
            .unwrap_err()
            .starts_with("Ogg Opus of 6 channels, mapping family 0;")
    );
    assert!(refused(18, &[255]).unwrap_err().contains("mapping family 255"));
    assert!(refused(8, &[0x20]).unwrap_err().contains("version 32"));
}

#[test]
fn the_gain_of_the_head_is_applied() {
    let mut file = written(Rate::Full, 1, &tone(Rate::Full, 440.0, 1_000));
    let plain = amplitude(&read(&file, 1_000).unwrap()[4_800..43_200], 440.0);
    // -6.02 dB in steps of 1/256 dB (RFC 7845 section 5.1); the page's check sum is made anew.
    let end = pages(&file)[1];
    let rest = file.split_off(end);
    let mut head = file[28..].to_vec();
    head[16..18].copy_from_slice(&(-1_541_i16).to_le_bytes());
    let mut writer = ogg::PacketWriter::new(Vec::new());
    writer
        .write_packet(head, 77, ogg::PacketWriteEndInfo::EndPage, 0)
        .unwrap();
    let file = [writer.into_inner(), rest].concat();
    let quiet = amplitude(&read(&file, 1_000).unwrap()[4_800..43_200], 440.0);
    assert!((quiet / plain - 0.5).abs() < 0.01, "{plain} {quiet}");
}

#[test]
fn on_a_full_disk_the_pages_that_fit_are_kept() {
    let pcm = tone(Rate::Narrow, 440.0, 4_000);
    let whole = written(Rate::Narrow, 1, &pcm);
    let pages = pages(&whole);
    for room in (0..whole.len()).step_by(997) {
        let disk = Small {
            file: Cursor::new(Vec::new()),
            room: room as u64,
        };
        let Ok(mut writer) = Writer::begin(disk, FileFormat::OggOpus, Rate::Narrow, 1, 77) else {
            assert!(room < pages[2]);
            continue;
        };
        let fault = pcm.chunks(800).find_map(|piece| writer.write(piece).err());
        match writer.finish() {
            Ok((disk, length)) => {
                assert!(fault.is_some());
                assert!(pages.contains(&(length as usize)) && length as usize <= room);
                assert!(read(&disk.file.get_ref()[..length as usize], 1_000).is_ok());
            }
            // The last page did not fit.
            Err(_) => assert!(fault.is_none()),
        }
    }
}

proptest! {
    #[test]
    fn packets_of_any_octets_never_panic(
        packets in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..300), any::<u16>(), 0..3_u8), 0..30),
        two: bool,
    ) {
        let head: &[u8] = if two {
            b"OpusHead\x01\x02\x38\x01\x80\xbb\0\0\0\0\x01\x02\0\0\x01"
        } else {
            b"OpusHead\x01\x01\x38\x01\x80\xbb\0\0\0\0\0"
        };
        let mut writer = ogg::PacketWriter::new(Vec::new());
        writer.write_packet(head, 1, ogg::PacketWriteEndInfo::EndPage, 0).unwrap();
        writer.write_packet(&b"OpusTags"[..], 1, ogg::PacketWriteEndInfo::EndPage, 0).unwrap();
        for (packet, granule, end) in packets {
            let end = match end {
                0 => ogg::PacketWriteEndInfo::NormalPacket,
                1 => ogg::PacketWriteEndInfo::EndPage,
                _ => ogg::PacketWriteEndInfo::EndStream,
            };
            writer.write_packet(packet, 1, end, u64::from(granule) * 48).unwrap();
        }
        let _ = read(&writer.into_inner(), 1_000);
    }
}
