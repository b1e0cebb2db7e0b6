//! Lists of resources (RFC 4662, RFC 5367): one subscription for a page of lamps.

use sip::{Builder, HeaderName, Limits, Message, Method};
use tests::{Actor, Settings, Stage};

const HOUR: u32 = 3_600;

fn group(stage: &Stage, numbers: &[&str]) {
    for number in numbers {
        stage.with(|world| world.account(number, |it| it.rules.pickup_group = Some("sales".into())));
    }
}

/// Subscribes to a list, whose first NOTIFY comes; the place of the lamp.
fn watches(actor: &Actor, package: &str, number: &str, edit: impl FnOnce(Builder) -> Builder) -> usize {
    let lamp = actor.subscribes(package, number, HOUR, |it| {
        edit(it.header(HeaderName::Supported, "eventlist"))
    });
    assert_eq!(actor.lamp(lamp, |lamp| lamp.code), Some(200));
    lamp
}

fn contained(numbers: &[&str]) -> String {
    let entries: String = numbers
        .iter()
        .map(|number| format!("<entry uri=\"sip:{number}@tandem.local\"/>"))
        .collect();
    format!(
        "<?xml version=\"1.0\"?><resource-lists xmlns=\"urn:ietf:params:xml:ns:resource-lists\"><list>{entries}</list>\
         </resource-lists>"
    )
}

fn asks_for(it: Builder, body: &str) -> Builder {
    it.header(HeaderName::Require, "recipient-list-subscribe")
        .header(HeaderName::ContentDisposition, "recipient-list")
        .body("application/resource-lists+xml", body.as_bytes())
}

fn latest(actor: &Actor) -> Message {
    actor.with(|phone| {
        let mut all = phone.received.iter().rev();
        let found = all.find(|message| message.is_request() && *message.method() == Method::Notify);
        found.unwrap().clone()
    })
}

/// How many members the last NOTIFY told of, and whether it told of all.
fn told(actor: &Actor) -> (usize, bool) {
    let notify = latest(actor);
    let parts = notify.parts(&Limits::default()).unwrap();
    let list = String::from_utf8(parts[0].body.to_vec()).unwrap();
    assert!(parts[0].is("application", "rlmi+xml"), "{list}");
    let resources = list.matches("<resource ").count();
    assert_eq!(resources, parts.len() - 1, "{list}");
    for part in &parts[1..] {
        let id = part.id.unwrap().trim_matches(['<', '>']);
        assert!(list.contains(&format!("cid=\"{id}\"")), "{id} {list}");
    }
    (resources, list.contains("fullState=\"true\""))
}

#[test]
fn one_subscription_shows_a_page_of_lamps() {
    let stage = Stage::default();
    let (alice, bob, carol) = (stage.phone("101"), stage.phone("102"), stage.phone("103"));
    group(&stage, &["101", "102", "103"]);
    let lamp = watches(&carol, "dialog", "lamps-103", |it| it);
    let answer = carol.with(|phone| phone.answer.clone().unwrap());
    assert!(answer.lists(HeaderName::Require, "eventlist"));
    stage.pass(2.0);
    assert_eq!(told(&carol), (2, true));
    let notify = latest(&carol);
    assert!(notify.lists(HeaderName::Require, "eventlist"));
    assert!(
        notify
            .content_type()
            .unwrap()
            .starts_with("multipart/related;type=\"application/rlmi+xml\"")
    );
    assert!(notify.body_text().contains("<name>Person 102</name>"));
    stage.pass(2.0);
    // Only what has changed is told.
    alice.with(|phone| phone.call("999"));
    stage.pass(3.0);
    assert_eq!(told(&carol), (1, false));
    assert!(latest(&carol).body_text().contains("entity=\"sip:101@tandem.local\""));
    let listed = stage.subscriptions();
    assert_eq!((listed.len(), listed[0].number.as_str()), (1, "lamps-103"));
    // Each SUBSCRIBE is answered by all.
    assert_eq!(carol.subscribes_again(lamp, HOUR, |it| it), 200);
    stage.pass(2.0);
    assert_eq!(told(&carol), (2, true));
    carol.is_content();
    let _ = bob;
    stage.clears();
}

#[test]
fn after_a_failure_and_a_restart_all_members_are_told() {
    let stage = Stage::default();
    let (alice, _bob, carol) = (stage.phone("101"), stage.phone("102"), stage.phone("103"));
    let body = contained(&["101", "102", "101"]);
    let lamp = watches(&carol, "dialog", "103", |it| asks_for(it, &body));
    stage.pass(2.0);
    assert_eq!(told(&carol), (2, true));
    carol.lamp(lamp, |lamp| lamp.answers = (500, None));
    alice.with(|phone| phone.call("999"));
    stage.pass(1.0);
    carol.lamp(lamp, |lamp| lamp.answers = (200, None));
    stage.pass(20.0);
    assert_eq!(told(&carol), (2, true));
    stage.with(|world| {
        world.restart(&Settings {
            seed: 5,
            ..Settings::default()
        });
    });
    stage.pass(10.0);
    assert_eq!((told(&carol), stage.subscriptions().len()), ((2, true), 1));
    alice.with(tests::Phone::reboots);
    stage.pass(60.0);
    alice.with(|phone| phone.call("999"));
    stage.pass(1.0);
    assert_eq!(told(&carol), (1, false), "a member is still watched");
    carol.is_content();
    stage.clears();
}

