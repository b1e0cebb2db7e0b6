//! UPDATE before the answer (RFC 3311 section 5), and what of it reaches the other phone.

use sip::{HeaderName, Message, Method, StatusCode};

use super::{Asks, Call, far_sdp, near_sdp};

/// A call whose early media both phones have settled reliably.
fn early() -> (Call, Message, Message) {
    let call = Call::begins(Asks::default());
    let asked = call.far.takes_request(Method::Invite);
    call.far_says(&asked, "far", (183, 1), Some(&far_sdp(9_100)));
    call.far_is_acknowledged(1);
    let told = call.near.takes_response(183);
    call.pracks(&told, None);
    (call, asked, told)
}

fn updated(message: &Message) -> bool {
    message.is_response() && *message.method() == Method::Update
}

#[test]
fn what_the_caller_changes_before_the_answer_reaches_the_phone() {
    let (call, asked, told) = early();
    let hold = near_sdp(9_000) + "a=sendonly\r\n";
    let update = call.within(&told, &Method::Update);
    call.near
        .sends(update.body("application/sdp", hold.as_bytes()).finish());
    let answered = call.near.takes("200 to UPDATE", updated);
    assert_eq!(answered.status(), Some(StatusCode::OK));
    assert!(answered.body_text().contains("a=recvonly"));
    let offered = call.far.takes_request(Method::Update);
    assert!(offered.body_text().contains("a=sendonly"), "{}", offered.body_text());
    assert_eq!(offered.to_tag(), Some("far"));
    call.far.replies(&offered, 200, "x", |reply| {
        reply.body("application/sdp", (far_sdp(9_100) + "a=recvonly\r\n").as_bytes())
    });
    call.far_answers(&asked, None);
    assert!(call.connected().body().is_empty());
    // Both know: nothing is left to be told.
    assert!(call.near.collects(3.0).is_empty() && call.far.collects(3.0).is_empty());
    call.ends();
}

#[test]
fn what_the_phone_changes_before_its_answer_reaches_the_caller() {
    let (call, asked, told) = early();
    let update = call.far_within(&asked, "far", 1, &Method::Update);
    let other = far_sdp(9_300) + "a=sendonly\r\n";
    call.far
        .sends(update.body("application/sdp", other.as_bytes()).finish());
    let answered = call.far.takes("200 to UPDATE", updated);
    assert_eq!(answered.status(), Some(StatusCode::OK));
    assert!(answered.body_text().contains("a=recvonly"));
    let offered = call.near.takes_request(Method::Update);
    assert!(offered.body_text().contains("a=sendonly"), "{}", offered.body_text());
    assert_eq!(offered.from_tag(), told.to_tag());
    call.near.replies(&offered, 200, "x", |reply| {
        reply.body("application/sdp", (near_sdp(9_000) + "a=recvonly\r\n").as_bytes())
    });
    call.far_answers(&asked, None);
    assert!(call.connected().body().is_empty());
    assert!(call.near.collects(3.0).is_empty() && call.far.collects(3.0).is_empty());
    call.ends();
}

#[test]
fn a_caller_that_takes_no_update_is_told_after_the_answer() {
    let call = Call::begins(Asks {
        allow: "INVITE, ACK, CANCEL, BYE, PRACK",
        ..Asks::default()
    });
    let asked = call.far.takes_request(Method::Invite);
    call.far_says(&asked, "far", (183, 1), Some(&far_sdp(9_100)));
    call.far_is_acknowledged(1);
    let told = call.near.takes_response(183);
    call.pracks(&told, None);
    let update = call.far_within(&asked, "far", 1, &Method::Update);
    let held = far_sdp(9_100) + "a=sendonly\r\n";
    call.far.sends(update.body("application/sdp", held.as_bytes()).finish());
    call.far.takes("200 to UPDATE", updated);
    assert!(call.near.collects(3.0).is_empty());
    call.far_answers(&asked, None);
    call.connected();
    let offered = call.near.takes_request(Method::Invite);
    assert!(offered.body_text().contains("a=sendonly"));
    call.near.replies(&offered, 200, "x", |reply| {
        reply.body("application/sdp", (near_sdp(9_000) + "a=recvonly\r\n").as_bytes())
    });
    call.stage.pass(1.0);
    call.ends();
}

