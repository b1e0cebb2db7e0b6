//! Beep, CNG, CED, and the tones of networks, which are none of these.

use super::*;

const SIGNALS: Ears = Ears {
    digits: false,
    mute: false,
    voice: false,
    beep: true,
    fax: true,
};

fn beep(hertz: f64, dbm0: f64, millis: f64, lead: f64) -> Made {
    Made::default()
        .speech(3000.0 + lead, -15.0, 1)
        .silence(300.0)
        .tone(hertz, dbm0, millis)
        .silence(1200.0)
}

#[test]
fn beeps_of_every_frequency_length_and_level_are_heard_once() {
    for hertz in [400.0, 440.0, 620.0, 850.0, 1000.0, 1400.0, 1750.0, 2000.0] {
        for millis in [150.0, 250.0, 700.0, 2000.0] {
            for (n, dbm0) in [-3.0, -15.0, -30.0].into_iter().enumerate() {
                let lead = n as f64 * 7.0;
                assert_eq!(
                    beep(hertz, dbm0, millis, lead).sounds(SIGNALS),
                    [Sound::Beep],
                    "{hertz} Hz {dbm0} dBm0 {millis} ms"
                );
            }
        }
    }
}

#[test]
fn a_beep_is_heard_soon_after_it_ends_and_through_noise() {
    let made = Made::default()
        .speech(2000.0, -15.0, 1)
        .silence(400.0)
        .tone(1000.0, -18.0, 500.0)
        .silence(1000.0);
    for seed in 0..10 {
        let mut noisy = Made(made.0.clone());
        noisy = noisy.noise(-40.0, seed);
        let heard = noisy.heard(SIGNALS, 160);
        assert_eq!(heard.len(), 1);
        assert!((2900..3150).contains(&heard[0].0), "{heard:?}");
    }
}

#[test]
fn a_tone_that_does_not_end_in_silence_or_lasts_otherwise_is_no_beep() {
    let none = |made: Made, what: &str| assert_eq!(made.sounds(SIGNALS), [], "{what}");
    let lead = || Made::default().speech(2000.0, -15.0, 1).silence(300.0);
    none(
        lead().tone(1000.0, -10.0, 400.0).speech(2000.0, -15.0, 2),
        "speech follows",
    );
    none(lead().tone(1000.0, -10.0, 100.0).silence(500.0), "100 ms");
    none(lead().tone(1000.0, -10.0, 2200.0).silence(500.0), "2200 ms");
    none(lead().tone(300.0, -10.0, 500.0).silence(500.0), "300 Hz");
    none(lead().tone(2300.0, -10.0, 500.0).silence(500.0), "2300 Hz");
    none(lead().tone(1000.0, -50.0, 500.0).silence(500.0), "-50 dBm0");
    none(
        lead().tones(&[(770.0, -8.0), (1336.0, -8.0)], 500.0).silence(500.0),
        "a key",
    );
    none(
        lead().tones(&[(770.0, -8.0), (1336.0, -16.0)], 500.0).silence(500.0),
        "a key with twist",
    );
    none(
        lead()
            .tone(1000.0, -10.0, 300.0)
            .tone(1400.0, -10.0, 300.0)
            .silence(500.0),
        "two tones",
    );
}

/// A cadence, again and again.
fn cadence(steps: &[(&[f64], f64)], times: usize) -> Made {
    let mut made = Made::default().silence(100.0);
    for _ in 0..times {
        for (hertz, millis) in steps {
            let tones: Vec<(f64, f64)> = hertz.iter().map(|hertz| (*hertz, -13.0)).collect();
            made = made.tones(&tones, *millis);
        }
    }
    made
}

