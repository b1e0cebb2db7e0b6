//! SUBSCRIBE and its answers (RFC 6665 section 4.2.1).

use sip::{HeaderName, Method};
use tests::{Actor, Stage};

const HOUR: u32 = 3_600;
const EVENTS: &str = "dialog, presence, message-summary, reg, conference, as-feature-event, ua-profile, refer";

/// The answer to a SUBSCRIBE that is refused.
fn refused(actor: &Actor, event: &str, number: &str, expires: u32, accept: &str) -> (u16, sip::Message) {
    let lamp = actor.subscribes(event, number, expires, |it| match accept {
        "" => it,
        accept => it.header(HeaderName::Accept, accept),
    });
    let code = actor.lamp(lamp, |lamp| lamp.code.unwrap());
    (code, actor.with(|phone| phone.answer.clone().unwrap()))
}

#[test]
fn what_cannot_be_watched_is_refused_with_what_can() {
    let stage = Stage::default();
    let carol = stage.phone("103");
    let (code, answer) = refused(&carol, "weather", "102", HOUR, "");
    let events = answer.header(HeaderName::AllowEvents).unwrap();
    assert_eq!((code, events), (489, EVENTS));
    let (code, _) = refused(&carol, "dialog.winfo", "102", HOUR, "");
    assert_eq!(code, 489);
    let (code, _) = refused(&carol, "a b", "102", HOUR, "");
    assert_eq!(code, 400);
    let (code, answer) = refused(&carol, "dialog", "102", HOUR, "application/pidf+xml, text/*");
    let accept = answer.header(HeaderName::Accept).unwrap();
    assert_eq!((code, accept), (406, "application/dialog-info+xml"));
    let (code, answer) = refused(&carol, "dialog", "102", 59, "");
    assert_eq!((code, answer.header(HeaderName::MinExpires)), (423, Some("60")));
    let long = "1".repeat(33);
    assert_eq!(refused(&carol, "dialog", &long, HOUR, "").0, 404);
    assert_eq!(stage.subscriptions(), []);
    // A list of packages is in OPTIONS, too.
    let options = carol.asks(Method::Options, "sip:tandem.local", |it| it);
    assert_eq!(options.header(HeaderName::AllowEvents), Some(EVENTS));
    assert!(options.lists(HeaderName::Allow, "SUBSCRIBE"));
    stage.clears();
}

#[test]
fn a_subscription_is_refreshed_and_ended_within_its_dialog() {
    let stage = Stage::default();
    let (carol, _bob) = (stage.phone("103"), stage.phone("102"));
    let accept = |it: sip::Builder| it.header(HeaderName::Accept, "application/dialog-info+xml;q=0.9, */*;q=0.1");
    let lamp = carol.subscribes("dialog", "102", 100_000, accept);
    assert_eq!(carol.lamp(lamp, |lamp| lamp.granted), Some(3_600), "shortened");
    stage.pass(1_800.0);
    assert_eq!(carol.subscribes_again(lamp, 600, |it| it), 200);
    stage.pass(1.0);
    assert_eq!(carol.lit(lamp), 2, "each SUBSCRIBE is answered by a NOTIFY");
    assert_eq!(carol.lamp(lamp, |lamp| lamp.state.clone()), "active;expires=600");
    assert_eq!(carol.subscribes_again(lamp, 59, |it| it), 423);
    assert_eq!(carol.subscribes_again(lamp, 0, |it| it), 200);
    stage.pass(1.0);
    assert_eq!(carol.lamp(lamp, |lamp| lamp.state.clone()), "terminated;reason=timeout");
    assert_eq!(carol.lit(lamp), 3, "with the state");
    assert_eq!(stage.subscriptions(), []);
    assert_eq!(carol.subscribes_again(lamp, 600, |it| it), 481);
    carol.is_content();
    assert!(stage.with(|world| world.subscriptions.is_empty()));
    stage.clears();
}

#[test]
fn a_subscription_that_is_not_refreshed_ends() {
    let stage = Stage::default();
    let carol = stage.phone("103");
    let lamp = carol.subscribes("dialog", "102", 60, |it| it);
    stage.pass(59.0);
    assert_eq!(stage.subscriptions().len(), 1);
    stage.pass(2.0);
    assert_eq!(carol.lamp(lamp, |lamp| lamp.state.clone()), "terminated;reason=timeout");
    assert!(stage.subscriptions().is_empty() && stage.with(|world| world.subscriptions.is_empty()));
    carol.is_content();
    stage.clears();
}

#[test]
fn a_fetch_gets_the_state_once() {
    let stage = Stage::default();
    let (_bob, carol) = (stage.phone("102"), stage.phone("103"));
    let lamp = carol.subscribes("dialog", "102", 0, |it| it);
    assert_eq!(carol.lamp(lamp, |lamp| (lamp.code, lamp.granted)), (Some(200), Some(0)));
    carol.sees(lamp, "idle");
    assert_eq!(carol.lamp(lamp, |lamp| lamp.state.clone()), "terminated;reason=timeout");
    stage.pass(1.0);
    assert_eq!((carol.lit(lamp), stage.subscriptions().len()), (1, 0));
    stage.clears();
}

