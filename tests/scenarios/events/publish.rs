//! PUBLISH (RFC 3903): entity-tags, intervals, documents, limits.

use sip::{Builder, HeaderName, Message, Method};
use switch::{AccountChange, Input};
use tests::{Actor, Settings, Stage};

const PIDF: &str = "application/pidf+xml";

/// A document that says this in its person.
fn document(activity: &str, note: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?><presence xmlns=\"urn:ietf:params:xml:ns:pidf\" \
         xmlns:dm=\"urn:ietf:params:xml:ns:pidf:data-model\" xmlns:r=\"urn:ietf:params:xml:ns:pidf:rpid\" \
         entity=\"sip:102@tandem.local\"><tuple id=\"t\"><status><basic>open</basic></status></tuple>\
         <dm:person id=\"p\"><r:activities><r:{activity}/></r:activities><dm:note>{note}</dm:note></dm:person></presence>"
    )
}

/// A PUBLISH of the phone's own extension; `tag` is SIP-If-Match, `body` may be empty.
fn publishes(actor: &Actor, tag: Option<&str>, expires: Option<u32>, body: &str) -> Message {
    let uri = actor.with(|phone| format!("sip:{}@tandem.local", phone.number));
    asks(actor, &uri, |mut it| {
        it = it.header(HeaderName::Event, "presence");
        if let Some(tag) = tag {
            it = it.header(HeaderName::SipIfMatch, tag);
        }
        if let Some(expires) = expires {
            it = it.header(HeaderName::Expires, expires);
        }
        if body.is_empty() {
            it
        } else {
            it.body(PIDF, body.as_bytes())
        }
    })
}

fn asks(actor: &Actor, uri: &str, edit: impl FnOnce(Builder) -> Builder) -> Message {
    actor.asks(Method::Publish, uri, edit)
}

fn code(answer: &Message) -> u16 {
    answer.status().unwrap().code()
}

fn tag(answer: &Message) -> String {
    assert_eq!(code(answer), 200);
    answer.header(HeaderName::SipETag).unwrap().to_owned()
}

fn stored(stage: &Stage) -> u64 {
    stage.with(|world| world.stats().services.subscriptions.publications)
}

fn says(actor: &Actor, lamp: usize, text: &str) -> bool {
    actor.lamp(lamp, |lamp| lamp.document().contains(text))
}

#[test]
fn what_a_phone_publishes_is_shown_changed_refreshed_and_removed() {
    let stage = Stage::default();
    let (bob, carol) = (stage.phone("102"), stage.phone("103"));
    let lamp = carol.watches("presence", "102");
    let first = publishes(&bob, None, Some(100_000), &document("meeting", "until &lt; 3"));
    assert_eq!(first.header(HeaderName::Expires), Some("3600"), "shortened");
    let first = tag(&first);
    stage.pass(2.0);
    assert!(says(&carol, lamp, "<rpid:meeting/>") && says(&carol, lamp, "<dm:note>until &lt; 3</dm:note>"));
    assert!(says(
        &carol,
        lamp,
        "<tuple id=\"p1\"><status><basic>open</basic></status></tuple>"
    ));
    // A refresh has no document, and another entity-tag follows.
    let second = tag(&publishes(&bob, Some(&first), Some(600), ""));
    assert_ne!(first, second);
    stage.pass(2.0);
    assert_eq!(carol.lit(lamp), 2, "a refresh changes nothing");
    assert_eq!(code(&publishes(&bob, Some(&first), Some(600), "")), 412, "an old tag");
    let third = tag(&publishes(&bob, Some(&second), None, &document("away", "")));
    stage.pass(2.0);
    assert!(says(&carol, lamp, "<rpid:away/>") && !says(&carol, lamp, "meeting"));
    let gone = publishes(&bob, Some(&third), Some(0), "");
    assert_eq!((code(&gone), gone.header(HeaderName::Expires)), (200, Some("0")));
    stage.pass(2.0);
    assert!(says(&carol, lamp, "<rpid:activities></rpid:activities>") && !says(&carol, lamp, "\"p1\""));
    assert_eq!(stored(&stage), 0);
    assert_eq!(code(&publishes(&bob, Some(&third), Some(600), "")), 412);
    carol.is_content();
    stage.clears();
}

