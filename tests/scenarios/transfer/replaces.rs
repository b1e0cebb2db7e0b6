//! INVITE with Replaces (RFC 3891): the caller takes the place of another phone.

use media::SdpDirection;
use sip::{HeaderName, Method};
use switch::Command;
use tests::{Phase, Stage};

use super::{partners, records, talking};

/// Alice's call rings at Bob; Carol looks on.
fn ringing() -> (Stage, tests::Actor, tests::Actor, tests::Actor) {
    let stage = Stage::default();
    let (alice, bob, carol) = (stage.phone("101"), stage.phone("102"), stage.phone("103"));
    alice.calls("102");
    bob.rings();
    alice.hears_ringing();
    (stage, alice, bob, carol)
}

#[test]
fn a_ringing_phone_s_call_is_picked_up() {
    for early_only in [false, true] {
        let (stage, alice, bob, carol) = ringing();
        if early_only {
            carol.picks_up_if_early(&bob).talks();
        } else {
            carol.picks_up(&bob).talks();
        }
        alice.talks();
        bob.ends_with(487);
        let cancel = bob.with(|phone| {
            let mut requests = phone.received.iter();
            requests.find(|message| *message.method() == Method::Cancel).cloned()
        });
        let reason = cancel.and_then(|cancel| Some(cancel.header(HeaderName::Reason)?.to_owned()));
        assert!(
            reason.is_some_and(|reason| reason.contains("cause=200")),
            "answered elsewhere"
        );
        stage.hear_each_other(&alice, &carol);
        if early_only {
            stage.ends(&alice, &carol);
        } else {
            stage.ends(&carol, &alice);
        }
        assert_eq!(records(&stage), 2, "one record a call");
    }
}

#[test]
fn after_a_pick_up_each_party_is_shown_as_connected_with_the_other() {
    let (stage, alice, bob, carol) = ringing();
    carol.picks_up(&bob).talks();
    alice.talks();
    assert_eq!(
        (partners(&stage, "101"), partners(&stage, "103")),
        (vec!["103".to_owned()], vec!["101".to_owned()])
    );
    stage.ends(&alice, &carol);
}

#[test]
fn of_several_ringing_phones_all_others_stop() {
    let stage = Stage::default();
    let (alice, bob, desk, carol) = (
        stage.phone("101"),
        stage.phone("102"),
        stage.phone("102"),
        stage.phone("103"),
    );
    alice.calls("102");
    bob.rings();
    desk.rings();
    carol.picks_up(&desk).talks();
    alice.talks();
    bob.ends_with(487);
    desk.ends_with(487);
    stage.hear_each_other(&alice, &carol);
    stage.ends(&alice, &carol);
}

#[test]
fn an_answered_callee_is_replaced() {
    let (stage, alice, bob, carol) = talking();
    carol.picks_up(&bob).talks();
    bob.ends_with(200);
    stage.hear_each_other(&alice, &carol);
    assert_eq!(alice.phase(), Some(Phase::Up));
    stage.ends(&alice, &carol);
    assert_eq!(records(&stage), 2);
}

