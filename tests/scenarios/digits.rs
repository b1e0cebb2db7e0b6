//! Keys: RFC 4733 events pass with the media; INFO passes, or becomes events; scripts hear them.

use media::{Command, Event};
use sip::{HeaderName, Method};
use switch::Input;
use tests::Stage;

#[test]
fn info_passes_as_it_came_both_ways() {
    let stage = Stage::default();
    let (alice, bob) = stage.talking();
    for (one, other, text) in [
        (&alice, &bob, "Signal=5\r\nDuration=160\r\n"),
        (&bob, &alice, "Signal=#\r\n"),
    ] {
        let answer = one.asks_within(Method::Info, |builder| {
            builder.body("application/dtmf-relay", text.as_bytes())
        });
        assert_eq!(answer.status().unwrap().code(), 200);
        stage.pass(1.0);
        other.call(|call| assert_eq!(call.passed, [text]));
    }
    alice.hangs_up();
    bob.ends_with(200);
    stage.clears();
}

#[test]
fn a_phone_that_does_not_allow_info_gets_events() {
    let stage = Stage::default();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    bob.feels(|mood| mood.allow = "INVITE, ACK, CANCEL, BYE");
    alice.calls("102");
    bob.rings().answers().talks();
    alice.talks();
    alice.asks_within(Method::Info, |builder| {
        builder.body("application/dtmf-relay", b"Signal=7\r\nDuration=120\r\n")
    });
    stage.pass(1.0);
    let sent = stage.with(|world| {
        let digits = world.media.iter().filter_map(|command| match command {
            Command::Dtmf { digit, millis, .. } => Some((*digit, *millis)),
            _ => None,
        });
        digits.collect::<Vec<_>>()
    });
    assert_eq!((sent, bob.got(Method::Info)), (vec![('7', 120)], 0));
    alice.hangs_up();
    bob.ends_with(200);
    stage.clears();
}

#[test]
fn keys_that_cannot_be_told_to_the_other_phone_are_not_said_to_be() {
    let stage = Stage::default();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    bob.feels(|mood| {
        mood.allow = "INVITE, ACK, CANCEL, BYE";
        mood.codecs = vec!["PCMU"];
    });
    alice.calls("102");
    bob.rings().answers().talks();
    alice.talks();
    let answer = alice.asks_within(Method::Info, |builder| builder.body("application/dtmf", b"1"));
    assert_eq!(answer.status().unwrap().code(), 415);
    alice.hangs_up();
    bob.ends_with(200);
    stage.clears();
}

#[test]
fn an_info_package_that_was_not_asked_for_draws_469() {
    // RFC 6086 4.2.2.
    let stage = Stage::default();
    let (alice, bob) = stage.talking();
    let answer = alice.asks_within(Method::Info, |builder| {
        builder
            .header(HeaderName::InfoPackage, "weather")
            .body("application/json", b"{}")
    });
    assert_eq!(answer.status().unwrap().code(), 469);
    assert_eq!(answer.header(HeaderName::RecvInfo), Some(""));
    assert_eq!(bob.got(Method::Info), 0);
    alice.hangs_up();
    bob.ends_with(200);
    stage.clears();
}

#[test]
fn a_message_within_the_call_passes() {
    let stage = Stage::default();
    let (alice, bob) = stage.talking();
    bob.asks_within(Method::Message, |builder| builder.body("text/plain", b"call me back"));
    stage.pass(1.0);
    alice.call(|call| assert_eq!(call.passed, ["call me back"]));
    alice.hangs_up();
    bob.ends_with(200);
    stage.clears();
}

#[test]
fn a_script_hears_the_keys_pressed_while_it_waits() {
    let plan = r#"fn on_call(caller) {
        caller.answer();
        let keys = caller.wait(5) + caller.tone("dial", 2) + caller.play("prompt");
        caller.reject(480, `keys ${keys}`);
    }"#;
    let stage = Stage::plan(plan);
    let alice = stage.phone("101");
    alice.calls("900").talks();
    let port = stage.with(|world| *world.ports.first().unwrap());
    let press = |digit| stage.tells(Input::Media(Event::Dtmf { port, digit }));
    press('1');
    stage.pass(1.0);
    alice.asks_within(Method::Info, |builder| builder.body("application/dtmf", b"2"));
    stage.pass(5.0);
    press('#');
    stage.pass(2.0);
    press('D');
    alice.ends_with(200);
    assert_eq!(stage.record().detail, "rejected by the dialplan: 480 keys 12#D");
    stage.clears();
}

#[test]
fn two_who_talk_press_keys_for_each_other_and_not_for_the_script() {
    let plan =
        r#"fn on_call(caller) { caller.dial("102"); let keys = caller.wait(1); caller.reject(480, `keys ${keys}`); }"#;
    let stage = Stage::plan(plan);
    let (alice, bob) = stage.talking();
    let ports: Vec<media::PortId> = stage.with(|world| world.ports.iter().copied().collect());
    for port in ports {
        stage.tells(Input::Media(Event::Dtmf { port, digit: '9' }));
    }
    bob.hangs_up();
    alice.ends_with(200);
    assert_eq!(stage.record().detail, "rejected by the dialplan: 480 keys ");
    stage.clears();
}

#[test]
fn more_keys_than_anybody_reads_are_forgotten() {
    let plan =
        r#"fn on_call(caller) { caller.answer(); let keys = caller.wait(5); caller.reject(480, `${keys.len()}`); }"#;
    let stage = Stage::plan(plan);
    let alice = stage.phone("101");
    alice.calls("900").talks();
    let port = stage.with(|world| *world.ports.first().unwrap());
    for _ in 0..1_000 {
        stage.tells(Input::Media(Event::Dtmf { port, digit: '1' }));
    }
    alice.ends_with(200);
    assert_eq!(stage.record().detail, "rejected by the dialplan: 480 64");
    stage.clears();
}

#[test]
fn what_nobody_takes_is_not_said_to_be_taken() {
    let stage = Stage::plan("fn on_call(caller) { caller.answer(); caller.wait(20); }");
    let alice = stage.phone("101");
    alice.calls("900").talks();
    let ask = |method, kind: &str, body: &str| {
        let answer = alice.asks_within(method, |builder| builder.body(kind, body.as_bytes()));
        answer.status().unwrap().code()
    };
    assert_eq!(ask(Method::Info, "application/dtmf-relay", "Signal=1\r\n"), 200);
    assert_eq!(ask(Method::Info, "application/media_control+xml", "<x/>"), 415);
    assert_eq!(ask(Method::Message, "text/plain", "hello?"), 480);
    let empty = alice.asks_within(Method::Info, |builder| builder);
    assert_eq!(empty.status().unwrap().code(), 200);
    alice.hangs_up();
    stage.clears();
}
