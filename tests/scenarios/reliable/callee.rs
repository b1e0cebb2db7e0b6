//! Towards a phone that is called: Tandem acknowledges its reliable provisional responses (RFC 3262 section 4).

use sip::{HeaderName, Message, Method};

use super::{Asks, Call, far_sdp, rseq};

const PLAIN: Asks = Asks {
    supported: "timer",
    required: "",
    allow: "INVITE, ACK, CANCEL, BYE",
    offers: true,
    mode: switch::ReliableProvisional::Described,
};

fn pracks(messages: &[Message]) -> usize {
    messages
        .iter()
        .filter(|message| *message.method() == Method::Prack)
        .count()
}

#[test]
fn each_reliable_response_is_acknowledged_once_and_in_order() {
    let call = Call::begins(PLAIN);
    let asked = call.far.takes_request(Method::Invite);
    assert!(asked.supports("100rel") && asked.lists(HeaderName::Allow, "PRACK"));
    call.far_says(&asked, "far", (180, 7), None);
    let prack = call.far_is_acknowledged(7);
    assert_eq!(prack.to_tag(), Some("far"));
    // The caller, which knows nothing of this, is told without it.
    let told = call.near.takes_response(180);
    assert!(rseq(&told).is_none());
    // The same again: no further PRACK. One that comes too early: neither PRACK nor progress.
    call.far_says(&asked, "far", (180, 7), None);
    call.far_says(&asked, "far", (182, 9), None);
    assert_eq!(pracks(&call.far.collects(2.0)), 0, "{}", call.stage.ladder());
    assert!(call.near.collects(2.0).is_empty());
    call.far_says(&asked, "far", (183, 8), Some(&far_sdp(9_100)));
    call.far_is_acknowledged(8);
    assert!(!call.near.takes_response(183).body().is_empty());
    call.far_says(&asked, "far", (182, 9), None);
    call.far_is_acknowledged(9);
    call.near.takes_response(182);
    call.far_answers(&asked, None);
    assert!(!call.connected().body().is_empty(), "the caller's 183 was not reliable");
    call.ends();
}

#[test]
fn a_lost_prack_is_sent_again_by_its_transaction_only() {
    let call = Call::begins(PLAIN);
    let asked = call.far.takes_request(Method::Invite);
    call.far_says(&asked, "far", (180, 1), None);
    let first = call.far.takes_request(Method::Prack);
    call.far_says(&asked, "far", (180, 1), None);
    let second = call.far.takes_request(Method::Prack);
    assert_eq!(first.bytes(), second.bytes());
    call.far.replies(&second, 200, "x", |reply| reply);
    assert_eq!(pracks(&call.far.collects(3.0)), 0);
    call.far_answers(&asked, Some(&far_sdp(9_100)));
    call.connected();
    call.ends();
}

#[test]
fn the_phones_behind_a_proxy_count_each_for_itself() {
    let call = Call::begins(Asks::default());
    let asked = call.far.takes_request(Method::Invite);
    call.far_says(&asked, "one", (183, 100), Some(&far_sdp(9_100)));
    assert_eq!(call.far_is_acknowledged(100).to_tag(), Some("one"));
    let early = call.near.takes_response(183);
    call.pracks(&early, None);
    call.far_says(&asked, "two", (183, 3), Some(&far_sdp(9_200)));
    assert_eq!(call.far_is_acknowledged(3).to_tag(), Some("two"));
    call.far_says(&asked, "one", (180, 101), None);
    assert_eq!(call.far_is_acknowledged(101).to_tag(), Some("one"));
    call.far_says(&asked, "two", (180, 4), None);
    assert_eq!(call.far_is_acknowledged(4).to_tag(), Some("two"));
    // Without an answer of its own in the 200, the one of its 183 counts.
    call.far.replies(&asked, 200, "one", |reply| reply);
    let ack = call.far.takes_request(Method::Ack);
    assert_eq!(ack.to_tag(), Some("one"));
    call.connected();
    call.ends();
}

#[test]
fn the_second_answer_of_phones_behind_a_proxy_is_ended_by_a_bye_that_is_new_to_its_phone() {
    let call = Call::begins(PLAIN);
    let asked = call.far.takes_request(Method::Invite);
    call.far_says(&asked, "one", (180, 100), None);
    call.far_is_acknowledged(100);
    call.far_says(&asked, "one", (182, 101), None);
    let prack = call.far_is_acknowledged(101);
    call.far.replies(&asked, 200, "two", |reply| {
        reply.body("application/sdp", far_sdp(9_200).as_bytes())
    });
    assert_eq!(call.far.takes_request(Method::Ack).to_tag(), Some("two"));
    call.far.replies(&asked, 200, "one", |reply| {
        reply.body("application/sdp", far_sdp(9_100).as_bytes())
    });
    let bye = call.far.takes_request(Method::Bye);
    assert_eq!(bye.to_tag(), Some("one"));
    // RFC 3261 12.2.2: a lower number, or the same one, gets 500, and the phone would stay in its call.
    assert!(bye.cseq().unwrap().number > prack.cseq().unwrap().number);
    call.far.replies(&bye, 200, "x", |reply| reply);
    call.connected();
    call.ends();
}

#[test]
fn a_response_after_our_cancel_is_still_acknowledged() {
    let call = Call::to(
        PLAIN,
        r#"fn on_call(caller) { caller.dial("sip:far@198.51.200.2:5060", #{ timeout: 2 }); }"#,
    );
    let asked = call.far.takes_request(Method::Invite);
    call.far_says(&asked, "far", (180, 1), None);
    call.far_is_acknowledged(1);
    let cancel = call.far.takes_request(Method::Cancel);
    call.far_says(&asked, "far", (183, 2), None);
    call.far_is_acknowledged(2);
    call.far.replies(&cancel, 200, "far", |reply| reply);
    call.far.replies(&asked, 487, "far", |reply| reply);
    call.near.takes_response(480);
    call.stage.clears();
}

#[test]
fn a_refused_prack_changes_nothing() {
    for code in [481, 500, 0] {
        let call = Call::begins(PLAIN);
        let asked = call.far.takes_request(Method::Invite);
        call.far_says(&asked, "far", (180, 1), None);
        let prack = call.far.takes_request(Method::Prack);
        if code != 0 {
            call.far.replies(&prack, code, "x", |reply| reply);
        }
        call.stage.pass(40.0);
        call.far.collects(0.1);
        call.far_answers(&asked, Some(&far_sdp(9_100)));
        call.connected();
        call.ends();
    }
}