#[test]
fn a_phone_has_many_subscriptions_and_each_has_its_dialog() {
    let stage = Stage::default();
    let (alice, bob, carol) = (stage.phone("101"), stage.phone("102"), stage.phone("103"));
    let first = carol.watches("dialog", "101");
    let second = carol.watches("dialog;id=7", "102");
    let third = carol.watches("dialog;id=8", "102");
    alice.calls("102");
    bob.rings();
    carol.sees(second, "early").sees(third, "early");
    // The id of another subscription means none of this dialog.
    carol.lamp(second, |lamp| lamp.package = "dialog;id=8".into());
    assert_eq!(carol.subscribes_again(second, HOUR, |it| it), 481);
    carol.lamp(second, |lamp| lamp.package = "dialog;id=7".into());
    assert_eq!(carol.subscribes_again(second, 0, |it| it), 200);
    alice.hangs_up();
    bob.ends_with(487);
    carol.sees(first, "idle").sees(third, "idle");
    let left: Vec<_> = stage
        .subscriptions()
        .into_iter()
        .map(|it| (it.number, it.event_id))
        .collect();
    assert_eq!(left, [("101".into(), None), ("102".into(), Some("8".into()))]);
    carol.is_content();
    stage.clears();
}

#[test]
fn nothing_but_subscribe_and_options_belongs_into_the_dialog() {
    let stage = Stage::default();
    let carol = stage.phone("103");
    let lamp = carol.watches("dialog", "102");
    for (method, expected) in [(Method::Bye, 405), (Method::Info, 405), (Method::Options, 200)] {
        carol.with(|phone| phone.ask_in_lamp(lamp, &method));
        stage.pass(1.0);
        let answer = carol.with(|phone| phone.answer.take().unwrap());
        let allowed = answer.header(HeaderName::Allow).map(str::to_owned);
        assert_eq!(
            (answer.status().unwrap().code(), allowed.as_deref()),
            (expected, Some("OPTIONS, SUBSCRIBE")),
            "{method}"
        );
    }
    assert_eq!(stage.subscriptions().len(), 1);
    stage.clears();
}

#[test]
fn from_another_address_the_phone_must_show_who_it_is() {
    let stage = Stage::default();
    let (_bob, carol, mallory) = (stage.phone("102"), stage.phone("103"), stage.phone("104"));
    let lamp = carol.watches("dialog", "102");
    // Somebody who has overheard the dialog.
    let stolen = carol.with(|phone| phone.lamps[lamp].overheard());
    mallory.with(|phone| phone.lamps.push(stolen));
    assert_eq!(mallory.subscribes_again(0, 0, |it| it), 403);
    assert_eq!(stage.subscriptions().len(), 1);
    // The phone itself has changed networks.
    carol.with(|phone| phone.moves("198.51.222.9:5060"));
    assert_eq!(carol.subscribes_again(lamp, HOUR, |it| it), 200);
    stage.pass(1.0);
    assert_eq!(carol.lit(lamp), 2, "the NOTIFY went to the new address");
    assert_eq!(stage.subscriptions()[0].source, "198.51.222.9:5060");
    stage.clears();
}

#[test]
fn what_cannot_be_stored_is_not_promised() {
    let stage = Stage::default();
    let carol = stage.phone("103");
    stage.with(|world| world.store_works = false);
    let lamp = carol.subscribes("dialog", "102", HOUR, |it| it);
    assert_eq!(carol.lamp(lamp, |lamp| lamp.code), Some(500));
    assert_eq!(stage.subscriptions(), []);
    stage.with(|world| world.store_works = true);
    let lamp = carol.watches("dialog", "102");
    stage.with(|world| world.store_works = false);
    assert_eq!(carol.subscribes_again(lamp, HOUR, |it| it), 500);
    assert_eq!(stage.subscriptions().len(), 1, "the old one lasts");
    stage.clears();
}

#[test]
fn a_subscribe_without_a_contact_is_refused() {
    let stage = Stage::default();
    let carol = stage.phone("103");
    carol.feels(|mood| mood.garbles = vec![("Contact: ", "X-Contact: ")]);
    let lamp = carol.subscribes("dialog", "102", HOUR, |it| it);
    assert_eq!(carol.lamp(lamp, |lamp| lamp.code), Some(400));
    assert_eq!(stage.subscriptions(), []);
    stage.clears();
}

#[test]
fn an_extension_that_is_gone_watches_nothing_and_is_not_watched() {
    let stage = Stage::default();
    let (bob, carol, dave) = (stage.phone("102"), stage.phone("103"), stage.phone("104"));
    let (of_bob, by_bob) = (carol.watches("dialog", "102"), bob.watches("dialog", "103"));
    let other = dave.watches("dialog", "103");
    stage.pass(2.0);
    stage.tells(switch::Input::Account(switch::AccountChange::RemoveExtension(
        "102".into(),
    )));
    stage.pass(2.0);
    assert_eq!(
        carol.lamp(of_bob, |lamp| lamp.state.clone()),
        "terminated;reason=noresource"
    );
    assert_eq!(
        bob.lamp(by_bob, |lamp| lamp.state.clone()),
        "terminated;reason=rejected"
    );
    assert!(!dave.lamp(other, |lamp| lamp.is_over()));
    assert_eq!(stage.subscriptions().len(), 1);
    stage.clears();
}
