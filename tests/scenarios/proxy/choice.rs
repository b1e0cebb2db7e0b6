//! Several targets: groups, the best response, CANCEL of the others, timer C (RFC 3261 16.6 to 16.8, RFC 5393).

use std::time::Duration;

use sip::{HeaderName, Message, Method};
use switch::{CauseCode, Disposition};

use super::raw::{Raw, trusting, within};

const BOTH: &str = r#"caller.proxy(["sip:bob@198.51.7.1", "sip:eve@198.51.7.2"]);"#;
const IN_ORDER: &str =
    r#"caller.proxy([#{ to: "sip:eve@198.51.7.2", q: 0.5 }, #{ to: "sip:bob@198.51.7.1", q: 1.0 }]);"#;

/// Both servers get the INVITE.
fn both(raw: &Raw) -> [Message; 2] {
    [&raw.one, &raw.other].map(|wire| wire.takes_request(Method::Invite))
}

#[test]
fn the_first_answer_wins_and_the_others_are_cancelled() {
    let raw = Raw::plan(BOTH);
    let sent = raw.invites(|invite| invite);
    let [one, other] = both(&raw);
    assert_ne!(one.top_via().unwrap().branch(), other.top_via().unwrap().branch());
    raw.one.replies(&one, 180, "one", |reply| reply);
    raw.other.replies(&other, 180, "other", |reply| reply);
    for _ in 0..2 {
        raw.caller.takes_response(180);
    }
    raw.other.replies(&other, 200, "other", |reply| reply);
    let answer = raw.caller.takes_response(200);
    assert_eq!(answer.to_tag(), Some("other"));
    let cancel = raw.one.takes_request(Method::Cancel);
    raw.one.replies(&cancel, 200, "one", |reply| reply);
    raw.one.replies(&one, 487, "one", |reply| reply);
    raw.one.takes_request(Method::Ack);
    raw.caller.sends(within(&sent, &answer, &Method::Ack, 1, |ack| ack));
    raw.other.takes_request(Method::Ack);
    raw.caller.sends(within(&sent, &answer, &Method::Bye, 2, |bye| bye));
    let bye = raw.other.takes_request(Method::Bye);
    raw.other.replies(&bye, 200, "other", |reply| reply);
    raw.caller.takes_response(200);
    raw.clears();
}

#[test]
fn two_answers_that_cross_both_go_back() {
    let raw = Raw::plan(BOTH);
    let sent = raw.invites(|invite| invite);
    let [one, other] = both(&raw);
    raw.one.replies(&one, 200, "one", |reply| reply);
    raw.other.replies(&other, 200, "other", |reply| reply);
    let answers = [raw.caller.takes_response(200), raw.caller.takes_response(200)];
    for (answer, wire) in answers.iter().zip([&raw.one, &raw.other]) {
        raw.caller.sends(within(&sent, answer, &Method::Ack, 1, |ack| ack));
        wire.takes_request(Method::Ack);
    }
    // The caller ends both (RFC 3261 13.2.2.4).
    for (number, (answer, wire)) in (2..).zip(answers.iter().zip([&raw.one, &raw.other])) {
        raw.caller.sends(within(&sent, answer, &Method::Bye, number, |bye| bye));
        if number == 2 {
            let bye = wire.takes_request(Method::Bye);
            wire.replies(&bye, 200, "one", |reply| reply);
        }
    }
    raw.clears();
}

#[test]
fn targets_of_less_preference_are_asked_after_the_others() {
    let raw = Raw::plan(IN_ORDER);
    raw.invites(|invite| invite);
    let one = raw.one.takes_request(Method::Invite);
    assert!(raw.other.collects(1.0).is_empty());
    raw.one.replies(&one, 404, "one", |reply| reply);
    raw.one.takes_request(Method::Ack);
    let other = raw.other.takes_request(Method::Invite);
    raw.other.replies(&other, 486, "other", |reply| reply);
    // Of one class, the first.
    raw.caller.takes_response(404);
    assert_eq!(raw.stage.record().sip_code, 404);
    raw.clears();
}

