//! Nobody uses Tandem as a relay, and odd requests cost little (RFC 3261 16.3, 26, RFC 5393, RFC 6026).

use sip::{Builder, HeaderName, Message, Method};

use super::raw::{Raw, routes, within, written};

const ONE: &str = r#"caller.proxy("sip:bob@198.51.7.1");"#;
const STRANGER: &str = "198.51.66.6:5060";

#[test]
fn a_request_within_a_dialog_goes_only_where_the_dialog_has_been() {
    let raw = Raw::plan(ONE);
    let (invite, _, answer) = raw.talks(|reply| reply);
    let routes = routes(&answer);
    let victim = raw.stage.wire("198.51.88.8:5060");
    let to_victim = |number, edit: &dyn Fn(Builder) -> Builder| {
        let uri = "sip:victim@198.51.88.8";
        raw.caller
            .sends(written(&invite, &answer, &Method::Info, number, uri, &routes, edit));
    };
    to_victim(2, &|info| info);
    raw.caller.takes_response(403);
    // A further Route to a stranger.
    let by_victim: Vec<String> = [&routes[..], &["<sip:198.51.88.8;lr>".to_owned()]].concat();
    let uri = "sip:wire@198.51.7.1:5060";
    raw.caller
        .sends(written(&invite, &answer, &Method::Info, 3, uri, &by_victim, |info| {
            info
        }));
    raw.caller.takes_response(403);
    // The token of one dialog in another.
    let foreign = |builder: Builder| builder.header(HeaderName::CallId, "another");
    raw.caller
        .sends(written(&invite, &answer, &Method::Info, 4, uri, &routes, foreign));
    raw.caller.takes_response(481);
    // A token that was never given.
    let guessed = [format!("<sip:{}@192.0.2.1:5060;lr>", "0".repeat(16))];
    raw.caller
        .sends(written(&invite, &answer, &Method::Info, 5, uri, &guessed, |info| info));
    raw.caller.takes_response(481);
    // An ACK is not answered, and does not go on either.
    raw.caller.sends(written(
        &invite,
        &answer,
        &Method::Ack,
        6,
        "sip:victim@198.51.88.8",
        &routes,
        |ack| ack,
    ));
    assert!(victim.collects(2.0).is_empty());
    raw.caller.sends(within(&invite, &answer, &Method::Bye, 9, |bye| bye));
    let bye = raw.one.takes_request(Method::Bye);
    raw.one.replies(&bye, 200, "callee", |reply| reply);
    raw.caller.takes_response(200);
    // The dialog is over, and so is its token.
    raw.caller
        .sends(within(&invite, &answer, &Method::Info, 10, |info| info));
    raw.caller.takes_response(481);
    raw.clears();
}

#[test]
fn a_stranger_cannot_have_a_call_passed_on() {
    let raw = Raw::plan(ONE);
    let stranger = raw.stage.wire(STRANGER);
    for uri in ["sip:900@192.0.2.1", "sip:bob@198.51.7.1"] {
        let builder = Builder::request(&Method::Invite, uri)
            .header(
                HeaderName::Via,
                format_args!("SIP/2.0/UDP {STRANGER};branch=z9hG4bK{}", uri.len()),
            )
            .header(HeaderName::MaxForwards, 70)
            .header(HeaderName::From, "<sip:101@192.0.2.1>;tag=x")
            .header(HeaderName::To, format_args!("<{uri}>"))
            .header(HeaderName::CallId, uri)
            .header(HeaderName::CSeq, "1 INVITE")
            .header(HeaderName::Contact, format_args!("<sip:101@{STRANGER}>"));
        stranger.sends(builder.finish());
        stranger.takes_response(401);
    }
    assert!(raw.one.collects(2.0).is_empty());
    raw.clears();
}

/// The request as it comes back from a server outside, with another Via on top.
fn back(passed: &Message, uri: &str, via: &str) -> Message {
    let builder = Builder::request(passed.method(), uri).header(HeaderName::Via, via);
    let fields = passed
        .fields()
        .filter(|(_, name, _)| *name != HeaderName::ContentLength);
    let builder = fields.fold(builder, |builder, (text, _, value)| builder.other(text, value));
    builder.octets(passed.body()).finish()
}