#[test]
fn the_tones_of_networks_are_no_beep_and_no_fax() {
    for (name, steps) in [
        ("ringing, Europe", &[(&[425.0][..], 1000.0), (&[], 4000.0)][..]),
        ("ringing, France", &[(&[440.0], 1500.0), (&[], 3500.0)]),
        ("ringing, China", &[(&[450.0], 1000.0), (&[], 4000.0)]),
        ("ringing, Japan", &[(&[384.0, 416.0], 1000.0), (&[], 2000.0)]),
        ("ringing, America", &[(&[440.0, 480.0], 2000.0), (&[], 4000.0)]),
        (
            "ringing, Britain",
            &[
                (&[400.0, 450.0], 400.0),
                (&[], 200.0),
                (&[400.0, 450.0], 400.0),
                (&[], 2000.0),
            ],
        ),
        ("busy, Europe", &[(&[425.0], 500.0), (&[], 500.0)]),
        ("busy, Sweden", &[(&[425.0], 250.0), (&[], 250.0)]),
        ("busy, Britain", &[(&[400.0], 375.0), (&[], 375.0)]),
        ("busy, America", &[(&[480.0, 620.0], 500.0), (&[], 500.0)]),
        ("congestion", &[(&[425.0], 200.0), (&[], 200.0)]),
        (
            "no such number",
            &[(&[950.0], 330.0), (&[1400.0], 330.0), (&[1800.0], 330.0), (&[], 1000.0)],
        ),
    ] {
        assert_eq!(cadence(steps, 5).sounds(SIGNALS), [], "{name}");
    }
    // After a conversation, when the other side has hung up.
    for millis in [200.0, 375.0, 500.0] {
        let mut made = Made::default().speech(4000.0, -15.0, 9).silence(700.0);
        made.0.extend(cadence(&[(&[425.0], millis), (&[], millis)], 4).0);
        assert_eq!(made.sounds(SIGNALS), [], "busy {millis}");
    }
}

#[test]
fn a_calling_fax_is_heard() {
    for hertz in [1062.0, 1100.0, 1138.0] {
        for (n, millis) in [425.0, 500.0, 575.0].into_iter().enumerate() {
            for dbm0 in [-10.0, -30.0] {
                let mut made = Made::default().silence(200.0 + 7.0 * n as f64);
                for _ in 0..3 {
                    made = made.tone(hertz, dbm0, millis).silence(3000.0);
                }
                assert_eq!(made.sounds(SIGNALS), [Sound::FaxCalling; 3], "{hertz} {millis} {dbm0}");
            }
        }
    }
    for (hertz, millis) in [(1000.0, 500.0), (1200.0, 500.0)] {
        let made = Made::default().silence(200.0).tone(hertz, -10.0, millis).silence(500.0);
        assert!(!made.sounds(SIGNALS).contains(&Sound::FaxCalling));
    }
    let long = Made::default().silence(200.0).tone(1100.0, -10.0, 900.0).silence(500.0);
    assert!(!long.sounds(SIGNALS).contains(&Sound::FaxCalling));
}

/// 2,100 Hz for 3.3 s; its phase is turned each 450 ms, and its level changes by 20 % (ITU-T V.8 ANSam), where asked.
fn answer(hertz: f64, dbm0: f64, lead: f64, turns: bool, changes: bool) -> Made {
    let mut made = Made::default().silence(lead);
    made.0.extend((0..26_400).map(|n| {
        let at = f64::from(n) / 8000.0;
        let turn = if turns && (n / 3600) % 2 == 1 { -1.0 } else { 1.0 };
        let level = if changes {
            1.0 + 0.2 * (TAU * 15.0 * at).sin()
        } else {
            1.0
        };
        turn * level * peak(dbm0) * (TAU * hertz * at).sin()
    }));
    made.silence(500.0)
}

#[test]
fn an_answering_fax_is_heard_once_with_and_without_turns_of_its_phase() {
    for hertz in [2070.0, 2085.0, 2100.0, 2115.0, 2130.0] {
        for dbm0 in [-8.0, -30.0] {
            for (turns, changes) in [(false, false), (true, false), (false, true), (true, true)] {
                for lead in [100.0, 105.0, 111.0, 117.0] {
                    let heard = answer(hertz, dbm0, lead, turns, changes)
                        .noise(dbm0 - 20.0, 5)
                        .heard(SIGNALS, 80);
                    assert_eq!(heard.len(), 1, "{hertz} {dbm0} {turns} {changes} {lead}");
                    assert_eq!(heard[0].1, Heard::Sound(Sound::FaxAnswering));
                    assert!(heard[0].0 < 720, "{heard:?}");
                }
            }
        }
    }
    assert_eq!(answer(2200.0, -8.0, 100.0, false, false).sounds(SIGNALS), []);
}

#[test]
fn only_what_is_asked_for_is_told() {
    let made = beep(1000.0, -10.0, 500.0, 0.0);
    let only_fax = Ears { beep: false, ..SIGNALS };
    assert_eq!(made.sounds(only_fax), []);
    let calls = Made::default().silence(100.0).tone(1100.0, -10.0, 500.0).silence(500.0);
    let only_beep = Ears { fax: false, ..SIGNALS };
    assert_eq!(calls.sounds(only_beep), [], "CNG is no beep");
    assert!(made.heard(Ears::default(), 160).is_empty());
}
