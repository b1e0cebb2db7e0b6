//! A description cannot turn media on a host that has not asked for it (RFC 8445 section 19.5.1).

use super::*;

const STRANGER: &str = "203.0.113.66:4000";

/// A on its port says `count` packets; how many of them go on.
fn passed(w: &mut World, first: u16, count: u16) -> usize {
    (first..first + count).map(|n| w.say(AT_A, A, n).len()).sum()
}

/// B's description names an address that its signalling does not come from.
fn named(rtp: &str) -> Remote {
    let mut remote = remote(rtp, &[(0, "PCMU")]);
    remote.signalling = Some(at(B).ip());
    remote.expected.push(at(B).ip());
    remote
}

#[test]
fn a_third_party_gets_fifty_packets_at_most() {
    let mut w = World::bridged();
    w.update(2, named(STRANGER), true);
    assert_eq!(passed(&mut w, 1, 150), 50);
    // Neither a new description nor what Tandem plays, presses or reports makes it more.
    w.update(2, named("203.0.113.66:4002"), true);
    w.update(2, named("203.0.113.67:4000"), true);
    assert_eq!(passed(&mut w, 151, 50), 0);
    w.command(Command::Dtmf {
        media: id(2),
        digit: '1',
        millis: 100,
    });
    w.pass(200);
    w.command(Command::Play {
        media: id(2),
        source: Source::Tone("busy".into()),
        repeat: true,
        token: 1,
    });
    assert!(w.pass(20_000).is_empty());
    assert!(
        w.rtcp.iter().all(|(_, to, _)| *to == at("192.0.2.1:4001")),
        "A alone gets reports"
    );
    let counters = w.close(2);
    assert_eq!(counters.sent, 50);
    assert!(counters.withheld > 400, "{counters:?}");
}

#[test]
fn what_is_heard_there_ends_the_limit() {
    let mut w = World::bridged();
    w.update(2, named(STRANGER), true);
    passed(&mut w, 1, 60);
    let before = w.say(AT_B, STRANGER, 1);
    assert_eq!(before[0].to, at(A));
    assert_eq!(passed(&mut w, 61, 100), 100);
    // And so do reports: a phone that only listens sends them.
    let mut w = World::bridged();
    w.update(2, named(STRANGER), true);
    passed(&mut w, 1, 60);
    w.raw(AT_B + 1, "203.0.113.66:4001", &report(None, 88, None));
    assert_eq!(passed(&mut w, 61, 100), 100);
}

#[test]
fn a_leg_behind_nat_is_sent_to_from_its_first_packet_on() {
    let mut w = World::bridged();
    w.update(2, named("10.0.0.5:4000"), false);
    assert_eq!(passed(&mut w, 1, 60), 50);
    w.say(AT_B, "192.0.2.2:61234", 1);
    assert_eq!(passed(&mut w, 61, 100), 100);
}

#[test]
fn a_peer_that_signals_from_there_need_not_speak() {
    let mut w = World::bridged();
    // A loudspeaker, a muted phone, early media: at any port of its own host.
    w.update(2, remote("192.0.2.2:7000", &[(0, "PCMU")]), true);
    assert_eq!(passed(&mut w, 1, 500), 500);
    assert_eq!(w.close(2).withheld, 0);
}

#[test]
fn the_limit_is_a_setting() {
    let mut w = World::new();
    w.relay = Relay::new(Config {
        unheard: 3,
        ..Config::default()
    });
    w.leg(1, AT_A, remote(A, &[(0, "PCMU")]));
    w.leg(2, AT_B, named(STRANGER));
    w.command(Command::Bridge(id(1), id(2)));
    assert_eq!(passed(&mut w, 1, 10), 3);
}