#[test]
fn an_answered_caller_is_replaced_and_the_script_goes_on_for_the_new_one() {
    let stage = Stage::plan(
        r#"fn on_call(caller) {
            caller.dial(caller.dialed, #{ timeout: 20 });
            if caller.dialed == "102" { caller.dial("104", #{ timeout: 20 }); }
        }"#,
    );
    let (alice, bob) = stage.talking();
    let (carol, dave) = (stage.phone("103"), stage.phone("104"));
    carol.picks_up(&alice).talks();
    alice.ends_with(200);
    stage.hear_each_other(&carol, &bob);
    bob.hangs_up().ends_with(200);
    dave.rings().answers().talks();
    stage.hear_each_other(&carol, &dave);
    stage.ends(&carol, &dave);
    assert_eq!(records(&stage), 2);
}

#[test]
fn a_held_call_is_heard_by_the_phone_that_takes_it() {
    let (stage, alice, bob, carol) = talking();
    bob.holds();
    alice.hears(SdpDirection::SendOnly);
    carol.picks_up(&bob).talks();
    bob.ends_with(200);
    alice.hears(SdpDirection::SendRecv);
    stage.hear_each_other(&alice, &carol);
    stage.ends(&alice, &carol);
}

#[test]
fn a_call_without_a_script_is_taken_over() {
    let (stage, alice, bob, carol) = talking();
    bob.transfers_to("999").is_notified_at_last(404);
    stage.hear_each_other(&alice, &bob);
    carol.picks_up(&alice).talks();
    alice.ends_with(200);
    stage.hear_each_other(&carol, &bob);
    stage.ends(&carol, &bob);
}

#[test]
fn early_only_leaves_an_answered_call_alone() {
    let (stage, alice, bob, carol) = talking();
    carol.picks_up_if_early(&bob).ends_with(486);
    stage.hear_each_other(&alice, &bob);
    stage.ends(&alice, &bob);
}

#[test]
fn a_dialog_that_is_not_there_is_not_taken_over() {
    // RFC 3891 3: tags are matched as well as the Call-ID.
    let (stage, alice, bob, carol) = talking();
    let named = bob.dialog();
    let (call, tags) = named.split_once(";to-tag=").unwrap();
    let (to, from) = tags.split_once(";from-tag=").unwrap();
    for wrong in [
        "nothing;to-tag=1;from-tag=2".to_owned(),
        format!("{call};to-tag={from};from-tag={to}"),
        format!("{call};to-tag={to};from-tag=1"),
        format!("{call};to-tag=1;from-tag={from}"),
    ] {
        carol.replaces(&wrong).ends_with(481);
    }
    stage.hear_each_other(&alice, &bob);
    stage.ends(&alice, &bob);
}

#[test]
fn a_caller_that_is_not_answered_yet_is_not_replaced() {
    // RFC 3891 3: an early dialog that this side did not begin.
    let (stage, alice, bob, carol) = ringing();
    carol.picks_up(&alice).ends_with(481);
    bob.answers().talks();
    alice.talks();
    stage.hear_each_other(&alice, &bob);
    stage.ends(&alice, &bob);
}

#[test]
fn a_dialog_that_is_over_is_declined() {
    let (stage, alice, bob, carol) = talking();
    let named = bob.dialog();
    alice.hangs_up().ends_with(200);
    bob.ends_with(200);
    carol.replaces(&named);
    stage.pass(2.0);
    assert!(
        matches!(carol.phase(), Some(Phase::Over(603 | 481))),
        "{}",
        stage.ladder()
    );
    stage.clears();
}

#[test]
fn replaces_that_cannot_be_read_or_is_there_twice_is_a_bad_request() {
    let (stage, alice, bob, carol) = talking();
    let named = bob.dialog();
    let other = alice.dialog();
    for fields in [
        vec![(HeaderName::Replaces, "no tags at all")],
        vec![(HeaderName::Replaces, "call;to-tag=1")],
        vec![
            (HeaderName::Replaces, named.as_str()),
            (HeaderName::Replaces, other.as_str()),
        ],
        vec![
            (HeaderName::Replaces, named.as_str()),
            (HeaderName::Replaces, named.as_str()),
        ],
    ] {
        carol.calls_with("102", &fields).ends_with(400);
    }
    stage.hear_each_other(&alice, &bob);
    stage.ends(&alice, &bob);
}

#[test]
fn without_the_password_no_call_is_taken_over() {
    let (stage, alice, bob, carol) = talking();
    carol.with(|phone| phone.set_password("guessed"));
    carol.picks_up(&bob).ends_with(401);
    stage.hear_each_other(&alice, &bob);
    stage.ends(&alice, &bob);
}

#[test]
fn a_picker_without_a_codec_in_common_takes_nothing() {
    let (stage, alice, bob, carol) = talking();
    alice.feels(|mood| mood.codecs = vec!["PCMU"]);
    carol.feels(|mood| mood.codecs = vec!["GSM"]);
    carol.picks_up(&bob);
    stage.pass(3.0);
    assert!(matches!(carol.phase(), Some(Phase::Over(400..))), "{}", stage.ladder());
    stage.hear_each_other(&alice, &bob);
    stage.ends(&alice, &bob);
}

#[test]
fn a_picker_without_an_offer_gets_one() {
    let (stage, alice, bob, carol) = talking();
    carol.feels(|mood| mood.late_offer = true);
    carol.picks_up(&bob).talks();
    bob.ends_with(200);
    stage.hear_each_other(&alice, &carol);
    stage.ends(&alice, &carol);
}

#[test]
fn a_phone_that_is_rung_for_a_call_over_the_api_is_picked_up_for() {
    let stage = Stage::default();
    let (alice, bob, carol) = (stage.phone("101"), stage.phone("102"), stage.phone("103"));
    let (from, to) = ("101".into(), "102".into());
    stage.commands(Command::Originate { from, to }).unwrap();
    alice.rings();
    carol.picks_up(&alice).talks();
    alice.ends_with(487);
    bob.rings().answers().talks();
    stage.hear_each_other(&carol, &bob);
    stage.ends(&bob, &carol);
    assert_eq!(records(&stage), 2);
}

#[test]
fn two_that_pick_up_one_call_do_not_share_it() {
    for late in [0, 1, 3, 5, 8, 12, 20, 60] {
        let (stage, alice, bob, carol) = ringing();
        let dave = stage.phone("104");
        carol.picks_up(&bob);
        stage.pass(f64::from(late) / 1000.0);
        if bob.phase() == Some(Phase::Ringing) {
            dave.picks_up(&bob);
        }
        stage.pass(3.0);
        let phases = (carol.phase(), dave.phase());
        let winner = match phases {
            (Some(Phase::Up), Some(Phase::Over(481 | 603)) | None) => &carol,
            (Some(Phase::Over(481 | 603)), Some(Phase::Up)) => &dave,
            _ => panic!("{late} ms: {phases:?}\n{}", stage.ladder()),
        };
        bob.ends_with(487);
        stage.hear_each_other(&alice, winner);
        stage.ends(&alice, winner);
    }
}

#[test]
fn tandem_lists_refer_and_replaces_as_supported() {
    let (stage, alice, bob, _carol) = talking();
    let outside = alice.asks(Method::Options, "sip:tandem.local", |builder| builder);
    assert!(outside.supports("replaces"), "{outside:?}");
    for actor in [&alice, &bob] {
        let within = actor.asks_within(Method::Options, |builder| builder);
        assert!(within.lists(HeaderName::Allow, "REFER"), "{within:?}");
    }
    let invite = bob.call(|call| call.invite.clone());
    assert!(invite.supports("replaces"), "{invite:?}");
    assert!(invite.lists(HeaderName::Allow, "REFER"), "{invite:?}");
    stage.ends(&alice, &bob);
}

#[test]
fn a_picker_that_asks_for_an_offer_is_told_again_that_the_caller_only_listens() {
    // The offer in our 200 is open in both directions (RFC 3261 14.1); the caller's own direction has not changed.
    let stage = Stage::default();
    let (alice, bob, carol) = (stage.phone("101"), stage.phone("102"), stage.phone("103"));
    alice
        .feels(|mood| {
            mood.offers_with = Some(SdpDirection::RecvOnly);
            mood.answers_with = Some(SdpDirection::RecvOnly);
        })
        .calls("102");
    bob.rings();
    carol.picks_up(&bob).talks().hears(SdpDirection::RecvOnly);
    alice.talks();
    carol.feels(|mood| mood.answers_with = Some(SdpDirection::SendRecv));
    carol.begins_change(Method::Invite, None).is_answered(200);
    carol.feels(|mood| mood.answers_with = None);
    stage.pass(5.0);
    carol.hears(SdpDirection::RecvOnly);
    stage.ends(&alice, &carol);
}

#[test]
fn a_picker_that_takes_no_change_is_not_left_with_a_caller_that_expects_to_hear_it() {
    // The picker was answered `sendonly`, for the caller held then. The caller wants both directions again; the picker
    // refuses the re-INVITE for that, so the caller is told that nothing will come (RFC 3264 section 8.4).
    let (stage, alice, bob, carol) = talking();
    let dave = stage.phone("104");
    alice.holds();
    bob.hears(SdpDirection::SendOnly).transfers_to("104");
    dave.rings();
    carol
        .feels(|mood| mood.refuses_changes = Some(500))
        .picks_up(&dave)
        .talks();
    carol.hears(SdpDirection::SendOnly);
    stage.pass(5.0);
    alice.hears(SdpDirection::RecvOnly);
    stage.ends(&alice, &carol);
}
