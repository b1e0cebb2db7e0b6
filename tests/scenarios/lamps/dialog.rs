//! The package `dialog` (RFC 4235): what a lamp shows.

use media::SdpDirection;
use sip::{HeaderName, Message, Method, headers::dialogs::Replaces};
use tests::{Actor, Stage};

/// The value of an attribute in the last document of a lamp.
fn attribute(actor: &Actor, lamp: usize, name: &str) -> String {
    actor.lamp(lamp, |lamp| {
        let (_, rest) = lamp.document().split_once(&format!(" {name}=\"")).unwrap();
        rest.split('"').next().unwrap().to_owned()
    })
}

fn says(actor: &Actor, lamp: usize, text: &str) -> bool {
    actor.lamp(lamp, |lamp| lamp.document().contains(text))
}

#[test]
fn a_lamp_follows_the_calls_of_the_watched_extension() {
    let stage = Stage::default();
    let (alice, bob, carol) = (stage.phone("101"), stage.phone("102"), stage.phone("103"));
    let lamp = carol.watches("dialog", "102");
    carol.sees(lamp, "idle");
    alice.calls("102");
    bob.rings();
    carol.sees(lamp, "early");
    assert!(says(&carol, lamp, "direction=\"recipient\""));
    assert!(says(&carol, lamp, "<identity>sip:101@tandem.local</identity>"));
    assert_eq!(attribute(&carol, lamp, "entity"), "sip:102@tandem.local");
    stage.pass(3.0);
    bob.answers().talks();
    carol.sees(lamp, "confirmed");
    stage.pass(3.0);
    alice.hangs_up();
    bob.ends_with(200);
    carol.sees(lamp, "idle");
    assert_eq!(carol.lit(lamp), 4, "one for each state");
    carol.is_content();
    stage.clears();
}

#[test]
fn the_caller_s_own_line_is_shown_from_its_first_digit_to_its_end() {
    let stage = Stage::default();
    let (alice, bob, carol) = (stage.phone("101"), stage.phone("102"), stage.phone("103"));
    let lamp = carol.watches("dialog", "101");
    alice.calls("102");
    bob.rings();
    carol.sees(lamp, "trying");
    stage.pass(2.0);
    assert!(says(&carol, lamp, "direction=\"initiator\""));
    assert!(says(&carol, lamp, "<identity>sip:102@tandem.local</identity>"));
    bob.rejects(486);
    alice.ends_with(486);
    carol.sees(lamp, "idle");
    carol.is_content();
    stage.clears();
}

#[test]
fn a_call_that_nobody_takes_leaves_no_lamp_lit() {
    let stage = Stage::plan("fn on_call(caller) { caller.dial(caller.dialed, #{ timeout: 5 }); }");
    let (alice, bob, carol) = (stage.phone("101"), stage.phone("102"), stage.phone("103"));
    let lamp = carol.watches("dialog", "102");
    alice.calls("102");
    bob.rings();
    carol.sees(lamp, "early");
    alice.ends_with(480);
    carol.sees(lamp, "idle");
    // The line that rang is named, and is over: a phone that goes by names must not wait for more.
    assert_eq!(carol.lamp(lamp, |lamp| lamp.states().join(" ")), "terminated");
    carol.is_content();
    stage.clears();
}

#[test]
fn an_extension_without_a_phone_is_told_from_an_idle_one() {
    let stage = Stage::default();
    let (bob, carol) = (stage.unregistered("102"), stage.phone("103"));
    let lamp = carol.watches("dialog", "102");
    carol.sees(lamp, "unreachable");
    stage.pass(2.0);
    bob.registers(3_600);
    carol.sees(lamp, "idle");
    stage.pass(2.0);
    bob.registers(0);
    carol.sees(lamp, "unreachable");
    // A number of the dialplan has no phone, and is idle without calls.
    let slot = carol.watches("dialog", "*701");
    carol.sees(slot, "idle");
    carol.is_content();
    stage.clears();
}

