//! Tones, prompts and echoes.

use super::*;

#[test]
fn a_tone_is_paced_by_the_tick_and_ends() {
    let mut w = World::bridged();
    w.command(Command::Unbridge(id(1)));
    w.command(Command::Play {
        media: id(1),
        source: Source::Tone("425/200".into()),
        repeat: false,
        token: 9,
    });
    let sent = w.pass(300);
    assert_eq!(sent.len(), 10);
    for pair in sent.windows(2) {
        assert_eq!(pair[1].sequence, pair[0].sequence.wrapping_add(1));
        assert_eq!(pair[1].timestamp, pair[0].timestamp.wrapping_add(160));
    }
    assert!(sent[0].marker && !sent[1].marker && sent.iter().all(|s| s.payload.len() == 160 && s.number == 0));
    assert_eq!(
        w.events(),
        [Event::Played {
            media: id(1),
            token: 9,
            fault: None,
            millis: 200
        }]
    );
    w.command(Command::Play {
        media: id(1),
        source: Source::Tone("busy".into()),
        repeat: true,
        token: 10,
    });
    assert_eq!(w.pass(5000).len(), 251);
    w.command(Command::Stop(id(1)));
    assert!(w.pass(100).is_empty() && w.events().is_empty());
}

#[test]
fn the_peers_packet_length_is_kept() {
    let mut w = World::new();
    w.leg(
        1,
        AT_A,
        Remote {
            ptime: 30,
            ..remote(A, &[(8, "PCMA")])
        },
    );
    w.command(Command::Play {
        media: id(1),
        source: Source::Tone("0/300".into()),
        repeat: false,
        token: 1,
    });
    let sent = w.pass(400);
    assert_eq!((sent.len(), sent[0].payload.clone()), (10, vec![0xd5; 240]));
}

#[test]
fn from_a_tone_to_the_bridge_the_stream_goes_on() {
    let mut w = World::bridged();
    w.command(Command::Play {
        media: id(2),
        source: Source::Tone("ringback".into()),
        repeat: true,
        token: 1,
    });
    let tone = w.pass(100);
    assert!(w.say(AT_A, A, 1).is_empty(), "the tone has the line");
    w.command(Command::Bridge(id(1), id(2)));
    w.pass(10);
    let voice = w.say(AT_A, A, 2).remove(0);
    let last = tone.last().unwrap();
    assert_eq!((voice.ssrc, voice.sequence), (last.ssrc, last.sequence.wrapping_add(1)));
    assert!(voice.marker && voice.timestamp.wrapping_sub(last.timestamp) < 400);
    assert!(w.pass(100).is_empty(), "the tone is over");
}

/// What decodes from a packet of PCMU.
pub(super) fn heard(sent: &Sent) -> Vec<i16> {
    let mut pcm = Vec::new();
    crate::codec::g711::Law::Pcmu.decode(&sent.payload, &mut pcm);
    pcm
}

/// Samples that G.711 µ-law keeps as they are.
pub(super) const ONE: i16 = 8;
pub(super) const TWO: i16 = 16;

pub(super) fn prompts(list: &[&str]) -> Source {
    Source::Prompts(list.iter().map(|n| (*n).to_owned()).collect())
}

pub(super) fn play(slot: u32, source: Source, repeat: bool) -> Command {
    Command::Play {
        media: id(slot),
        source,
        repeat,
        token: 3,
    }
}

pub(super) fn played(slot: u32, millis: u64) -> Event {
    Event::Played {
        media: id(slot),
        token: 3,
        fault: None,
        millis,
    }
}

#[test]
fn files_follow_each_other_without_a_gap_and_the_next_one_is_opened_ahead() {
    let mut w = World::bridged();
    w.command(play(1, prompts(&["a", "", "b", "a"]), false));
    let [(a, name)] = w.opened().try_into().unwrap();
    assert_eq!(name, "a");
    assert!(w.pass(100).is_empty(), "nothing is sent before the first piece");
    w.answer(a, &[ONE; 240], true);
    let [(b, name)] = w.opened().try_into().unwrap();
    assert_eq!(name, "b");
    w.answer(b, &[TWO; 80], true);
    let first = w.pass(2).remove(0);
    assert!(first.marker && heard(&first) == [ONE; 160]);
    assert!(w.opened().is_empty(), "two files are in memory");
    let second = w.pass(20).remove(0);
    assert_eq!(heard(&second), [[ONE; 80], [TWO; 80]].concat());
    // Its file may have changed since: it is opened once more.
    w.pass(20);
    let [(again, name)] = w.opened().try_into().unwrap();
    assert_eq!(name, "a");
    w.answer(again, &[ONE; 100], true);
    let last = w.pass(40).remove(0);
    assert_eq!(heard(&last), [[ONE; 100].as_slice(), &[0; 60]].concat());
    assert_eq!(w.events(), [played(1, 52)]);
    assert_eq!(w.relay.play.open(), 0);
}

