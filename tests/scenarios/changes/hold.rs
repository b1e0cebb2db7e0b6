//! Hold and resume (RFC 3264 8.4): a session is what both sides agreed on last.

use media::SdpDirection::{Inactive, RecvOnly, SendOnly, SendRecv};
use sip::Method;
use tests::Stage;

#[test]
fn either_side_holds_and_resumes() {
    let stage = Stage::default();
    let (alice, bob) = stage.talking();
    for (holder, held) in [(&alice, &bob), (&bob, &alice), (&alice, &bob)] {
        holder.holds().hears(RecvOnly);
        held.hears(SendOnly);
        assert!(stage.calls()[0].legs.iter().any(|leg| leg.state == "held"));
        holder.resumes().hears(SendRecv);
        held.hears(SendRecv);
        assert!(stage.calls()[0].legs.iter().all(|leg| leg.state == "up"));
    }
    stage.ends(&alice, &bob);
}

#[test]
fn both_hold_one_after_the_other() {
    let stage = Stage::default();
    let (alice, bob) = stage.talking();
    alice.holds();
    bob.hears(SendOnly);
    bob.offers(Inactive, 200);
    alice.hears(Inactive);
    alice.offers(Inactive, 200);
    bob.offers(RecvOnly, 200);
    alice.resumes();
    bob.resumes().hears(SendRecv);
    alice.hears(SendRecv);
    stage.ends(&alice, &bob);
}

#[test]
fn both_hold_at_once() {
    let stage = Stage::default();
    let (alice, bob) = stage.talking();
    alice.begins_change(Method::Invite, Some(SendOnly));
    bob.begins_change(Method::Invite, Some(SendOnly));
    stage.pass(2.0);
    let codes = [&alice, &bob].map(|phone| phone.call(|call| call.change_code.unwrap()));
    assert!(codes.contains(&491), "{codes:?}\n{}", stage.ladder());
    // Each side tries again after its own delay (RFC 3261 14.1).
    alice.holds();
    bob.offers(Inactive, 200);
    alice.hears(Inactive);
    stage.ends(&alice, &bob);
}

#[test]
fn a_refused_hold_changes_nothing_and_can_be_tried_again() {
    let stage = Stage::default();
    let (alice, bob) = stage.talking();
    for code in [488, 491, 500, 603] {
        bob.feels(|mood| mood.refuses_changes = Some(code));
        alice.offers(SendOnly, code);
        bob.hears(SendRecv);
        bob.feels(|mood| mood.refuses_changes = None);
        alice.holds();
        bob.hears(SendOnly);
        alice.resumes();
        bob.hears(SendRecv);
    }
    stage.ends(&alice, &bob);
}

#[test]
fn a_resume_that_changes_nothing_is_not_passed_on() {
    // A repeated description is answered with the present session, not with an earlier one.
    let stage = Stage::default();
    let (alice, bob) = stage.talking();
    bob.holds();
    alice.hears(SendOnly);
    bob.resumes();
    alice.hears(SendRecv);
    let before = bob.got(Method::Invite);
    alice.resumes().hears(SendRecv);
    assert_eq!(bob.got(Method::Invite), before, "it changes nothing for the other side");
    stage.ends(&alice, &bob);
}

#[test]
fn a_held_call_ends_without_being_resumed() {
    let stage = Stage::default();
    let (alice, bob) = stage.talking();
    bob.holds();
    alice.hears(SendOnly);
    stage.ends(&alice, &bob);
}

#[test]
fn a_held_phone_that_re_invites_stays_held() {
    // Some phones refresh their session by a re-INVITE without an offer. A phone that holds answers it with the hold.
    let stage = Stage::default();
    let (alice, bob) = stage.talking();
    for (holder, held) in [(&bob, &alice), (&alice, &bob)] {
        holder.holds().feels(|mood| mood.answers_with = Some(SendOnly));
        held.hears(SendOnly);
        held.begins_change(Method::Invite, None).is_answered(200);
        stage.pass(5.0);
        held.hears(SendOnly);
        assert!(
            stage.calls()[0].legs.iter().all(|leg| leg.state == "held"),
            "{}",
            stage.ladder()
        );
        holder.feels(|mood| mood.answers_with = None).resumes();
        held.hears(SendRecv);
    }
    stage.ends(&alice, &bob);
}