#[test]
fn an_extension_that_unregisters_during_its_call_is_no_idle_one_afterwards() {
    let stage = Stage::default();
    let (alice, bob) = stage.talking();
    let carol = stage.phone("103");
    let lamp = carol.watches("dialog", "102");
    carol.sees(lamp, "confirmed");
    bob.registers(0);
    stage.pass(3.0);
    alice.hangs_up();
    bob.ends_with(200);
    // First the line is told to be over, then that there is no phone.
    carol.sees(lamp, "idle").sees(lamp, "unreachable").is_content();
    stage.clears();
}

#[test]
fn a_held_line_renders_nothing() {
    let stage = Stage::default();
    let (alice, bob) = stage.talking();
    let carol = stage.phone("103");
    let (holds, held) = (carol.watches("dialog", "101"), carol.watches("dialog", "102"));
    let rendering = "<param pname=\"+sip.rendering\" pval=\"no\"/>";
    assert!(!says(&carol, holds, rendering) && !says(&carol, held, rendering));
    stage.pass(2.0);
    alice.offers(SdpDirection::SendOnly, 200);
    stage.pass(2.0);
    assert!(says(&carol, holds, rendering));
    carol.sees(holds, "confirmed");
    alice.offers(SdpDirection::SendRecv, 200);
    stage.pass(2.0);
    assert!(!says(&carol, holds, rendering));
    carol.is_content();
    stage.ends(&alice, &bob);
}

#[test]
fn a_lamp_names_the_dialog_that_replaces_takes() {
    let stage = Stage::default();
    let (alice, bob, carol) = (stage.phone("101"), stage.phone("102"), stage.phone("103"));
    let lamp = carol.watches("dialog", "102");
    alice.calls("102");
    bob.rings();
    carol.sees(lamp, "early");
    // To the watched phone's other side, which is us, the watched phone's tag is From's (RFC 3891 section 3).
    let replaces = Replaces {
        call_id: attribute(&carol, lamp, "call-id").into(),
        to_tag: attribute(&carol, lamp, "remote-tag").into(),
        from_tag: attribute(&carol, lamp, "local-tag").into(),
        early_only: true,
    };
    carol.feels(|mood| mood.adds = vec![("Replaces", replaces.to_string())]);
    carol.calls("102").talks();
    alice.talks();
    bob.ends_with(487);
    carol.hangs_up().ends_with(200);
    alice.ends_with(200);
    stage.clears();
}

#[test]
fn what_a_caller_hides_no_lamp_shows() {
    let stage = Stage::default();
    let (alice, bob, carol) = (stage.phone("101"), stage.phone("102"), stage.phone("103"));
    let lamp = carol.watches("dialog", "102");
    alice.feels(|mood| mood.claims = Some("anonymous"));
    alice.calls("102");
    bob.rings();
    carol.sees(lamp, "early");
    assert!(says(&carol, lamp, "sip:anonymous@anonymous.invalid"));
    assert!(!says(&carol, lamp, "101"));
    alice.hangs_up();
    bob.ends_with(487);
    stage.clears();
}

#[test]
fn text_from_phones_stays_text() {
    let stage = Stage::default();
    let (alice, carol) = (stage.phone("101"), stage.phone("103"));
    let lamp = carol.watches("dialog", "101");
    alice.with(|phone| phone.call("9%3Cdialog%20id=%22x%22%3E&'"));
    stage.pass(3.0);
    let documents = carol.lamp(lamp, |lamp| lamp.documents.join(""));
    assert!(
        !documents.contains("<dialog id=\"x\"") && !documents.contains("&'"),
        "{documents}"
    );
    stage.clears();
}

#[test]
fn the_notify_is_within_the_dialog_of_the_subscribe() {
    let stage = Stage::default();
    let carol = stage.phone("103");
    carol.watches("dialog", "102");
    let notify: Message = carol.with(|phone| {
        let mut all = phone.received.iter().rev();
        all.find(|message| message.is_request() && *message.method() == Method::Notify)
            .cloned()
            .unwrap()
    });
    assert_eq!(notify.header(HeaderName::Event), Some("dialog"));
    let state = notify.header(HeaderName::SubscriptionState).unwrap();
    assert_eq!(state, "active;expires=3600");
    assert_eq!(notify.content_type(), Some("application/dialog-info+xml"));
    assert!(
        notify
            .header(HeaderName::Contact)
            .unwrap()
            .contains("sip:102@192.0.2.1")
    );
    stage.clears();
}
