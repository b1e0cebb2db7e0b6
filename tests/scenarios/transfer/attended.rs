//! Attended transfer: REFER with the Replaces of another call of the transferor (RFC 5589 7).

use media::SdpDirection;
use sip::HeaderName;
use tests::{Actor, Phase, Stage};

use super::{connect, partners, records, talking};

/// Bob talks with Alice and with Carol, in each call as the caller or as the callee.
fn consulting(calls_alice: bool, calls_carol: bool) -> (Stage, Actor, Actor, Actor, Actor) {
    let stage = Stage::default();
    let (alice, bob, carol) = (stage.phone("101"), stage.phone("102"), stage.phone("103"));
    let (first, alice) = if calls_alice {
        connect(&bob, "101", &alice)
    } else {
        let (alice, first) = connect(&alice, "102", &bob);
        (first, alice)
    };
    let (second, carol) = if calls_carol {
        connect(&bob, "103", &carol)
    } else {
        let (carol, second) = connect(&carol, "102", &bob);
        (second, carol)
    };
    (stage, alice, carol, first, second)
}

/// Bob talks with Alice, as the caller or as the callee, and hears Carol's phone ring.
fn ringing(calls_alice: bool) -> (Stage, Actor, Actor, Actor, Actor) {
    let stage = Stage::default();
    let (alice, bob, carol) = (stage.phone("101"), stage.phone("102"), stage.phone("103"));
    let (alice, first) = if calls_alice {
        let (first, alice) = connect(&bob, "101", &alice);
        (alice, first)
    } else {
        connect(&alice, "102", &bob)
    };
    bob.calls("103");
    let second = bob.line();
    carol.rings();
    second.hears_ringing();
    (stage, alice, carol, first, second)
}

const ROLES: [(bool, bool); 4] = [(false, false), (false, true), (true, false), (true, true)];

#[test]
fn the_transferor_joins_two_calls_as_caller_or_callee_of_either() {
    for (calls_alice, calls_carol) in ROLES {
        let (stage, alice, carol, first, second) = consulting(calls_alice, calls_carol);
        first.transfers(&first, &second).is_notified_at_last(200);
        first.ends_with(200);
        second.ends_with(200);
        stage.hear_each_other(&alice, &carol);
        if calls_alice {
            stage.ends(&alice, &carol);
        } else {
            stage.ends(&carol, &alice);
        }
        assert_eq!(records(&stage), 2, "one record a call");
    }
}

#[test]
fn each_party_is_shown_as_connected_with_the_other_after_the_transfer() {
    for (calls_alice, calls_carol) in ROLES {
        let (stage, alice, carol, first, second) = consulting(calls_alice, calls_carol);
        assert_eq!(
            (partners(&stage, "101"), partners(&stage, "103")),
            (vec!["102".into()], vec!["102".into()])
        );
        first.transfers(&first, &second).is_notified_at_last(200);
        first.ends_with(200);
        second.ends_with(200);
        assert_eq!(
            (partners(&stage, "101"), partners(&stage, "103")),
            (vec!["103".to_owned()], vec!["101".to_owned()]),
            "{calls_alice} {calls_carol}"
        );
        stage.hear_each_other(&alice, &carol);
        stage.ends(&alice, &carol);
    }
}

#[test]
fn a_caller_that_hides_its_number_is_not_named_to_the_target_of_a_transfer() {
    let stage = Stage::default();
    let (alice, bob, carol) = (stage.phone("101"), stage.phone("102"), stage.phone("103"));
    alice.feels(|mood| mood.claims = Some("anonymous"));
    let (_, first) = connect(&alice, "102", &bob);
    let (second, carol) = connect(&bob, "103", &carol);
    first.transfers(&first, &second).is_notified_at_last(200);
    first.ends_with(200);
    second.ends_with(200);
    assert_eq!(
        (partners(&stage, "101"), partners(&stage, "103")),
        (vec!["103".to_owned()], vec!["anonymous".to_owned()])
    );
    stage.ends(&alice, &carol);
}

#[test]
fn held_parties_hear_each_other_after_the_transfer() {
    for (calls_alice, calls_carol) in ROLES {
        let (stage, alice, carol, first, second) = consulting(calls_alice, calls_carol);
        first.holds();
        alice.hears(SdpDirection::SendOnly);
        second.holds();
        carol.hears(SdpDirection::SendOnly);
        first.transfers(&first, &second);
        first.ends_with(200);
        second.ends_with(200);
        alice.hears(SdpDirection::SendRecv);
        carol.hears(SdpDirection::SendRecv);
        stage.hear_each_other(&alice, &carol);
        stage.ends(&alice, &carol);
    }
}

