//! The package `presence` (RFC 3856): what an extension does.

use sip::HeaderName;
use switch::{AccountChange, Extension, Input};
use tests::{Actor, Settings, Stage};

fn says(actor: &Actor, lamp: usize, text: &str) -> bool {
    actor.lamp(lamp, |lamp| lamp.document().contains(text))
}

/// Waits until the note of the phone's tuple is this.
fn shows(stage: &Stage, actor: &Actor, lamp: usize, note: &str) {
    stage.pass(2.0);
    let document = actor.lamp(lamp, |lamp| lamp.document().to_owned());
    assert!(
        document.contains(&format!("<note>{note}</note></tuple>")),
        "{note}: {document}"
    );
}

fn dnd(stage: &Stage, number: &str, dnd: bool) {
    stage.tells(Input::Account(AccountChange::Extension(Extension {
        number: number.into(),
        dnd,
        ..Extension::default()
    })));
}

#[test]
fn presence_follows_phones_calls_and_settings() {
    let stage = Stage::default();
    let (alice, bob, carol) = (stage.phone("101"), stage.unregistered("102"), stage.phone("103"));
    let lamp = carol.watches("presence", "102");
    shows(&stage, &carol, lamp, "Offline");
    assert!(says(&carol, lamp, "<basic>closed</basic>"));
    assert!(says(&carol, lamp, "entity=\"sip:102@tandem.local\""));
    bob.registers(3_600);
    shows(&stage, &carol, lamp, "Available");
    assert!(says(&carol, lamp, "<basic>open</basic>") && says(&carol, lamp, "<rpid:activities></rpid:activities>"));
    alice.calls("102");
    bob.rings();
    shows(&stage, &carol, lamp, "Ringing");
    bob.answers().talks();
    shows(&stage, &carol, lamp, "On the phone");
    assert!(says(&carol, lamp, "<rpid:on-the-phone/>"));
    alice.hangs_up();
    bob.ends_with(200);
    shows(&stage, &carol, lamp, "Available");
    dnd(&stage, "102", true);
    shows(&stage, &carol, lamp, "Do not disturb");
    assert!(says(&carol, lamp, "<basic>open</basic>") && says(&carol, lamp, "<rpid:busy/>"));
    dnd(&stage, "102", false);
    shows(&stage, &carol, lamp, "Available");
    let told = carol.lit(lamp);
    dnd(&stage, "102", false);
    stage.pass(3.0);
    assert_eq!(carol.lit(lamp), told, "nothing new is not told");
    carol.is_content();
    stage.clears();
}

#[test]
fn presence_is_a_package_like_others() {
    let stage = Stage::default();
    let carol = stage.phone("103");
    let refused = carol.subscribes("presence", "102", 3_600, |it| {
        it.header(HeaderName::Accept, "application/dialog-info+xml")
    });
    assert_eq!(carol.lamp(refused, |lamp| lamp.code), Some(406));
    let lamp = carol.subscribes("presence", "102", 3_600, |it| {
        it.header(HeaderName::Accept, "application/pidf+xml")
    });
    stage.pass(1.0);
    assert_eq!(carol.lamp(lamp, |lamp| lamp.state.clone()), "active;expires=3600");
    let listed = stage.subscriptions();
    assert_eq!((listed.len(), listed[0].package.as_str()), (1, "presence"));
    // A restart of the switch ends no subscription.
    stage.with(|world| {
        world.restart(&Settings {
            seed: 9,
            ..Settings::default()
        });
    });
    stage.pass(10.0);
    assert_eq!(stage.subscriptions().len(), 1);
    assert!(carol.lit(lamp) >= 2);
    assert_eq!(carol.subscribes_again(lamp, 0, |it| it), 200);
    stage.pass(1.0);
    assert_eq!(carol.lamp(lamp, |lamp| lamp.state.clone()), "terminated;reason=timeout");
    stage.clears();
}
