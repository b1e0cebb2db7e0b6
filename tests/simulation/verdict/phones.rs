//! The messages and the audio that phones got.

use std::collections::BTreeSet;

use sip::Method;
use tests::{Phase, world::NETS};

use crate::{
    acts::SPOOFER,
    life::{CALLS, Life, OUTSIDE},
};

/// No phone believes to be in a call that the switch has ended.
pub fn know_of_no_call(life: &mut Life) {
    for phone in &life.world.phones {
        let open = phone.calls.iter().filter(|call| !matches!(call.phase, Phase::Over(_)));
        assert_eq!(
            open.count(),
            0,
            "{} is in a call that the switch has ended",
            phone.number
        );
    }
}

/// No phone is in a call or waits for an answer.
pub fn are_idle(life: &mut Life) {
    for phone in &life.world.phones {
        assert_eq!(
            phone.transactions(),
            0,
            "{} waits for an answer: {:?}",
            phone.address,
            phone.open()
        );
        for call in &phone.calls {
            assert!(
                matches!(call.phase, Phase::Over(_)),
                "{} is still in a call: {:?}",
                phone.address,
                call.phase
            );
        }
    }
}

/// No request of a phone stayed without an answer, and no 200 without an ACK.
pub fn do_not_complain(life: &mut Life) {
    for phone in &life.world.phones {
        assert!(phone.complaints.is_empty(), "{}: {:?}", phone.address, phone.complaints);
    }
}

/// A phone that answered one INVITE twice (as behind a proxy that forks) got a BYE for the second answer.
pub fn second_answers_are_hung_up(life: &mut Life) {
    for phone in &life.world.phones {
        assert!(
            phone.twins.is_empty(),
            "{} answered twice, and both calls go on",
            phone.address
        );
    }
}

/// The switch and its phones do not answer each other without end.
pub fn do_not_storm(life: &mut Life) {
    let calls = life.world.opened.len().max(CALLS / 2) as u64;
    let sent = life.world.sent;
    assert!(sent <= calls * 200, "{sent} messages for {calls} calls");
}

/// No phone learns where another phone is: neither from an address, nor from a Call-ID or a tag (phones of the
/// simulation write their address into those). Phones of one extension see each other's Contact when they register. A lamp
/// names the dialogs of the phone that it watches, so that another phone can take its place (RFC 4235 4.1).
pub fn learn_no_address(life: &mut Life) {
    for phone in &life.world.phones {
        let own = phone.address.ip().to_string();
        let messages = phone.received.iter();
        // Of the contacts of its extension.
        let tells = |message: &&sip::Message| {
            *message.method() == Method::Register || message.content_type() == Some("application/reginfo+xml")
        };
        for message in messages.filter(|message| !tells(message)) {
            let text = String::from_utf8_lossy(message.bytes());
            let text = unnamed(&text);
            for (at, net) in NETS.iter().flat_map(|net| text.match_indices(net)) {
                let colons = net.contains(':');
                let in_address = |c: char| c.is_ascii_hexdigit() || c == if colons { ':' } else { '.' };
                let end = text[at..].find(|c| !in_address(c));
                let address = &text[at..][..end.unwrap_or(text.len() - at)];
                let known = address == own || address == OUTSIDE;
                assert!(known, "{own} hears of {address}:\n{text}");
            }
        }
    }
}

/// A message without the names of dialogs in the document of a lamp.
fn unnamed(text: &str) -> String {
    let parts = text.split(" call-id=\"").enumerate();
    let rest = parts.map(|(at, part)| match part.find(" direction=\"") {
        Some(end) if at > 0 => &part[end..],
        Some(_) | None => part,
    });
    rest.collect()
}

/// A stranger that has no part in a call is refused. It hears nothing else (no ACK, no BYE, no INVITE that follows a
/// 302), and no leg sends media to it.
pub fn strangers_are_refused(life: &mut Life) {
    let spoofer = SPOOFER.parse().unwrap();
    for message in std::mem::take(life.world.wires.get_mut(&spoofer).unwrap()) {
        let refused = message.status().is_some_and(|status| status.code() >= 400);
        assert!(refused, "{message:?}");
    }
    let ports = life.world.engine.ports.values().filter_map(|port| port.remote.as_ref());
    let heard = ports
        .flat_map(|remote| &remote.expected)
        .any(|ip| SPOOFER.starts_with(&ip.to_string()));
    assert!(!heard, "a stranger is sent the media of a call");
}

/// No phone gets a text twice.
pub fn get_no_text_twice(life: &mut Life) {
    for phone in &life.world.phones {
        let mut seen = BTreeSet::new();
        let within_calls = phone.calls.iter().flat_map(|call| &call.passed);
        for text in phone.texts.iter().chain(within_calls) {
            if let Some(number) = text.strip_prefix("text ") {
                assert!(seen.insert(number), "{} got {text:?} twice", phone.address);
            }
        }
    }
}