#[test]
fn codecs_that_only_the_transferor_had_in_common_are_agreed_on_again() {
    let stage = Stage::default();
    let (alice, bob, carol) = (stage.phone("101"), stage.phone("102"), stage.phone("103"));
    alice.feels(|mood| mood.codecs = vec!["G722", "PCMA"]);
    bob.feels(|mood| mood.codecs = vec!["G722", "PCMU", "PCMA"]);
    carol.feels(|mood| mood.codecs = vec!["PCMU", "PCMA"]);
    let (alice, first) = connect(&alice, "102", &bob);
    let (second, carol) = connect(&bob, "103", &carol);
    first.transfers(&first, &second);
    first.ends_with(200);
    second.ends_with(200);
    stage.hear_each_other(&alice, &carol);
    let heard = |actor: &Actor| {
        actor.call(|call| {
            let spec = call.heard.clone().unwrap();
            spec.audio_codecs().map(str::to_owned).collect::<Vec<_>>()
        })
    };
    assert!(heard(&alice).contains(&"PCMA".to_owned()), "{}", stage.ladder());
    stage.ends(&alice, &carol);
}

#[test]
fn a_transferee_with_no_codec_in_common_with_the_target_stays_where_it_is() {
    let stage = Stage::default();
    let (alice, bob, carol) = (stage.phone("101"), stage.phone("102"), stage.phone("103"));
    alice.feels(|mood| mood.codecs = vec!["G722"]);
    bob.feels(|mood| mood.codecs = vec!["G722", "OPUS"]);
    carol.feels(|mood| mood.codecs = vec!["OPUS"]);
    let (alice, first) = connect(&alice, "102", &bob);
    let (second, carol) = connect(&bob, "103", &carol);
    first.transfers(&first, &second);
    // In each case both calls end when the phones hang up.
    stage.pass(10.0);
    for phone in [&alice, &carol, &first, &second] {
        if phone.phase() == Some(Phase::Up) {
            phone.hangs_up();
        }
    }
    stage.clears();
    assert_eq!(records(&stage), 2);
}

#[test]
fn a_target_that_still_rings_goes_on_ringing_for_the_transferee() {
    for calls_alice in [false, true] {
        let (stage, alice, carol, first, second) = ringing(calls_alice);
        first.transfers(&first, &second).is_notified_at_last(200);
        first.ends_with(200);
        stage.pass(2.0);
        // Bob's INVITE to Carol was not answered yet: it is refused.
        assert!(matches!(second.phase(), Some(Phase::Over(400..))), "{}", stage.ladder());
        assert_eq!(carol.phase(), Some(Phase::Ringing));
        assert_eq!(carol.with(|phone| phone.calls.len()), 1, "the same call rings");
        carol.answers().talks();
        stage.hear_each_other(&alice, &carol);
        assert_eq!(
            (partners(&stage, "101"), partners(&stage, "103")),
            (vec!["103".to_owned()], vec!["101".to_owned()])
        );
        stage.ends(&alice, &carol);
        assert_eq!(records(&stage), 2);
    }
}

#[test]
fn a_target_that_never_answers_ends_the_transferee_s_call() {
    let stage = Stage::default();
    let (alice, bob, carol) = (stage.phone("101"), stage.phone("102"), stage.phone("103"));
    let (alice, first) = connect(&alice, "102", &bob);
    bob.calls("103");
    let second = bob.line();
    carol.rings();
    second.hears_ringing();
    first.transfers(&first, &second);
    first.ends_with(200);
    carol.ends_with(487);
    alice.ends_with(200);
    stage.clears();
    assert_eq!(records(&stage), 2);
}

#[test]
fn replaces_of_an_unknown_dialog_is_refused_and_the_call_goes_on() {
    let (stage, alice, bob, _carol) = talking();
    let wrong = [
        "nothing;to-tag=1;from-tag=2".to_owned(),
        // The tags exchanged.
        {
            let named = bob.dialog();
            let (call, tags) = named.split_once(";to-tag=").unwrap();
            let (to, from) = tags.split_once(";from-tag=").unwrap();
            format!("{call};to-tag={from};from-tag={to}")
        },
    ];
    for replaces in wrong {
        let before = bob.notices().len();
        let escaped = replaces.replace(';', "%3B").replace('=', "%3D");
        let to = format!("<sip:103@tandem.local?Replaces={escaped}>");
        let answer = bob.refers(|builder| builder.header(HeaderName::ReferTo, to));
        assert_eq!(answer.status().unwrap().code(), 202);
        stage.pass(1.0);
        let notices = bob.notices().split_off(before);
        let last = notices.last().map(|notice| (notice.code, notice.is_last()));
        assert_eq!(last, Some((481, true)), "{}", stage.ladder());
        stage.hear_each_other(&alice, &bob);
    }
    stage.ends(&alice, &bob);
    assert_eq!(records(&stage), 1, "no other call was begun");
}

