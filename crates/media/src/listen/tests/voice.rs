//! Voice activity.

use super::*;

const VOICE: Ears = Ears {
    digits: false,
    mute: false,
    voice: true,
    beep: false,
    fax: false,
};

fn changes(made: &Made) -> Vec<(u32, bool)> {
    let heard = made.heard(VOICE, 160);
    heard
        .iter()
        .map(|(at, heard)| (*at, *heard == Heard::Sound(Sound::SpeechBegins)))
        .collect()
}

#[test]
fn speech_begins_and_ends_once_at_each_level_and_above_noise() {
    for (level, noise) in [(-12.0, -55.0), (-20.0, -45.0), (-35.0, -60.0), (-45.0, -70.0)] {
        for seed in 0..5 {
            let made = Made::default()
                .silence(2000.0)
                .speech(5000.0, level, seed)
                .silence(2000.0)
                .noise(noise, seed);
            let found = changes(&made);
            let whole = found
                .first()
                .is_some_and(|(at, begins)| *begins && (2000..2400).contains(at))
                && found
                    .last()
                    .is_some_and(|(at, begins)| !*begins && (7000..7800).contains(at));
            assert!(whole && found.len() <= 6, "{level} {noise} {seed}: {found:?}");
        }
    }
}

#[test]
fn steady_noise_and_pure_tones_are_no_speech() {
    for dbm0 in [-70.0, -50.0, -45.0] {
        let made = Made::default().silence(20_000.0).noise(dbm0, 7);
        assert_eq!(changes(&made), [], "{dbm0}");
    }
    for hertz in [425.0, 1100.0, 2100.0] {
        let made = Made::default().silence(500.0).tone(hertz, -12.0, 3000.0).silence(500.0);
        assert_eq!(changes(&made), [], "{hertz}");
    }
}

#[test]
fn a_click_is_no_speech() {
    let made = Made::default().silence(1000.0).speech(20.0, -10.0, 1).silence(1000.0);
    assert_eq!(changes(&made), []);
}

#[test]
fn the_begin_of_louder_noise_is_forgotten_within_some_seconds() {
    let quiet = Made::default().silence(3000.0).noise(-60.0, 1);
    let loud = Made::default().silence(20_000.0).noise(-42.0, 2);
    let mut made = quiet;
    made.0.extend(loud.0);
    let found = changes(&made);
    assert!(found.len() == 2 && found[1].0 < 11_000, "{found:?}");
}
