//! Lines besides the audio: datagrams that are copied as they are.

use super::*;

const AT_FAX_A: u16 = 20_004;
const AT_FAX_B: u16 = 20_006;

fn line(rtp: &str, rtcp: bool) -> Remote {
    let plain = remote(rtp, &[]);
    Remote {
        rtcp: plain.rtcp.filter(|_| rtcp),
        raw: true,
        ..plain
    }
}

/// Sends octets from `from` to a local port; what the relay sends on.
fn pass(w: &mut World, local: u16, from: &str, bytes: &[u8]) -> Vec<(u16, SocketAddr, Vec<u8>)> {
    let mut sent = Vec::new();
    let mut bytes = bytes.to_vec();
    w.relay
        .packet(w.now, local, at(from), &mut bytes, &mut |port, to, bytes: &[u8]| {
            sent.push((port, to, bytes.to_vec()));
        });
    sent
}

fn bridged(rtcp: bool) -> World {
    let mut w = World::bridged();
    w.leg(3, AT_FAX_A, line("192.0.2.1:4100", rtcp));
    w.leg(4, AT_FAX_B, line("192.0.2.2:5100", rtcp));
    w.command(Command::Bridge(id(3), id(4)));
    w
}

#[test]
fn what_is_no_rtp_is_copied_between_both_ends_octet_by_octet() {
    let mut w = bridged(false);
    // UDPTL begins with its sequence number: nothing of it is RTP. A datagram of one octet, and one of none, pass too.
    for bytes in [&[0x00, 0x01, 0x02, 0xff][..], &[7], &[], &[0x80; 1400]] {
        assert_eq!(
            pass(&mut w, AT_FAX_A, "192.0.2.1:4100", bytes),
            [(AT_FAX_B, at("192.0.2.2:5100"), bytes.to_vec())]
        );
        assert_eq!(
            pass(&mut w, AT_FAX_B, "192.0.2.2:5100", bytes),
            [(AT_FAX_A, at("192.0.2.1:4100"), bytes.to_vec())]
        );
    }
    w.command(Command::Close(id(3)));
    assert!(pass(&mut w, AT_FAX_B, "192.0.2.2:5100", &[1]).is_empty());
    let closed = std::iter::from_fn(|| w.relay.poll_event()).find_map(|event| {
        if let Event::Closed { media, counters, .. } = event {
            (media == id(3)).then_some(counters)
        } else {
            None
        }
    });
    let closed = closed.unwrap();
    assert_eq!((closed.received, closed.sent, closed.malformed), (4, 4, 0));
}

#[test]
fn a_source_behind_nat_is_learned_and_a_stranger_is_not_heard() {
    let mut w = bridged(false);
    assert!(
        pass(&mut w, AT_FAX_A, "203.0.113.66:4100", &[1, 2]).is_empty(),
        "a stranger"
    );
    assert_eq!(
        pass(&mut w, AT_FAX_A, "192.0.2.1:61000", &[1, 2]).len(),
        1,
        "its address, from another port"
    );
    let learned = std::iter::from_fn(|| w.relay.poll_event()).any(
        |event| matches!(event, Event::Learned { media, remote } if media == id(3) && remote == at("192.0.2.1:61000")),
    );
    assert!(learned);
    assert_eq!(
        pass(&mut w, AT_FAX_B, "192.0.2.2:5100", &[3])[0].1,
        at("192.0.2.1:61000")
    );
    assert!(
        pass(&mut w, AT_FAX_A, "192.0.2.1:4999", &[1, 2]).is_empty(),
        "the source is known now"
    );
}

#[test]
fn rtcp_and_feedback_pass_beside_the_line_with_its_own_ssrc() {
    let mut w = bridged(true);
    let mut feedback = vec![0x81, 206, 0, 2];
    feedback.extend(7u32.to_be_bytes());
    feedback.extend(9u32.to_be_bytes());
    assert_eq!(
        pass(&mut w, AT_FAX_A + 1, "192.0.2.1:4101", &feedback),
        [(AT_FAX_B + 1, at("192.0.2.2:5101"), feedback.clone())],
        "RFC 4585 6.3.1: a picture is asked for, of the sender that the asker names"
    );
}

#[test]
fn each_direction_of_a_line_can_be_held_and_sound_never_goes_to_a_line() {
    let mut w = bridged(false);
    let deaf = Remote {
        direction: Direction {
            send: false,
            receive: true,
        },
        ..line("192.0.2.2:5100", false)
    };
    w.update(4, deaf, false);
    assert!(pass(&mut w, AT_FAX_A, "192.0.2.1:4100", &[1]).is_empty());
    assert_eq!(pass(&mut w, AT_FAX_B, "192.0.2.2:5100", &[1]).len(), 1);
    w.command(Command::Bridge(id(3), id(2)));
    assert!(pass(&mut w, AT_FAX_A, "192.0.2.1:4100", &[1]).is_empty());
}
