//! Blind transfer: the other party is sent to a number, and the dialplan decides where that number leads.

use media::{Command, SdpDirection};
use sip::{HeaderName, Method};
use tests::Stage;

use super::{connect, records, talking};

#[test]
fn the_callee_transfers_the_caller() {
    let (stage, alice, bob, carol) = talking();
    bob.transfers_to("103").is_notified(100);
    carol.rings();
    assert_eq!(carol.call(tests::phone::PhoneCall::number), "101");
    stage.is_alone(&bob);
    carol.answers().talks();
    bob.is_notified_at_last(200).ends_with(200);
    stage.hear_each_other(&alice, &carol);
    assert_eq!(bob.notices().len(), 3, "at once, as the target rings, at the end");
    stage.ends(&alice, &carol);
    assert_eq!(records(&stage), 2, "one record a call");
}

#[test]
fn the_caller_transfers_the_callee() {
    let (stage, alice, bob, carol) = talking();
    alice.transfers_to("103").is_notified(100);
    carol.rings();
    assert_eq!(carol.call(tests::phone::PhoneCall::number), "102");
    carol.answers().talks();
    alice.is_notified_at_last(200).ends_with(200);
    stage.hear_each_other(&bob, &carol);
    stage.ends(&carol, &bob);
    assert_eq!(records(&stage), 2, "one record a call");
}

#[test]
fn the_notify_that_comes_at_once_is_as_the_rfc_asks() {
    let (stage, alice, bob, carol) = talking();
    bob.transfers_to("103").is_notified(100);
    let first = bob.notices().remove(0);
    // RFC 3515 2.4.6: the first REFER of a dialog needs no id.
    assert_eq!(first.event, "refer");
    assert!(first.state.starts_with("active;expires="), "{first:?}");
    let notify = bob.with(|phone| {
        let mut notifies = phone
            .received
            .iter()
            .filter(|message| *message.method() == Method::Notify);
        notifies.next().cloned().unwrap()
    });
    assert_eq!(notify.content_type(), Some("message/sipfrag;version=2.0"));
    assert!(notify.body().starts_with(b"SIP/2.0 100 Trying"), "{notify:?}");
    // RFC 6665 4.2.1.1: a NOTIFY has a Contact, as the dialog of a subscription needs a target.
    assert!(notify.header(HeaderName::Contact).is_some(), "{notify:?}");
    carol.rings().answers().talks();
    bob.ends_with(200);
    stage.ends(&alice, &carol);
}

#[test]
fn a_transferor_that_hangs_up_at_once_stops_nothing() {
    let (stage, alice, bob, carol) = talking();
    bob.transfers_to("103").hangs_up().ends_with(200);
    stage.pass(3.0);
    carol.rings().answers().talks();
    stage.hear_each_other(&alice, &carol);
    stage.ends(&carol, &alice);
    assert_eq!(records(&stage), 2);
}

#[test]
fn the_transferee_hears_ringing_while_the_target_rings() {
    let (stage, alice, bob, carol) = talking();
    stage.with(|world| world.media.clear());
    bob.transfers_to("103");
    carol.rings();
    stage.pass(1.0);
    let call = alice.latest();
    let ear = stage.with(|world| world.port_of((0, call)).unwrap());
    let plays = stage.with(|world| {
        let mut commands = world.media.iter();
        commands.any(|command| matches!(command, Command::Play { media, .. } if *media == ear))
    });
    assert!(plays, "{}", stage.ladder());
    carol.answers().talks();
    bob.ends_with(200);
    stage.hear_each_other(&alice, &carol);
    stage.ends(&alice, &carol);
}

#[test]
fn a_held_transferee_is_resumed_by_the_target() {
    for by_caller in [false, true] {
        let (stage, alice, bob, carol) = talking();
        let (transferor, transferee) = if by_caller { (&alice, &bob) } else { (&bob, &alice) };
        transferor.holds();
        transferee.hears(SdpDirection::SendOnly);
        transferor.transfers_to("103");
        carol.rings().answers().talks();
        transferee.hears(SdpDirection::SendRecv);
        transferor.is_notified_at_last(200).ends_with(200);
        stage.hear_each_other(transferee, &carol);
        stage.ends(transferee, &carol);
    }
}

#[test]
fn a_target_with_another_codec_is_understood() {
    let (stage, alice, bob, carol) = talking();
    alice.hangs_up().ends_with(200);
    bob.ends_with(200);
    alice.feels(|mood| mood.codecs = vec!["G722", "PCMU"]);
    bob.feels(|mood| mood.codecs = vec!["G722"]);
    carol.feels(|mood| mood.codecs = vec!["PCMU"]);
    alice.calls("102");
    bob.rings().answers().talks();
    alice.talks();
    bob.transfers_to("103");
    carol.rings().answers().talks();
    bob.ends_with(200);
    stage.hear_each_other(&alice, &carol);
    for call in stage.calls() {
        for leg in call.legs {
            assert_eq!(leg.codec.as_deref(), Some("PCMU"), "{}", stage.ladder());
        }
    }
    stage.ends(&alice, &carol);
}

