//! Towards a caller: Tandem sends reliable provisional responses (RFC 3262 sections 3 and 5).

use sip::{HeaderName, Message, Method};
use switch::{CauseCode, ReliableProvisional};

use super::{Asks, Call, REQUIRED, far_sdp, near_sdp, rseq};

fn ringing(call: &Call, asked: &Message) {
    call.far.replies(asked, 180, "far", |reply| reply);
}

#[test]
fn the_policy_says_which_provisional_responses_are_reliable() {
    use ReliableProvisional as Mode;
    let asks = |supported: &'static str, mode: Mode| Asks {
        supported,
        mode,
        ..Asks::default()
    };
    for (asks, expected) in [
        (asks("timer", Mode::Always), [false, false]),
        (asks("100rel", Mode::Required), [false, false]),
        (asks("100rel", Mode::Described), [false, true]),
        (asks("100rel", Mode::Always), [true, true]),
        (REQUIRED, [true, true]),
    ] {
        let call = Call::begins(asks);
        let asked = call.far.takes_request(Method::Invite);
        ringing(&call, &asked);
        let first = call.near.takes_response(180);
        assert!(first.body().is_empty());
        let mut numbers = vec![rseq(&first)];
        if numbers[0].is_some() {
            assert_eq!(call.pracks(&first, None).status().unwrap().code(), 200);
        }
        call.far.replies(&asked, 183, "far", |reply| {
            reply.body("application/sdp", far_sdp(9_100).as_bytes())
        });
        let second = call.near.takes_response(183);
        assert!(!second.body().is_empty());
        numbers.push(rseq(&second));
        assert_eq!(numbers.iter().map(Option::is_some).collect::<Vec<_>>(), expected);
        if let [Some(one), Some(other)] = numbers[..] {
            assert_eq!(other, one + 1, "RFC 3262 3: they count up by one");
        }
        if numbers[1].is_some() {
            assert!(second.lists(HeaderName::Allow, "UPDATE"), "RFC 3311 5.1");
            call.pracks(&second, None);
        }
        call.far_answers(&asked, None);
        // RFC 6337 3.1.1: after a reliable answer the 2xx has none; otherwise it repeats the answer.
        assert_eq!(call.connected().body().is_empty(), expected[1]);
        call.ends();
    }
}

#[test]
fn a_reliable_response_is_sent_again_until_its_prack_comes_and_the_2xx_waits_for_it() {
    let call = Call::begins(Asks::default());
    let asked = call.far.takes_request(Method::Invite);
    call.far.replies(&asked, 183, "far", |reply| {
        reply.body("application/sdp", far_sdp(9_100).as_bytes())
    });
    let early = call.near.takes_response(183);
    call.far_answers(&asked, None);
    let again = call.near.collects(4.0);
    assert_eq!(again.len(), 3, "at 0.5, 1.5 and 3.5 s\n{}", call.stage.ladder());
    assert!(
        again.iter().all(|message| message.bytes() == early.bytes()),
        "no 200 so far"
    );
    assert_eq!(call.pracks(&early, None).status().unwrap().code(), 200);
    assert!(call.connected().body().is_empty());
    assert!(call.near.collects(40.0).is_empty(), "nothing is sent again");
    call.ends();
}

#[test]
fn a_response_without_a_description_does_not_hold_the_2xx_back() {
    let call = Call::begins(REQUIRED);
    let asked = call.far.takes_request(Method::Invite);
    ringing(&call, &asked);
    let first = call.near.takes_response(180);
    call.far_answers(&asked, Some(&far_sdp(9_100)));
    assert!(!call.connected().body().is_empty());
    // RFC 3262 3: the late PRACK is answered all the same, and a second one is not.
    assert_eq!(call.pracks(&first, None).status().unwrap().code(), 200);
    assert_eq!(call.pracks(&first, None).status().unwrap().code(), 481);
    assert!(call.near.collects(40.0).is_empty());
    call.ends();
}

