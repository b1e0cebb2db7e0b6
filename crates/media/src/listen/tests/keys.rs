//! DTMF.

use super::*;

const LOW: [f64; 4] = [697.0, 770.0, 852.0, 941.0];
const HIGH: [f64; 4] = [1209.0, 1336.0, 1477.0, 1633.0];
const KEYS: &str = "123A456B789C*0#D";

const DIGITS: Ears = Ears {
    digits: true,
    mute: false,
    voice: false,
    beep: false,
    fax: false,
};

/// How keys are pressed.
#[derive(Copy, Clone)]
struct Dial {
    on: f64,
    off: f64,
    low: f64,
    high: f64,
    /// Factors of the frequencies.
    bend: (f64, f64),
}

const PLAIN: Dial = Dial {
    on: 100.0,
    off: 80.0,
    low: -9.0,
    high: -7.0,
    bend: (1.0, 1.0),
};

fn dial(keys: &str, how: Dial, lead: f64) -> Made {
    let mut made = Made::default().silence(lead);
    for key in keys.chars() {
        let at = KEYS.find(key).unwrap();
        let tones = [
            (LOW[at / 4] * how.bend.0, how.low),
            (HIGH[at % 4] * how.bend.1, how.high),
        ];
        made = made.tones(&tones, how.on).silence(how.off);
    }
    made.silence(60.0)
}

/// The keys that were let go.
fn keys(heard: &[(u32, Heard)]) -> String {
    let released = heard.iter().filter_map(|(_, heard)| match heard {
        Heard::Released { digit, .. } => Some(*digit),
        Heard::Pressed(_) | Heard::Sound(_) => None,
    });
    released.collect()
}

#[test]
fn every_key_is_heard_once_with_its_duration_whatever_the_pieces() {
    for piece in [80, 160, 1, 37, 5000] {
        for on in [40.0, 60.0, 100.0, 250.0, 1500.0] {
            let heard = dial(KEYS, Dial { on, ..PLAIN }, 33.0).heard(DIGITS, piece);
            assert_eq!(keys(&heard), KEYS, "{piece} {on}");
            let pressed = heard.iter().filter(|(_, heard)| matches!(heard, Heard::Pressed(_)));
            assert_eq!(pressed.count(), 16);
            for (_, heard) in heard {
                if let Heard::Released { millis, .. } = heard {
                    assert!((f64::from(millis) - on).abs() <= 10.0, "{piece} {on}: {millis}");
                }
            }
        }
    }
}

#[test]
fn a_key_of_40_ms_and_a_pause_of_30_ms_are_heard_wherever_they_begin() {
    let how = Dial {
        on: 40.0,
        off: 30.0,
        ..PLAIN
    };
    for eighths in 0..110 {
        let made = dial("11223D8800*##", how, f64::from(eighths) / 8.0);
        assert_eq!(keys(&made.heard(DIGITS, 160)), "11223D8800*##", "{eighths}");
    }
}

#[test]
fn a_key_is_told_at_once_when_it_is_sure() {
    for lead in 0..20 {
        let heard = dial("5", Dial { on: 500.0, ..PLAIN }, 100.0 + f64::from(lead)).heard(DIGITS, 80);
        let (at, first) = heard[0];
        assert_eq!(first, Heard::Pressed('5'));
        assert!(at <= 100 + lead + 50, "{at}");
    }
}

#[test]
fn a_break_of_ten_milliseconds_is_no_new_press() {
    for eighths in 0..110 {
        let tones = [(770.0, -8.0), (1336.0, -8.0)];
        let made = Made::default()
            .silence(20.0 + f64::from(eighths) / 8.0)
            .tones(&tones, 60.0)
            .silence(10.0)
            .tones(&tones, 60.0)
            .silence(100.0);
        assert_eq!(keys(&made.heard(DIGITS, 160)), "5", "{eighths}");
    }
}

#[test]
fn levels_twist_and_frequencies_within_q24_are_heard() {
    for low in [-30.0, -20.0, -3.0] {
        // The high tone up to 4 dB louder, the low one up to 8 dB.
        for (low, high) in [(low, low), (low - 4.0, low), (low, low - 8.0)] {
            for bend in [
                (1.0, 1.0),
                (1.015, 1.015),
                (0.985, 0.985),
                (1.015, 0.985),
                (0.985, 1.015),
            ] {
                let how = Dial {
                    low,
                    high,
                    bend,
                    on: 50.0,
                    off: 50.0,
                };
                let heard = dial(KEYS, how, 17.0).heard(DIGITS, 160);
                assert_eq!(keys(&heard), KEYS, "{low} {high} {bend:?}");
            }
        }
    }
}