#[test]
fn an_update_that_meets_ours_gets_491_and_ours_is_made_again() {
    let (call, asked, told) = early();
    let update = call.far_within(&asked, "far", 1, &Method::Update);
    let held = far_sdp(9_100) + "a=sendonly\r\n";
    call.far.sends(update.body("application/sdp", held.as_bytes()).finish());
    let ours = call.near.takes_request(Method::Update);
    // RFC 3311 5.2: our offer has no answer yet.
    let theirs = call.within(&told, &Method::Update);
    call.near
        .sends(theirs.body("application/sdp", near_sdp(9_500).as_bytes()).finish());
    let refused = call.near.takes("491 to UPDATE", updated);
    assert_eq!(refused.status().unwrap().code(), 491);
    call.near.replies(&ours, 491, "x", |reply| reply);
    let again = call.near.takes_request(Method::Update);
    assert!(again.body_text().contains("a=sendonly"));
    call.near.replies(&again, 200, "x", |reply| {
        reply.body("application/sdp", (near_sdp(9_000) + "a=recvonly\r\n").as_bytes())
    });
    call.far_answers(&asked, None);
    call.connected();
    call.ends();
}

#[test]
fn an_update_of_ours_that_has_no_answer_when_the_call_is_answered_settles_afterwards() {
    let (call, asked, _) = early();
    let update = call.far_within(&asked, "far", 1, &Method::Update);
    let held = far_sdp(9_100) + "a=sendonly\r\n";
    call.far.sends(update.body("application/sdp", held.as_bytes()).finish());
    let ours = call.near.takes_request(Method::Update);
    call.far_answers(&asked, None);
    call.connected();
    call.near.replies(&ours, 200, "x", |reply| {
        reply.body("application/sdp", (near_sdp(9_000) + "a=recvonly\r\n").as_bytes())
    });
    call.stage.pass(1.0);
    let calls = call.stage.calls();
    assert!(calls[0].legs.iter().all(|leg| leg.state == "held"), "{calls:?}");
    let later = call.near.collects(10.0);
    assert!(later.iter().all(Message::is_response), "{}", call.stage.ladder());
    call.ends();
}

#[test]
fn an_update_that_comes_too_early_is_put_off_or_refused() {
    // RFC 3311 5.2: the caller's first offer has no answer that the caller has confirmed.
    let call = Call::begins(Asks::default());
    let asked = call.far.takes_request(Method::Invite);
    call.far_says(&asked, "far", (180, 1), None);
    call.far_is_acknowledged(1);
    let ringing = call.near.takes_response(180);
    let update = call.within(&ringing, &Method::Update);
    call.near
        .sends(update.body("application/sdp", near_sdp(9_500).as_bytes()).finish());
    let later = call.near.takes_response(500);
    assert!(later.header(HeaderName::RetryAfter).is_some());
    // Our offer to the phone has no answer yet.
    let update = call.far_within(&asked, "far", 1, &Method::Update);
    call.far
        .sends(update.body("application/sdp", far_sdp(9_100).as_bytes()).finish());
    call.far.takes_response(491);
    call.far_answers(&asked, Some(&far_sdp(9_100)));
    call.connected();
    call.ends();
}

#[test]
fn an_update_that_fits_nothing_is_refused_and_the_early_session_stays() {
    let (call, asked, told) = early();
    for (body, code) in [
        (near_sdp(9_000).replace(" 0\r\na=rtpmap:0 PCMU/8000", " 99"), 488),
        ("v=0\r\nnonsense".to_owned(), 488),
    ] {
        let update = call.within(&told, &Method::Update);
        call.near
            .sends(update.body("application/sdp", body.as_bytes()).finish());
        let refused = call.near.takes("an answer to UPDATE", updated);
        assert_eq!(refused.status().unwrap().code(), code);
    }
    call.far_answers(&asked, None);
    assert!(call.connected().body().is_empty());
    call.ends();
}