#[test]
fn what_calls_say_and_what_a_phone_publishes_is_one_document() {
    let stage = Stage::default();
    let (alice, bob, carol) = (stage.phone("101"), stage.phone("102"), stage.phone("103"));
    let lamp = carol.watches("presence", "102");
    publishes(&bob, None, None, &document("on-the-phone", "a"));
    publishes(&bob, None, None, &document("vacation", "b"));
    alice.calls("102");
    bob.rings().answers().talks();
    stage.pass(3.0);
    assert!(says(
        &carol,
        lamp,
        "<rpid:activities><rpid:on-the-phone/><rpid:vacation/></rpid:activities>\
         <dm:note>a</dm:note><dm:note>b</dm:note>"
    ));
    assert!(says(&carol, lamp, "<note>On the phone</note>") && says(&carol, lamp, "id=\"p2\""));
    stage.ends(&alice, &bob);
}

#[test]
fn a_publication_that_is_not_refreshed_ends() {
    let stage = Stage::default();
    let (bob, carol) = (stage.phone("102"), stage.phone("103"));
    let lamp = carol.watches("presence", "102");
    let first = tag(&publishes(&bob, None, Some(60), &document("meal", "")));
    stage.pass(50.0);
    tag(&publishes(&bob, Some(&first), Some(60), ""));
    stage.pass(50.0);
    assert!(says(&carol, lamp, "<rpid:meal/>"));
    stage.pass(15.0);
    assert!(!says(&carol, lamp, "<rpid:meal/>"));
    assert_eq!(stored(&stage), 0);
    // One that ends at once leaves nothing.
    assert_eq!(code(&publishes(&bob, None, Some(0), &document("meal", ""))), 200);
    assert_eq!(stored(&stage), 0);
    stage.clears();
}

#[test]
fn a_publish_that_cannot_be_is_refused_with_the_reason() {
    let stage = Stage::default();
    let (bob, _carol) = (stage.phone("102"), stage.phone("103"));
    let body = document("away", "");
    let own = "sip:102@tandem.local";
    let event = |it: Builder, event: &str| it.header(HeaderName::Event, event);
    for event_of in ["", "dialog", "presence.winfo", "weather"] {
        let answer = asks(&bob, own, |it| match event_of {
            "" => it.body(PIDF, body.as_bytes()),
            name => event(it, name).body(PIDF, body.as_bytes()),
        });
        let allowed = answer.header(HeaderName::AllowEvents);
        assert_eq!((code(&answer), allowed), (489, Some("presence")), "{event_of}");
    }
    let brief = publishes(&bob, None, Some(59), &body);
    assert_eq!((code(&brief), brief.header(HeaderName::MinExpires)), (423, Some("60")));
    assert_eq!(code(&publishes(&bob, None, None, "")), 400, "neither tag nor document");
    assert_eq!(code(&publishes(&bob, Some("never-given"), None, &body)), 412);
    assert_eq!(code(&publishes(&bob, Some("a, b"), None, &body)), 400, "one tag");
    let other = asks(&bob, own, |it| event(it, "presence").body("text/plain", b"away"));
    assert_eq!((code(&other), other.header(HeaderName::Accept)), (415, Some(PIDF)));
    for bad in [
        "away",
        "<presence/>",
        "<presence xmlns=\"urn:ietf:params:xml:ns:pidf\">",
        "<!DOCTYPE p [<!ENTITY a \"aaaaaaaa\"><!ENTITY b \"&a;&a;&a;\">]>\
         <presence xmlns=\"urn:ietf:params:xml:ns:pidf\"><note>&b;&b;&b;</note></presence>",
    ] {
        assert_eq!(code(&publishes(&bob, None, None, bad)), 400, "{bad}");
    }
    let large = document("away", &"x".repeat(16_384));
    assert_eq!(code(&publishes(&bob, None, None, &large)), 413);
    // Only the own extension.
    let to = |uri: &str| code(&asks(&bob, uri, |it| event(it, "presence").body(PIDF, body.as_bytes())));
    assert_eq!((to("sip:103@tandem.local"), to("sip:999@tandem.local")), (403, 404));
    assert_eq!(stored(&stage), 0);
    let options = bob.asks(Method::Options, "sip:tandem.local", |it| it);
    assert!(options.lists(HeaderName::Allow, "PUBLISH"));
    stage.clears();
}

