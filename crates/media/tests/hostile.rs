//! Damaged packets and files for every parser of the crate: no panic, and no more sound than the input may hold.
//!
//! The seeds are fixed, so each run tries the same inputs. The fuzz targets of `crates/fuzz` look further.

#![allow(clippy::unwrap_used, reason = "a test may")]

use std::{io::Cursor, net::SocketAddr, time::Duration};

use media::{
    Command, Direction, MediaId, Payload, Relay, Remote, Session,
    codec::{Decoder, Encoder, KNOWN},
    ear::{Config, Ear, Heard},
    file::{Reader, repair},
    relay,
    sdp::Sdp,
    service::Ears,
    sound::Rate,
};

/// Random numbers.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, most: usize) -> usize {
        (self.next() % most.max(1) as u64) as usize
    }

    fn octets(&mut self, most: usize) -> Vec<u8> {
        let length = self.below(most + 1);
        (0..length).map(|_| self.next() as u8).collect()
    }

    /// The same with some octets changed, taken out or doubled, or cut off.
    fn damaged(&mut self, whole: &[u8]) -> Vec<u8> {
        let mut bytes = whole.to_vec();
        for _ in 0..=self.below(6) {
            let at = self.below(bytes.len());
            match self.below(6) {
                0 if !bytes.is_empty() => bytes.truncate(at),
                1 if !bytes.is_empty() => _ = bytes.remove(at),
                2 if !bytes.is_empty() => bytes.insert(at, bytes[at]),
                3 if !bytes.is_empty() => bytes[at] = 0xff,
                _ if !bytes.is_empty() => bytes[at] = self.next() as u8,
                _ => bytes.push(self.next() as u8),
            }
        }
        bytes
    }
}

fn coded() -> Vec<Payload> {
    let coded = KNOWN.iter().filter(|info| info.coding.is_some()).enumerate();
    let payload = |(n, info): (usize, &media::codec::Info)| Payload {
        number: 96 + n as u8,
        codec: info.name.into(),
        clock_rate: info.clock_rate,
        channels: info.channels,
        fmtp: None,
    };
    coded.map(payload).collect()
}

/// A packet of each codec, with 20 ms of a tone.
fn packets() -> Vec<(Payload, Vec<u8>)> {
    let packet = |payload: Payload| {
        let mut encoder = Encoder::new(&payload, 20)?;
        let samples = encoder.samples();
        let tone: Vec<i16> = (0..samples)
            .map(|n| ((n as f64 / 3.0).sin() * 8_000.0) as i16)
            .collect();
        let mut octets = vec![0; 4_000];
        let length = encoder.encode(&tone, &mut octets);
        octets.truncate(length);
        Some((payload, octets))
    };
    coded().into_iter().filter_map(packet).collect()
}

#[test]
fn damaged_payloads_are_refused_or_decoded_to_at_most_200_ms() {
    let mut random = Random(1);
    for (payload, whole) in packets() {
        let mut decoder = Decoder::new(&payload).unwrap();
        let mut out = Vec::new();
        for _ in 0..1_500 {
            let bytes = match random.below(3) {
                0 => random.octets(300),
                _ => random.damaged(&whole),
            };
            out.clear();
            let said = decoder.samples(&bytes);
            match decoder.decode(&bytes, &mut out) {
                Ok(_) => assert_eq!(said, Some(out.len()), "{}", payload.codec),
                Err(_) => assert!(out.is_empty(), "{}", payload.codec),
            }
            assert!(out.len() <= decoder.rate().samples(200), "{}", payload.codec);
        }
    }
}

