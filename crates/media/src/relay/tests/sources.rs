//! Whom a leg is heard from.

use super::*;

#[test]
fn two_legs_hear_each_other_through_their_own_ports() {
    let mut w = World::bridged();
    let to_b = w.say(AT_A, A, 1);
    assert_eq!(
        (to_b.len(), to_b[0].local, to_b[0].to, to_b[0].payload.len()),
        (1, AT_B, at(B), 160)
    );
    let to_a = w.say(AT_B, B, 1);
    assert_eq!((to_a[0].local, to_a[0].to), (AT_A, at(A)));
    assert_ne!(to_a[0].ssrc, to_b[0].ssrc);
    assert_ne!(to_b[0].ssrc, 77, "the other leg's SSRC stays with it");
    let learned = |slot, remote: &str| Event::Learned {
        media: id(slot),
        remote: at(remote),
    };
    assert_eq!(w.events(), [learned(1, A), learned(2, B)]);
    assert_eq!(
        w.close(1),
        Counters {
            received: 1,
            sent: 1,
            ..Counters::default()
        }
    );
}

#[test]
fn only_the_first_source_is_taken_and_others_are_counted() {
    let mut w = World::bridged();
    w.say(AT_A, A, 1);
    assert!(
        w.say(AT_A, "192.0.2.1:4002", 2).is_empty(),
        "the same host, another port"
    );
    assert!(w.say(AT_A, "203.0.113.66:4000", 3).is_empty(), "a stranger");
    assert_eq!(w.say(AT_A, A, 2).len(), 1);
    assert_eq!(
        w.close(1),
        Counters {
            received: 2,
            injected: 2,
            ..Counters::default()
        }
    );
}

#[test]
fn a_stranger_cannot_take_a_silent_leg() {
    let mut w = World::bridged();
    assert!(w.say(AT_A, "203.0.113.66:4000", 1).is_empty());
    assert!(w.events().is_empty());
    assert_eq!(w.say(AT_A, A, 1).len(), 1);
    assert_eq!(w.close(1).injected, 1);
}

#[test]
fn a_phone_behind_nat_is_learned_from_its_first_packet_and_answered_there() {
    let mut w = World::bridged();
    let mut natted = remote("10.0.0.5:4000", &[(0, "PCMU")]);
    natted.expected.push("198.51.100.7".parse().unwrap());
    w.update(1, natted, true);
    assert_eq!(
        w.say(AT_B, B, 1)[0].to,
        at("10.0.0.5:4000"),
        "before it speaks, where signalling says"
    );
    assert_eq!(w.say(AT_A, "198.51.100.7:61234", 1).len(), 1);
    assert_eq!(w.say(AT_B, B, 2)[0].to, at("198.51.100.7:61234"));
    assert!(w.say(AT_A, "198.51.100.7:61235", 2).is_empty());
}

#[test]
fn the_signalled_address_overrules_a_source_of_mere_address() {
    let mut w = World::bridged();
    w.say(AT_A, "192.0.2.1:9999", 1);
    assert_eq!(w.say(AT_B, B, 1)[0].to, at("192.0.2.1:9999"));
    w.say(AT_A, A, 1);
    assert_eq!(w.say(AT_B, B, 2)[0].to, at(A));
    assert!(w.say(AT_A, "192.0.2.1:9999", 2).is_empty(), "and never back");
}

#[test]
fn only_audio_of_the_description_binds_a_source() {
    let mut w = World::bridged();
    for junk in [
        &b""[..],
        b"x",
        b"\x80\x00",
        &[0x80; 11],
        &[0x40; 172],
        &rtp(8, 1, 1, 1, &[0; 160]),
        &[0xff; 1700],
    ] {
        w.raw(AT_A, A, junk);
    }
    assert!(w.sent.is_empty() && w.events().is_empty());
    assert_eq!(w.close(1).malformed, 7);
    let mut w = World::new();
    w.command(Command::Open {
        media: id(1),
        local_port: AT_A,
        expected: [at(A).ip()].into_iter().collect(),
    });
    w.say(AT_A, A, 1);
    assert!(w.events().is_empty(), "nothing is known of the leg's payload types yet");
}

#[test]
fn legs_on_one_port_are_told_apart_by_source() {
    let mut w = World::new();
    for (slot, from) in [(1, A), (2, B), (3, "192.0.2.3:4000"), (4, "192.0.2.4:4000")] {
        w.leg(slot, AT_A, remote(from, &[(0, "PCMU")]));
    }
    w.command(Command::Bridge(id(1), id(2)));
    w.command(Command::Bridge(id(3), id(4)));
    for (from, to) in [
        (A, B),
        (B, A),
        ("192.0.2.3:4000", "192.0.2.4:4000"),
        ("192.0.2.4:4000", "192.0.2.3:4000"),
    ] {
        assert_eq!(w.say(AT_A, from, 1).iter().map(|s| s.to).collect::<Vec<_>>(), [at(to)]);
    }
}

#[test]
fn a_new_description_moves_the_leg_and_its_old_packets_do_not_move_it_back() {
    let mut w = World::bridged();
    w.say(AT_A, A, 1);
    w.update(1, remote("192.0.2.1:4444", &[(0, "PCMU")]), true);
    assert!(w.say(AT_A, A, 2).is_empty(), "the last packets of the old address");
    assert_eq!(w.say(AT_B, B, 1)[0].to, at("192.0.2.1:4444"));
    assert_eq!(w.say(AT_A, "192.0.2.1:4444", 3).len(), 1);
    w.update(1, remote("192.0.2.1:4444", &[(0, "PCMU")]), true);
    assert_eq!(w.say(AT_A, "192.0.2.1:4444", 4).len(), 1, "it has not moved");
}

#[test]
fn a_closed_legs_last_packets_are_not_taken_for_its_successor() {
    let mut w = World::bridged();
    w.say(AT_A, A, 1);
    w.close(1);
    w.leg(3, AT_A, remote("192.0.2.1:4010", &[(0, "PCMU")]));
    w.say(AT_A, A, 2);
    assert!(w.events().is_empty());
    w.say(AT_A, "192.0.2.1:4010", 1);
    assert_eq!(
        w.events(),
        [Event::Learned {
            media: id(3),
            remote: at("192.0.2.1:4010")
        }]
    );
}

#[test]
fn expected_addresses_in_ipv6_clothes_are_the_same() {
    let mut w = World::bridged();
    w.raw(AT_A, "[::ffff:192.0.2.1]:4000", &rtp(0, 1, 1, 77, &[1; 160]));
    assert_eq!(w.sent.len(), 1);
    let _: IpAddr = at(A).ip();
}