#[test]
fn the_list_of_a_pickup_group_follows_a_change_of_the_group() {
    let stage = Stage::default();
    let (alice, bob, carol) = (stage.phone("101"), stage.phone("102"), stage.phone("103"));
    let moves = |number: &str, group: Option<&str>| {
        stage.with(|world| world.account(number, |it| it.rules.pickup_group = group.map(Into::into)));
        stage.pass(3.0);
    };
    group(&stage, &["101", "103"]);
    let lamp = watches(&carol, "dialog", "lamps-103", |it| it);
    let body = contained(&["101"]);
    let fixed = watches(&alice, "dialog", "103", |it| asks_for(it, &body));
    stage.pass(2.0);
    assert_eq!(told(&carol), (1, true));
    moves("102", Some("sales"));
    assert_eq!(told(&carol), (2, true), "all members are told");
    // The new member is watched, and a restart changes nothing of that.
    for seed in [7, 8] {
        bob.with(|phone| phone.call("999"));
        stage.pass(3.0);
        assert_eq!(told(&carol), (1, false), "{seed}");
        assert!(latest(&carol).body_text().contains("entity=\"sip:102@tandem.local\""));
        stage.with(|world| {
            world.restart(&Settings {
                seed,
                ..Settings::default()
            });
        });
        stage.pass(10.0);
        assert_eq!(told(&carol), (2, true));
        bob.registers(3_600);
        stage.pass(3.0);
    }
    moves("101", Some("others"));
    assert_eq!(told(&carol), (1, true));
    let count = carol.lit(lamp);
    alice.with(|phone| phone.call("999"));
    stage.pass(3.0);
    assert_eq!(carol.lit(lamp), count, "who has left is no longer told");
    // Without members the list is gone; the list that a phone wrote itself stays.
    moves("103", None);
    assert!(carol.lamp(lamp, |lamp| lamp.is_over()));
    assert!(!alice.lamp(fixed, |lamp| lamp.is_over()));
    assert_eq!(stage.subscriptions().len(), 1);
    carol.is_content();
    stage.clears();
}

#[test]
fn a_list_of_presence_goes_on_when_a_member_is_gone() {
    let stage = Stage::default();
    let (_alice, _bob, carol) = (stage.phone("101"), stage.phone("102"), stage.phone("103"));
    let body = contained(&["101", "102"]);
    let lamp = watches(&carol, "presence", "103", |it| asks_for(it, &body));
    stage.pass(2.0);
    assert_eq!(told(&carol), (2, true));
    stage.tells(switch::Input::Account(switch::AccountChange::RemoveExtension(
        "102".into(),
    )));
    stage.pass(3.0);
    assert!(!carol.lamp(lamp, |lamp| lamp.is_over()));
    assert_eq!(stage.subscriptions().len(), 1);
    assert_eq!(carol.subscribes_again(lamp, 0, |it| it), 200);
    stage.pass(1.0);
    assert!(stage.subscriptions().is_empty());
    stage.clears();
}

#[test]
fn a_list_that_cannot_be_is_refused() {
    let mut settings = Settings::default();
    settings.config.limits.services.subscriptions.list_members = 3;
    let stage = Stage::new(settings);
    let carol = stage.phone("103");
    let refused = |package: &str, number: &str, supported: bool, body: &str| {
        let lamp = carol.subscribes(package, number, HOUR, |mut it| {
            if supported {
                it = it.header(HeaderName::Supported, "eventlist");
            }
            if body.is_empty() { it } else { asks_for(it, body) }
        });
        carol.lamp(lamp, |lamp| lamp.code.unwrap())
    };
    assert_eq!(refused("dialog", "lamps-103", true, ""), 404, "it is in no group");
    let two = contained(&["101", "102"]);
    assert_eq!(refused("dialog", "103", false, &two), 421);
    let answer = carol.with(|phone| phone.answer.clone().unwrap());
    assert_eq!(answer.header(HeaderName::Require), Some("eventlist"));
    assert_eq!(refused("dialog", "103", true, &contained(&["1", "2", "3", "4"])), 413);
    assert_eq!(refused("dialog", "103", true, &contained(&[])), 400);
    assert_eq!(refused("dialog", "103", true, "<resource-lists"), 400);
    assert_eq!(
        refused("dialog", "103", true, &two.replace("tandem.local", "elsewhere.example")),
        400
    );
    assert_eq!(refused("reg", "104", true, &two), 403);
    assert_eq!(
        refused("reg", "103", true, &two),
        403,
        "its own name does not open what others have"
    );
    assert_eq!(refused("as-feature-event", "103", true, &two), 415);
    assert!(stage.subscriptions().is_empty());
    stage.clears();
}