#[test]
fn an_ear_gives_steady_sound_of_whatever_comes() {
    let mut random = Random(2);
    let packets = packets();
    let payloads: Vec<Payload> = packets.iter().map(|(payload, _)| payload.clone()).collect();
    for rate in Rate::ALL {
        let config = Config::default();
        let mut ear = Ear::with(config, &payloads, rate);
        let mut now = Duration::from_secs(1_800_000_000);
        let (mut sequence, mut timestamp) = (0u16, 0u32);
        for _ in 0..2_000 {
            let (payload, whole) = &packets[random.below(packets.len())];
            let octets = match random.below(4) {
                0 => random.damaged(whole),
                1 => random.octets(200),
                _ => whole.clone(),
            };
            sequence = sequence.wrapping_add(match random.below(8) {
                0 => random.next() as u16,
                _ => 1,
            });
            timestamp = timestamp.wrapping_add(match random.below(8) {
                0 => random.next() as u32,
                _ => 160,
            });
            let heard = Heard {
                sequence,
                timestamp,
                marker: random.below(9) == 0,
                number: payload.number,
                payload: &octets,
            };
            ear.put(now, heard);
            now += Duration::from_millis(random.below(60) as u64);
            let mut out = Vec::new();
            ear.pull(now, 20, &mut out);
            assert_eq!(out.len(), rate.samples(20));
            assert!(ear.counters().waiting <= config.packets as u64);
        }
    }
}

/// A WAV file of a second.
fn wav() -> Vec<u8> {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 8_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut file = Cursor::new(Vec::new());
    let mut writer = hound::WavWriter::new(&mut file, spec).unwrap();
    for n in 0..8_000i32 {
        writer.write_sample((n % 200) as i16).unwrap();
    }
    writer.finalize().unwrap();
    file.into_inner()
}

/// An Ogg Opus file of half a second.
fn opus() -> Vec<u8> {
    let (_, packet) = packets()
        .into_iter()
        .find(|(payload, _)| payload.codec == "OPUS")
        .unwrap();
    let mut writer = ogg::PacketWriter::new(Vec::new());
    let head = b"OpusHead\x01\x01\x38\x01\x80\xbb\0\0\0\0\0".to_vec();
    let tags = b"OpusTags\0\0\0\0\0\0\0\0".to_vec();
    let page = ogg::PacketWriteEndInfo::EndPage;
    writer.write_packet(head, 1, page, 0).unwrap();
    writer.write_packet(tags, 1, page, 0).unwrap();
    for n in 1..=25u64 {
        let end = match n {
            25 => ogg::PacketWriteEndInfo::EndStream,
            _ => ogg::PacketWriteEndInfo::NormalPacket,
        };
        writer.write_packet(packet.clone(), 1, end, n * 960).unwrap();
    }
    writer.into_inner()
}

#[test]
fn damaged_files_are_read_in_bounded_pieces_and_repaired_without_growth() {
    let mut random = Random(3);
    for whole in [wav(), opus()] {
        assert!(
            Reader::open(Cursor::new(whole.clone())).is_ok(),
            "the file is fine before"
        );
        for _ in 0..1_000 {
            // Most damage is done to the head, which says the most.
            let file = match random.below(3) {
                0 => random.damaged(&whole),
                1 => random.octets(400),
                _ => {
                    let cut = whole.len().min(60);
                    [random.damaged(&whole[..cut]), whole[cut..].to_vec()].concat()
                }
            };
            if let Ok(mut reader) = Reader::open(Cursor::new(file.as_slice())) {
                let (mut pcm, mut all) = (Vec::new(), 0usize);
                while let Ok(1..) = reader.read(4_800, &mut pcm) {
                    assert!(pcm.len() <= 4_800);
                    all += pcm.len();
                    pcm.clear();
                    assert!(all < 48_000 * 600, "more than the file may hold");
                }
            }
            let mut repaired = Cursor::new(file.clone());
            let _ = repair(&mut repaired);
            assert!(repaired.into_inner().len() <= file.len() + 64);
        }
    }
}

fn remote(rtp: SocketAddr, payloads: &[Payload]) -> Remote {
    Remote {
        rtp: Some(rtp),
        rtcp: Some(SocketAddr::new(rtp.ip(), rtp.port() + 1)),
        rtcp_mux: rtp.port() == 4_000,
        raw: false,
        expected: [rtp.ip()].into_iter().collect(),
        signalling: Some(rtp.ip()),
        send_payloads: payloads.to_vec(),
        receive_payloads: payloads.to_vec(),
        direction: Direction {
            send: true,
            receive: true,
        },
        ptime: 20,
    }
}