#[test]
fn a_long_file_is_asked_for_piece_by_piece() {
    let mut w = World::bridged();
    w.command(play(1, prompts(&["a"]), false));
    let (track, _) = w.opened().remove(0);
    w.answer(track, &[ONE; 4000], false);
    assert_eq!(w.wanted(), [Wanted::More(track)]);
    w.answer(track, &[TWO; 4000], false);
    assert!(w.wanted().is_empty(), "no more than two pieces are held");
    assert_eq!(w.pass(490).len(), 25);
    assert!(w.wanted().is_empty());
    w.pass(20);
    assert_eq!(
        w.wanted(),
        [Wanted::More(track)],
        "asked while the piece before is heard"
    );
    w.pass(490);
    w.answer(track, &[ONE; 400], true);
    assert_eq!(w.pass(100).len(), 3);
    assert_eq!(w.events(), [played(1, 1050)]);
}

#[test]
fn a_late_piece_is_heard_after_silence_and_other_plays_do_not_wait() {
    let mut w = World::bridged();
    w.command(play(1, prompts(&["slow"]), false));
    let (slow, _) = w.opened().remove(0);
    w.answer(slow, &[ONE; 160], false);
    w.wanted();
    w.command(play(2, prompts(&["fast"]), false));
    let (fast, _) = w.opened().remove(0);
    w.answer(fast, &[TWO; 800], true);
    let sent = w.pass(90);
    let to = |at: &str| {
        sent.iter()
            .filter(|s| s.to == super::at(at))
            .map(heard)
            .collect::<Vec<_>>()
    };
    assert_eq!(to(B), vec![vec![TWO; 160]; 5]);
    let one = to(A);
    assert_eq!(one[0], [ONE; 160]);
    assert!(
        one.len() == 5 && one[1..].iter().all(|frame| *frame == [0; 160]),
        "the stream goes on"
    );
    w.answer(slow, &[ONE; 160], true);
    assert_eq!(heard(&w.pass(20)[0]), [ONE; 160]);
    w.pass(40);
    assert_eq!(w.events(), [played(2, 100), played(1, 40)]);
}

#[test]
fn a_repeated_file_is_heard_from_memory_where_it_is_small_and_nothing_at_all_ends() {
    let mut w = World::bridged();
    w.command(play(1, prompts(&["a"]), true));
    let (track, _) = w.opened().remove(0);
    w.answer(track, &[ONE; 100], true);
    let sent: Vec<i16> = w.pass(190).iter().flat_map(heard).collect();
    assert!(sent == [ONE; 1600], "{}", sent.len());
    assert!(w.opened().is_empty());
    w.command(play(1, prompts(&["a", "b"]), true));
    for _ in 0..8 {
        w.answer_all(|_| {
            Ok(Piece {
                clip: Clip::from_linear(&[]).into(),
                last: true,
            })
        });
        w.pass(20);
    }
    assert_eq!(w.events(), [played(1, 0)]);
}

#[test]
fn a_repeated_long_file_is_opened_again() {
    let mut w = World::bridged();
    w.command(play(1, prompts(&["a"]), true));
    let (track, _) = w.opened().remove(0);
    w.answer(track, &[ONE; 160], false);
    w.wanted();
    w.answer(track, &[TWO; 160], true);
    let (next, _) = w.opened().remove(0);
    assert_ne!(next, track);
    w.answer(next, &[ONE; 160], false);
    let sent: Vec<i16> = w.pass(50).iter().map(|s| heard(s)[0]).collect();
    assert_eq!(sent, [ONE, TWO, ONE]);
}

#[test]
fn a_play_that_ends_early_closes_its_files_and_later_answers_change_nothing() {
    let mut w = World::bridged();
    for end in [
        Command::Stop(id(1)),
        Command::Bridge(id(1), id(2)),
        Command::Close(id(1)),
    ] {
        w.command(play(1, prompts(&["a", "b"]), false));
        let (track, _) = w.opened().remove(0);
        w.answer(track, &[ONE; 160], false);
        assert_eq!(w.wanted(), [Wanted::More(track)]);
        w.command(end);
        assert_eq!(w.wanted(), [Wanted::Close(track)]);
        w.answer(track, &[ONE; 160], false);
        assert!(w.pass(60).is_empty() && w.wanted().is_empty());
        assert_eq!(w.relay.play.open(), 0);
    }
}

#[test]
fn a_fault_in_mid_play_is_told_after_what_was_heard() {
    let mut w = World::bridged();
    w.command(play(1, prompts(&["a", "gone"]), false));
    let (track, _) = w.opened().remove(0);
    w.answer(track, &[ONE; 240], true);
    w.answer_all(|_| Err("no such file".into()));
    assert_eq!(w.pass(100).len(), 2);
    assert_eq!(
        w.events(),
        [Event::Played {
            media: id(1),
            token: 3,
            fault: Some("no such file".into()),
            millis: 30
        }]
    );
}

