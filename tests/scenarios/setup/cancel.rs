//! The caller gives up, at every moment (RFC 3261 9, 13.2.2.4, 15).

use std::time::Duration;

use sip::Method;
use switch::{Config, Disposition, EndedBy};
use tests::{Phase, Settings, Stage};

#[test]
fn a_caller_that_gives_up_before_anything_was_heard() {
    let stage = Stage::default();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    bob.feels(|mood| mood.dead = true);
    alice.calls("102");
    stage.pass(0.2);
    alice.hangs_up().ends_with(487);
    bob.feels(|mood| mood.dead = false);
    let cdr = stage.record();
    assert_eq!(
        (cdr.disposition, cdr.sip_code, cdr.ended_by),
        (Disposition::Cancelled, 487, EndedBy::Caller)
    );
    stage.clears();
    // RFC 3261 9.1: no CANCEL goes to a phone that never answered anything.
    assert_eq!(bob.phase().unwrap_or(Phase::Over(487)), Phase::Over(487));
}

#[test]
fn a_caller_that_gives_up_while_it_rings() {
    let stage = Stage::default();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    alice.calls("102").hears_ringing().hangs_up().ends_with(487);
    bob.ends_with(487);
    assert_eq!(bob.got(Method::Cancel), 1);
    assert_eq!(stage.record().disposition, Disposition::Cancelled);
    assert_eq!(stage.events(), ["started", "ringing", "ended"]);
    stage.clears();
}

#[test]
fn a_cancel_that_crosses_the_answer_ends_the_call_on_both_sides() {
    // CANCEL and answer meet at every point of the way, in steps of a millisecond.
    for late in 0..14 {
        let stage = Stage::default();
        let (alice, bob) = (stage.phone("101"), stage.phone("102"));
        alice.calls("102");
        bob.rings();
        alice.hears_ringing();
        if late < 7 {
            alice.hangs_up();
            stage.pass(f64::from(late) / 1000.0);
            bob.answers();
        } else {
            bob.answers();
            stage.pass(f64::from(late - 7) / 1000.0);
            alice.hangs_up();
        }
        stage.pass(40.0);
        assert!(matches!(alice.phase(), Some(Phase::Over(_))), "{}", stage.ladder());
        assert!(matches!(bob.phase(), Some(Phase::Over(_))), "{}", stage.ladder());
        assert_eq!(stage.record().ended_by, EndedBy::Caller);
        stage.clears();
    }
}

#[test]
fn a_cancel_for_nothing_gets_481() {
    let stage = Stage::default();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    alice.calls("102");
    bob.rings().answers();
    alice.talks();
    stage.pass(1.0);
    let before = alice.was_told(481);
    let cancel = alice.call(|call| {
        let branch = call
            .invite
            .header(sip::HeaderName::Via)
            .unwrap()
            .replace("z9hG4bK", "z9hG4bKx");
        sip::Builder::request(&Method::Cancel, call.invite.uri())
            .header(sip::HeaderName::Via, branch)
            .copy(&call.invite, sip::HeaderName::From)
            .copy(&call.invite, sip::HeaderName::To)
            .copy(&call.invite, sip::HeaderName::CallId)
            .header(sip::HeaderName::CSeq, "2 CANCEL")
            .header(sip::HeaderName::MaxForwards, 70)
            .finish()
    });
    let from = alice.with(|phone| phone.address);
    stage.with(|world| world.throw(from, cancel.bytes().clone()));
    stage.pass(1.0);
    assert!(alice.was_told(481) > before, "{}", stage.ladder());
    assert_eq!(alice.phase(), Some(Phase::Up));
    alice.hangs_up();
    bob.ends_with(200);
    stage.clears();
}

#[test]
fn hanging_up_crosses_hanging_up() {
    let stage = Stage::default();
    let (alice, bob) = stage.talking();
    alice.hangs_up();
    bob.hangs_up();
    alice.ends_with(200);
    bob.ends_with(200);
    assert_eq!(stage.record().disposition, Disposition::Answered);
    stage.clears();
}