#[test]
fn noise_of_15_db_below_is_no_hindrance() {
    for seed in 0..10 {
        let made = dial(
            KEYS,
            Dial {
                on: 50.0,
                off: 50.0,
                ..PLAIN
            },
            40.0,
        )
        .noise(-20.0, seed);
        assert_eq!(keys(&made.heard(DIGITS, 160)), KEYS, "{seed}");
    }
}

#[test]
fn keys_survive_the_coding_of_g711() {
    for low in [-30.0, -8.0, 0.0] {
        let made = dial(
            KEYS,
            Dial {
                low,
                high: low,
                ..PLAIN
            },
            25.0,
        );
        let mut listener = Listener::new(DIGITS);
        let coded: Vec<i16> = made
            .pcm()
            .iter()
            .map(|s| audio_codec_algorithms::decode_ulaw(audio_codec_algorithms::encode_ulaw(*s)))
            .collect();
        let heard: Vec<_> = coded
            .chunks(160)
            .flat_map(|pcm| listener.hear(pcm))
            .map(|heard| (0, heard))
            .collect();
        assert_eq!(keys(&heard), KEYS);
    }
}

#[test]
fn what_q24_excludes_is_no_key() {
    let none = |made: Made, what: &str| assert_eq!(made.heard(DIGITS, 160), [], "{what}");
    for lead in 0..13 {
        let lead = f64::from(lead);
        none(
            dial(
                KEYS,
                Dial {
                    on: 20.0,
                    off: 80.0,
                    ..PLAIN
                },
                lead,
            ),
            "20 ms",
        );
    }
    let faint = Dial {
        low: -45.0,
        high: -45.0,
        ..PLAIN
    };
    none(dial(KEYS, faint, 0.0), "-45 dBm0");
    let twisted = |low, high| dial(KEYS, Dial { low, high, ..PLAIN }, 0.0);
    none(twisted(-5.0, -20.0), "15 dB of twist");
    none(twisted(-20.0, -5.0), "15 dB of reverse twist");
    let bent = |low, high| {
        let how = Dial {
            bend: (low, high),
            ..PLAIN
        };
        dial("37D", how, 0.0)
    };
    none(bent(1.045, 1.0), "the low tone 4.5 % off");
    none(bent(1.0, 1.045), "the high tone 4.5 % off");
    for (low, high) in [
        (697.0, 770.0),
        (1209.0, 1336.0),
        (350.0, 440.0),
        (480.0, 620.0),
        (941.0, 2000.0),
    ] {
        none(
            Made::default().tones(&[(low, -8.0), (high, -8.0)], 500.0).silence(50.0),
            "two others",
        );
    }
    for hertz in LOW.into_iter().chain(HIGH) {
        none(Made::default().tone(hertz, -6.0, 500.0).silence(50.0), "one tone");
    }
    let third = Made::default()
        .tones(&[(770.0, -8.0), (1336.0, -8.0), (1100.0, -9.0)], 500.0)
        .silence(90.0);
    none(third, "a third tone");
    let voiced = Made::default()
        .tones(&[(770.0, -8.0), (1336.0, -8.0), (2672.0, -13.0)], 500.0)
        .silence(90.0);
    none(voiced, "a harmonic of the high tone");
}

#[test]
fn a_key_that_follows_at_once_is_another_key() {
    let made = Made::default()
        .silence(50.0)
        .tones(&[(697.0, -8.0), (1209.0, -8.0)], 80.0)
        .tones(&[(941.0, -8.0), (1477.0, -8.0)], 80.0)
        .silence(80.0);
    assert_eq!(keys(&made.heard(DIGITS, 160)), "1#");
}

#[test]
fn digits_are_heard_while_a_prompt_comes_back_as_echo() {
    // The echo is 20 dB below.
    let echo = Made::default().speech(4000.0, -28.0, 3);
    let mut made = dial(
        "1234567890",
        Dial {
            low: -6.0,
            high: -6.0,
            ..PLAIN
        },
        100.0,
    );
    made.0.iter_mut().zip(&echo.0).for_each(|(s, e)| *s += e);
    assert_eq!(keys(&made.heard(DIGITS, 160)), "1234567890");
}
