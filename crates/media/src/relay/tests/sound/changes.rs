//! Streams that change, pause and lose packets while they are decoded and encoded.

use super::{
    talking::{Talker, decoded, payload, share, talk, with},
    *,
};
use crate::{service::Quality, sound::Rate};

fn opus(fmtp: Option<&str>) -> Payload {
    Payload {
        channels: 2,
        fmtp: fmtp.map(Into::into),
        ..payload(111, "OPUS", 48_000)
    }
}

fn apart(a: &[Payload], b: &[Payload]) -> World {
    let mut w = World::new();
    w.leg(1, AT_A, with(A, a, 20));
    w.leg(2, AT_B, with(B, b, 20));
    w.command(Command::Bridge(id(1), id(2)));
    w
}

/// The quality of A at the end.
fn closed(w: &mut World) -> Quality {
    w.command(Command::Close(id(1)));
    let quality = |event| {
        if let Event::Closed { media, quality, .. } = event {
            return (media == id(1)).then_some(quality);
        }
        None
    };
    w.events().into_iter().find_map(quality).unwrap()
}

#[test]
fn another_stream_of_the_peer_is_heard_at_once() {
    let (a, b) = (payload(96, "L16", 16_000), payload(0, "PCMU", 8000));
    let mut w = apart(std::slice::from_ref(&a), std::slice::from_ref(&b));
    let mut talker = Talker::new(a.clone(), 600.0, 20);
    talk(&mut w, (AT_A, A), &mut talker, 400);
    // The new stream's numbers look like those of packets that are late.
    let mut other = Talker::new(a.clone(), 1000.0, 20);
    other.ssrc = 78;
    other.sequence = talker.sequence.wrapping_sub(15);
    other.said = talker.said - 300;
    let sent = talk(&mut w, (AT_A, A), &mut other, 400);
    let (sound, rate) = decoded(&sent, &b);
    assert!(share(&sound[rate.samples(80)..], rate, 1000.0) > 0.95);
    assert_eq!(closed(&mut w).received.late, 0);
}

#[test]
fn sound_that_is_decoded_again_after_copied_packets_has_no_hole() {
    let (wide, law) = (payload(96, "L16", 16_000), payload(0, "PCMU", 8000));
    let mut w = apart(&[wide.clone(), law.clone()], std::slice::from_ref(&law));
    let (mut one, mut other) = (Talker::new(wide, 600.0, 20), Talker::new(law.clone(), 600.0, 20));
    talk(&mut w, (AT_A, A), &mut one, 400);
    (other.said, other.sequence) = (one.said, one.sequence);
    talk(&mut w, (AT_A, A), &mut other, 400);
    (one.said, one.sequence) = (other.said, other.sequence);
    let sent = talk(&mut w, (AT_A, A), &mut one, 400);
    let (sound, rate) = decoded(&sent, &law);
    let loud = |piece: &[i16]| piece.iter().any(|sample| sample.abs() > 6000);
    let start = sound.iter().position(|sample| sample.abs() > 3000).unwrap();
    assert!(start < rate.samples(60), "{start}");
    assert!(sound[start..].chunks_exact(rate.samples(10)).all(loud));
    let quality = closed(&mut w);
    assert_eq!((quality.received.late, quality.received.lost), (0, 0));
}

#[test]
fn late_and_doubled_packets_of_a_decoded_leg_are_counted_also_when_its_decoder_is_gone() {
    let (a, b) = (payload(96, "L16", 16_000), payload(0, "PCMU", 8000));
    let mut w = apart(std::slice::from_ref(&a), std::slice::from_ref(&b));
    let mut talker = Talker::new(a.clone(), 600.0, 20);
    talk(&mut w, (AT_A, A), &mut talker, 400);
    let delayed = talker.packet();
    talk(&mut w, (AT_A, A), &mut talker, 400);
    let twice = talker.packet();
    for packet in [&twice, &twice, &delayed] {
        w.raw(AT_A, A, packet);
    }
    talk(&mut w, (AT_A, A), &mut talker, 100);
    w.command(Command::Unbridge(id(1)));
    let received = closed(&mut w).received;
    assert_eq!((received.late, received.doubled, received.lost), (1, 1, 0));
}

#[test]
fn the_loss_that_the_peer_reports_brings_error_correction_into_the_packets() {
    let corrected = |fraction: u8| {
        let (a, b) = (payload(0, "PCMU", 8000), opus(Some("useinbandfec=1")));
        let mut w = apart(std::slice::from_ref(&a), std::slice::from_ref(&b));
        let mut number = 0;
        // Syllables: sound that goes on alike is no speech to the encoder.
        let mut talk = |w: &mut World, count: u16| {
            let mut sent = Vec::new();
            for n in 0..count {
                number += 1;
                let payload: Vec<u8> = match n % 10 {
                    0..6 => (0..160u32)
                        .map(|k| if k % 53 < 3 { 0x90 } else { 0xc0 | (k % 32) as u8 })
                        .collect(),
                    _ => vec![0xff; 160],
                };
                sent.extend(w.rtp(AT_A, A, 0, number, u32::from(number) * 160, 77, &payload));
                sent.extend(w.pass(20));
            }
            sent
        };
        let ssrc = talk(&mut w, 20)[0].ssrc;
        for _ in 0..4 {
            let mut packet = report(None, 88, Some((ssrc, 0)));
            packet[12] = fraction;
            w.raw(AT_B + 1, "192.0.2.2:5001", &packet);
        }
        talk(&mut w, 10);
        let sent = talk(&mut w, 50);
        // RFC 6716 section 4.2.3: after the flag of activity of a frame of 20 ms comes that of a copy of the one before.
        let copies = sent.iter().filter(|packet| packet.payload[1] & 0x40 != 0);
        (copies.count(), sent.len())
    };
    assert_eq!(corrected(0), (0, 50));
    let (copies, all) = corrected(64);
    assert!(copies > 15 && all == 50, "{copies} of {all}");
}

#[test]
fn comfort_noise_beside_decoded_speech_is_heard_in_the_other_codec() {
    let a = [payload(0, "PCMU", 8000), payload(13, "CN", 8000)];
    // Whether or not the receiver knows comfort noise for a codec of its own.
    for b in [vec![opus(None)], vec![opus(None), payload(13, "CN", 8000)]] {
        let mut w = apart(&a, &b);
        let mut talker = Talker::new(a[0].clone(), 600.0, 20);
        talk(&mut w, (AT_A, A), &mut talker, 400);
        w.rtp(AT_A, A, 13, talker.sequence, talker.timestamp(), 77, &[30]);
        let sent = w.pass(800);
        assert!(
            sent.len() >= 39 && sent.iter().all(|packet| packet.number == 111),
            "{}",
            sent.len()
        );
        let (sound, rate) = decoded(&sent, &b[0]);
        let quiet = &sound[rate.samples(200)..];
        let energy = quiet.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / quiet.len() as f64;
        let level = 10.0 * (energy / (32_768.0f64 * 32_768.0)).log10();
        assert!((-45.0..-20.0).contains(&level), "{level} dB, rate {rate:?}");
        assert_ne!(rate, Rate::Narrow);
    }
}
