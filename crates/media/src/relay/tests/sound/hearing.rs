//! What is listened for in a leg's sound.

use super::{
    talking::{payload, with},
    *,
};
use crate::{
    codec::Encoder,
    service::{Ears, Sound},
};

/// A peer says the sum of these tones for a time, then silence for a time.
fn say(w: &mut World, (sequence, said): (&mut u16, &mut u32), hertz: &[f64], millis: u32, silence: u32) {
    let codec = payload(0, "PCMU", 8000);
    let mut encoder = Encoder::new(&codec, 20).unwrap();
    for n in 0..(millis + silence) / 20 {
        let frame: Vec<i16> = (0..160)
            .map(|sample| {
                let at = f64::from(*said + sample) / 8000.0;
                let tones: f64 = hertz
                    .iter()
                    .map(|hertz| (std::f64::consts::TAU * hertz * at).sin())
                    .sum();
                if n * 20 < millis { (tones * 5000.0) as i16 } else { 0 }
            })
            .collect();
        let mut octets = [0; 200];
        let length = encoder.encode(&frame, &mut octets);
        w.raw(AT_A, A, &rtp(0, *sequence, *said, 77, &octets[..length]));
        *sequence = sequence.wrapping_add(1);
        *said += 160;
        w.pass(20);
    }
}

#[test]
fn keys_and_fax_tones_are_heard_in_the_sound_while_they_are_listened_for() {
    let mut w = World::new();
    w.leg(1, AT_A, with(A, &[payload(0, "PCMU", 8000)], 20));
    w.leg(2, AT_B, with(B, &[payload(0, "PCMU", 8000)], 20));
    w.command(Command::Bridge(id(1), id(2)));
    let all = Ears {
        digits: true,
        fax: true,
        ..Ears::default()
    };
    w.command(Command::Listen {
        media: id(1),
        ears: all,
    });
    let (mut sequence, mut said) = (1, 0);
    let mut talk = |w: &mut World, hertz: &[f64]| {
        say(w, (&mut sequence, &mut said), hertz, 200, 200);
        w.events()
    };
    let key = |digit| Event::Dtmf { media: id(1), digit };
    assert!(talk(&mut w, &[770.0, 1336.0]).contains(&key('5')));
    let heard = talk(&mut w, &[941.0, 1477.0]);
    let [pressed, Event::DtmfEnded { digit: '#', millis, .. }] = heard.as_slice() else {
        panic!("{heard:?}")
    };
    assert!(*pressed == key('#') && (180..=220).contains(millis), "{heard:?}");
    say(&mut w, (&mut sequence, &mut said), &[1100.0], 500, 500);
    let fax = Event::Heard {
        media: id(1),
        sound: Sound::FaxCalling,
    };
    assert_eq!(w.events(), [fax]);
    w.command(Command::Listen {
        media: id(1),
        ears: Ears::default(),
    });
    assert_eq!(w.relay.groups.len(), 0);
    say(&mut w, (&mut sequence, &mut said), &[770.0, 1336.0], 200, 200);
    assert_eq!(w.events(), []);
}
