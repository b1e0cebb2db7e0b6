//! The log tells an administrator why a phone does not register, and why a call failed.

use sip::{Method, StatusCode, Transport};

use crate::{
    phone::Phone,
    support::{Pbx, Place},
};

/// A phone with a wrong password, a phone of an unknown number, and a call to a phone that is busy.
fn life(more: &[&str]) -> (String, Vec<String>) {
    let place = Place::new();
    let pbx = Pbx::start(place.serve(more));
    let phone = |number: &str, password: &str| Phone::new(Transport::Udp, pbx.sip(), number, password.to_owned());
    let (mistyped, unknown) = ("a-wrong-pass", "a-lost-pass");
    for (number, password) in [("101", mistyped), ("stranger", unknown)] {
        let refused = phone(number, password).register();
        assert_eq!(refused.status(), Some(StatusCode::UNAUTHORIZED));
    }
    let right = [pbx.password("101"), pbx.password("102")];
    let (mut caller, mut callee) = (phone("101", &right[0]), phone("102", &right[1]));
    for phone in [&mut caller, &mut callee] {
        assert_eq!(phone.register().status(), Some(StatusCode::OK));
    }
    let busy = std::thread::spawn(move || {
        let invite = callee.hears(Method::Invite);
        callee.answers(&invite, StatusCode::BUSY_HERE);
        callee.hears(Method::Ack);
    });
    assert_eq!(caller.dial("102").status(), Some(StatusCode::BUSY_HERE));
    busy.join().unwrap();
    let mut secrets = vec![
        mistyped.to_owned(),
        unknown.to_owned(),
        pbx.after("Admin token:").unwrap(),
    ];
    secrets.extend(right);
    (pbx.stop().1, secrets)
}

#[test]
fn the_log_says_why_a_phone_does_not_sign_in_and_why_a_call_failed() {
    let (log, secrets) = life(&[]);
    assert!(!log.contains("Some("), "{log}");
    let line = |parts: &[&str]| {
        let found = log.lines().find(|line| parts.iter().all(|part| line.contains(part)));
        found
            .unwrap_or_else(|| panic!("no line has {parts:?}:\n{log}"))
            .to_owned()
    };
    line(&[
        "WARN",
        "wrong password",
        "method=REGISTER",
        "user=\"101\"",
        "source=127.0.0.1:",
    ]);
    line(&["WARN", "no such user", "user=\"stranger\""]);
    line(&["registered", "number=\"101\"", "source=127.0.0.1:"]);
    line(&["call{id=", "from=101 dialed=102}", "call started"]);
    line(&[
        "call{id=",
        ":leg{id=",
        "party=102 sip_call_id=",
        "the phone refused",
        "code=486",
    ]);
    line(&[
        "call{id=",
        "call ended",
        "disposition=busy",
        "by=callee",
        "detail=Busy Here",
    ]);
    for secret in secrets {
        assert!(!log.contains(&secret), "{secret} is in\n{log}");
    }
}

#[test]
fn as_json_every_line_is_an_object_and_has_its_call_and_its_leg() {
    let (log, secrets) = life(&["--log-format", "json", "--log-level", "trace"]);
    let lines: Vec<serde_json::Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let refused = lines
        .iter()
        .find(|line| line["message"] == "the phone refused")
        .unwrap();
    assert_eq!((&refused["level"], &refused["code"]), (&"INFO".into(), &486.into()));
    let spans = refused["spans"].as_array().unwrap();
    assert_eq!((&spans[0]["name"], &spans[0]["from"]), (&"call".into(), &"101".into()));
    assert_eq!((&spans[1]["name"], &spans[1]["party"]), (&"leg".into(), &"102".into()));
    // At `trace` the messages themselves can be followed, without what they hold.
    for sip in [
        "received INVITE",
        "sent 401 Unauthorized",
        "sent INVITE",
        "received 486 Busy Here",
    ] {
        let found = lines.iter().find(|line| line["message"] == sip);
        assert!(
            found.is_some_and(|line| line["sip_call_id"].is_string()),
            "{sip}:\n{log}"
        );
    }
    assert!(!log.contains("nonce"), "{log}");
    for secret in secrets {
        assert!(!log.contains(&secret), "{secret} is in\n{log}");
    }
}

#[test]
fn whole_messages_can_be_logged_and_hold_no_secret() {
    let (log, secrets) = life(&["--log-messages", "whole"]);
    for part in [
        "    | REGISTER sip:",
        "    | Authorization: Digest username=\"101\"",
        "response=***",
        "    | SIP/2.0 486 Busy Here\n",
    ] {
        assert!(log.contains(part), "{part} is not in\n{log}");
    }
    assert!(!log.contains("response=\""), "{log}");
    for secret in secrets {
        assert!(!log.contains(&secret), "{secret} is in\n{log}");
    }
}
