//! Minutes of speech and music in which no key, beep or fax is to be heard.

use super::*;

fn false_alarms(made: &Made) -> Vec<(u32, Heard)> {
    let ears = Ears { voice: false, ..ALL };
    made.heard(ears, 160)
}

#[test]
fn five_minutes_of_speech_hold_no_key_and_no_tone() {
    for seed in 0..5 {
        let made = Made::default().speech(60_000.0, -14.0, seed).noise(-60.0, seed);
        assert_eq!(false_alarms(&made), [], "{seed}");
    }
}

#[test]
fn five_minutes_of_music_hold_no_key_and_no_tone() {
    for seed in 0..5 {
        let made = Made::default().music(60_000.0, seed);
        assert_eq!(false_alarms(&made), [], "{seed}");
    }
}

#[test]
fn noise_and_silence_hold_nothing() {
    for (n, dbm0) in [-100.0, -60.0, -30.0, -10.0].into_iter().enumerate() {
        let made = Made::default().silence(60_000.0).noise(dbm0, n as u64);
        assert_eq!(false_alarms(&made), [], "{dbm0}");
    }
    let square = (0..80_000).map(|n| if n / 5 % 2 == 0 { 32_767.0 } else { -32_768.0 });
    assert_eq!(false_alarms(&Made(square.collect())), []);
}

/// Parts of sound in a thousand that are left out because they may be keys.
fn left_out(made: &Made) -> usize {
    let mut listener = Listener::new(Ears { voice: false, ..ALL });
    let pcm = made.pcm();
    let frames = pcm.chunks(160);
    let (all, mut out) = (frames.len(), 0);
    for frame in frames {
        listener.hear(frame);
        out += usize::from(listener.may_be_key());
    }
    out * 1_000 / all
}

#[test]
fn little_of_speech_and_music_may_be_a_key() {
    for seed in 0..5 {
        let made = Made::default().speech(60_000.0, -14.0, seed);
        let music = Made::default().music(60_000.0, seed);
        let (speech, music) = (left_out(&made), left_out(&music));
        assert!(speech <= 2 && music <= 20, "{speech} {music}");
    }
}
