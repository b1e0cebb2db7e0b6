//! 199 Early Dialog Terminated (RFC 6228), towards the caller and from a phone.

use sip::{Message, Method};

use super::{Asks, Call, far_sdp, near_sdp, rseq};

const KNOWS: Asks = Asks {
    supported: "199",
    required: "",
    allow: "INVITE, ACK, CANCEL, BYE, PRACK, UPDATE",
    offers: true,
    mode: switch::ReliableProvisional::Described,
};

/// Two phones ring one after the other.
const TWO: &str = r#"fn on_call(caller) {
    caller.dial("sip:far@198.51.200.2:5060", #{ timeout: 200 });
    caller.dial("sip:next@198.51.200.2:5060", #{ timeout: 200 });
}"#;

#[test]
fn a_caller_that_knows_199_is_told_that_its_early_dialog_is_over_and_gets_another() {
    for supported in ["199", "199, 100rel", "100rel"] {
        let call = Call::to(Asks { supported, ..KNOWS }, TWO);
        let first = call.far.takes_request(Method::Invite);
        call.far.replies(&first, 183, "one", |reply| {
            reply.body("application/sdp", far_sdp(9_100).as_bytes())
        });
        let early = call.near.takes_response(183);
        if rseq(&early).is_some() {
            call.pracks(&early, None);
        }
        call.far.replies(&first, 486, "one", |reply| reply);
        call.far.takes_request(Method::Ack);
        let second = call.far.takes_request(Method::Invite);
        if supported.contains("199") {
            let ended = call.near.takes_response(199);
            assert_eq!(ended.to_tag(), early.to_tag());
            assert!(ended.body().is_empty());
        }
        call.far.replies(&second, 180, "two", |reply| reply);
        let ringing = call.near.takes_response(180);
        assert_eq!(
            ringing.to_tag() == early.to_tag(),
            !supported.contains("199"),
            "RFC 6228 5: nothing follows a 199 in its dialog"
        );
        call.far_answers(&second, Some(&far_sdp(9_200)));
        let ok = call.connected();
        assert_eq!(ok.to_tag(), ringing.to_tag());
        assert_eq!(
            ok.body().is_empty(),
            supported == "100rel",
            "the new early dialog has no description so far"
        );
        call.stage.pass(1.0);
        call.ends();
    }
}

#[test]
fn a_request_in_an_early_dialog_that_is_over_gets_481() {
    let call = Call::to(KNOWS, TWO);
    let first = call.far.takes_request(Method::Invite);
    call.far.replies(&first, 183, "one", |reply| {
        reply.body("application/sdp", far_sdp(9_100).as_bytes())
    });
    let early = call.near.takes_response(183);
    call.far.replies(&first, 486, "one", |reply| reply);
    call.near.takes_response(199);
    let update = call.within(&early, &Method::Update);
    call.near
        .sends(update.body("application/sdp", near_sdp(9_500).as_bytes()).finish());
    call.near.takes_response(481);
    let second = call.far.takes_request(Method::Invite);
    call.far.replies(&second, 486, "two", |reply| reply);
    call.near.takes_response(486);
    call.stage.clears();
}

#[test]
fn the_199_of_a_phone_ends_its_early_dialog_and_no_other() {
    let call = Call::begins(KNOWS);
    let asked = call.far.takes_request(Method::Invite);
    call.far.replies(&asked, 183, "one", |reply| {
        reply.body("application/sdp", far_sdp(9_100).as_bytes())
    });
    call.near.takes_response(183);
    call.far.replies(&asked, 180, "two", |reply| reply);
    call.near.takes_response(180);
    call.far.replies(&asked, 199, "one", |reply| reply);
    call.near.takes_response(199);
    let update = call.far_within(&asked, "one", 1, &Method::Update);
    call.far
        .sends(update.body("application/sdp", far_sdp(9_300).as_bytes()).finish());
    call.far.takes_response(481);
    call.far.replies(&asked, 180, "two", |reply| reply);
    call.far.replies(&asked, 200, "two", |reply| {
        reply.body("application/sdp", far_sdp(9_200).as_bytes())
    });
    call.far.takes_request(Method::Ack);
    call.connected();
    assert!(call.near.collects(2.0).iter().all(Message::is_response));
    call.ends();
}

/// The 2xx crossed the 199 of its phone: what Tandem sends from then on follows the numbers of the PRACKs before it.
#[test]
fn a_2xx_after_the_199_of_its_phone_goes_on_with_the_numbers_of_its_dialog() {
    let call = Call::begins(KNOWS);
    let asked = call.far.takes_request(Method::Invite);
    call.far_says(&asked, "far", (180, 1), None);
    call.far_is_acknowledged(1);
    call.near.takes_response(180);
    call.far_says(&asked, "far", (199, 2), None);
    let prack = call.far_is_acknowledged(2);
    call.far_answers(&asked, Some(&far_sdp(9_200)));
    call.near.takes_response(199);
    call.connected();
    call.stage.pass(1.0);
    let calls = call.stage.calls();
    call.stage.commands(switch::Command::HangUp(calls[0].id)).unwrap();
    let far = call.far.takes_request(Method::Bye);
    let near = call.near.takes_request(Method::Bye);
    let number = |message: &Message| message.cseq().unwrap().number;
    assert!(
        number(&far) > number(&prack),
        "{} after {}",
        number(&far),
        number(&prack)
    );
    call.far.replies(&far, 200, "x", |reply| reply);
    call.near.replies(&near, 200, "x", |reply| reply);
    call.stage.clears();
}
