//! `ua-profile` (RFC 6080), SUBSCRIBE within a call, and messages of a device with a name of its own.

use sip::{HeaderName, Method};
use tests::{Settings, Stage};

const PROFILE: &str = "ua-profile;profile-type=device;vendor=\"acme\";model=\"x1\";version=\"2\"";

#[test]
fn a_phone_that_asks_for_its_profile_is_enrolled() {
    for url in [None, Some("https://pbx.example/settings")] {
        let mut settings = Settings::default();
        settings.config.limits.services.subscriptions.profile = url.map(str::to_owned);
        let stage = Stage::new(settings);
        let bob = stage.phone("102");
        let lamp = bob.subscribes(PROFILE, "MAC%3A0004f2000001", 3_600, |it| it);
        assert_eq!(bob.lamp(lamp, |lamp| lamp.code), Some(200));
        stage.pass(1.0);
        let notify = bob.with(|phone| {
            let mut all = phone.received.iter().rev();
            let found = all.find(|message| message.is_request() && *message.method() == Method::Notify);
            found.unwrap().clone()
        });
        match url {
            None => assert!(notify.body().is_empty() && notify.content_type().is_none()),
            Some(url) => assert_eq!(
                notify.content_type().unwrap(),
                format!("message/external-body;access-type=\"URL\";URL=\"{url}\"")
            ),
        }
        assert_eq!(
            notify.header(HeaderName::SubscriptionState),
            Some("active;expires=3600")
        );
        let untyped = bob.subscribes("ua-profile", "102", 3_600, |it| it);
        assert_eq!(bob.lamp(untyped, |lamp| lamp.code), Some(400));
        bob.is_content();
        stage.clears();
    }
}

#[test]
fn a_subscribe_within_a_call_is_refused_and_the_call_goes_on() {
    let stage = Stage::default();
    let (alice, bob) = stage.talking();
    let answer = alice.asks_within(Method::Subscribe, |it| it.header(HeaderName::Event, "dialog"));
    let status = answer.status().unwrap().code();
    assert_eq!((status, answer.reason()), (403, "Dialog Sharing Not Supported"));
    // In a dialog of its own it works, and outlives the call.
    let lamp = alice.watches("dialog", "102");
    alice.sees(lamp, "confirmed");
    stage.pass(2.0);
    stage.ends(&alice, &bob);
    assert_eq!(stage.subscriptions().len(), 1);
}

#[test]
fn a_device_with_a_name_of_its_own_hears_of_its_extension_s_messages() {
    let stage = Stage::default();
    let _bob = stage.phone("102");
    let desk = stage.unregistered("desk");
    stage.with(|world| world.device_with("desk", |device| device.extension = "102".into()));
    stage.tells(switch::Input::Mailbox {
        number: "102".into(),
        new: 3,
        old: 0,
    });
    desk.feels(|mood| mood.register_adds = vec![("Allow-Events", "message-summary".into())]);
    desk.registers(3_600);
    stage.pass(1.0);
    let told = desk.with(|phone| {
        let notifies = phone
            .received
            .iter()
            .filter(|it| it.is_request() && *it.method() == Method::Notify);
        notifies.map(|it| it.body_text().into_owned()).collect::<Vec<_>>()
    });
    assert!(told.len() == 1 && told[0].contains("Voice-Message: 3/0"), "{told:?}");
    stage.clears();
}
