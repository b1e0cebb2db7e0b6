//! The provisional responses a caller gets before its call is answered (RFC 3261 8.1.3.2, 13.3.1.1, 21.1;
//! RFC 3960 3.2; RFC 6228).

use sip::{Builder, Message, Method};
use switch::LiveState;
use tests::{Actor, Stage, Wire, sdp};

const URI: &str = r#"fn on_call(caller) { caller.dial("sip:wire@198.51.200.1:5060", #{ timeout: 20 }); }"#;
const TWO: &str = r#"fn on_call(caller) {
    caller.dial(["sip:one@198.51.200.1:5060", "sip:two@198.51.200.2:5060"], #{ timeout: 20 });
}"#;

/// 101 has called a peer that the test drives message by message.
fn called(plan: &str) -> (Stage, Actor, Wire, Message) {
    let stage = Stage::plan(plan);
    let alice = stage.phone("101");
    let wire = stage.wire("198.51.200.1:5060");
    alice.calls("900");
    let invite = wire.takes_request(Method::Invite);
    (stage, alice, wire, invite)
}

/// Each provisional response but 100 that came, in order: its status line, and whether it describes a session.
fn told(phone: &Actor) -> Vec<(String, bool)> {
    phone.with(|phone| {
        let responses = phone.received.iter().filter(|message| {
            let code = message.status().map_or(0, |status| status.code());
            (101..=199).contains(&code)
        });
        responses
            .map(|message| {
                let code = message.status().unwrap().code();
                (format!("{code} {}", message.reason()), !message.body().is_empty())
            })
            .collect()
    })
}

fn described(address: &str) -> impl Fn(Builder) -> Builder {
    let body = sdp(address, 9_000);
    move |reply| reply.body("application/sdp", body.as_bytes())
}

fn plain(reply: Builder) -> Builder {
    reply
}

fn is_refused(stage: &Stage, alice: &Actor, wire: &Wire, invite: &Message) {
    wire.replies(invite, 486, "far", plain);
    alice.ends_with(486);
    stage.clears();
}

#[test]
fn ringing_after_early_media_reaches_the_caller() {
    // RFC 3960 3.2: the caller's phone makes the ringback, unless it hears early media. With the description repeated
    // the media is to be heard.
    for repeated in [false, true] {
        let (stage, alice, wire, invite) = called(URI);
        wire.replies(&invite, 183, "far", described("198.51.200.1"));
        stage.pass(0.01);
        if repeated {
            wire.replies(&invite, 180, "far", described("198.51.200.1"));
        } else {
            wire.replies(&invite, 180, "far", plain);
        }
        stage.pass(1.0);
        assert_eq!(
            told(&alice),
            [("183 Session Progress".into(), true), ("180 Ringing".into(), repeated)],
            "\n{}",
            stage.ladder()
        );
        assert_eq!(stage.calls()[0].state, LiveState::Ringing);
        is_refused(&stage, &alice, &wire, &invite);
    }
}

#[test]
fn each_provisional_response_reaches_the_caller_as_it_is() {
    for (code, line, rings) in [
        (180, "180 Ringing", true),
        (181, "181 Call Is Being Forwarded", false),
        (182, "182 Queued", false),
        (183, "183 Session Progress", false),
        // RFC 3261 8.1.3.2: an unknown provisional response counts as a 183.
        (188, "183 Session Progress", false),
    ] {
        let (stage, alice, wire, invite) = called(URI);
        wire.replies(&invite, code, "far", plain);
        stage.pass(1.0);
        assert_eq!(told(&alice), [(line.to_owned(), false)], "\n{}", stage.ladder());
        let state = stage.calls()[0].state;
        assert_eq!(state == LiveState::Ringing, rings, "{code} for people");
        let legs = stage.calls()[0].legs.clone();
        let ringing = legs.iter().any(|leg| leg.state == "ringing");
        assert_eq!(ringing, rings, "{code}: {legs:?}");
        is_refused(&stage, &alice, &wire, &invite);
    }
}

