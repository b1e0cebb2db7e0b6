//! `on_request`: requests for other domains that are no calls.

use sip::{Builder, HeaderName, Message, Method, StatusCode};
use tests::Stage;

use super::raw::{CALLER, Raw, contact, trusting};

const PLAN: &str = r#"
fn on_call(caller) { caller.reject(404); }
fn on_request(request) {
    if request.method == "MESSAGE" && request.header("Subject") == "no" { return request.reject(403, "Not This One"); }
    if request.dialed == "sip:moved@198.51.7.1" { return request.redirect("sip:new@198.51.7.2"); }
    if request.extension == "101" { request.proxy(request.dialed); }
}
"#;

/// A request of the caller.
fn request(method: &Method, uri: &str, edit: impl FnOnce(Builder) -> Builder) -> Message {
    let builder = Builder::request(method, uri)
        .header(
            HeaderName::Via,
            format_args!("SIP/2.0/UDP {CALLER};branch=z9hG4bKr{method}"),
        )
        .header(HeaderName::From, "<sip:101@192.0.2.1>;tag=caller")
        .header(HeaderName::To, format_args!("<{uri}>"))
        .header(HeaderName::CallId, format_args!("request-{method}"))
        .header(HeaderName::CSeq, format_args!("1 {method}"))
        .header(HeaderName::MaxForwards, 70);
    edit(builder).finish()
}

const BOB: &str = "sip:bob@198.51.7.1";

#[test]
fn requests_of_every_kind_go_to_their_own_domain_if_the_script_says_so() {
    for method in [
        Method::Message,
        Method::Options,
        Method::Info,
        Method::Publish,
        Method::Notify,
        Method::Other("FANCY".into()),
    ] {
        let raw = Raw::new(trusting(PLAN));
        raw.caller.sends(request(&method, BOB, |builder| {
            builder.other("X-Note", "as it came").body("text/plain", b"hello")
        }));
        let passed = raw.one.takes_request(method.clone());
        assert_eq!((passed.uri(), passed.body()), (BOB, &b"hello"[..]));
        assert_eq!(passed.other("X-Note"), Some("as it came"));
        // It makes no dialog.
        assert_eq!(passed.headers(HeaderName::RecordRoute).count(), 0);
        raw.one.replies(&passed, 202, "bob", |reply| reply);
        raw.caller.takes_response(202);
        raw.clears();
    }
}

#[test]
fn a_script_rejects_redirects_or_does_nothing() {
    for (uri, subject, code) in [(BOB, "no", 403), ("sip:moved@198.51.7.1", "yes", 302)] {
        let raw = Raw::new(trusting(PLAN));
        raw.caller.sends(request(&Method::Message, uri, |builder| {
            builder.header(HeaderName::Subject, subject)
        }));
        let answer = raw.caller.takes_response(code);
        if code == 302 {
            assert_eq!(answer.header(HeaderName::Contact), Some("<sip:new@198.51.7.2>"));
        }
        assert!(raw.one.collects(1.0).is_empty());
        raw.clears();
    }
    for (plan, code) in [
        ("fn on_call(caller) { }", 404),
        ("fn on_call(caller) { } fn on_request(request) { }", 404),
        ("fn on_call(caller) { } fn on_request(request) { throw 1; }", 500),
        (
            "fn on_call(caller) { } fn on_request(request) { request.answer(); }",
            500,
        ),
    ] {
        let raw = Raw::new(trusting(plan));
        raw.caller.sends(request(&Method::Message, BOB, |builder| builder));
        raw.caller.takes_response(code);
        raw.clears();
    }
}

