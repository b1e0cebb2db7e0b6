//! What the made-up phones watch, and the call that waits in a slot.

use jiff::Timestamp;
use switch::{CallUid, LiveCall, LivePresence, LiveSubscription, ParkedCall, Registration};

/// How long a call waits before it returns, in microseconds.
const RETURNS_AFTER: i64 = 120_000_000;

/// Lamps of the reception, a lamp that cannot be told, and the waiting messages of a phone.
pub(crate) fn subscriptions() -> Vec<LiveSubscription> {
    let expires_at = Timestamp::now().as_microsecond() + 1_800_000_000;
    let watch = |(id, (watcher, number, package, failures)): (u64, (&str, &str, &str, u32))| LiveSubscription {
        id,
        watcher: watcher.to_owned(),
        number: number.to_owned(),
        package: package.to_owned(),
        event_id: None,
        state: "active".to_owned(),
        contact: format!("sip:{watcher}@192.0.2.{}:5060", 10 + id),
        source: format!("192.0.2.{}:5060", 10 + id),
        transport: "udp".to_owned(),
        expires_at,
        last_answer: Some(if failures == 0 { 200 } else { 408 }),
        failures,
    };
    let watched = [
        ("101", "101", "message-summary", 0),
        ("200", "101", "dialog", 0),
        ("200", "102", "dialog", 0),
        ("200", "103", "dialog", 2),
    ];
    (1..).zip(watched).map(watch).collect()
}

/// A call that waits; once its time is over, the next takes its place.
pub(crate) fn parked() -> Vec<ParkedCall> {
    let now = Timestamp::now().as_microsecond();
    let since = now - now.rem_euclid(RETURNS_AFTER);
    vec![ParkedCall {
        slot: "701".to_owned(),
        call: CallUid(900),
        number: "300".to_owned(),
        name: "Workshop".to_owned(),
        parked_by: "200".to_owned(),
        since,
        returns_at: since + RETURNS_AFTER,
    }]
}

/// Phones that are registered are in calls, or free.
pub(crate) fn presence(calls: &[LiveCall], contacts: &[Registration], numbers: Vec<String>) -> Vec<LivePresence> {
    let state = |number: &String| {
        let is_in = |call: &LiveCall| call.from == *number || call.to == *number;
        if calls.iter().any(is_in) {
            ("on_the_phone", vec!["on-the-phone".to_owned()])
        } else if contacts.iter().any(|contact| contact.number == *number) {
            ("available", Vec::new())
        } else {
            ("offline", Vec::new())
        }
    };
    let presence = |number: String| {
        let (state, activities) = state(&number);
        LivePresence {
            number,
            state: state.to_owned(),
            activities,
            notes: Vec::new(),
            publications: 0,
        }
    };
    numbers.into_iter().map(presence).collect()
}