#[test]
fn a_relay_takes_any_datagram_and_sends_no_more_than_it_should() {
    let mut random = Random(4);
    let events = |number| Payload {
        number,
        codec: "TELEPHONE-EVENT".into(),
        clock_rate: 8_000,
        channels: 1,
        fmtp: None,
    };
    let sounds = packets();
    let mut all: Vec<Payload> = sounds.iter().map(|(payload, _)| payload.clone()).collect();
    all.push(events(120));
    // The other side has one codec: most is decoded, and keys become tones.
    let one = [all[0].clone()];
    let mut relay = Relay::new(relay::Config::default());
    let mut now = Duration::from_secs(1_800_000_000);
    let phones: [SocketAddr; 2] = [([192, 0, 2, 1], 4_000).into(), ([192, 0, 2, 2], 5_000).into()];
    let legs = [1, 2].map(|slot| MediaId {
        engine: 0,
        slot,
        generation: 0,
    });
    for (n, payloads) in [&all[..], &one[..]].into_iter().enumerate() {
        relay.command(
            now,
            Command::Open {
                media: legs[n],
                local_port: 20_000 + 2 * n as u16,
                expected: [phones[n].ip()].into_iter().collect(),
            },
        );
        relay.command(
            now,
            Command::Update {
                media: legs[n],
                remote: remote(phones[n], payloads),
                relearn: false,
            },
        );
    }
    relay.command(now, Command::Bridge(legs[0], legs[1]));
    let ears = Ears {
        digits: true,
        mute: true,
        voice: true,
        beep: true,
        fax: true,
    };
    relay.command(now, Command::Listen { media: legs[0], ears });
    let mut sent = 0usize;
    for n in 0..12_000u32 {
        let mut rtp = vec![0x80, 120, (n >> 8) as u8, n as u8];
        rtp.extend((n * 160).to_be_bytes());
        rtp.extend([0, 0, 0, 77]);
        match random.below(4) {
            0 => rtp.extend([random.next() as u8 & 0x1f, random.next() as u8, 1, 0x40]),
            _ => {
                let (payload, octets) = &sounds[random.below(sounds.len())];
                rtp[1] = payload.number;
                rtp.extend(octets);
            }
        }
        let rtcp = [
            0x80 | (n as u8 & 0x1f),
            200 + (n % 8) as u8,
            0,
            6,
            0,
            0,
            0,
            77,
            1,
            2,
            3,
            4,
        ];
        let mut bytes = match random.below(5) {
            0 => random.damaged(&rtp),
            1 => random.damaged(&rtcp),
            2 => random.octets(200),
            _ => rtp,
        };
        let (port, from) = match random.below(6) {
            0 => (20_001, SocketAddr::new(phones[0].ip(), 4_001)),
            1 => (20_002, phones[1]),
            _ => (20_000, phones[0]),
        };
        now += Duration::from_millis(random.below(12) as u64);
        let mut count = |_: u16, _: SocketAddr, bytes: &[u8]| {
            assert!(bytes.len() < relay::MAX_PACKET);
            sent += 1;
        };
        relay.packet(now, port, from, &mut bytes, &mut count);
        relay.tick(now, &mut count);
        assert!(std::iter::from_fn(|| relay.poll_event()).count() < 50);
    }
    assert!(sent > 1_500 && sent < 60_000, "{sent}");
}

#[test]
fn damaged_descriptions_are_refused_or_understood() {
    let mut random = Random(5);
    let whole = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n\
                 m=audio 9000 RTP/AVP 0 111 101\r\na=rtpmap:111 opus/48000/2\r\na=fmtp:111 useinbandfec=1\r\n\
                 a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=rtcp-mux\r\n\
                 m=video 9002 RTP/AVPF 96\r\na=rtpmap:96 H264/90000\r\na=rtcp-fb:96 nack pli\r\n";
    for _ in 0..9_000 {
        let bytes = random.damaged(whole.as_bytes());
        if let Ok(sdp) = Sdp::parse(&bytes) {
            assert!(sdp.to_string().len() < 4 * whole.len());
        }
        let mut session = Session::new(media::Local {
            address: [192, 0, 2, 9].into(),
            port: 20_000,
            session_id: 1,
        });
        if let Ok(offered) = session.receive_offer(&bytes) {
            let _ = session.make_answer(&offered.answered_by_us());
        }
    }
}
