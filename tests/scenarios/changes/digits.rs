//! Keys: RFC 4733 events pass with the media; INFO passes, or becomes events; scripts hear them.

use media::{Command, Event};
use sip::{HeaderName, Method};
use switch::Input;
use tests::Stage;

#[test]
fn info_passes_as_it_came_both_ways() {
    let stage = Stage::default();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    // Phones without RFC 4733 get keys by INFO.
    for phone in [&alice, &bob] {
        phone.feels(|mood| mood.codecs = vec!["PCMU"]);
    }
    alice.calls("102");
    bob.rings().answers().talks();
    alice.talks();
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
fn keys_that_cannot_reach_the_other_phone_are_refused() {
    let stage = Stage::default();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    bob.feels(|mood| {
        mood.allow = "INVITE, ACK, CANCEL, BYE";
        mood.codecs = vec!["G729"];
    });
    alice.feels(|mood| mood.codecs = vec!["G729"]);
    alice.calls("102");
    bob.rings().answers().talks();
    alice.talks();
    let answer = alice.asks_within(Method::Info, |builder| builder.body("application/dtmf", b"1"));
    // Not 415: the other phone refuses the method INFO, not the type of the body.
    assert_eq!(answer.status().unwrap().code(), 405);
    let allow = answer.header(HeaderName::Allow).unwrap();
    assert!(!allow.contains("INFO") && allow.contains("MESSAGE"), "{allow}");
    alice.hangs_up();
    bob.ends_with(200);
    stage.clears();
}

#[test]
fn a_phone_that_does_not_say_what_it_allows_gets_info_of_any_type() {
    // RFC 3261 20.5: a missing Allow says nothing about the methods a phone supports.
    let stage = Stage::default();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    bob.feels(|mood| {
        mood.allow = "";
        mood.codecs = vec!["PCMU"];
    });
    alice.calls("102");
    bob.rings().answers().talks();
    alice.talks();
    for (kind, body) in [
        ("application/dtmf", "1"),
        ("application/media_control+xml", "<x/>"),
        ("a/b", "c"),
    ] {
        let answer = alice.asks_within(Method::Info, |builder| builder.body(kind, body.as_bytes()));
        assert_eq!(answer.status().unwrap().code(), 200);
        bob.call(|call| assert_eq!(call.passed.last().unwrap(), body));
    }
    // No UPDATE goes there either: a phone must list UPDATE in Allow to get one (RFC 3311 5.1).
    stage.pass(2_000.0);
    assert_eq!(bob.got(Method::Update), 0);
    stage.ends(&alice, &bob);
}

#[test]
fn what_the_other_phone_refuses_is_refused_for_its_reason() {
    let stage = Stage::default();
    let (alice, bob) = stage.talking();
    for (method, code, accept, told) in [
        (Method::Info, 415, Some("a/b"), 415),
        (Method::Info, 415, None, 415),
        (Method::Info, 405, None, 405),
        (Method::Message, 501, None, 405),
        (Method::Info, 403, None, 403),
        (Method::Info, 500, None, 480),
    ] {
        bob.feels(|mood| mood.refuses_within = Some((code, accept)));
        let answer = alice.asks_within(method.clone(), |builder| builder.body("x/y", b"z"));
        assert_eq!(answer.status().unwrap().code(), told, "{code}");
        assert_eq!(answer.header(HeaderName::Accept), accept, "{code}");
        let allow = answer
            .values(HeaderName::Allow)
            .any(|allowed| allowed == method.as_str());
        assert!(!allow, "{method}");
    }
    stage.ends(&alice, &bob);
}

#[test]
fn the_keys_12_to_16_and_a_hook_flash_pass_or_become_events_and_are_answered_200() {
    let relay = "application/dtmf-relay";
    let keys = [
        (relay, "Signal=12\r\n", 'A'),
        (relay, "Signal=15\r\n", 'D'),
        (relay, "Signal=16\r\n", '!'),
        ("application/hook-flash", "signal=hf", '!'),
        ("application/broadsoft; version=1.0", "event flashhook", '!'),
    ];
    for takes_info in [true, false] {
        let stage = Stage::default();
        let (alice, bob) = (stage.phone("101"), stage.phone("102"));
        bob.feels(|mood| match takes_info {
            true => mood.codecs = vec!["PCMU"],
            false => mood.allow = "INVITE, ACK, CANCEL, BYE",
        });
        alice.calls("102");
        bob.rings().answers().talks();
        alice.talks();
        for (kind, body, _) in keys {
            let answer = alice.asks_within(Method::Info, |builder| builder.body(kind, body.as_bytes()));
            assert_eq!(answer.status().unwrap().code(), 200, "{body}");
        }
        let passed: Vec<String> = bob.call(|call| call.passed.clone());
        let events: String = stage.with(|world| {
            let digit = |command: &Command| match command {
                Command::Dtmf { digit, .. } => Some(*digit),
                _ => None,
            };
            world.media.iter().filter_map(digit).collect()
        });
        let (bodies, signs): (Vec<&str>, String) = keys.iter().map(|(_, body, key)| (*body, *key)).unzip();
        match takes_info {
            true => assert_eq!(
                (passed, events),
                (bodies.iter().map(|&body| body.to_owned()).collect(), String::new())
            ),
            false => assert_eq!((passed, events), (Vec::new(), signs)),
        }
        stage.ends(&alice, &bob);
    }
    // The script gets the keys. A hook flash is no key.
    let plan =
        r#"fn on_call(caller) { caller.answer(); let keys = caller.wait(5); caller.reject(480, `keys ${keys}`); }"#;
    let stage = Stage::plan(plan);
    let alice = stage.phone("101");
    alice.calls("900").talks();
    for (kind, body, _) in keys {
        let answer = alice.asks_within(Method::Info, |builder| builder.body(kind, body.as_bytes()));
        assert_eq!(answer.status().unwrap().code(), 200, "{body}");
    }
    alice.ends_with(200);
    assert_eq!(stage.record().detail, "rejected by the dialplan: 480 keys AD");
    stage.clears();
}

#[test]
fn a_flash_is_no_event_for_a_phone_that_takes_the_16_keys_only() {
    let stage = Stage::default();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    bob.feels(|mood| {
        mood.allow = "INVITE, ACK, CANCEL, BYE";
        mood.garbles = vec![("fmtp:101 0-16", "fmtp:101 0-15")];
    });
    alice.calls("102");
    bob.rings().answers().talks();
    alice.talks();
    let press = |body: &'static [u8]| {
        let answer = alice.asks_within(Method::Info, |builder| builder.body("application/dtmf", body));
        answer.status().unwrap().code()
    };
    assert_eq!((press(b"16"), press(b"15")), (405, 200));
    stage.ends(&alice, &bob);
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
    let press = |digit| stage.tells(Input::Media(Event::Dtmf { media: port, digit }));
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
fn keys_pressed_between_two_talking_phones_do_not_reach_the_script() {
    let plan =
        r#"fn on_call(caller) { caller.dial("102"); let keys = caller.wait(1); caller.reject(480, `keys ${keys}`); }"#;
    let stage = Stage::plan(plan);
    let (alice, bob) = stage.talking();
    let ports: Vec<media::MediaId> = stage.with(|world| world.ports.iter().copied().collect());
    for port in ports {
        stage.tells(Input::Media(Event::Dtmf {
            media: port,
            digit: '9',
        }));
    }
    bob.hangs_up();
    alice.ends_with(200);
    assert_eq!(stage.record().detail, "rejected by the dialplan: 480 keys ");
    stage.clears();
}

#[test]
fn keys_that_no_script_reads_are_kept_up_to_a_limit() {
    let plan =
        r#"fn on_call(caller) { caller.answer(); let keys = caller.wait(5); caller.reject(480, `${keys.len()}`); }"#;
    let stage = Stage::plan(plan);
    let alice = stage.phone("101");
    alice.calls("900").talks();
    let port = stage.with(|world| *world.ports.first().unwrap());
    for _ in 0..1_000 {
        stage.tells(Input::Media(Event::Dtmf {
            media: port,
            digit: '1',
        }));
    }
    alice.ends_with(200);
    assert_eq!(stage.record().detail, "rejected by the dialplan: 480 64");
    stage.clears();
}

#[test]
fn an_info_or_message_that_no_party_takes_is_refused() {
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
