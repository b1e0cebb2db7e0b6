//! RTCP on the RTP port (RFC 5761).

use super::*;

fn muxed(rtp: &str) -> Remote {
    Remote {
        rtcp_mux: true,
        ..remote(rtp, &[(0, "PCMU")])
    }
}

fn world() -> World {
    let mut w = World::new();
    w.leg(1, AT_A, muxed(A));
    w.leg(2, AT_B, remote(B, &[(0, "PCMU")]));
    w.command(Command::Bridge(id(1), id(2)));
    w
}

#[test]
fn reports_go_from_and_to_the_rtp_port() {
    let mut w = world();
    w.talk(1, 400, |_| false);
    let (to_a, to_b): (Vec<_>, Vec<_>) = w.rtcp.iter().partition(|(_, to, _)| to.ip() == at(A).ip());
    assert!(to_a.len() >= 2 && to_a.iter().all(|(local, to, _)| (*local, *to) == (AT_A, at(A))));
    assert!(
        to_b.len() >= 2
            && to_b
                .iter()
                .all(|(local, to, _)| (*local, *to) == (AT_B + 1, at(B_RTCP)))
    );
    w.rtcp.clear();
    w.command(Command::Close(id(1)));
    w.pass(1);
    let (local, to, bytes) = w.rtcp.pop().unwrap();
    assert_eq!((local, to, kinds(&bytes)), (AT_A, at(A), vec![200, 202, 203]));
}

#[test]
fn rtp_and_rtcp_are_told_apart_by_their_types() {
    let mut w = world();
    w.talk(1, 10, |_| false);
    w.raw(AT_A, A, &report(Some((1000, 1)), 77, None));
    assert!(w.sent.is_empty(), "it is not relayed");
    w.say(AT_A, A, 11);
    w.pass(4000);
    let got = words(&w.reports_to(A).pop().unwrap());
    assert_eq!(got[11], 0x1111_2222, "the report was read");
    assert_eq!(w.close(1).malformed, 0);
    // Not where it was not agreed.
    w.raw(AT_B, B, &report(None, 88, None));
    assert_eq!(w.close(2).malformed, 1);
}

#[test]
fn a_phone_that_only_listens_is_known_by_its_reports() {
    let mut w = World::new();
    w.relay = Relay::new(Config {
        unheard: 3,
        ..Config::default()
    });
    let mut far = muxed("203.0.113.66:4000");
    far.signalling = Some(at(A).ip());
    w.leg(1, AT_A, far);
    w.leg(2, AT_B, remote(B, &[(0, "PCMU")]));
    w.command(Command::Bridge(id(1), id(2)));
    let passed = |w: &mut World| (1..11).map(|n| w.say(AT_B, B, n).len()).sum::<usize>();
    assert_eq!(passed(&mut w), 3);
    w.raw(AT_A, "203.0.113.66:4444", &report(None, 77, None));
    assert_eq!(
        passed(&mut w),
        0,
        "another port may be another host behind the same NAT"
    );
    w.raw(AT_A, "203.0.113.66:4000", &report(None, 77, None));
    assert_eq!(passed(&mut w), 10);
    assert!(
        !w.events()
            .iter()
            .any(|event| matches!(event, Event::Learned { media, .. } if *media == id(1)))
    );
}