#[test]
fn there_is_room_for_so_many_publications_of_one_extension_and_of_all() {
    let mut settings = Settings::default();
    let limits = &mut settings.config.limits.services.subscriptions.publications;
    (limits.per_extension, limits.most) = (2, 3);
    let stage = Stage::new(settings);
    let (bob, carol, dave) = (stage.phone("102"), stage.phone("103"), stage.phone("104"));
    let body = document("away", "");
    let publish = |actor: &Actor| publishes(actor, None, None, &body);
    let (first, second) = (tag(&publish(&bob)), tag(&publish(&bob)));
    // A phone that has lost its tags does not lock itself out: its oldest publication goes.
    tag(&publish(&bob));
    assert_eq!(code(&publishes(&bob, Some(&first), None, "")), 412);
    tag(&publishes(&bob, Some(&second), None, ""));
    tag(&publish(&carol));
    let full = publish(&dave);
    assert_eq!((code(&full), full.header(HeaderName::RetryAfter)), (503, Some("60")));
    assert_eq!(stored(&stage), 3);
    // With its extension goes what it has published.
    stage.tells(Input::Account(AccountChange::RemoveExtension("102".into())));
    assert_eq!(stored(&stage), 1);
    tag(&publish(&dave));
    stage.clears();
}

#[test]
fn after_a_restart_a_phone_publishes_anew() {
    let stage = Stage::default();
    let (bob, carol) = (stage.phone("102"), stage.phone("103"));
    let lamp = carol.watches("presence", "102");
    let first = tag(&publishes(&bob, None, None, &document("away", "")));
    stage.pass(2.0);
    assert!(says(&carol, lamp, "<rpid:away/>"));
    stage.with(|world| world.restart(&Settings::default()));
    stage.pass(10.0);
    assert!(!says(&carol, lamp, "<rpid:away/>"));
    assert_eq!(code(&publishes(&bob, Some(&first), None, "")), 412);
    tag(&publishes(&bob, None, None, &document("away", "")));
    stage.pass(2.0);
    assert!(says(&carol, lamp, "<rpid:away/>"));
    carol.is_content();
    stage.clears();
}

#[test]
fn a_lost_answer_makes_no_second_publication() {
    let mut settings = Settings::default();
    settings.config.limits.services.subscriptions.publications.per_extension = 100;
    let stage = Stage::new(settings);
    let bob = stage.phone("102");
    stage.with(|world| world.net.faults.loss = 30);
    for _ in 0..10 {
        bob.with(|phone| {
            let body = document("away", "");
            phone.ask(&Method::Publish, "sip:102@tandem.local", |it| {
                it.header(HeaderName::Event, "presence").body(PIDF, body.as_bytes())
            });
        });
        stage.pass(40.0);
    }
    stage.with(|world| world.net.faults.loss = 0);
    let answered = u64::try_from(bob.was_told(200)).unwrap();
    assert!((1..=10).contains(&stored(&stage)) && answered > 0, "{answered}");
    stage.pass(3_600.0);
    assert_eq!(stored(&stage), 0);
    stage.clears();
}