#[test]
fn one_response_at_a_time_and_the_latest_state_after_the_description() {
    let call = Call::begins(REQUIRED);
    let asked = call.far.takes_request(Method::Invite);
    ringing(&call, &asked);
    let first = call.near.takes_response(180);
    call.far.replies(&asked, 182, "far", |reply| reply);
    call.far.replies(&asked, 183, "far", |reply| {
        reply.body("application/sdp", far_sdp(9_100).as_bytes())
    });
    call.far.replies(&asked, 182, "far", |reply| reply);
    call.far.replies(&asked, 180, "far", |reply| reply);
    let other = |message: &Message| rseq(message) != rseq(&first);
    assert!(!call.near.collects(3.0).iter().any(other), "{}", call.stage.ladder());
    call.pracks(&first, None);
    let second = call.near.takes_response(183);
    assert!(!second.body().is_empty());
    call.pracks(&second, None);
    let third = call.near.takes_response(180);
    assert!(third.body().is_empty(), "RFC 6337 3.1.1");
    assert_eq!(rseq(&third), rseq(&first).map(|number| number + 2));
    call.pracks(&third, None);
    // RFC 3261 13.3.1.1: every minute a provisional response, with a number of its own.
    let next = call.near.takes_response(180);
    assert_eq!(rseq(&next), rseq(&first).map(|number| number + 3));
    call.pracks(&next, None);
    call.far_answers(&asked, None);
    call.connected();
    call.ends();
}

#[test]
fn a_prack_of_no_response_of_ours_is_refused() {
    let call = Call::begins(Asks::default());
    let asked = call.far.takes_request(Method::Invite);
    ringing(&call, &asked);
    let unreliable = call.near.takes_response(180);
    for (rack, code) in [
        (Some("1 1 INVITE"), 481),
        (None, 400),
        (Some("x"), 400),
        (Some("1 1 UPDATE"), 481),
    ] {
        let mut prack = call.within(&unreliable, &Method::Prack);
        if let Some(rack) = rack {
            prack = prack.header(HeaderName::RAck, rack);
        }
        call.near.sends(prack.finish());
        call.near.takes_response(code);
    }
    call.far.replies(&asked, 183, "far", |reply| {
        reply.body("application/sdp", far_sdp(9_100).as_bytes())
    });
    let early = call.near.takes_response(183);
    let number = rseq(&early).unwrap();
    for rack in [
        format!("{} 1 INVITE", number + 1),
        format!("{number} 2 INVITE"),
        format!("{number} 1 UPDATE"),
    ] {
        let prack = call.within(&early, &Method::Prack).header(HeaderName::RAck, rack);
        call.near.sends(prack.finish());
        call.near.takes_response(481);
    }
    call.pracks(&early, None);
    call.far_answers(&asked, None);
    call.connected();
    call.ends();
}

#[test]
fn without_a_prack_the_call_is_refused_with_504() {
    let call = Call::begins(REQUIRED);
    let asked = call.far.takes_request(Method::Invite);
    ringing(&call, &asked);
    call.near.takes_response(504);
    let cancel = call.far.takes_request(Method::Cancel);
    call.far.replies(&cancel, 200, "far", |reply| reply);
    call.far.replies(&asked, 487, "far", |reply| reply);
    let cdr = call.stage.record();
    assert_eq!((cdr.cause, cdr.sip_code), (CauseCode::CallerNoPrack, 504));
    call.stage.clears();
}

#[test]
fn the_call_is_cancelled_or_refused_while_a_prack_is_awaited() {
    for cancels in [true, false] {
        let call = Call::begins(REQUIRED);
        let asked = call.far.takes_request(Method::Invite);
        ringing(&call, &asked);
        call.near.takes_response(180);
        if cancels {
            let mut cancel = sip::Builder::request(&Method::Cancel, call.invite.uri());
            for name in [
                HeaderName::Via,
                HeaderName::MaxForwards,
                HeaderName::From,
                HeaderName::To,
                HeaderName::CallId,
            ] {
                cancel = cancel.copy(&call.invite, name);
            }
            call.near.sends(cancel.header(HeaderName::CSeq, "1 CANCEL").finish());
            call.near.takes_response(487);
            let cancel = call.far.takes_request(Method::Cancel);
            call.far.replies(&cancel, 200, "far", |reply| reply);
            call.far.replies(&asked, 487, "far", |reply| reply);
        } else {
            call.far.replies(&asked, 486, "far", |reply| reply);
            call.near.takes_response(486);
        }
        let after = call.near.collects(40.0);
        assert!(
            after.iter().all(|message| rseq(message).is_none()),
            "{}",
            call.stage.ladder()
        );
        call.stage.clears();
    }
}

