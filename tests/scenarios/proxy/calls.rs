//! A call that is passed on: its messages, and its record.

use sip::{HeaderName, Method};
use switch::{CauseCode, Disposition, EndedBy};
use tests::Phase;

use super::{phones, stage};

#[test]
fn a_call_is_passed_on_and_goes_through_until_a_party_hangs_up() {
    for callee_ends in [false, true] {
        let stage = stage();
        let (alice, bob) = phones(&stage);
        alice.calls("900");
        bob.rings();
        alice.hears_ringing();
        let invite = bob.call(|call| call.invite.clone());
        assert_eq!(invite.uri(), "sip:bob@198.51.7.7:5060");
        let sent = alice.call(|call| call.invite.clone());
        // RFC 3261 16.6: a copy, not a call of Tandem's.
        assert_eq!(invite.call_id(), sent.call_id());
        assert_eq!(invite.from_tag(), sent.from_tag());
        assert_eq!(invite.body(), sent.body());
        assert_eq!(invite.vias().count(), 2);
        assert_eq!(invite.max_forwards().unwrap(), Some(69));
        let record: Vec<&str> = invite.values(HeaderName::RecordRoute).collect();
        assert!(
            matches!(record[..], [one] if one.contains("@192.0.2.1:5060;lr>")),
            "{record:?}"
        );
        // Our own credentials go no further.
        assert_eq!(invite.header(HeaderName::Authorization), None);
        bob.answers().talks();
        alice.talks();
        stage.pass(10.0);
        assert_eq!(bob.got(Method::Ack), 1);
        let (one, other) = if callee_ends { (&bob, &alice) } else { (&alice, &bob) };
        one.hangs_up().ends_with(200);
        other.ends_with(200);
        let cdr = stage.record();
        let by = if callee_ends { EndedBy::Callee } else { EndedBy::Caller };
        assert_eq!((cdr.disposition, cdr.ended_by), (Disposition::Answered, by));
        assert_eq!(cdr.to, "sip:bob@198.51.7.7:5060");
        assert!(cdr.is_tiled(), "{cdr:?}");
        assert_eq!(stage.events(), ["started", "ringing", "answered", "ended"]);
        stage.clears();
    }
}

#[test]
fn a_refusal_comes_back_and_is_in_the_record() {
    let stage = stage();
    let (alice, bob) = phones(&stage);
    bob.feels(|mood| mood.refuses = Some(486));
    alice.calls("900").ends_with(486);
    let cdr = stage.record();
    assert_eq!((cdr.cause, cdr.sip_code), (CauseCode::ProxyRefused, 486));
    assert_eq!(cdr.detail, "passed on to sip:bob@198.51.7.7:5060: 486 Busy Here");
    stage.clears();
}

#[test]
fn a_caller_that_gives_up_cancels_what_was_passed_on() {
    let stage = stage();
    let (alice, bob) = phones(&stage);
    alice.calls("900");
    bob.rings();
    alice.hears_ringing().hangs_up().ends_with(487);
    bob.ends_with(487);
    assert_eq!(bob.got(Method::Cancel), 1);
    assert_eq!(stage.record().disposition, Disposition::Cancelled);
    stage.clears();
}

#[test]
fn a_change_within_the_call_goes_through() {
    let stage = stage();
    let (alice, bob) = phones(&stage);
    alice.calls("900");
    bob.rings().answers().talks();
    alice.talks();
    stage.pass(1.0);
    bob.holds();
    alice.resumes();
    assert_eq!(alice.phase(), Some(Phase::Up));
    alice.hangs_up().ends_with(200);
    bob.ends_with(200);
    stage.clears();
}