#[test]
fn a_decline_for_all_ends_the_search() {
    let raw = Raw::plan(IN_ORDER);
    raw.invites(|invite| invite);
    let one = raw.one.takes_request(Method::Invite);
    raw.one.replies(&one, 603, "one", |reply| reply);
    raw.caller.takes_response(603);
    assert!(raw.other.collects(5.0).is_empty(), "no new target after a 6xx");
    raw.clears();
}

#[test]
fn challenges_of_all_servers_are_gathered() {
    let raw = Raw::plan(BOTH);
    raw.invites(|invite| invite);
    let [one, other] = both(&raw);
    let asks = |realm: &str| format!("Digest realm=\"{realm}\", nonce=\"n\"");
    raw.one.replies(&one, 407, "one", |reply| {
        reply.header(HeaderName::ProxyAuthenticate, asks("one"))
    });
    raw.other.replies(&other, 401, "other", |reply| {
        reply.header(HeaderName::WwwAuthenticate, asks("other"))
    });
    let answer = raw.caller.takes("a challenge", |message| {
        message.status().is_some_and(|status| status.code() >= 400)
    });
    assert_eq!(answer.headers(HeaderName::ProxyAuthenticate).count(), 1);
    assert_eq!(answer.headers(HeaderName::WwwAuthenticate).count(), 1);
    raw.clears();
}

