//! Gain, levelling, the limiter, clicks.

use super::*;

const NARROW: Rate = Rate::Narrow;

fn gain(gain: i8) -> Seat {
    Seat {
        gain,
        ..Seat::default()
    }
}

/// dBov of a tone's peak.
fn peak_of(dbov: f64) -> f64 {
    // 0 dBov is the power of a square wave of full scale.
    32_768.0 * 2f64.sqrt() * 10f64.powf(dbov / 20.0)
}

#[test]
fn gain_is_decibels_within_its_bounds() {
    for (asked, given) in [(-128, -40), (-40, -40), (-6, -6), (0, 0), (12, 12), (20, 20), (100, 20)] {
        let mut room = Room::new(Config::default());
        room.speaks(0, gain(asked), pcma(), tone(1000.0, 1200.0));
        room.sits(1, Seat::default(), pcma());
        room.run(600);
        let heard = 20.0 * (room.peak(1, NARROW, 1000.0) / 1200.0).log10();
        assert!((heard - f64::from(given)).abs() < 0.6, "{asked}: {heard}");
    }
}

#[test]
fn quiet_and_loud_talkers_come_to_one_level_within_two_seconds() {
    let mut room = Room::new(Config::default());
    let levelled = Seat {
        levelled: true,
        ..Seat::default()
    };
    room.speaks(0, levelled, pcma(), tone(600.0, peak_of(-40.0)));
    room.speaks(1, levelled, pcma(), tone(1100.0, peak_of(-10.0)));
    room.sits(2, Seat::default(), pcma());
    room.run(2000);
    let (quiet, loud) = (room.peak(2, NARROW, 600.0), room.peak(2, NARROW, 1100.0));
    let apart = 20.0 * (loud / quiet).log10();
    assert!(apart.abs() < 3.0, "{apart} dB apart");
    let level = 20.0 * (loud / peak_of(0.0)).log10();
    assert!((level + 26.0).abs() < 2.0, "{level} dBov");
}

#[test]
fn the_noise_of_a_pause_is_not_made_louder() {
    let mut room = Room::new(Config::default());
    let levelled = Seat {
        levelled: true,
        ..Seat::default()
    };
    let speech = tone(600.0, peak_of(-26.0));
    let noise = tone(900.0, peak_of(-58.0));
    let wave = move |t: f64| if t < 2.0 { speech(t) } else { noise(t) };
    room.speaks(0, levelled, pcma(), Box::new(wave));
    room.sits(1, Seat::default(), pcma());
    room.run(2300);
    let heard = peak(room.last(who(1), NARROW, 200), NARROW, 900.0);
    assert!(heard < peak_of(-55.0), "{heard}");
}

/// What is not the tone, of what is.
fn distortion(pcm: &[i16], hertz: f64) -> f64 {
    let tone = peak(pcm, NARROW, hertz).powi(2) / 2.0;
    let all = rms(pcm).powi(2);
    ((all - tone).max(0.0) / tone).sqrt()
}

/// Ten talkers at full scale, in phase: the worst case. Total harmonic distortion and noise stay below 1 % after the
/// first 40 ms, and nothing ever wraps around.
#[test]
fn ten_talkers_at_full_scale_are_not_clipped() {
    let mut room = Room::new(Config::default());
    for slot in 0..10 {
        room.speaks(slot, Seat::default(), pcma(), tone(440.0, 32_767.0));
    }
    room.sits(10, Seat::default(), pcma());
    room.run(1000);
    let heard = &room.heard[&who(10)];
    let settled = &heard[NARROW.samples(40)..];
    let off = distortion(&settled[..NARROW.samples(500)], 440.0);
    assert!(off < 0.01, "{off}");
    assert!(peak(settled, NARROW, 440.0) > 25_000.0);
    // A wrap-around would be a jump of nearly full scale.
    assert!(jump(heard) < 15_000, "{}", jump(heard));
}

