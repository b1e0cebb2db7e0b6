//! Fetching the memory of packets ahead of time changes nothing that anybody can see.

use super::*;

/// All that a relay makes of the packets, with or without a look ahead.
fn outcome(is_warmed: bool) -> (Vec<Sent>, Vec<Event>, Vec<Counters>) {
    let mut w = World::bridged();
    w.leg(3, AT_A, remote("192.0.2.9:4000", &[(8, "PCMA")]));
    w.command(Command::Echo(id(3)));
    let packets: Vec<(u16, &str, Vec<u8>)> = vec![
        (AT_A, A, rtp(0, 1, 160, 7, &[1; 160])),
        (AT_A, A, rtp(0, 2, 320, 7, &[2; 160])),
        (AT_B, B, rtp(0, 1, 160, 8, &[3; 160])),
        (AT_A, "192.0.2.9:4000", rtp(8, 1, 160, 9, &[4; 160])),
        (AT_A, "192.0.2.9:4000", rtp(8, 2, 320, 9, &[5; 160])),
        // A stranger's packet, one for a port without a leg, one of a payload type that is not described, an RTCP
        // packet, rubbish.
        (AT_A, "203.0.113.5:4000", rtp(0, 1, 160, 7, &[6; 160])),
        (29_998, A, rtp(0, 1, 160, 7, &[7; 160])),
        (AT_B, B, rtp(96, 2, 320, 8, &[8; 160])),
        (AT_A + 1, A, vec![0x80, 201, 0, 1, 0, 0, 0, 7]),
        (AT_A, A, Vec::new()),
        (AT_A, A, vec![0x80]),
    ];
    // Twice: the second time the legs are known.
    let mut sent = Vec::new();
    for _ in 0..2 {
        if is_warmed {
            let ahead = packets
                .iter()
                .map(|(port, from, bytes)| (*port, from.parse().unwrap(), &bytes[..]));
            w.relay.warm(ahead);
        }
        for (port, from, bytes) in &packets {
            w.raw(*port, from, bytes);
        }
        sent.append(&mut w.sent);
        w.now += Duration::from_millis(20);
    }
    let events = w.events();
    (sent, events, [1, 2, 3].map(|slot| w.close(slot)).to_vec())
}

#[test]
fn packets_are_handled_alike_with_and_without_a_look_ahead() {
    let warmed = outcome(true);
    assert_eq!(warmed, outcome(false));
    assert_eq!(warmed.0.len(), 10, "five packets are relayed or sent back, twice");
}
