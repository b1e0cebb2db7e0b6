//! Status codes and reason phrases: each of the registered codes, from a phone to the caller.

use sip::{Builder, HeaderName, Message, Method, StatusCode};
use tests::{Actor, Stage, Wire};

const CODES: &str = include_str!("../../data/response-codes.tsv");
const URI: &str = r#"fn on_call(caller) { caller.dial("sip:wire@198.51.200.1:5060", #{ timeout: 20 }); }"#;

fn codes() -> impl Iterator<Item = (u16, &'static str)> {
    CODES.lines().skip(1).map(|line| {
        let mut cells = line.split('\t');
        let code = cells.next().unwrap().parse().unwrap();
        (code, cells.next().unwrap())
    })
}

/// The final answer of a caller whose phone is refused with this.
fn refused(alice: &Actor, wire: &Wire, code: u16, reason: &str, edit: impl FnOnce(Builder) -> Builder) -> Message {
    alice.calls("900");
    let invite = wire.takes_request(Method::Invite);
    let status = StatusCode::new(code).unwrap();
    let reply = Builder::reply_with_reason(&invite, status, reason, Some("far"));
    wire.sends(edit(reply).finish());
    alice.ends_with_any();
    wire.collects(1.0);
    alice.call(|call| call.last.clone())
}

#[test]
fn each_registered_code_is_known_with_its_words() {
    for (code, reason) in codes() {
        let status = StatusCode::new(code).unwrap();
        assert_eq!((status.reason(), status.treated_as()), (reason, status), "{code}");
    }
    assert_eq!(codes().count(), StatusCode::KNOWN.len());
}

#[test]
fn a_phone_s_refusal_reaches_the_caller_in_the_phone_s_words() {
    let stage = Stage::plan(URI);
    let alice = stage.phone("101");
    let wire = stage.wire("198.51.200.1:5060");
    let (mut same, mut other) = (Vec::new(), Vec::new());
    for (code, reason) in codes().filter(|(code, _)| *code >= 300) {
        let told = refused(&alice, &wire, code, reason, |reply| reply);
        let got = told.status().unwrap().code();
        if got == code {
            assert_eq!(told.reason(), reason);
            same.push(code);
        } else {
            // RFC 3261 16.7 step 6 and what concerns only our own INVITE: 480.
            assert_eq!((got, told.reason()), (480, "Temporarily Unavailable"), "{code}");
            other.push(code);
        }
    }
    assert!(other.iter().all(|code| *code < 500 || *code == 503), "{other:?}");
    for kept in [
        403, 404, 410, 424, 433, 484, 486, 488, 500, 580, 600, 603, 606, 607, 608,
    ] {
        assert!(same.contains(&kept), "{kept}");
    }
    stage.clears();
}

#[test]
fn words_in_another_language_reach_the_caller() {
    let stage = Stage::plan(URI);
    let alice = stage.phone("101");
    let wire = stage.wire("198.51.200.1:5060");
    for words in ["Besetzt – später wieder", "お話し中", ""] {
        let told = refused(&alice, &wire, 486, words, |reply| reply);
        let expected = if words.is_empty() { "Busy Here" } else { words };
        let empty_is_kept = words.is_empty() && told.reason().is_empty();
        assert!(told.reason() == expected || empty_is_kept, "{:?}", told.reason());
    }
    stage.clears();
}

#[test]
fn when_to_try_again_and_why_reach_the_caller_without_the_phone_s_address() {
    let stage = Stage::plan(URI);
    let alice = stage.phone("101");
    let wire = stage.wire("198.51.200.1:5060");
    for code in [480, 486, 600, 603] {
        let told = refused(&alice, &wire, code, "Later", |reply| {
            reply
                .header(HeaderName::RetryAfter, "120 (in a meeting);duration=60")
                .header(HeaderName::Warning, "399 198.51.200.1:5060 \"the line is in use\"")
                .header(HeaderName::ErrorInfo, "<http://www.example.com/busy.html>")
                .header(HeaderName::ErrorInfo, "<http://198.51.200.1/busy.html>")
        });
        assert_eq!(
            told.header(HeaderName::RetryAfter),
            Some("120 (in a meeting);duration=60")
        );
        assert_eq!(
            told.header(HeaderName::Warning),
            Some("399 tandem.local \"the line is in use\"")
        );
        let errors: Vec<&str> = told.headers(HeaderName::ErrorInfo).collect();
        assert_eq!(errors, ["<http://www.example.com/busy.html>"]);
    }
    // A 503 becomes a 480: when the phone's proxy has time again is nothing to the caller.
    let told = refused(&alice, &wire, 503, "Busy", |reply| {
        reply.header(HeaderName::RetryAfter, 9)
    });
    assert_eq!(told.status().unwrap().code(), 480);
    stage.clears();
}

#[test]
fn a_proxy_or_another_service_is_not_another_place_of_the_person() {
    // RFC 3261 21.3.4, 21.3.5.
    for (code, followed) in [(300, true), (301, true), (302, true), (305, false), (380, false)] {
        let stage = Stage::default();
        let (alice, bob, carol) = (stage.phone("101"), stage.phone("102"), stage.phone("103"));
        bob.feels(|mood| (mood.refuses, mood.sends_to) = (Some(code), Some("sip:103@tandem.local".into())));
        alice.calls("102");
        if followed {
            carol.rings().rejects(486);
            alice.ends_with(486);
        } else {
            alice.ends_with(480);
            assert_eq!(carol.got(Method::Invite), 0);
        }
        stage.clears();
    }
}

#[test]
fn the_contacts_of_a_redirection_are_taken_by_their_preference() {
    // RFC 3261 8.1.3.4. All ring at once; the order shows in the order of the INVITEs.
    let stage = Stage::plan(URI);
    let (alice, bob, carol) = (stage.phone("101"), stage.phone("102"), stage.phone("103"));
    let wire = stage.wire("198.51.200.1:5060");
    for (contacts, first) in [
        ("<sip:102@192.0.2.1>;q=0.2, <sip:103@192.0.2.1>;q=0.9", "103"),
        ("<sip:102@192.0.2.1>, <sip:103@192.0.2.1>;q=0.9", "102"),
        ("<sip:103@192.0.2.1>;q=x, <sip:102@192.0.2.1>;q=0.1", "103"),
    ] {
        let before = stage.ladder().lines().count();
        alice.calls("900");
        let invite = wire.takes_request(Method::Invite);
        let reply = Builder::reply(&invite, StatusCode::MOVED_TEMPORARILY, Some("far"));
        wire.sends(reply.header(HeaderName::Contact, contacts).finish());
        bob.rings();
        carol.rings();
        let ladder = stage.ladder();
        let rung = ladder
            .lines()
            .skip(before)
            .find_map(|line| line.split("INVITE sip:10").nth(1).filter(|_| !line.contains("sip:101")));
        assert!(rung.is_some_and(|rest| rest.starts_with(&first[2..])), "{ladder}");
        bob.rejects(486);
        carol.rejects(486);
        alice.ends_with(486);
        wire.collects(1.0);
    }
    stage.clears();
}