#[test]
fn ten_talkers_with_ten_tones_keep_their_tones() {
    let mut room = Room::new(Config::default());
    let tones: Vec<f64> = (0..10).map(|n| 310.0 + 270.0 * f64::from(n)).collect();
    for (slot, hertz) in tones.iter().enumerate() {
        room.speaks(slot as u32, Seat::default(), pcma(), tone(*hertz, 32_767.0));
    }
    room.sits(10, Seat::default(), pcma());
    room.run(2000);
    let heard = room.last(who(10), NARROW, 1000);
    let peaks: Vec<f64> = tones.iter().map(|hertz| peak(heard, NARROW, *hertz)).collect();
    let tones: f64 = peaks.iter().map(|peak| peak * peak / 2.0).sum();
    let rest = (rms(heard).powi(2) - tones).max(0.0) / tones;
    assert!(rest.sqrt() < 0.05, "{}", rest.sqrt());
    assert!(peaks.iter().all(|peak| (0.9..1.1).contains(&(peak / peaks[0]))));
}

#[test]
fn after_loud_talkers_the_level_comes_back() {
    let mut room = Room::new(Config::default());
    for slot in 0..10 {
        room.speaks(slot, Seat::default(), pcma(), tone(440.0, 32_767.0));
    }
    room.speaks(10, Seat::default(), pcma(), tone(1000.0, 3000.0));
    room.sits(11, Seat::default(), pcma());
    room.run(500);
    (0..10).for_each(|slot| room.leaves(who(slot)));
    room.run(2000);
    assert!(room.peak(11, NARROW, 1000.0) > 2950.0);
}

/// The step of a tone from one sample to the next, at most.
fn slope(hertz: f64, peak: f64) -> i32 {
    (TAU * hertz / 8000.0 * peak).ceil() as i32
}

#[test]
fn nothing_clicks_when_talkers_come_speak_and_go() {
    let mut room = Room::new(Config::default());
    room.sits(0, Seat::default(), pcma());
    room.speaks(1, Seat::default(), pcma(), tone(400.0, 8000.0));
    room.run(510);
    // Joins in the middle of its tone, at a sample far from 0.
    room.speaks(
        2,
        Seat::default(),
        pcma(),
        Box::new(|t| 8000.0 * (TAU * 300.0 * t).cos()),
    );
    room.run(500);
    // Muted and heard again in the middle of its tone.
    room.sits(
        2,
        Seat {
            heard_by: Others::NoLeg,
            ..Seat::default()
        },
        pcma(),
    );
    room.run(300);
    room.sits(2, Seat::default(), pcma());
    room.run(300);
    room.sits(2, gain(-12), pcma());
    room.run(300);
    room.leaves(who(2));
    room.run(200);
    // Its packets stop.
    room.mouths.remove(&who(1));
    room.run(300);
    let heard = &room.heard[&who(0)];
    let most = slope(400.0, 8000.0) + slope(300.0, 8000.0);
    // Fading in from a sample far from 0 within 2 ms adds 8000 / 16 a sample, and the first tick begins with one.
    assert!(jump(heard) <= most + 520, "{} of {most}", jump(heard));
    assert_eq!(rms(room.last(who(0), NARROW, 200)), 0.0);
}

#[test]
fn a_quiet_speaker_is_heard_whole_between_words() {
    // Syllables of -58 dBov with gaps at -68: below what is always mixed, above the line's own noise.
    let speech = tone(500.0, peak_of(-58.0));
    let wave = move |t: f64| {
        let syllable = (TAU * 3.0 * t).sin() > -0.3;
        speech(t) * if syllable { 1.0 } else { 0.3 }
    };
    let mut room = Room::new(Config::default());
    room.speaks(0, Seat::default(), pcma(), Box::new(wave));
    room.sits(1, Seat::default(), pcma());
    room.run(10_000);
    let heard = &room.heard[&who(1)];
    let frames = heard.chunks(160).filter(|frame| rms(frame) < 3.0).count();
    assert_eq!(frames, 0, "no frame of the speaker is cut");
}

#[test]
fn the_idle_noise_of_a_line_is_not_mixed() {
    let mut room = Room::new(Config::default());
    // The two least values of A-law.
    let noise = |t: f64| {
        if ((t * 8000.0) as u32).wrapping_mul(2_654_435_761) >> 31 == 0 {
            8.0
        } else {
            -8.0
        }
    };
    for slot in 0..50 {
        room.speaks(slot, Seat::default(), pcma(), Box::new(noise));
    }
    room.run(1000);
    assert_eq!(room.mixer.talking(), 0);
    assert_eq!(room.packets.last().unwrap().1, 1);
}