#[test]
fn each_change_of_state_is_told_and_nothing_twice() {
    let (stage, alice, wire, invite) = called(URI);
    let phrase = |code: u16, reason: &str| {
        let status = sip::StatusCode::new(code).unwrap();
        wire.sends(Builder::reply_with_reason(&invite, status, reason, Some("far")).finish());
        stage.pass(0.5);
    };
    // RFC 3261 21.1.4: the length of the queue may be sent again and again.
    phrase(182, "Queued, 2 before you");
    phrase(182, "Queued, 2 before you");
    phrase(182, "Queued, 1 before you");
    phrase(180, "Ringing");
    phrase(180, "Ringing");
    phrase(183, "Session Progress");
    phrase(180, "");
    let expected = [
        "182 Queued, 2 before you",
        "182 Queued, 1 before you",
        "180 Ringing",
        "183 Session Progress",
        "180 Ringing",
    ];
    let lines: Vec<String> = told(&alice).into_iter().map(|(line, _)| line).collect();
    assert_eq!(lines, expected, "\n{}", stage.ladder());
    is_refused(&stage, &alice, &wire, &invite);
}

#[test]
fn changes_that_come_too_fast_are_told_in_the_end_and_early_media_at_once() {
    let (stage, alice, wire, invite) = called(URI);
    for code in [180, 182, 181, 183, 180, 182] {
        wire.replies(&invite, code, "far", plain);
    }
    stage.pass(0.05);
    wire.replies(&invite, 183, "far", described("198.51.200.1"));
    stage.pass(0.05);
    let early = [("180 Ringing".to_owned(), false), ("183 Session Progress".into(), true)];
    assert_eq!(
        told(&alice),
        early,
        "the answer to its offer does not wait\n{}",
        stage.ladder()
    );
    wire.replies(&invite, 182, "far", plain);
    wire.replies(&invite, 180, "far", plain);
    stage.pass(1.0);
    assert_eq!(
        told(&alice),
        [early[0].clone(), early[1].clone(), ("180 Ringing".into(), false)],
        "\n{}",
        stage.ladder()
    );
    is_refused(&stage, &alice, &wire, &invite);
}

#[test]
fn with_several_phones_ringing_goes_before_all_other_states() {
    let (stage, alice, one, invite) = called(TWO);
    let two = stage.wire("198.51.200.2:5060");
    let other = two.takes_request(Method::Invite);
    let says = |wire: &Wire, invite: &Message, code: u16| {
        wire.replies(invite, code, "far", plain);
        stage.pass(0.5);
    };
    says(&one, &invite, 182);
    says(&one, &invite, 199); // the caller's own early dialog goes on with the other phone
    says(&two, &other, 180);
    says(&one, &invite, 183);
    says(&one, &invite, 182);
    says(&two, &other, 182);
    // Early media of one phone among several is not passed on: the caller gets ringing instead.
    one.replies(&invite, 183, "far", described("198.51.200.1"));
    stage.pass(0.5);
    let lines: Vec<(String, bool)> = told(&alice);
    let expected = ["182 Queued", "180 Ringing", "182 Queued", "180 Ringing"];
    assert_eq!(
        lines,
        expected.map(|line| (line.to_owned(), false)),
        "\n{}",
        stage.ladder()
    );
    for (wire, invite) in [(&one, &invite), (&two, &other)] {
        wire.replies(invite, 486, "far", plain);
    }
    alice.ends_with(486);
    stage.clears();
}

#[test]
fn the_last_phone_that_is_left_may_be_heard() {
    let (stage, alice, one, invite) = called(TWO);
    let two = stage.wire("198.51.200.2:5060");
    let other = two.takes_request(Method::Invite);
    one.replies(&invite, 183, "far", described("198.51.200.1"));
    stage.pass(0.5);
    two.replies(&other, 486, "far", plain);
    stage.pass(0.5);
    assert!(!alice.call(|call| call.early_media));
    one.replies(&invite, 183, "far", described("198.51.200.1"));
    stage.pass(0.5);
    assert!(alice.call(|call| call.early_media), "\n{}", stage.ladder());
    is_refused(&stage, &alice, &one, &invite);
}

/// What the media engine was asked to play and to stop.
fn tones(stage: &Stage) -> Vec<&'static str> {
    stage.with(|world| {
        let commands = world.media.iter().filter_map(|command| match command {
            media::Command::Play { .. } => Some("play"),
            media::Command::Stop(_) => Some("stop"),
            _ => None,
        });
        commands.collect()
    })
}

#[test]
fn a_caller_that_was_answered_hears_a_tone_only_while_something_rings() {
    let plan = r#"fn on_call(caller) {
        caller.answer();
        caller.dial("sip:wire@198.51.200.1:5060", #{ timeout: 20 });
    }"#;
    let (stage, alice, wire, invite) = called(plan);
    alice.talks();
    for (code, expected) in [
        (182, &[][..]),
        (183, &[]),
        (180, &["play"]),
        (180, &["play"]),
        (182, &["play", "stop"]),
        (180, &["play", "stop", "play"]),
    ] {
        wire.replies(&invite, code, "far", plain);
        stage.pass(0.5);
        assert_eq!(tones(&stage), expected, "after {code}");
    }
    wire.replies(&invite, 486, "far", plain);
    alice.ends_with(200);
    stage.clears();
}