#[test]
fn replaces_of_a_call_that_has_just_ended_is_refused_and_the_first_call_goes_on() {
    let (stage, alice, carol, first, second) = consulting(false, true);
    carol.hangs_up().ends_with(200);
    second.ends_with(200);
    first.transfers(&first, &second);
    first.is_notified(481);
    stage.hear_each_other(&alice, &first);
    stage.ends(&alice, &first);
    assert_eq!(records(&stage), 2);
}

#[test]
fn a_second_call_whose_party_is_being_transferred_is_not_joined() {
    let (stage, alice, carol, first, second) = consulting(false, true);
    let dave = stage.phone("104");
    second.transfers_to("104");
    dave.rings();
    first.transfers(&first, &second);
    first.is_notified_at_last(481);
    stage.hear_each_other(&alice, &first);
    dave.answers().talks();
    second.is_notified_at_last(200).ends_with(200);
    stage.hear_each_other(&carol, &dave);
    carol.hangs_up().ends_with(200);
    dave.ends_with(200);
    stage.ends(&alice, &first);
    assert_eq!(records(&stage), 3);
}

#[test]
fn a_call_is_not_joined_with_itself() {
    let (stage, alice, bob, _carol) = talking();
    bob.asks_to_join(&bob);
    stage.pass(2.0);
    stage.hear_each_other(&alice, &bob);
    stage.ends(&alice, &bob);
    assert_eq!(records(&stage), 1);
}

#[test]
fn joined_parties_are_joined_again() {
    let (stage, alice, carol, first, second) = consulting(false, true);
    let dave = stage.phone("104");
    first.transfers(&first, &second);
    first.ends_with(200);
    second.ends_with(200);
    stage.hear_each_other(&alice, &carol);
    // Carol calls Dave, and transfers Alice to him.
    let (consults, dave) = connect(&carol.on_any(), "104", &dave);
    carol.transfers(&carol, &consults);
    carol.ends_with(200);
    consults.ends_with(200);
    stage.hear_each_other(&alice, &dave);
    stage.ends(&alice, &dave);
    assert_eq!(records(&stage), 3);
}

#[test]
fn a_phone_that_cancels_its_second_call_first_transfers_to_the_number_of_that_call() {
    // Many phones do so where the target still rings: CANCEL, then REFER with the Replaces of what they have just cancelled.
    for calls_alice in [false, true] {
        let (stage, alice, carol, first, second) = ringing(calls_alice);
        second.hangs_up();
        first.transfers(&first, &second);
        second.ends_with(487);
        let carol = carol.on_any();
        carol.rings();
        assert_eq!(carol.call(tests::phone::PhoneCall::number), "101");
        carol.answers().talks();
        first.is_notified_at_last(200).ends_with(200);
        stage.hear_each_other(&alice, &carol);
        stage.ends(&alice, &carol);
        assert_eq!(records(&stage), 3);
    }
}

#[test]
fn a_refer_that_overtakes_its_cancel_transfers_the_call_that_rings() {
    let stage = Stage::default();
    let (alice, bob, carol) = (stage.phone("101"), stage.phone("102"), stage.phone("103"));
    let (alice, first) = connect(&alice, "102", &bob);
    bob.calls("103");
    let second = bob.line();
    carol.rings();
    second.hears_ringing();
    first.asks_to_join(&second);
    second.hangs_up();
    first.is_told_of_its_refer(202).ends_with(200);
    carol.answers().talks();
    stage.hear_each_other(&alice, &carol);
    stage.ends(&alice, &carol);
    assert_eq!(records(&stage), 2);
}

#[test]
fn what_was_cancelled_long_ago_is_unknown() {
    let stage = Stage::default();
    let (alice, bob, carol) = (stage.phone("101"), stage.phone("102"), stage.phone("103"));
    let (alice, first) = connect(&alice, "102", &bob);
    bob.calls("103");
    let second = bob.line();
    carol.rings();
    second.hears_ringing();
    let named = second.dialog().replace(';', "%3B").replace('=', "%3D");
    second.hangs_up().ends_with(487);
    stage.pass(40.0);
    let to = format!("<sip:103@tandem.local?Replaces={named}>");
    first.refers(|refer| refer.header(HeaderName::ReferTo, to));
    first.is_notified_at_last(481);
    stage.hear_each_other(&alice, &first);
    stage.ends(&alice, &first);
}
