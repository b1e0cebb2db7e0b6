//! Legs come and go, and whatever is sent or asked, nothing is left and nothing breaks.

use super::*;

#[test]
fn a_peer_that_falls_silent_is_reported() {
    let mut w = World::bridged();
    let watch = |timeout| Command::Watch { media: id(1), timeout };
    w.command(watch(Some(Duration::from_millis(500))));
    w.pass(400);
    w.say(AT_A, A, 1);
    w.events();
    w.pass(499);
    assert!(w.events().is_empty());
    w.pass(1);
    assert_eq!(w.events(), [Event::Silent(id(1))]);
    w.command(watch(Some(Duration::from_millis(500))));
    w.command(watch(None));
    w.pass(1000);
    assert!(w.events().is_empty());
}

#[test]
fn absurd_times_and_ports_do_no_harm() {
    let mut w = World::bridged();
    w.command(Command::Watch {
        media: id(1),
        timeout: Some(Duration::MAX),
    });
    w.command(Command::Play {
        media: id(1),
        source: Source::Tone("0/4000".into()),
        repeat: true,
        token: 1,
    });
    assert_eq!(w.pass(100).len(), 6);
    for local_port in [0, 20_001, 65_535] {
        w.command(Command::Open {
            media: id(9),
            local_port,
            expected: Default::default(),
        });
        assert!(matches!(w.events()[..], [Event::Failed { .. }]));
    }
}

#[test]
fn closing_always_frees_and_stale_handles_reach_no_leg() {
    let mut w = World::bridged();
    let old = MediaId {
        engine: 0,
        slot: 1,
        generation: 0,
    };
    for command in [
        Command::Close(old),
        Command::Echo(old),
        Command::Unbridge(old),
        Command::Bridge(old, id(2)),
        Command::Stop(old),
    ] {
        w.command(command);
    }
    assert_eq!(w.say(AT_A, A, 1).len(), 1, "a stale handle changes nothing");
    w.close(1);
    assert!(w.say(AT_A, A, 2).is_empty() && w.say(AT_B, B, 1).is_empty());
    w.command(Command::Open {
        media: MediaId {
            engine: 0,
            slot: 2,
            generation: 2,
        },
        local_port: 20_010,
        expected: Default::default(),
    });
    let closed = w.events();
    assert!(
        matches!(closed.last(), Some(Event::Closed { media: port, .. }) if *port == id(2)),
        "{closed:?}"
    );
    w.command(Command::Open {
        media: id(70_000),
        local_port: 20_010,
        expected: Default::default(),
    });
    assert!(matches!(w.events()[..], [Event::Failed { .. }]));
}

#[test]
fn a_hundred_thousand_legs_leave_nothing_behind() {
    let mut w = World::new();
    for i in 0..100_000u32 {
        let (slot, from) = (i % 7, format!("192.0.2.{}:4000", i % 250));
        w.leg(slot, AT_A, remote(&from, &[(0, "PCMU")]));
        w.command(Command::Watch {
            media: id(slot),
            timeout: Some(Duration::from_secs(3600)),
        });
        w.command(Command::Play {
            media: id(slot),
            source: if i % 2 == 0 {
                Source::Prompts(vec!["a".into()])
            } else {
                Source::Music("a".into())
            },
            repeat: true,
            token: 1,
        });
        w.command(Command::Dtmf {
            media: id(slot),
            digit: '1',
            millis: 100,
        });
        w.say(AT_A, &from, i as u16);
        w.raw(AT_A + 1, &from.replace(":4000", ":4001"), &report(None, 77, None));
        if i % 7 == 6 {
            (0..7).for_each(|slot| w.command(Command::Close(id(slot))));
            w.answer_all(|_| Err("none".into()));
            w.events();
        }
        w.now += Duration::from_millis(100);
    }
    (0..7).for_each(|slot| w.command(Command::Close(id(slot))));
    w.answer_all(|_| Err("none".into()));
    w.now += Duration::from_secs(10);
    w.relay.directory.unbind(w.now, 1, at(A), None);
    assert_eq!(
        (
            w.relay.legs(),
            w.relay.timers.len(),
            w.relay.ports.len(),
            w.relay.play.open()
        ),
        (0, 0, 0, 0)
    );
    assert_eq!(w.relay.directory.sizes(), [0, 0, 0, 0, 0, 1, 0]);
    assert!(w.relay.streams.slots() <= 7);
}

#[test]
fn a_leg_is_small() {
    let table = std::mem::size_of::<stream::ingress::Table>();
    assert!(
        std::mem::size_of::<stream::Stream>() + table < 4096,
        "{} + {table}",
        std::mem::size_of::<stream::Stream>()
    );
}

proptest! {
    #[test]
    fn no_datagram_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200), odd: bool) {
        let mut w = World::bridged();
        w.say(AT_A, A, 1);
        let from = if odd { "192.0.2.1:4001" } else { A };
        w.raw(AT_A + u16::from(odd), from, &bytes);
        let mut packet = rtp(101, 2, 3, 77, &bytes);
        w.raw(AT_A, A, &packet);
        packet[0] |= 0x3f;
        w.raw(AT_A, A, &packet);
    }

    /// Whatever is asked in whatever order, each receiver hears one stream whose numbers only go forward by one.
    #[test]
    fn any_order_of_commands_keeps_the_streams_coherent(steps in proptest::collection::vec((0u8..12, 0u32..3), 1..80)) {
        let mut w = World::bridged();
        let c = "192.0.2.3:6000";
        w.leg(0, 20_004, remote(c, &[(8, "PCMA")]));
        let mut last: HashMap<SocketAddr, (u16, u32)> = HashMap::new();
        for (n, (step, slot)) in steps.into_iter().enumerate() {
            let other = id((slot + 1) % 3);
            match step {
                0 => w.command(Command::Bridge(id(slot), other)),
                1 => w.command(Command::Unbridge(id(slot))),
                2 => w.command(Command::Echo(id(slot))),
                3 => w.command(Command::Play { media: id(slot), source: Source::Tone("busy".into()), repeat: true, token: 0 }),
                4 => w.command(Command::Stop(id(slot))),
                5 => w.command(Command::Dtmf { media: id(slot), digit: '5', millis: 80 }),
                _ => {}
            }
            let mut sent = w.pass(20);
            for (local, from, number) in [(AT_A, A, 0), (AT_B, B, 0), (20_004, c, 8)] {
                sent.extend(w.rtp(local, from, number, n as u16, n as u32 * 160, 77, &[1; 160]));
            }
            for s in sent {
                if let Some((sequence, ssrc)) = last.insert(s.to, (s.sequence, s.ssrc)) {
                    prop_assert_eq!((s.sequence, s.ssrc), (sequence.wrapping_add(1), ssrc));
                }
            }
        }
    }
}
