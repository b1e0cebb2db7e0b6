//! Rooms: who hears whom, and how many packets are encoded for it.

use super::{
    talking::{Talker, decoded, payload, share, with},
    *,
};
use crate::service::{Others, RoomId, Seat};

const ROOM: RoomId = RoomId(7);
const TONES: [f64; 4] = [400.0, 620.0, 910.0, 1330.0];

fn address(n: usize) -> String {
    format!("192.0.2.{}:4000", n + 1)
}

/// Legs 1 to `codecs.len()` in one room, each with that codec.
fn room(codecs: &[Payload]) -> World {
    let mut w = World::new();
    w.command(Command::OpenRoom {
        room: ROOM,
        tones: false,
    });
    for (n, codec) in codecs.iter().enumerate() {
        w.leg(
            n as u32 + 1,
            20_000 + 2 * n as u16,
            with(&address(n), std::slice::from_ref(codec), 20),
        );
        sit(&mut w, n, Seat::default());
    }
    w
}

fn sit(w: &mut World, n: usize, seat: Seat) {
    w.command(Command::Sit {
        room: ROOM,
        media: id(n as u32 + 1),
        seat,
    });
}

/// All talkers talk; what is sent to each leg.
fn talk(w: &mut World, talkers: &mut [Option<Talker>], millis: u32) -> Vec<Vec<Sent>> {
    let mut sent = Vec::new();
    for _ in 0..millis / 20 {
        for (n, talker) in talkers.iter_mut().enumerate() {
            if let Some(talker) = talker {
                w.raw(20_000 + 2 * n as u16, &address(n), &talker.packet());
            }
        }
        sent.append(&mut w.sent);
        sent.extend(w.pass(20));
    }
    (0..talkers.len())
        .map(|n| {
            sent.iter()
                .filter(|packet| packet.local == 20_000 + 2 * n as u16)
                .cloned()
                .collect()
        })
        .collect()
}

fn talkers(codecs: &[Payload]) -> Vec<Option<Talker>> {
    let talker = |(codec, hertz): (&Payload, &f64)| Some(Talker::new(codec.clone(), *hertz, 20));
    codecs.iter().zip(&TONES).map(talker).collect()
}

/// Which of the four tones are heard.
fn heard(packets: &[Sent], codec: &Payload) -> [bool; 4] {
    let (sound, rate) = decoded(packets, codec);
    let settled = &sound[sound.len() / 2..];
    TONES.map(|hertz| share(settled, rate, hertz) > 0.1)
}

#[test]
fn four_seats_with_four_tones_hear_three_and_not_themselves() {
    let codecs = [
        payload(0, "PCMU", 8000),
        payload(8, "PCMA", 8000),
        payload(96, "L16", 16_000),
        payload(97, "L16", 8000),
    ];
    let mut w = room(&codecs);
    let mut talkers = talkers(&codecs);
    let sent = talk(&mut w, &mut talkers, 2000);
    for (n, codec) in codecs.iter().enumerate() {
        let mut expected = [true; 4];
        expected[n] = false;
        assert_eq!(heard(&sent[n], codec), expected, "seat {n}");
        assert!(sent[n].len() >= 98, "seat {n}: {}", sent[n].len());
        let unbroken = |pair: &[Sent]| {
            pair[1].sequence == pair[0].sequence.wrapping_add(1)
                && pair[1].timestamp == pair[0].timestamp.wrapping_add(codec.clock_rate / 50)
        };
        assert!(sent[n].windows(2).all(unbroken), "seat {n}");
    }
}

#[test]
fn a_muted_leg_is_not_heard_and_a_whisper_is_heard_by_one() {
    let codecs = vec![payload(0, "PCMU", 8000); 4];
    let mut w = room(&codecs);
    let mut talkers = talkers(&codecs);
    let muted = Seat {
        heard_by: Others::NoLeg,
        ..Seat::default()
    };
    let whispers = Seat {
        heard_by: Others::Only(id(3)),
        ..Seat::default()
    };
    sit(&mut w, 0, muted);
    sit(&mut w, 1, whispers);
    let sent = talk(&mut w, &mut talkers, 2000);
    assert_eq!(heard(&sent[0], &codecs[0]), [false, false, true, true]);
    assert_eq!(heard(&sent[1], &codecs[1]), [false, false, true, true]);
    assert_eq!(heard(&sent[2], &codecs[2]), [false, true, false, true]);
    assert_eq!(heard(&sent[3], &codecs[3]), [false, false, true, false]);
}