#[test]
fn sound_at_other_rates_is_heard_at_the_legs() {
    use crate::sound::Rate;
    for rate in Rate::ALL {
        let mut w = World::bridged();
        w.command(play(1, prompts(&["a"]), false));
        let (track, _) = w.opened().remove(0);
        let step = std::f64::consts::TAU * 400.0 / f64::from(rate.hertz());
        let pcm: Vec<i16> = (0..rate.samples(400))
            .map(|n| ((step * n as f64).sin() * 8_000.0) as i16)
            .collect();
        let piece = Ok(Piece {
            clip: Clip::new(rate, pcm).into(),
            last: true,
        });
        w.relay.loaded(w.now, Block { track, piece });
        let sent: Vec<i16> = w.pass(500).iter().flat_map(heard).collect();
        assert_eq!(sent.len(), 3200, "{rate:?}");
        // 400 Hz at 8 kHz comes back after 20 samples; the first ones pass through the filter.
        let settled = &sent[160..3000];
        let peak = settled.iter().max().unwrap();
        assert!((7_600..8_400).contains(peak), "{rate:?} {peak}");
        let (mut power, mut change) = (0.0, 0.0);
        for pair in settled.windows(21) {
            power += f64::from(pair[0]).powi(2);
            change += (f64::from(pair[0]) - f64::from(pair[20])).powi(2);
        }
        assert!(change < power / 1000.0, "{rate:?}");
        assert!(matches!(w.events()[..], [Event::Played { millis: 400, .. }]));
    }
}

#[test]
fn what_cannot_be_played_is_told() {
    let mut w = World::bridged();
    w.leg(3, 20_004, remote("192.0.2.3:4000", &[(96, "OPUS")]));
    let cases = [
        (1, Source::Prompts(vec!["gone".into()]), "no such file"),
        (
            1,
            Source::Prompts(vec!["../etc/passwd".into()]),
            "\"../etc/passwd\" is no prompt name",
        ),
        (
            1,
            Source::Tone("nonsense".into()),
            "tone \"nonsense\": a step is FREQUENCIES/MILLISECONDS",
        ),
        (
            3,
            Source::Tone("busy".into()),
            "the leg has no codec that Tandem can encode",
        ),
        (1, Source::Prompts(vec!["x".into(); 200]), "more than 128 prompts"),
    ];
    for (slot, source, told) in cases {
        w.command(Command::Play {
            media: id(slot),
            source,
            repeat: true,
            token: 5,
        });
        w.answer_all(|_| Err("no such file".into()));
        w.pass(1);
        assert_eq!(
            w.events(),
            [Event::Played {
                media: id(slot),
                token: 5,
                fault: Some(told.into()),
                millis: 0
            }]
        );
    }
    w.command(Command::Play {
        media: id(1),
        source: Source::Prompts(vec![]),
        repeat: true,
        token: 6,
    });
    w.pass(1);
    assert_eq!(
        w.events(),
        [Event::Played {
            media: id(1),
            token: 6,
            fault: None,
            millis: 0
        }]
    );
}

#[test]
fn a_stalled_thread_does_not_make_up_for_it_in_a_burst() {
    let mut w = World::bridged();
    w.command(Command::Play {
        media: id(1),
        source: Source::Tone("dial".into()),
        repeat: true,
        token: 1,
    });
    w.pass(100);
    w.now += Duration::from_secs(3);
    assert!(w.pass(20).len() <= 2);
}

#[test]
fn echo_returns_what_is_said() {
    let mut w = World::bridged();
    w.command(Command::Echo(id(1)));
    let echoed = w.say(AT_A, A, 1);
    assert_eq!((echoed[0].to, echoed[0].local), (at(A), AT_A));
    assert!(w.say(AT_B, B, 1).is_empty());
    w.command(Command::Stop(id(1)));
    assert!(w.say(AT_A, A, 2).is_empty());
}

#[test]
fn a_tone_without_a_country_sounds_as_in_the_country_of_the_settings() {
    let heard = |country: &str, tone: &str| {
        let mut w = World::new();
        w.relay = Relay::new(Config {
            tones: Country::named(country).unwrap(),
            ..Config::default()
        });
        w.leg(1, AT_A, remote(A, &[(0, "PCMU")]));
        w.command(Command::Play {
            media: id(1),
            source: Source::Tone(tone.into()),
            repeat: false,
            token: 1,
        });
        let sent = w.pass(2000);
        sent.into_iter().flat_map(|packet| packet.payload).collect::<Vec<u8>>()
    };
    let american = heard("eu", "480+620/500,0/500");
    assert!(american.len() >= 8000 && american != heard("eu", "busy"));
    assert_eq!(heard("us", "busy"), american);
    assert_eq!(heard("fr", "busy@us"), american);
}
