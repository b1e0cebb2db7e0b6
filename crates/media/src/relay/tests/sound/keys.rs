//! Keys as tones: made for peers that take no events, and left out of the sound of peers that send no events.

use super::{
    talking::{Talker, decoded, payload, share, talk, with},
    *,
};
use crate::{
    codec::Encoder,
    listen::{Heard, Listener},
    service::Ears,
    sound::{Rate, Resampling},
};

/// Keys in sound of that rate: each with its duration.
fn keys(sound: &[i16], rate: Rate) -> Vec<(char, u32)> {
    let mut narrow = Vec::new();
    Resampling::default().process(sound, (rate, Rate::Narrow), &mut narrow);
    narrow.resize(narrow.len() + 800, 0);
    let mut listener = Listener::new(Ears {
        digits: true,
        ..Ears::default()
    });
    let heard = listener.hear(&narrow);
    let ended = heard.into_iter().filter_map(|heard| match heard {
        Heard::Released { digit, millis } => Some((digit, millis)),
        Heard::Pressed(_) | Heard::Sound(_) => None,
    });
    ended.collect()
}

fn close(heard: &[(char, u32)], expected: &[(char, u32)], what: &str) {
    let digits = |list: &[(char, u32)]| list.iter().map(|(digit, _)| *digit).collect::<String>();
    assert_eq!(digits(heard), digits(expected), "{what}");
    for ((_, heard_for), (digit, millis)) in heard.iter().zip(expected) {
        assert!(
            heard_for.abs_diff(*millis) <= 20,
            "{what}: {digit} {heard_for} {millis}"
        );
    }
}

fn codecs() -> Vec<(Payload, u16)> {
    vec![
        (payload(0, "PCMU", 8000), 20),
        (payload(8, "PCMA", 8000), 30),
        (payload(9, "G722", 8000), 20),
        (
            Payload {
                channels: 2,
                ..payload(111, "OPUS", 48_000)
            },
            20,
        ),
        (payload(100, "L16", 16_000), 10),
    ]
}

#[test]
fn keys_are_tones_of_the_right_duration_in_every_codec() {
    let all = "0123456789*#ABCD";
    for (codec, ptime) in codecs() {
        let mut w = World::new();
        w.leg(1, AT_A, with(A, &[payload(0, "PCMU", 8000)], 20));
        w.leg(2, AT_B, with(B, std::slice::from_ref(&codec), ptime));
        w.command(Command::Bridge(id(1), id(2)));
        let mut talker = Talker::new(payload(0, "PCMU", 8000), 600.0, 20);
        let mut sent = talk(&mut w, (AT_A, A), &mut talker, 300);
        let mut expected = Vec::new();
        for (n, digit) in all.chars().enumerate() {
            let millis = [80, 100, 160, 240][n % 4];
            w.command(Command::Dtmf {
                media: id(2),
                digit,
                millis,
            });
            expected.push((digit, u32::from(millis)));
            sent.extend(talk(&mut w, (AT_A, A), &mut talker, 400));
        }
        let what = format!("{codec:?}");
        let (sound, rate) = decoded(&sent, &codec);
        close(&keys(&sound, rate), &expected, &what);
        assert!(
            sent.iter()
                .zip(&sent[1..])
                .all(|(a, b)| b.sequence == a.sequence.wrapping_add(1)),
            "{what}"
        );
        // The voice is heard again.
        let voice = talk(&mut w, (AT_A, A), &mut talker, 400);
        let (sound, rate) = decoded(&voice, &codec);
        let settled = &sound[rate.samples(100)..];
        assert!(share(settled, rate, 600.0) > 0.9, "{what}");
    }
}

#[test]
fn keys_in_a_row_are_told_apart_and_a_pressed_key_sounds_until_it_is_released() {
    let law = payload(0, "PCMU", 8000);
    let mut w = World::new();
    w.leg(2, AT_B, with(B, std::slice::from_ref(&law), 20));
    for digit in "1122".chars() {
        w.command(Command::Dtmf {
            media: id(2),
            digit,
            millis: 60,
        });
    }
    let mut sent = w.pass(1_000);
    w.command(Command::Press {
        media: id(2),
        digit: '7',
    });
    sent.extend(w.pass(290));
    w.command(Command::Release {
        media: id(2),
        digit: '7',
        millis: 300,
    });
    sent.extend(w.pass(500));
    // The decoder knows nothing of the pauses between the packets: each key has 40 ms of silence after it.
    let (sound, rate) = decoded(&sent, &law);
    let expected = [('1', 60), ('1', 60), ('2', 60), ('2', 60), ('7', 300)];
    close(&keys(&sound, rate), &expected, "PCMU");
    w.command(Command::Dtmf {
        media: id(2),
        digit: '!',
        millis: 100,
    });
    assert_eq!(w.pass(200), [], "a flash is no tone");
}

