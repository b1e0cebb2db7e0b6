//! REFERs that are refused: the call goes on as it was.

use sip::{Builder, HeaderName, Method};
use tests::{Actor, Stage};

use super::{records, talking};

/// The answer to a REFER with these fields.
fn code(bob: &Actor, fields: &[(HeaderName, &str)]) -> u16 {
    let with = |builder: Builder| {
        fields
            .iter()
            .fold(builder, |builder, (name, value)| builder.header(*name, value))
    };
    bob.refers(with).status().unwrap().code()
}

#[test]
fn a_refer_needs_exactly_one_refer_to() {
    // RFC 3515 2.4.2.
    let (stage, alice, bob, carol) = talking();
    let to = "<sip:103@tandem.local>";
    assert_eq!(code(&bob, &[]), 400);
    let twice = [(HeaderName::ReferTo, to), (HeaderName::ReferTo, to)];
    assert_eq!(code(&bob, &twice), 400);
    assert_eq!(
        code(
            &bob,
            &[(HeaderName::ReferTo, "<sip:103@tandem.local>, <sip:104@tandem.local>")]
        ),
        400
    );
    assert_eq!(code(&bob, &[(HeaderName::ReferTo, "<sip:a b@c>")]), 400);
    goes_on(&stage, &alice, &bob, &carol);
}

#[test]
fn a_refer_to_anything_but_a_call_to_a_number_is_refused() {
    let (stage, alice, bob, carol) = talking();
    for to in [
        "<http://www.example.com/>",
        "<sip:103@tandem.local;method=MESSAGE>",
        "<mailto:carol@example.com>",
    ] {
        let code = code(&bob, &[(HeaderName::ReferTo, to)]);
        assert!(matches!(code, 400 | 501), "{to}: {code}");
    }
    goes_on(&stage, &alice, &bob, &carol);
}

#[test]
fn a_target_elsewhere_is_not_found_as_for_an_invite() {
    let (stage, alice, bob, carol) = talking();
    assert_eq!(code(&bob, &[(HeaderName::ReferTo, "<sip:103@elsewhere.example>")]), 404);
    goes_on(&stage, &alice, &bob, &carol);
}

fn goes_on(stage: &Stage, alice: &Actor, bob: &Actor, carol: &Actor) {
    carol.stays_silent(1.0);
    assert_eq!(bob.got(Method::Notify), 0, "no subscription was made");
    stage.hear_each_other(alice, bob);
    stage.ends(alice, bob);
    assert_eq!(records(stage), 1, "no other call was begun");
}

#[test]
fn one_transfer_at_a_time() {
    let (stage, alice, bob, carol) = talking();
    bob.transfers_to("103");
    carol.rings();
    bob.asks_to_transfer_to("104").is_told_of_its_refer(491);
    carol.answers().talks();
    bob.is_notified_at_last(200).ends_with(200);
    stage.hear_each_other(&alice, &carol);
    stage.ends(&alice, &carol);
    assert_eq!(records(&stage), 2);
}

#[test]
fn a_party_that_is_being_transferred_transfers_no_party_itself() {
    let (stage, alice, bob, carol) = talking();
    bob.transfers_to("103");
    carol.rings();
    alice.asks_to_transfer_to("102").is_told_of_its_refer(491);
    carol.answers().talks();
    bob.ends_with(200);
    stage.hear_each_other(&alice, &carol);
    stage.ends(&alice, &carol);
}

#[test]
fn a_phone_that_is_not_talking_transfers_no_party() {
    let stage = Stage::plan(
        "fn on_call(caller) { if caller.dialed == \"700\" { caller.answer(); caller.echo(); return; } caller.dial(caller.dialed); }",
    );
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    alice.calls("700").talks();
    alice.asks_to_transfer_to("102").is_told_of_its_refer(403);
    bob.stays_silent(0.5);
    alice.hangs_up().ends_with(200);
    alice.calls("102");
    bob.rings();
    bob.asks_to_transfer_to("103").is_told_of_its_refer(403);
    bob.answers().talks();
    alice.talks();
    stage.hear_each_other(&alice, &bob);
    stage.ends(&alice, &bob);
}

#[test]
fn outside_of_its_dialog_a_refer_is_refused() {
    let (stage, alice, bob, carol) = talking();
    let to = |builder: Builder| builder.header(HeaderName::ReferTo, "<sip:103@tandem.local>");
    let answer = bob.asks(Method::Refer, "sip:101@tandem.local", to);
    assert!(answer.status().unwrap().code() >= 400, "{answer:?}");
    // RFC 3261 12.2.2: a REFER within an unknown dialog.
    let wire = stage.wire("198.51.100.77:5060");
    let refer = Builder::request(&Method::Refer, "sip:101@tandem.local")
        .header(HeaderName::Via, "SIP/2.0/UDP 198.51.100.77:5060;branch=z9hG4bKstray")
        .header(HeaderName::MaxForwards, 70)
        .header(HeaderName::From, "<sip:102@tandem.local>;tag=1")
        .header(HeaderName::To, "<sip:101@tandem.local>;tag=2")
        .header(HeaderName::CallId, "stray")
        .header(HeaderName::CSeq, "2 REFER")
        .header(HeaderName::Contact, "<sip:102@198.51.100.77:5060>")
        .header(HeaderName::ReferTo, "<sip:103@tandem.local>");
    wire.sends(refer.finish());
    wire.takes_response(481);
    goes_on(&stage, &alice, &bob, &carol);
}

#[test]
fn a_refer_that_meets_our_bye_is_told_that_the_call_is_over() {
    let (stage, alice, bob, carol) = talking();
    // Bob's phone does not hear of the BYE for a while.
    bob.feels(|mood| mood.dead = true);
    alice.hangs_up();
    stage.pass(0.1);
    bob.feels(|mood| mood.dead = false);
    bob.asks_to_transfer_to("103").is_told_of_its_refer(481);
    bob.ends_with(200);
    alice.ends_with(200);
    carol.stays_silent(1.0);
    stage.clears();
    assert_eq!(records(&stage), 1);
}