#[test]
fn an_invite_without_an_offer_is_offered_a_session_in_a_reliable_response() {
    // RFC 3262 5: where all responses are reliable, the first one has the offer.
    for (asks, first) in [
        (
            Asks {
                offers: false,
                ..REQUIRED
            },
            180,
        ),
        (
            Asks {
                offers: false,
                ..Asks::default()
            },
            183,
        ),
    ] {
        let call = Call::begins(asks);
        let asked = call.far.takes_request(Method::Invite);
        ringing(&call, &asked);
        if first == 183 {
            let plain = call.near.takes_response(180);
            assert!(rseq(&plain).is_none() && plain.body().is_empty());
        } else {
            let offered = call.near.takes_response(180);
            assert!(!offered.body().is_empty());
            call.pracks(&offered, Some(&near_sdp(9_000)));
        }
        call.far.replies(&asked, 183, "far", |reply| {
            reply.body("application/sdp", far_sdp(9_100).as_bytes())
        });
        if first == 183 {
            let offered = call.near.takes_response(183);
            assert!(!offered.body().is_empty());
            call.pracks(&offered, Some(&near_sdp(9_000)));
        } else {
            let plain = call.near.takes_response(183);
            assert!(plain.body().is_empty());
            call.pracks(&plain, None);
        }
        call.far_answers(&asked, None);
        let ok = call.connected();
        assert!(ok.body().is_empty(), "the PRACK has answered");
        assert!(call.near.collects(3.0).is_empty() && call.far.collects(3.0).is_empty());
        assert!(call.stage.calls()[0].legs.iter().all(|leg| leg.state == "up"));
        call.ends();
    }
}

#[test]
fn an_offer_that_the_prack_does_not_answer_is_made_again_in_the_2xx() {
    let call = Call::begins(Asks {
        offers: false,
        ..REQUIRED
    });
    let asked = call.far.takes_request(Method::Invite);
    ringing(&call, &asked);
    let offered = call.near.takes_response(180);
    assert_eq!(call.pracks(&offered, None).status().unwrap().code(), 200);
    call.far_answers(&asked, Some(&far_sdp(9_100)));
    let ok = call.near.takes_response(200);
    assert!(!ok.body().is_empty());
    let ack = sip::dialog::Dialog::uac(&call.invite, &ok)
        .unwrap()
        .ack(1, "SIP/2.0/UDP 198.51.200.1:5060;branch=z9hG4bKack")
        .body("application/sdp", near_sdp(9_000).as_bytes());
    call.near.sends(ack.finish());
    call.stage.pass(0.5);
    call.ends();
}

#[test]
fn an_offer_in_a_prack_is_answered_in_its_200() {
    let call = Call::begins(Asks::default());
    let asked = call.far.takes_request(Method::Invite);
    call.far.replies(&asked, 183, "far", |reply| {
        reply.body("application/sdp", far_sdp(9_100).as_bytes())
    });
    let early = call.near.takes_response(183);
    let held = near_sdp(9_000) + "a=sendonly\r\n";
    let answered = call.pracks(&early, Some(&held));
    assert_eq!(answered.status().unwrap().code(), 200);
    assert!(answered.body_text().contains("a=recvonly"), "{}", answered.body_text());
    call.far_answers(&asked, None);
    assert!(call.connected().body().is_empty());
    // The phone took no UPDATE before the answer: it is told now.
    let told = call.far.takes_request(Method::Invite);
    assert!(told.body_text().contains("a=sendonly"));
    let held = far_sdp(9_100) + "a=recvonly\r\n";
    call.far_answers(&told, Some(&held));
    call.ends();
}