#[test]
fn a_file_goes_on_after_a_key_and_the_key_is_heard_alone() {
    let law = payload(0, "PCMU", 8000);
    let mut w = World::new();
    w.leg(2, AT_B, with(B, std::slice::from_ref(&law), 20));
    w.command(Command::Play {
        media: id(2),
        source: Source::Tone("600/1000".into()),
        repeat: true,
        token: 1,
    });
    let mut sent = w.pass(200);
    w.command(Command::Dtmf {
        media: id(2),
        digit: '9',
        millis: 100,
    });
    let key = w.pass(100);
    let (sound, rate) = decoded(&key, &law);
    assert!(share(&sound, rate, 600.0) < 0.01);
    sent.extend(key);
    sent.extend(w.pass(300));
    let (sound, rate) = decoded(&sent, &law);
    close(&keys(&sound, rate), &[('9', 100)], "with a file");
    assert!(share(&sound[sound.len() - rate.samples(200)..], rate, 600.0) > 0.9);
}

/// The tones of the keys of rows and columns.
const TONES: [(char, f64, f64); 4] = [
    ('1', 697.0, 1209.0),
    ('6', 770.0, 1477.0),
    ('9', 852.0, 1477.0),
    ('D', 941.0, 1633.0),
];

/// Says sound of 8 kHz in packets of PCMU of 20 ms; gives what is sent to the other side.
fn say(w: &mut World, sound: &[i16]) -> Vec<Sent> {
    let mut encoder = Encoder::new(&payload(0, "PCMU", 8000), 20).unwrap();
    let mut sent = Vec::new();
    for (n, frame) in sound.chunks_exact(160).enumerate() {
        let mut octets = [0; 200];
        let length = encoder.encode(frame, &mut octets);
        w.raw(AT_A, A, &rtp(0, n as u16, 160 * n as u32, 77, &octets[..length]));
        sent.append(&mut w.sent);
        sent.extend(w.pass(20));
    }
    sent
}

/// Adds tones of that level each.
fn add(sound: &mut Vec<i16>, hertz: &[f64], level: f64, samples: usize) {
    let start = sound.len();
    sound.extend((start..start + samples).map(|n| {
        let at = n as f64 / 8000.0;
        let tones = hertz.iter().map(|hertz| (std::f64::consts::TAU * hertz * at).sin());
        (tones.sum::<f64>() * level) as i16
    }));
}

#[test]
fn keys_in_the_sound_are_told_with_their_duration_and_no_detector_hears_them_at_the_far_end() {
    for level in [1_000.0, 6_000.0, 12_000.0] {
        for (other, _) in codecs() {
            let mut w = World::new();
            w.leg(1, AT_A, with(A, &[payload(0, "PCMU", 8000)], 20));
            w.leg(2, AT_B, with(B, std::slice::from_ref(&other), 20));
            w.command(Command::Bridge(id(1), id(2)));
            w.command(Command::Listen {
                media: id(1),
                ears: Ears {
                    digits: true,
                    mute: true,
                    ..Ears::default()
                },
            });
            // Each key begins at another place of a packet, and of a block of the detector.
            let (mut sound, mut expected) = (Vec::new(), Vec::new());
            for n in 0..32 {
                add(&mut sound, &[440.0], level, 2_000 + 37 * n);
                let (digit, low, high) = TONES[n % 4];
                let millis = [60, 100, 200][n % 3];
                add(&mut sound, &[], level, 160);
                add(&mut sound, &[low, high], level, 8 * millis);
                add(&mut sound, &[], level, 160);
                expected.push((digit, millis as u32));
            }
            add(&mut sound, &[440.0], level, 8_000);
            let sent = say(&mut w, &sound);
            let what = format!("{} at {level}", other.codec);
            let (mut begun, mut ended) = (String::new(), Vec::new());
            for event in w.events() {
                if let Event::Dtmf { digit, .. } = event {
                    begun.push(digit);
                } else if let Event::DtmfEnded { digit, millis, .. } = event {
                    ended.push((digit, u32::from(millis)));
                }
            }
            close(&ended, &expected, &what);
            assert_eq!(begun, expected.iter().map(|(digit, _)| *digit).collect::<String>());
            let (heard, rate) = decoded(&sent, &other);
            assert_eq!(keys(&heard, rate), [], "{what}");
            let last = &heard[heard.len() - rate.samples(600)..];
            assert!(share(last, rate, 440.0) > 0.9, "{what}: the voice is heard");
        }
    }
}

#[test]
fn what_is_listened_to_without_muting_is_copied_and_muting_ends_with_it() {
    let law = payload(0, "PCMU", 8000);
    let mut w = World::new();
    w.leg(1, AT_A, with(A, std::slice::from_ref(&law), 20));
    w.leg(2, AT_B, with(B, std::slice::from_ref(&law), 20));
    w.command(Command::Bridge(id(1), id(2)));
    let ears = |mute| Ears {
        digits: true,
        mute,
        ..Ears::default()
    };
    let mut sound = Vec::new();
    add(&mut sound, &[], 0.0, 1_600);
    add(&mut sound, &[770.0, 1336.0], 6_000.0, 1_600);
    add(&mut sound, &[], 0.0, 1_600);
    for (listen, expected) in [
        (ears(false), "5"),
        (ears(true), ""),
        (Ears::default(), "5"),
        (ears(true), ""),
        (ears(false), "5"),
    ] {
        w.command(Command::Listen {
            media: id(1),
            ears: listen,
        });
        let sent = say(&mut w, &sound);
        let (heard, rate) = decoded(&sent, &law);
        let heard: String = keys(&heard, rate).iter().map(|(digit, _)| *digit).collect();
        assert_eq!(heard, expected, "{listen:?}");
    }
}