#[test]
fn a_callee_that_hangs_up_before_it_answers_is_let_go_and_so_is_the_caller() {
    // RFC 3261 15 asks the callee to answer the INVITE instead, but some phones send a BYE.
    for early in [false, true] {
        let (stage, alice, wire, invite) = called(URI);
        wire.replies(&invite, 183, "far", |reply| {
            if early { described("198.51.200.1")(reply) } else { reply }
        });
        stage.pass(0.5);
        wire.sends(bye(&invite, "far", 1));
        wire.takes_response(200);
        let cancel = wire.takes_request(Method::Cancel);
        alice.ends_with(480);
        wire.replies(&cancel, 200, "far", plain);
        wire.sends(bye(&invite, "far", 2)); // once more, while the INVITE has no answer yet
        wire.takes_response(200);
        wire.replies(&invite, 487, "far", plain);
        let cdr = stage.record();
        assert_eq!((cdr.sip_code, cdr.ended_by), (480, switch::EndedBy::Callee), "{cdr:?}");
        stage.clears();
    }
    // The phone may have answered at the same moment.
    let (stage, alice, wire, invite) = called(URI);
    wire.replies(&invite, 180, "far", plain);
    stage.pass(0.5);
    wire.sends(bye(&invite, "far", 1));
    wire.takes_request(Method::Cancel);
    wire.replies(&invite, 200, "far", described("198.51.200.1"));
    wire.takes_request(Method::Ack);
    let end = wire.takes_request(Method::Bye);
    wire.replies(&end, 481, "far", plain);
    alice.ends_with(480);
    stage.clears();
}

pub(crate) fn bye(invite: &Message, tag: &str, number: u32) -> Message {
    use sip::HeaderName;
    Builder::request(&Method::Bye, "sip:101@192.0.2.1")
        .header(
            HeaderName::Via,
            format!("SIP/2.0/UDP 198.51.200.1:5060;branch=z9hG4bKb{number}{tag}"),
        )
        .header(HeaderName::MaxForwards, 70)
        .header(
            HeaderName::From,
            format!("{};tag={tag}", invite.header(HeaderName::To).unwrap()),
        )
        .header(HeaderName::To, invite.header(HeaderName::From).unwrap())
        .header(HeaderName::CallId, invite.call_id())
        .header(HeaderName::CSeq, format!("{number} BYE"))
        .finish()
}

#[test]
fn one_phone_behind_a_proxy_that_hangs_up_early_leaves_the_others_ringing() {
    let (stage, alice, wire, invite) = called(URI);
    wire.replies(&invite, 180, "one", plain);
    wire.replies(&invite, 180, "two", plain);
    stage.pass(0.5);
    wire.sends(bye(&invite, "two", 1));
    wire.takes_response(200);
    stage.pass(1.0);
    wire.replies(&invite, 200, "one", described("198.51.200.1"));
    wire.takes_request(Method::Ack);
    alice.talks().hangs_up();
    let end = wire.takes_request(Method::Bye);
    assert_eq!(end.to_tag(), Some("one"));
    wire.replies(&end, 200, "one", plain);
    alice.ends_with(200);
    stage.clears();
}

#[test]
fn an_early_hang_up_of_one_phone_leaves_the_callee_s_other_phones_ringing() {
    let (stage, alice, one, invite) = called(TWO);
    let two = stage.wire("198.51.200.2:5060");
    let other = two.takes_request(Method::Invite);
    one.replies(&invite, 180, "far", plain);
    two.replies(&other, 180, "far", plain);
    stage.pass(0.5);
    one.sends(bye(&invite, "far", 1));
    let cancel = one.takes_request(Method::Cancel);
    one.replies(&cancel, 200, "far", plain);
    one.replies(&invite, 487, "far", plain);
    stage.pass(1.0);
    two.replies(&other, 200, "far", described("198.51.200.2"));
    two.takes_request(Method::Ack);
    alice.talks().hangs_up();
    let end = two.takes_request(Method::Bye);
    two.replies(&end, 200, "far", plain);
    stage.clears();
}