#[test]
fn the_script_of_the_target_sees_the_transferee_and_the_fields_of_the_refer() {
    let stage = Stage::plan(
        r#"fn on_call(caller) {
            if caller.header("Referred-By") != () && caller.number == "101" && caller.extension == "101" && caller.dialed == "103" {
                caller.dial("104", #{ timeout: 20 });
            } else {
                caller.dial(caller.dialed, #{ timeout: 20 });
            }
        }"#,
    );
    let (alice, bob) = stage.talking();
    let (carol, dave) = (stage.phone("103"), stage.phone("104"));
    bob.transfers_to("103");
    dave.rings().answers().talks();
    carol.stays_silent(0.1);
    bob.ends_with(200);
    stage.hear_each_other(&alice, &dave);
    stage.ends(&alice, &dave);
}

#[test]
fn nothing_of_the_first_script_runs_after_the_transfer() {
    let stage = Stage::plan(
        r#"fn on_call(caller) {
            caller.dial(caller.dialed, #{ timeout: 20 });
            if caller.dialed == "102" { caller.dial("104", #{ timeout: 20 }); }
        }"#,
    );
    let (alice, bob) = stage.talking();
    let (carol, dave) = (stage.phone("103"), stage.phone("104"));
    bob.transfers_to("103");
    carol.rings().answers().talks();
    bob.ends_with(200);
    stage.hear_each_other(&alice, &carol);
    carol.hangs_up();
    alice.ends_with(200);
    dave.stays_silent(1.0);
    stage.clears();
}

#[test]
fn a_target_that_is_a_script_answers_the_transfer() {
    let stage = Stage::plan(
        r#"fn on_call(caller) {
            if caller.dialed == "700" { caller.answer(); caller.echo(); return; }
            caller.dial(caller.dialed, #{ timeout: 20 });
        }"#,
    );
    let (alice, bob) = stage.talking();
    bob.transfers_to("700").is_notified_at_last(200).ends_with(200);
    stage.pass(1.0);
    let call = alice.latest();
    let ear = stage.with(|world| world.port_of((0, call)).unwrap());
    let echoes = stage.with(|world| world.media.contains(&Command::Echo(ear)));
    assert!(echoes, "{}", stage.ladder());
    alice.hangs_up().ends_with(200);
    stage.clears();
    assert_eq!(records(&stage), 2);
}

#[test]
fn refer_to_is_a_number_in_any_form() {
    for to in [
        "<sip:103@tandem.local>",
        "\"Carol\" <sip:103@192.0.2.1>",
        "sip:103@tandem.local",
        "<sip:103@tandem.local;method=INVITE>",
        "<tel:103;phone-context=tandem.local>",
    ] {
        let (stage, alice, bob, carol) = talking();
        let answer = bob.refers(|builder| builder.header(HeaderName::ReferTo, to));
        assert_eq!(answer.status().unwrap().code(), 202, "{to}\n{}", stage.ladder());
        carol.rings().answers().talks();
        bob.is_notified_at_last(200).ends_with(200);
        stage.hear_each_other(&alice, &carol);
        stage.ends(&alice, &carol);
    }
}

#[test]
fn a_transferred_call_is_transferred_again() {
    let (stage, alice, bob, carol) = talking();
    let dave = stage.phone("104");
    bob.transfers_to("103");
    carol.rings().answers().talks();
    bob.ends_with(200);
    stage.hear_each_other(&alice, &carol);
    // First the new party transfers the call, then the party that was transferred before.
    carol.transfers_to("104");
    dave.rings().answers().talks();
    carol.ends_with(200);
    stage.hear_each_other(&alice, &dave);
    alice.transfers_to("102");
    bob.rings().answers().talks();
    alice.ends_with(200);
    stage.hear_each_other(&dave, &bob);
    stage.ends(&bob, &dave);
    assert_eq!(records(&stage), 4, "one record a call");
}

#[test]
fn a_transferor_that_takes_no_notify_is_asked_no_more_and_the_transfer_goes_on() {
    for code in [481, 405, 500] {
        let (stage, alice, bob, carol) = talking();
        bob.feels(|mood| mood.refuses_notices = Some(code));
        bob.transfers_to("103");
        carol.rings().answers().talks();
        stage.hear_each_other(&alice, &carol);
        bob.ends_with(200);
        stage.ends(&alice, &carol);
    }
}

#[test]
fn a_phone_in_two_calls_transfers_only_the_one_it_means() {
    let (stage, alice, bob, carol) = talking();
    let dave = stage.phone("104");
    let (alice, first) = (alice.line(), bob.line());
    let (second, dave) = connect(&bob, "104", &dave);
    first.transfers_to("103");
    carol.rings().answers().talks();
    first.is_notified_at_last(200).ends_with(200);
    stage.hear_each_other(&alice, &carol);
    stage.hear_each_other(&second, &dave);
    second.hangs_up().ends_with(200);
    dave.ends_with(200);
    stage.ends(&alice, &carol);
    assert_eq!(records(&stage), 3);
}