#[test]
fn a_server_that_is_too_busy_says_nothing_of_tandem() {
    let raw = Raw::plan(r#"caller.proxy("sip:bob@198.51.7.1");"#);
    raw.invites(|invite| invite);
    let one = raw.one.takes_request(Method::Invite);
    raw.one
        .replies(&one, 503, "one", |reply| reply.header(HeaderName::RetryAfter, 60));
    let answer = raw.caller.takes_response(500);
    assert_eq!(answer.header(HeaderName::RetryAfter), None);
    let cdr = raw.stage.record();
    assert_eq!((cdr.cause, cdr.sip_code), (CauseCode::ProxyRefused, 503));
    raw.clears();
}

#[test]
fn timer_c_cancels_a_server_that_rings_for_ever() {
    let raw = Raw::plan(r#"caller.proxy("sip:bob@198.51.7.1");"#);
    raw.invites(|invite| invite);
    let one = raw.one.takes_request(Method::Invite);
    raw.one.replies(&one, 180, "one", |reply| reply);
    raw.caller.takes_response(180);
    raw.stage.pass(100.0);
    // RFC 3261 16.7 step 2: a provisional response begins the time anew.
    raw.one.replies(&one, 180, "one", |reply| reply);
    raw.stage.pass(180.0);
    assert_eq!(count(&raw.one.collects(0.0), Method::Cancel), 0);
    let cancel = raw.one.takes_request(Method::Cancel);
    raw.one.replies(&cancel, 200, "one", |reply| reply);
    raw.one.replies(&one, 487, "one", |reply| reply);
    raw.caller.takes_response(408);
    let cdr = raw.stage.record();
    assert_eq!(cdr.disposition, Disposition::NoAnswer);
    raw.clears();
}

fn count(messages: &[Message], method: Method) -> usize {
    let requests = messages.iter().filter(|message| message.is_request());
    requests.filter(|message| *message.method() == method).count()
}

#[test]
fn a_server_that_says_nothing_counts_as_a_timeout() {
    let raw = Raw::plan(r#"caller.proxy("sip:bob@198.51.7.1");"#);
    raw.invites(|invite| invite);
    raw.caller.takes_response(408);
    let took = raw.stage.with(|world| world.now.as_micros() / 1_000_000);
    assert!((32..34).contains(&took), "timer B: {took}");
    raw.clears();
}

#[test]
fn a_script_bounds_how_long_its_targets_ring() {
    let raw = Raw::plan(
        r#"let r = caller.proxy([#{ to: "sip:bob@198.51.7.1", q: 1.0 }, #{ to: "sip:eve@198.51.7.2", q: 0.5 }], #{ timeout: 5 });
        log.info(r.status);"#,
    );
    raw.invites(|invite| invite);
    let one = raw.one.takes_request(Method::Invite);
    raw.one.replies(&one, 180, "one", |reply| reply);
    let cancel = raw.one.takes_request(Method::Cancel);
    raw.one.replies(&cancel, 200, "one", |reply| reply);
    raw.one.replies(&one, 487, "one", |reply| reply);
    let other = raw.other.takes_request(Method::Invite);
    let took = raw.stage.with(|world| world.now.as_micros() / 1_000_000);
    assert_eq!(took, 5);
    raw.other.replies(&other, 486, "other", |reply| reply);
    raw.caller.takes_response(486);
    raw.clears();
}

#[test]
fn max_breadth_is_shared_among_the_targets() {
    // RFC 5393 section 5.3.3.
    for (given, shares) in [(None, [30, 30]), (Some("5"), [2, 2])] {
        let raw = Raw::plan(BOTH);
        raw.invites(|invite| match given {
            Some(breadth) => invite.header(HeaderName::MaxBreadth, breadth),
            None => invite,
        });
        let passed = both(&raw);
        let breadths = passed.each_ref().map(|invite| {
            assert_eq!(invite.headers(HeaderName::MaxBreadth).count(), 1);
            invite.header(HeaderName::MaxBreadth).unwrap().parse::<u32>().unwrap()
        });
        assert_eq!(breadths, shares);
        for (wire, invite) in [&raw.one, &raw.other].into_iter().zip(&passed) {
            wire.replies(invite, 486, "busy", |reply| reply);
        }
        raw.caller.takes_response(486);
        raw.clears();
    }
}

#[test]
fn with_a_breadth_of_one_the_targets_are_asked_one_after_the_other() {
    let raw = Raw::plan(BOTH);
    raw.invites(|invite| invite.header(HeaderName::MaxBreadth, 1));
    let one = raw.one.takes_request(Method::Invite);
    assert!(raw.other.collects(1.0).is_empty());
    raw.one.replies(&one, 486, "one", |reply| reply);
    let other = raw.other.takes_request(Method::Invite);
    raw.other.replies(&other, 486, "other", |reply| reply);
    raw.caller.takes_response(486);
    raw.clears();

    let raw = Raw::plan(BOTH);
    raw.invites(|invite| invite.header(HeaderName::MaxBreadth, 0));
    raw.caller.takes_response(440);
    raw.clears();
}

#[test]
fn a_limit_on_requests_and_on_dialogs_draws_503() {
    let limits: [fn(&mut switch::Proxying); 2] = [|limits| limits.requests = 0, |limits| limits.dialogs = 0];
    for limit in limits {
        let mut settings = trusting(&format!("fn on_call(caller) {{ {BOTH} }}"));
        limit(&mut settings.config.limits.services.proxy);
        let raw = Raw::new(settings);
        raw.invites(|invite| invite);
        let answer = raw.caller.takes_response(503);
        assert!(answer.header(HeaderName::RetryAfter).is_some());
        raw.clears();
    }
    let mut settings = trusting(&format!("fn on_call(caller) {{ {BOTH} }}"));
    settings.config.limits.services.proxy.branches = 1;
    settings.config.limits.services.proxy.timer_c = Duration::from_secs(200);
    let raw = Raw::new(settings);
    raw.invites(|invite| invite);
    let one = raw.one.takes_request(Method::Invite);
    raw.one.replies(&one, 486, "one", |reply| reply);
    raw.caller.takes_response(486);
    assert!(raw.other.collects(1.0).is_empty(), "one branch only");
    raw.clears();
}