#[test]
fn a_script_is_told_the_reason_of_a_refusal_as_it_was_sent() {
    // RFC 3261 7.2: the reason phrase is the sender's; `caller.proxy` tells the same one.
    let plan = r#"fn on_call(caller) { let it = caller.proxy("sip:bob@198.51.7.1"); throw `${it.code} ${it.reason}`; }
        fn on_request(request) { let it = request.proxy(request.dialed); throw `${it.code} ${it.reason}`; }"#;
    for method in [Method::Message, Method::Invite] {
        for routed in [false, true] {
            let raw = Raw::new(trusting(plan));
            let uri = if method == Method::Invite {
                "sip:900@192.0.2.1"
            } else {
                BOB
            };
            raw.caller.sends(request(&method, uri, |builder| {
                let builder = builder.header(HeaderName::Contact, format_args!("<sip:101@{CALLER}>"));
                if routed {
                    builder.header(HeaderName::Route, "<sip:198.51.7.9;lr>")
                } else {
                    builder
                }
            }));
            let fault = if routed {
                raw.caller.takes_response(403);
                "403 Route Not Allowed"
            } else {
                let passed = raw.one.takes_request(method.clone());
                let reply = Builder::reply_with_reason(&passed, StatusCode::FORBIDDEN, "Not Before Noon", Some("bob"));
                raw.one.sends(reply.finish());
                raw.caller.takes_response(403);
                "403 Not Before Noon"
            };
            let faults = raw.stage.with(|world| {
                let faults = world.events.iter().filter_map(|event| match event {
                    switch::Event::ScriptFailed { fault, .. } => Some(fault.message.clone()),
                    _ => None,
                });
                faults.collect::<Vec<_>>()
            });
            assert!(faults.iter().any(|found| found.contains(fault)), "{method} {faults:?}");
            raw.clears();
        }
    }
}

#[test]
fn a_subscription_elsewhere_passes_through_with_its_notifies() {
    let raw = Raw::new(trusting(PLAN));
    let subscribe = request(&Method::Subscribe, BOB, |builder| {
        builder
            .header(HeaderName::Contact, format_args!("<sip:101@{CALLER}>"))
            .header(HeaderName::Event, "presence")
            .header(HeaderName::Expires, 600)
    });
    raw.caller.sends(subscribe);
    let passed = raw.one.takes_request(Method::Subscribe);
    let record: Vec<String> = passed
        .values(HeaderName::RecordRoute)
        .map(|value| value.trim().to_owned())
        .collect();
    assert_eq!(record.len(), 1);
    raw.one
        .replies(&passed, 200, "bob", |reply| reply.header(HeaderName::Expires, 600));
    raw.caller.takes_response(200);
    let contact = contact(&passed);
    let notify = Builder::request(&Method::Notify, &contact)
        .header(
            HeaderName::Via,
            format_args!("SIP/2.0/UDP {};branch=z9hG4bKn1", super::raw::ONE),
        )
        .header(HeaderName::MaxForwards, 70)
        .header(HeaderName::Route, &record[0])
        .header(HeaderName::From, format_args!("<{BOB}>;tag=bob"))
        .header(HeaderName::To, passed.header(HeaderName::From).unwrap())
        .copy(&passed, HeaderName::CallId)
        .header(HeaderName::CSeq, "1 NOTIFY")
        .header(HeaderName::Event, "presence")
        .header(HeaderName::SubscriptionState, "terminated")
        .finish();
    raw.one.sends(notify);
    let notify = raw.caller.takes_request(Method::Notify);
    raw.caller.replies(&notify, 200, "caller", |reply| reply);
    raw.one.takes_response(200);
    raw.clears();
}

#[test]
fn a_stranger_is_challenged_and_a_request_that_times_out_is_not_answered() {
    let raw = Raw::new(trusting(PLAN));
    let stranger = raw.stage.wire("198.51.66.6:5060");
    let message = request(&Method::Message, BOB, |builder| builder);
    let text = String::from_utf8(message.bytes().to_vec()).unwrap();
    let from = stranger.address;
    let forged = text.replace(CALLER, "198.51.66.6:5060").into_bytes();
    raw.stage.with(|world| world.throw(from, forged.into()));
    stranger.takes_response(401);
    // RFC 4320 section 4.2.
    raw.caller.sends(message);
    raw.one.takes_request(Method::Message);
    let heard = raw.caller.collects(60.0);
    assert!(
        heard
            .iter()
            .all(|message| message.status().is_none_or(|status| status.code() < 200)),
        "{heard:?}"
    );
    raw.clears();
}

#[test]
fn a_phone_s_message_for_another_domain_goes_there() {
    let stage = Stage::plan(PLAN);
    let alice = stage.phone("101");
    let one = stage.wire(super::raw::ONE);
    alice.with(|phone| phone.ask(&Method::Message, BOB, |builder| builder.body("text/plain", b"lunch?")));
    let passed = one.takes_request(Method::Message);
    assert_eq!(passed.header(HeaderName::Authorization), None);
    one.replies(&passed, 200, "bob", |reply| reply);
    stage.pass(1.0);
    let answer = alice.with(|phone| phone.answer.clone()).unwrap();
    assert_eq!(answer.status().unwrap().code(), 200);
    stage.clears();
}
