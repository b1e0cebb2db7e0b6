//! Habits of real phones. Each was met in the field, and none may break a call.

use tests::{Mood, net::Chance, phone::Reliable};

/// Gives a phone its habits.
pub fn habits(chance: &mut Chance, mood: &mut Mood) {
    mood.allow = match chance.below(10) {
        // RFC 3261 20.5: it does not say.
        0..=1 => "",
        2 => "INVITE, ACK, CANCEL, BYE",
        _ => mood.allow,
    };
    if chance.percent(20) {
        mood.explains = Some("SIP;cause=480, Q.850;cause=16;text=\"Normal call clearing\"");
    }
    if chance.percent(20) {
        let list = "\"A, b\" <sip:7@x.example>;reason=user-busy, <sip:+1-8@x.example;user=phone>;reason=unknown";
        mood.adds = vec![("Diversion", list.into()), ("Diversion", list.into())];
    }
    if chance.percent(15) {
        // RFC 3261 25.1: a quoted pair may hold a control octet.
        mood.garbles = vec![
            ("\"Phone ", "\"\\\0\\\u{1b}[2J "),
            ("Here\r\n", "He\0re\u{1b}\r\n"),
            (", <sip:", ",\r\n\t<sip:"),
        ];
    }
}

/// What a phone makes of reliable provisional responses.
pub fn reliable(chance: &mut Chance) -> Reliable {
    match chance.below(10) {
        0..=3 => Reliable::No,
        4..=7 => Reliable::Supported,
        _ => Reliable::Required,
    }
}

/// One of the forms a number is written in (RFC 3261 19.1.6, RFC 3966).
pub fn written(chance: &mut Chance, number: &str) -> String {
    let separated: Vec<String> = number.chars().map(String::from).collect();
    let separated = separated.join("-");
    let is_telephone = number.bytes().all(|byte| byte.is_ascii_digit());
    match chance.below(20) {
        0 if is_telephone => format!("tel:{separated};phone-context=tandem.local"),
        1 if is_telephone => format!("sip:{separated}@tandem.local;user=phone"),
        _ => number.to_owned(),
    }
}

/// The key of an INFO, or a flash, with its type.
pub fn key(chance: &mut Chance) -> (&'static str, &'static str) {
    let relay = "application/dtmf-relay";
    match chance.below(6) {
        0 => (relay, "Signal=12\r\n"),
        1 => (relay, "Signal=16\r\nDuration=90\r\n"),
        2 => ("application/hook-flash", "signal=hf"),
        _ => (relay, "Signal=5\r\nDuration=160\r\n"),
    }
}
