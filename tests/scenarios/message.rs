//! MESSAGE between extensions (RFC 3428).

use tests::{Actor, Stage};

fn sends(stage: &Stage, from: &Actor, to: &str, text: &str) -> u16 {
    from.with(|phone| phone.text(to, text));
    stage.pass(40.0);
    from.with(|phone| phone.message_code).unwrap()
}

#[test]
fn it_is_delivered_to_every_phone_and_answered_200() {
    let stage = Stage::default();
    let alice = stage.phone("101");
    let (desk, mobile) = (stage.phone("102"), stage.phone("102"));
    assert_eq!(sends(&stage, &alice, "102", "lunch?"), 200);
    for phone in [desk, mobile] {
        phone.with(|phone| assert_eq!(phone.texts, ["lunch?"]));
    }
    stage.clears();
}

#[test]
fn a_message_to_an_unknown_number_is_404_and_to_an_absent_phone_202() {
    let stage = Stage::default();
    let alice = stage.phone("101");
    let _bob = stage.unregistered("102");
    assert_eq!(sends(&stage, &alice, "999", "?"), 404);
    assert_eq!(sends(&stage, &alice, "102", "?"), 202);
    stage.clears();
}

#[test]
fn one_dead_phone_does_not_matter_and_for_dead_ones_a_message_is_kept() {
    let stage = Stage::default();
    let alice = stage.phone("101");
    let (desk, mobile) = (stage.phone("102"), stage.phone("102"));
    desk.feels(|mood| mood.dead = true);
    alice.with(|phone| phone.text("102", "hello"));
    stage.pass(0.2);
    assert_eq!(
        alice.with(|phone| phone.message_code),
        Some(200),
        "at once, not when the dead one is given up"
    );
    mobile.feels(|mood| mood.dead = true);
    assert_eq!(sends(&stage, &alice, "102", "hello?"), 202);
    desk.feels(|mood| mood.dead = false);
    mobile.feels(|mood| mood.dead = false);
    stage.clears();
}

#[test]
fn a_message_has_the_sender_s_own_number_and_no_address_of_its_side() {
    let stage = Stage::default();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    alice.feels(|mood| mood.claims = Some("103"));
    assert_eq!(sends(&stage, &alice, "102", "from 103, honestly"), 403);
    alice.feels(|mood| mood.claims = None);
    assert_eq!(sends(&stage, &alice, "102", "from 101"), 200);
    let address = alice.with(|phone| phone.address.ip().to_string());
    bob.with(|phone| {
        // The recipient can answer the message: the URI has the address that this phone reaches Tandem by.
        let home = phone.server.ip();
        let message = phone
            .received
            .iter()
            .rev()
            .find(|message| message.is_request())
            .unwrap();
        let text = String::from_utf8_lossy(message.bytes()).into_owned();
        assert!(
            text.contains(&format!("\"Person 101\" <sip:101@{home}>")) && !text.contains(&address),
            "{text}"
        );
    });
    stage.clears();
}

#[test]
fn a_hidden_number_is_hidden_in_messages_too() {
    let stage = Stage::default();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    alice.feels(|mood| mood.claims = Some("anonymous"));
    assert_eq!(sends(&stage, &alice, "102", "guess who"), 200);
    bob.with(|phone| {
        let message = phone.received.iter().rfind(|message| message.is_request()).unwrap();
        let text = String::from_utf8_lossy(message.bytes()).into_owned();
        assert!(
            text.contains("<sip:anonymous@anonymous.invalid>"),
            "RFC 3323 4.1.1.3: {text}"
        );
        assert!(!text.contains("101@") && !text.contains("Person 101"), "{text}");
    });
    stage.clears();
}

#[test]
fn a_phone_whose_connection_has_gone_is_looked_up_at_its_contact() {
    let stage = Stage::default();
    let alice = stage.phone("101");
    let address = "198.51.100.12:5060";
    let bob = stage.phone_at("102", address, sip::Transport::Tcp);
    stage.with(|world| world.cuts(address.parse().unwrap()));
    assert_eq!(sends(&stage, &alice, "102", "gone?"), 202);
    stage.with(|world| world.streams.listening.insert(address.parse().unwrap()));
    assert_eq!(sends(&stage, &alice, "102", "there?"), 202, "behind the first one");
    bob.with(|phone| assert_eq!(phone.texts, ["gone?", "there?"]));
    stage.clears();
}

#[test]
fn a_phone_s_own_refusal_is_told() {
    let stage = Stage::default();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    for (refused, told) in [(415, 415), (603, 603), (401, 480), (405, 480), (481, 480)] {
        bob.feels(|mood| mood.refuses_texts = Some(refused));
        assert_eq!(sends(&stage, &alice, "102", "?"), told);
    }
    stage.clears();
}