#[test]
fn who_stands_up_is_heard_no_longer_and_a_closed_room_is_gone() {
    let codecs = vec![payload(0, "PCMU", 8000); 4];
    let mut w = room(&codecs);
    let mut talkers = talkers(&codecs);
    talk(&mut w, &mut talkers, 500);
    w.command(Command::Stand(id(1)));
    let sent = talk(&mut w, &mut talkers, 1000);
    assert!(sent[0].is_empty());
    assert_eq!(heard(&sent[1], &codecs[1]), [false, false, true, true]);
    w.command(Command::Close(id(2)));
    let sent = talk(&mut w, &mut talkers, 1000);
    assert_eq!(heard(&sent[2], &codecs[2]), [false, false, false, true]);
    // Legs that go from a room to a bridge hear each other there, and nothing of the room.
    w.command(Command::Bridge(id(1), id(3)));
    let sent = talk(&mut w, &mut talkers, 1000);
    assert_eq!(heard(&sent[0], &codecs[0]), [false, false, true, false]);
    assert_eq!(heard(&sent[2], &codecs[2]), [true, false, false, false]);
    w.command(Command::CloseRoom(ROOM));
    assert!(talk(&mut w, &mut talkers, 200)[3].is_empty());
    assert_eq!(w.relay.groups.len(), 0);
}

#[test]
fn a_leg_whose_codec_changes_goes_on_to_hear_the_room() {
    let codecs = vec![payload(0, "PCMU", 8000); 4];
    let mut w = room(&codecs);
    let mut talkers = talkers(&codecs);
    talk(&mut w, &mut talkers, 500);
    let wide = payload(96, "L16", 16_000);
    w.update(1, with(&address(0), std::slice::from_ref(&wide), 20), false);
    talkers[0] = Some(Talker::new(wide.clone(), TONES[0], 20));
    let sent = talk(&mut w, &mut talkers, 1500);
    assert_eq!(heard(&sent[0], &wide), [false, true, true, true]);
    assert_eq!(heard(&sent[1], &codecs[1]), [true, false, true, true]);
}

fn opus() -> Payload {
    Payload {
        channels: 2,
        ..payload(111, "OPUS", 48_000)
    }
}

#[test]
fn lasting_silence_is_encoded_once_and_what_follows_is_heard() {
    let codecs = vec![opus(); 3];
    let mut w = room(&codecs);
    let mut talkers = talkers(&codecs);
    (talkers[1], talkers[2]) = (None, None);
    talk(&mut w, &mut talkers, 1000);
    let mut paused = vec![None, None, None];
    let sent = talk(&mut w, &mut paused, 2000);
    for seat in &sent {
        let settled = &seat[60..];
        assert!(settled.len() >= 39 && settled.iter().all(|packet| packet.payload == settled[0].payload));
        let (sound, _) = decoded(settled, &codecs[0]);
        assert!(sound.iter().all(|sample| sample.abs() < 10));
    }
    // Who talks hears silence for as long as the others do.
    let said = talkers[0].as_mut().unwrap();
    said.said += 2000;
    let sent = talk(&mut w, &mut talkers, 1000);
    assert_eq!(heard(&sent[1], &codecs[1]), [true, false, false, false]);
    assert!(sent[0][20..].iter().all(|packet| packet.payload == sent[0][20].payload));
}

#[test]
fn a_listener_who_begins_to_speak_hears_the_others_go_on_without_a_click() {
    let codecs = vec![payload(9, "G722", 8000); 2];
    let mut w = room(&codecs);
    let mut both = talkers(&codecs);
    let second = both[1].take();
    let mut sent = std::mem::take(&mut talk(&mut w, &mut both, 1000)[1]);
    both[1] = second;
    sent.append(&mut talk(&mut w, &mut both, 1000)[1]);
    let (sound, rate) = decoded(&sent, &codecs[1]);
    for (n, piece) in sound.chunks_exact(rate.samples(10)).enumerate().skip(40) {
        let share = share(piece, rate, TONES[0]);
        assert!(share > 0.97, "at {} ms: {share}", n * 10);
    }
}

#[test]
fn an_encoder_works_against_the_loss_of_the_listener_who_loses_most() {
    let codecs = vec![opus(); 4];
    let mut w = room(&codecs);
    let mut said = talkers(&codecs);
    said.truncate(1);
    said.resize_with(4, || None);
    let sent = talk(&mut w, &mut said, 200);
    assert_eq!(w.relay.groups.losses(), Vec::<u8>::new(), "no listener has reported");
    for (n, fraction) in [(1, 0), (2, 64), (3, 12)] {
        let about = sent[n].last().unwrap();
        let mut bytes = report(None, 90 + n as u32, Some((about.ssrc, about.sequence.into())));
        bytes[12] = fraction;
        w.raw(20_001 + 2 * n as u16, &address(n).replace(":4000", ":4001"), &bytes);
    }
    talk(&mut w, &mut said, 40);
    assert!(w.relay.groups.losses().contains(&25), "{:?}", w.relay.groups.losses());
    assert!(w.relay.groups.losses().iter().all(|loss| *loss <= 25));
}