#[test]
fn a_request_that_comes_back_unchanged_has_looped_and_another_spirals() {
    let raw = Raw::plan(ONE);
    raw.invites(|invite| invite);
    let passed = raw.one.takes_request(Method::Invite);
    let via = |n: u8| format!("SIP/2.0/UDP {};branch=z9hG4bKback{n}", super::raw::ONE);
    // The same Request-URI as it had when it came to Tandem.
    raw.one.sends(back(&passed, "sip:900@192.0.2.1", &via(1)));
    // Its sender is unknown, and it is not merged with the request that is passed on: RFC 3261 16.3.
    let looped = raw.one.takes("an answer", |message| {
        message.status().is_some_and(|status| status.code() > 100)
    });
    assert_eq!(looped.status().unwrap().code(), 482);
    raw.one.sends(back(&passed, "sip:901@192.0.2.1", &via(2)));
    raw.one.takes_response(401);
    raw.one.replies(&passed, 486, "one", |reply| reply);
    raw.caller.takes_response(486);
    raw.clears();
}

#[test]
fn hops_routes_and_demands_are_bounded() {
    let many = |name: HeaderName, value: &'static str, times: usize| {
        move |invite: Builder| (0..times).fold(invite, |invite, _| invite.header(name, value))
    };
    let route = many(HeaderName::Route, "<sip:192.0.2.1:5060;lr>", 71);
    let via = many(HeaderName::Via, "SIP/2.0/UDP 198.51.5.5;branch=z9hG4bKx", 70);
    let cases: [(&dyn Fn(Builder) -> Builder, u16); 4] = [
        (&|invite| invite.header(HeaderName::MaxForwards, 0), 483),
        (&via, 483),
        (&route, 400),
        (&|invite| invite.header(HeaderName::ProxyRequire, "x-unknown"), 420),
    ];
    for (edit, code) in cases {
        let raw = Raw::plan(ONE);
        raw.invites(edit);
        raw.caller.takes_response(code);
        assert!(raw.one.collects(1.0).is_empty());
        raw.clears();
    }
}

#[test]
fn the_last_hop_is_counted_within_the_dialog_too() {
    let raw = Raw::plan(ONE);
    let (invite, _, answer) = raw.talks(|reply| reply);
    let routes = routes(&answer);
    let uri = "sip:wire@198.51.7.1:5060";
    let message = written(&invite, &answer, &Method::Info, 2, uri, &routes, |info| info);
    let spent = String::from_utf8(message.bytes().to_vec())
        .unwrap()
        .replace("Max-Forwards: 70", "Max-Forwards: 0");
    let from = raw.caller.address;
    raw.stage.with(|world| world.throw(from, spent.into_bytes().into()));
    raw.caller.takes_response(483);
    raw.caller.sends(within(&invite, &answer, &Method::Bye, 9, |bye| bye));
    let bye = raw.one.takes_request(Method::Bye);
    assert_eq!(bye.max_forwards().unwrap(), Some(69));
    raw.one.replies(&bye, 481, "callee", |reply| reply);
    raw.caller.takes_response(481);
    raw.clears();
}

#[test]
fn a_response_to_nothing_is_not_passed_on() {
    // RFC 6026 section 8.9: a proxy drops what matches no transaction of its own.
    let raw = Raw::plan(ONE);
    let (invite, passed, answer) = raw.talks(|reply| reply);
    raw.stage.pass(40.0);
    let before = raw.caller.collects(0.0).len();
    assert_eq!(before, 0);
    raw.one.replies(&passed, 200, "late", |reply| reply);
    assert!(raw.caller.collects(1.0).is_empty());
    raw.caller.sends(within(&invite, &answer, &Method::Bye, 9, |bye| bye));
    let bye = raw.one.takes_request(Method::Bye);
    raw.one.replies(&bye, 200, "callee", |reply| reply);
    raw.caller.takes_response(200);
    raw.clears();
}

#[test]
fn what_a_phone_asserts_of_itself_and_its_password_go_no_further() {
    let stage = super::stage();
    let (alice, bob) = super::phones(&stage);
    alice.feels(|mood| {
        mood.adds = vec![
            ("P-Asserted-Identity", "<sip:boss@example.org>".into()),
            ("X-Passed", "as it is".into()),
        ];
    });
    alice.calls("900");
    bob.rings();
    let invite = bob.call(|call| call.invite.clone());
    assert_eq!(invite.header(HeaderName::PAssertedIdentity), None);
    assert_eq!(invite.header(HeaderName::Authorization), None);
    assert_eq!(invite.other("X-Passed"), Some("as it is"));
    alice.hangs_up().ends_with(487);
    stage.clears();
}
