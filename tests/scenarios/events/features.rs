//! The package `as-feature-event`: do not disturb and forwards, set by keys of phones and by others.

use sip::{HeaderName, Method};
use switch::Extension;
use tests::{Actor, Stage};

const KIND: &str = "application/x-as-feature-event+xml";
const HOUR: u32 = 3_600;

fn dnd(on: bool) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>\
         <SetDoNotDisturb xmlns=\"http://www.ecma-international.org/standards/ecma-323/csta/ed3\">\
         <device>102</device><doNotDisturbOn>{on}</doNotDisturbOn></SetDoNotDisturb>"
    )
}

fn forward(kind: &str, on: bool, to: &str) -> String {
    format!(
        "<SetForwarding xmlns=\"http://www.ecma-international.org/standards/ecma-323/csta/ed3\"><device/>\
         <forwardingType>{kind}</forwardingType><activateForward>{on}</activateForward><forwardDN>{to}</forwardDN>\
         <ringCount>4</ringCount></SetForwarding>"
    )
}

/// A key of the phone is pressed: the answer to its SUBSCRIBE.
fn presses(actor: &Actor, lamp: usize, body: &str) -> u16 {
    actor.subscribes_again(lamp, HOUR, |it| it.body(KIND, body.as_bytes()))
}

fn says(actor: &Actor, lamp: usize, text: &str) -> bool {
    actor.lamp(lamp, |lamp| lamp.document().contains(text))
}

fn settings(stage: &Stage, number: &str) -> Extension {
    stage.with(|world| world.people[number].clone())
}

#[test]
fn the_keys_of_a_phone_set_what_the_extension_wants() {
    let stage = Stage::default();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    let lamp = bob.watches("as-feature-event", "102");
    assert!(says(&bob, lamp, "<doNotDisturbOn>false</doNotDisturbOn>"));
    assert!(says(
        &bob,
        lamp,
        "<forwardingType>forwardImmediate</forwardingType><forwardStatus>false</forwardStatus>"
    ));
    let watched = alice.watches("presence", "102");
    assert_eq!(presses(&bob, lamp, &dnd(true)), 200);
    stage.pass(3.0);
    assert!(settings(&stage, "102").dnd);
    assert!(says(&bob, lamp, "<doNotDisturbOn>true</doNotDisturbOn>"));
    assert!(says(&alice, watched, "Do not disturb"));
    alice.calls("102").ends_with(486);
    assert_eq!(presses(&bob, lamp, &dnd(false)), 200);
    for (kind, text) in [
        ("forwardImmediate", "forwardImmediate"),
        ("forwardBusy", "forwardBusy"),
        ("forwardNoAns", "forwardNoAns"),
    ] {
        assert_eq!(presses(&bob, lamp, &forward(kind, true, "103")), 200);
        stage.pass(3.0);
        let event = format!(
            "<forwardingType>{text}</forwardingType><forwardStatus>true</forwardStatus><forwardTo>103</forwardTo>"
        );
        assert!(says(&bob, lamp, &event), "{kind}");
    }
    assert!(says(&bob, lamp, "<ringCount>4</ringCount>"));
    let set = settings(&stage, "102");
    let forwards = [&set.forward_always, &set.forward_busy, &set.forward_no_answer];
    assert!(forwards.iter().all(|to| to.as_deref() == Some("103")) && !set.dnd);
    assert_eq!(set.rules.no_answer_seconds, Some(24));
    assert_eq!(presses(&bob, lamp, &forward("forwardImmediate", false, "103")), 200);
    stage.pass(3.0);
    assert_eq!(settings(&stage, "102").forward_always, None);
    bob.is_content();
    stage.clears();
}

#[test]
fn what_others_set_is_shown_on_the_phone() {
    let stage = Stage::default();
    let bob = stage.phone("102");
    let lamp = bob.watches("as-feature-event", "102");
    stage.with(|world| {
        world.account("102", |it| {
            it.dnd = true;
            it.forward_busy = Some("sip:a&b@example.org".into());
        });
    });
    stage.pass(2.0);
    assert!(says(&bob, lamp, "<doNotDisturbOn>true</doNotDisturbOn>"));
    assert!(says(&bob, lamp, "<forwardTo>sip:a&amp;b@example.org</forwardTo>"));
    let notify = bob.with(|phone| {
        let mut all = phone.received.iter().rev();
        let found = all.find(|message| message.is_request() && *message.method() == Method::Notify);
        found.unwrap().clone()
    });
    assert!(notify.content_type().unwrap().starts_with("multipart/mixed"));
    assert_eq!(notify.parts(&sip::Limits::default()).unwrap().len(), 4);
    bob.is_content();
    stage.clears();
}

#[test]
fn what_a_phone_may_not_or_cannot_set_is_refused_and_changes_nothing() {
    let stage = Stage::default();
    let (bob, mallory) = (stage.phone("102"), stage.phone("104"));
    let lamp = bob.watches("as-feature-event", "102");
    let other = mallory.subscribes("as-feature-event", "102", HOUR, |it| {
        it.body(KIND, dnd(true).as_bytes())
    });
    assert_eq!(mallory.lamp(other, |lamp| lamp.code), Some(403));
    // Somebody who has overheard the dialog and sends from the same address must still show who it is.
    let stolen = bob.with(|phone| phone.lamps[lamp].overheard());
    mallory.with(|phone| phone.lamps.push(stolen));
    assert_eq!(
        presses(&mallory, other + 1, &forward("forwardImmediate", true, "104")),
        403
    );
    for (body, code) in [
        (dnd(true).replace("true", "maybe"), 400),
        (forward("forwardImmediate", true, ""), 400),
        ("<SetAgentState/>".to_owned(), 400),
        (
            "<!DOCTYPE a [<!ENTITY b 'c'>]><SetDoNotDisturb>&b;</SetDoNotDisturb>".to_owned(),
            400,
        ),
        (
            format!("<SetDoNotDisturb>{}</SetDoNotDisturb>", " ".repeat(20_000)),
            413,
        ),
    ] {
        assert_eq!(presses(&bob, lamp, &body), code, "{body}");
    }
    let text = bob.subscribes_again(lamp, HOUR, |it| it.body("text/plain", b"dnd"));
    let answer = bob.with(|phone| phone.answer.clone().unwrap());
    assert_eq!((text, answer.header(HeaderName::Accept)), (415, Some(KIND)));
    stage.with(|world| world.store_works = false);
    assert_eq!(presses(&bob, lamp, &dnd(true)), 500);
    stage.with(|world| world.store_works = true);
    assert!(!settings(&stage, "102").dnd && settings(&stage, "102").forward_always.is_none());
    assert_eq!(presses(&bob, lamp, &dnd(true)), 200);
    stage.clears();
}
