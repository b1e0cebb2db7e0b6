//! The package `message-summary` (RFC 3842).

use sip::{HeaderName, Method};
use switch::{Input, Unsolicited};
use tests::{Actor, Settings, Stage};

fn mailbox(stage: &Stage, new: u32, old: u32) {
    stage.tells(Input::Mailbox {
        number: "102".into(),
        new,
        old,
    });
}

/// The bodies of NOTIFYs outside of any dialog.
fn unsolicited(actor: &Actor) -> Vec<String> {
    actor.with(|phone| {
        let notifies = phone
            .received
            .iter()
            .filter(|it| it.is_request() && *it.method() == Method::Notify);
        let outside = notifies.filter(|it| it.to_tag().is_none());
        outside.map(|it| it.body_text().into_owned()).collect()
    })
}

fn with(unsolicited: Unsolicited) -> Stage {
    let mut settings = Settings::default();
    settings.config.limits.services.subscriptions.unsolicited = unsolicited;
    Stage::new(settings)
}

#[test]
fn a_phone_hears_of_the_messages_in_its_mailbox() {
    let stage = Stage::default();
    let bob = stage.phone("102");
    let lamp = bob.watches("message-summary", "102");
    let document = |bob: &Actor| bob.lamp(lamp, |lamp| lamp.document().to_owned());
    assert_eq!(
        document(&bob),
        "Messages-Waiting: no\r\nMessage-Account: sip:102@tandem.local\r\nVoice-Message: 0/0 (0/0)\r\n"
    );
    stage.pass(2.0);
    mailbox(&stage, 2, 8);
    stage.pass(2.0);
    assert_eq!(
        document(&bob),
        "Messages-Waiting: yes\r\nMessage-Account: sip:102@tandem.local\r\nVoice-Message: 2/8 (0/0)\r\n"
    );
    mailbox(&stage, 2, 8);
    stage.pass(2.0);
    assert_eq!(bob.lit(lamp), 2);
    mailbox(&stage, 0, 0);
    stage.pass(2.0);
    assert!(document(&bob).contains("Messages-Waiting: no"));
    stage.clears();
}

#[test]
fn a_phone_that_says_so_is_told_without_a_subscription() {
    let stage = Stage::default();
    let bob = stage.unregistered("102");
    bob.registers(3_600);
    assert_eq!(unsolicited(&bob), [""; 0], "it did not ask");
    mailbox(&stage, 1, 0);
    bob.feels(|mood| mood.register_adds = vec![("Allow-Events", "talk, message-summary".into())]);
    bob.registers(3_600);
    stage.pass(1.0);
    let told = unsolicited(&bob);
    assert!(told.len() == 1 && told[0].contains("Voice-Message: 1/0"), "{told:?}");
    // Not while it unregisters, and not beside a subscription.
    bob.registers(0);
    stage.pass(1.0);
    bob.registers(3_600);
    bob.watches("message-summary", "102");
    bob.registers(3_600);
    stage.pass(1.0);
    assert_eq!(unsolicited(&bob).len(), 2);
    stage.clears();
}

#[test]
fn the_setting_says_who_is_told_without_a_subscription() {
    for (setting, allow, told) in [
        (Unsolicited::Off, "", 0),
        (Unsolicited::All, "", 1),
        (Unsolicited::All, "INVITE, ACK, BYE", 0),
        (Unsolicited::All, "INVITE, ACK, BYE, NOTIFY", 1),
    ] {
        let stage = with(setting);
        let bob = stage.unregistered("102");
        bob.feels(|mood| {
            if !allow.is_empty() {
                mood.register_adds = vec![(HeaderName::Allow.as_str(), allow.into())];
            }
        });
        bob.registers(3_600);
        stage.pass(1.0);
        assert_eq!(unsolicited(&bob).len(), told, "{setting:?} {allow}");
        stage.clears();
    }
}