#[test]
fn a_bye_before_the_ack_ends_the_call() {
    let stage = Stage::default();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    alice.feels(|mood| mood.forgets_ack = true).calls("102");
    bob.rings().answers();
    alice.talks().hangs_up().ends_with(200);
    bob.ends_with(200);
    let cdr = stage.record();
    assert_eq!(
        (cdr.disposition, cdr.ended_by),
        (Disposition::Answered, EndedBy::Caller)
    );
    stage.clears();
}

#[test]
fn a_callee_that_hangs_up_before_the_caller_s_ack_waits_for_it() {
    let stage = Stage::default();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    alice.feels(|mood| mood.forgets_ack = true).calls("102");
    bob.rings().answers().talks();
    alice.talks();
    bob.hangs_up().ends_with(200);
    stage.pass(5.0);
    // RFC 3261 15: no BYE to the caller before its ACK, or before that is given up.
    assert_eq!(alice.got(Method::Bye), 0);
    alice.ends_with(200);
    let waited = stage.with(|world| world.now.as_micros() / 1_000_000);
    assert!((32..40).contains(&waited), "{waited}");
    stage.clears();
}

#[test]
fn an_ack_that_never_comes_ends_the_call_after_64_t1() {
    let stage = Stage::default();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    alice.feels(|mood| mood.forgets_ack = true).calls("102");
    bob.rings().answers().talks();
    bob.ends_with(200);
    alice.ends_with(200);
    // RFC 3261 13.3.1.4: T1, 2 T1 ... up to T2 apart, for 64 T1.
    let told = alice.was_told(200) - 1; // that of its REGISTER
    assert_eq!(told, 11, "{}", stage.ladder());
    let cdr = stage.record();
    assert_eq!(
        (cdr.disposition, cdr.ended_by, cdr.detail.as_str()),
        (Disposition::Answered, EndedBy::System, "caller: no ACK came to our 200")
    );
    stage.clears();
}

#[test]
fn another_t1_moves_all_timers_that_follow_from_it() {
    // RFC 3261 17.1.1.1: a greater T1 is for networks with a long round trip.
    let mut config = Config::default();
    config.transactions.t1 = Duration::from_secs(1);
    let stage = Stage::new(Settings {
        config,
        plan: r#"fn on_call(caller) { caller.dial("102", #{ timeout: 200 }); }"#.into(),
        ..Settings::default()
    });
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    bob.feels(|mood| mood.dead = true);
    let invites = |stage: &Stage| {
        let ladder = stage.ladder();
        ladder
            .lines()
            .filter(|line| line.contains("INVITE sip:102@198") && line.contains("(1 INVITE)"))
            .count()
    };
    alice.calls("102");
    stage.pass(0.9);
    assert_eq!(invites(&stage), 1, "{}", stage.ladder());
    stage.pass(1.0);
    assert_eq!(invites(&stage), 2, "timer A is T1");
    stage.pass(58.0);
    assert_eq!(alice.was_told(480) + alice.was_told(408), 0, "timer B is 64*T1");
    // Sent 1, 3, 7, 15, 31 and 63 s after the first.
    stage.pass(4.0);
    assert_eq!(invites(&stage), 7, "{}", stage.ladder());
    stage.pass(2.0);
    assert_eq!(alice.was_told(480), 1, "{}", stage.ladder());
    stage.clears();
}

#[test]
fn an_invite_that_expires_ends_with_487() {
    // RFC 3261 13.3.1.
    let stage = Stage::default();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    alice.feels(|mood| mood.adds = vec![("Expires", "7".into())]);
    alice.calls("102").hears_ringing().ends_with(487);
    bob.ends_with(487);
    let took = stage.with(|world| world.now.as_micros() / 1_000_000);
    assert_eq!(took, 7);
    alice.calls("102");
    bob.rings().answers().talks();
    stage.pass(10.0);
    assert_eq!(alice.phase(), Some(Phase::Up), "once answered it does not matter");
    alice.hangs_up();
    stage.clears();
}
