//! Packets that cross a bridge, and how they look on the other side.

use super::*;
use crate::codec::g711::Law;

#[test]
fn directions_are_enforced_both_ways() {
    let mut w = World::bridged();
    let direction = |send, receive| Remote {
        direction: Direction { send, receive },
        ..remote(B, &[(0, "PCMU")])
    };
    w.say(AT_A, A, 1);
    w.update(2, direction(false, true), false);
    assert!(w.say(AT_A, A, 2).is_empty(), "B is on hold");
    assert_eq!(w.say(AT_B, B, 1).len(), 1, "but is heard");
    w.update(2, direction(true, false), false);
    assert!(w.say(AT_B, B, 2).is_empty());
    assert_eq!(w.say(AT_A, A, 3).len(), 1);
    w.update(
        2,
        Remote {
            rtp: None,
            rtcp: None,
            ..direction(false, false)
        },
        false,
    );
    assert!(w.say(AT_A, A, 4).is_empty() && w.say(AT_B, B, 3).is_empty());
    assert_eq!(w.close(2).received, 3, "received, though not passed on");
}

#[test]
fn after_hold_the_stream_goes_on_without_a_gap_in_numbers() {
    let mut w = World::bridged();
    let before = w.say(AT_A, A, 10).remove(0);
    w.update(
        2,
        Remote {
            direction: Direction {
                send: false,
                receive: true,
            },
            ..remote(B, &[(0, "PCMU")])
        },
        false,
    );
    for n in 11..60 {
        w.pass(20);
        assert!(w.say(AT_A, A, n).is_empty());
    }
    w.update(2, remote(B, &[(0, "PCMU")]), false);
    w.pass(20);
    let after = w.say(AT_A, A, 60).remove(0);
    assert_eq!(after.sequence, before.sequence.wrapping_add(1));
    assert_eq!(after.timestamp, before.timestamp.wrapping_add(50 * 160));
    assert!(after.marker);
}

#[test]
fn bridging_again_keeps_one_coherent_stream_to_each_receiver() {
    let mut w = World::bridged();
    w.leg(3, 20_004, remote("192.0.2.3:6000", &[(0, "PCMU")]));
    let first = w.say(AT_B, B, 100).remove(0);
    w.pass(20);
    w.command(Command::Bridge(id(1), id(3)));
    assert!(w.say(AT_B, B, 101).is_empty(), "B has no peer now");
    w.pass(20);
    let second = w.rtp(20_004, "192.0.2.3:6000", 0, 9, 999_999, 5, &[2; 160]).remove(0);
    assert_eq!((second.ssrc, second.to), (first.ssrc, at(A)));
    assert_eq!(second.sequence, first.sequence.wrapping_add(1));
    assert_eq!(second.timestamp, first.timestamp.wrapping_add(320));
    assert!(second.marker);
    let third = w
        .rtp(20_004, "192.0.2.3:6000", 0, 10, 1_000_159, 5, &[2; 160])
        .remove(0);
    assert!(!third.marker && third.timestamp == second.timestamp.wrapping_add(160));
    w.command(Command::Unbridge(id(3)));
    assert!(w.rtp(20_004, "192.0.2.3:6000", 0, 11, 0, 5, &[2; 160]).is_empty() && w.say(AT_A, A, 1).is_empty());
}

#[test]
fn payload_numbers_are_those_of_each_leg() {
    let mut w = World::new();
    w.leg(1, AT_A, remote(A, &[(96, "OPUS"), (97, "TELEPHONE-EVENT"), (13, "CN")]));
    let mut b = remote(B, &[(111, "OPUS"), (101, "TELEPHONE-EVENT")]);
    b.send_payloads[1].number = 110;
    w.leg(2, AT_B, b);
    w.command(Command::Bridge(id(1), id(2)));
    assert_eq!(w.rtp(AT_A, A, 96, 1, 0, 7, &[1; 20])[0].number, 111);
    assert_eq!(
        w.rtp(AT_A, A, 97, 2, 0, 7, &[1, 10, 0, 160])[0].number,
        110,
        "what B receives, not what it sends"
    );
    assert!(w.rtp(AT_A, A, 13, 3, 0, 7, &[1]).is_empty(), "B has no comfort noise");
    assert_eq!(w.rtp(AT_B, B, 101, 1, 0, 8, &[1, 10, 0, 160])[0].number, 97);
}

#[test]
fn the_laws_are_transcoded_where_the_legs_differ() {
    let mut w = World::new();
    w.leg(1, AT_A, remote(A, &[(0, "PCMU")]));
    w.leg(2, AT_B, remote(B, &[(8, "PCMA")]));
    w.command(Command::Bridge(id(1), id(2)));
    let to_b = w.rtp(AT_A, A, 0, 1, 0, 7, &[0xff, 0x00, 0x80]).remove(0);
    assert_eq!(
        (to_b.number, to_b.payload),
        (
            8,
            [0xff, 0x00, 0x80]
                .map(|b: u8| Law::Pcmu.to_other()[usize::from(b)])
                .to_vec()
        )
    );
    let to_a = w.rtp(AT_B, B, 8, 1, 0, 8, &[0xd5]).remove(0);
    assert_eq!((to_a.number, to_a.payload), (0, vec![0xfe]));
}

#[test]
fn nothing_but_the_payload_crosses() {
    let mut w = World::bridged();
    let mut packet = RtpPacketBuilder::new()
        .payload_type(0)
        .payload(&[9; 160])
        .extension(1, &[1, 2, 3, 4])
        .add_csrc(42)
        .build()
        .unwrap();
    packet[0] |= 0x20;
    packet.extend([0, 0, 0, 4]);
    w.raw(AT_A, A, &packet);
    assert_eq!(w.sent[0].payload, [9; 160]);
    w.raw(AT_A, A, &rtp(0, 2, 0, 7, &[]));
    assert_eq!(w.sent.len(), 1, "an empty packet keeps a NAT open, no more");
}
