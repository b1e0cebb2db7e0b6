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
            fault: None
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

#[test]
fn prompts_are_read_once_and_played_one_after_the_other() {
    let mut w = World::bridged();
    let names = |list: &[&str]| Source::Prompts(list.iter().map(|n| (*n).to_owned()).collect());
    for slot in [1, 2] {
        w.command(Command::Play {
            media: id(slot),
            source: names(&["a", "", "b", "a"]),
            repeat: false,
            token: 3,
        });
    }
    let wanted: Vec<_> = std::iter::from_fn(|| w.relay.poll_wanted()).collect();
    assert_eq!(wanted, ["a", "b"]);
    assert!(w.pass(100).is_empty());
    w.relay
        .loaded(w.now, "a", Ok(Clip::from_law(Law::Pcmu, &[1; 160]).into()));
    w.relay
        .loaded(w.now, "b", Ok(Clip::from_law(Law::Pcmu, &[2; 160]).into()));
    let sent: Vec<u8> = w
        .pass(100)
        .iter()
        .filter(|s| s.to == at(A))
        .map(|s| s.payload[0])
        .collect();
    assert_eq!(sent, [1, 2, 1]);
    assert_eq!(w.events().len(), 2);
    w.command(Command::Play {
        media: id(1),
        source: names(&["b"]),
        repeat: false,
        token: 4,
    });
    // The file may be another one by now, which the relay cannot see: it asks each time.
    assert_eq!(w.relay.poll_wanted().as_deref(), Some("b"));
    w.relay
        .loaded(w.now, "b", Ok(Clip::from_law(Law::Pcmu, &[3; 160]).into()));
    assert_eq!(w.pass(1)[0].payload[0], 3);
}

#[test]
fn what_cannot_be_played_is_told() {
    let mut w = World::bridged();
    w.leg(3, 20_004, remote("192.0.2.3:4000", &[(96, "OPUS")]));
    let cases = [
        (1, Source::Prompts(vec!["gone".into()]), "prompt \"gone\": no such file"),
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
        (3, Source::Tone("busy".into()), "the leg has no G.711 codec"),
        (1, Source::Prompts(vec!["x".into(); 200]), "more than 128 prompts"),
    ];
    for (slot, source, told) in cases {
        w.command(Command::Play {
            media: id(slot),
            source,
            repeat: true,
            token: 5,
        });
        while let Some(name) = w.relay.poll_wanted() {
            w.relay.loaded(w.now, &name, Err("no such file".into()));
        }
        assert_eq!(
            w.events(),
            [Event::Played {
                media: id(slot),
                token: 5,
                fault: Some(told.into())
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
            fault: None
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
