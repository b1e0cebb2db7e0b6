//! Glare: offers of both sides that cross (RFC 3261 14.1, RFC 5407 3).

use media::SdpDirection::{SendOnly, SendRecv};
use sip::Method;
use tests::{Phase, Stage};

#[test]
fn re_invites_that_meet_at_any_point_leave_both_with_the_same_session() {
    for late in 0..22 {
        let stage = Stage::default();
        let (alice, bob) = stage.talking();
        alice.begins_change(Method::Invite, Some(SendOnly));
        stage.pass(f64::from(late) / 1000.0);
        bob.begins_change(Method::Invite, Some(SendRecv));
        stage.pass(3.0);
        let code = alice.call(|call| call.change_code.unwrap());
        let (heard, his) = bob.call(|call| (call.heard.clone().unwrap().direction(), call.change_code.unwrap()));
        match code {
            200 if his == 200 => {} // one after the other
            200 => assert_eq!(heard, SendOnly, "{late}\n{}", stage.ladder()),
            491 | 500 => assert_eq!(heard, SendRecv, "{late}\n{}", stage.ladder()),
            other => panic!("{other}\n{}", stage.ladder()),
        }
        // The retry succeeds.
        alice.holds();
        bob.hears(SendOnly);
        alice.hangs_up().ends_with(200);
        bob.ends_with(200);
        stage.clears();
    }
}

#[test]
fn our_own_offer_that_meets_the_phone_s_is_made_again() {
    // 102's early media and 103's answer have different codecs: Tandem sends the caller a re-INVITE, and the caller
    // sends one too.
    for late in [0, 3, 6, 9, 12, 15, 18, 21, 24] {
        let stage = Stage::default();
        let (alice, bob, carol) = (stage.phone("101"), stage.phone("102"), stage.phone("103"));
        stage.with(|world| world.account("102", |account| account.forward_no_answer = Some("103".into())));
        alice.feels(|mood| mood.codecs = vec!["G722", "PCMU", "TELEPHONE-EVENT"]);
        bob.feels(|mood| mood.codecs = vec!["G722"]);
        carol.feels(|mood| mood.codecs = vec!["PCMU", "TELEPHONE-EVENT"]);
        alice.calls("102");
        bob.rings().plays_early().ends_with(487);
        carol.rings().answers().talks();
        alice.talks();
        stage.pass(f64::from(late) / 1000.0);
        alice.begins_change(Method::Invite, Some(SendRecv));
        stage.pass(20.0);
        assert_eq!((alice.phase(), carol.phase()), (Some(Phase::Up), Some(Phase::Up)));
        let codecs = alice.call(|call| {
            let heard = call.heard.clone().unwrap();
            heard.audio_codecs().map(str::to_owned).collect::<Vec<_>>()
        });
        assert!(
            !codecs.contains(&"G722".to_owned()),
            "{late} {codecs:?}\n{}",
            stage.ladder()
        );
        alice.hangs_up().ends_with(200);
        carol.ends_with(200);
        stage.clears();
    }
}

#[test]
fn a_phone_that_answers_491_for_ever_keeps_its_session_and_the_other_phone_follows() {
    let stage =
        Stage::plan("fn on_call(caller) { caller.answer(); caller.wait(5); caller.dial(\"102\", #{ timeout: 20 }); }");
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    alice.calls("102").talks();
    alice.holds().feels(|mood| mood.refuses_changes = Some(491));
    bob.rings().answers().talks();
    // The session of 102 is offered to 101, and 101 answers each such re-INVITE with 491.
    stage.pass(70.0);
    assert_eq!((alice.phase(), bob.phase()), (Some(Phase::Up), Some(Phase::Up)));
    bob.hears(SendOnly);
    alice.hangs_up().ends_with(200);
    bob.ends_with(200);
    stage.clears();
}
