//! Hot-desking: a person logs on at another phone, which then acts for that person's extension.

use sip::{HeaderName, Method};
use tests::{Actor, Stage};

const PLAN: &str = r#"fn on_call(caller) {
    let dialed = caller.dialed;
    if dialed.starts_with("*11") { caller.reject(499, `${caller.log_on(dialed.sub_string(3), "1234")}`); }
    else if dialed == "*10" { caller.reject(499, `${caller.log_on("105", "9999")}`); }
    else if dialed == "*12" { caller.reject(499, `${caller.log_off()}`); }
    else if dialed == "*0" { caller.reject(499, `${caller.extension} ${extension("105").registered}`); }
    else { caller.dial(dialed); }
}"#;

fn asks(actor: &Actor, code: &str) -> String {
    actor.calls(code).ends_with(499);
    actor.call(|call| call.last.reason().to_string())
}

/// 101 has the phone at the shared desk; 105 has none.
fn stage() -> (Stage, Actor, Actor) {
    let stage = Stage::plan(PLAN);
    let (desk, other) = (stage.phone("101"), stage.phone("102"));
    stage.with(|world| world.extension("105"));
    (stage, desk, other)
}

#[test]
fn a_phone_at_which_a_person_has_logged_on_calls_and_is_called_as_that_extension() {
    let (stage, desk, other) = stage();
    assert_eq!(asks(&desk, "*0"), "101 false");
    assert_eq!(asks(&desk, "*11105"), "true");
    assert_eq!(asks(&desk, "*0"), "105 true");
    other.calls("105");
    desk.rings().answers().talks();
    other.talks().hangs_up();
    desk.ends_with(200);
    other.calls("101").ends_with(480);
    desk.calls("102");
    other.rings();
    let from = other.call(|call| call.invite.from().unwrap().uri().unwrap().number().into_owned());
    assert_eq!(from, "105");
    desk.hangs_up().ends_with(487);
    assert_eq!(stage.with(|world| world.cdrs.last().unwrap().open.from.clone()), "105");
    stage.clears();
}

#[test]
fn after_logging_off_the_phone_is_that_of_its_own_extension_again() {
    let (stage, desk, other) = stage();
    asks(&desk, "*11105");
    // A registration in between changes nothing.
    desk.registers(3_600);
    assert_eq!(asks(&desk, "*0"), "105 true");
    assert_eq!(asks(&desk, "*12"), "true");
    assert_eq!(asks(&desk, "*0"), "101 false");
    other.calls("105").ends_with(480);
    other.calls("101");
    desk.rings().answers().talks();
    other.talks().hangs_up();
    stage.clears();
}

#[test]
fn a_person_may_log_off_during_a_call() {
    let (stage, desk, other) = stage();
    asks(&desk, "*11105");
    desk.calls("102");
    other.rings().answers().talks();
    desk.talks();
    let change = switch::AccountChange::LogOn {
        username: "101".into(),
        extension: None,
    };
    stage.tells(switch::Input::Account(change));
    desk.holds().resumes().hangs_up();
    other.ends_with(200);
    stage.clears();
}

#[test]
fn nobody_logs_on_as_an_extension_that_is_not_there_or_while_the_store_fails() {
    let (stage, desk, _other) = stage();
    assert_eq!(asks(&desk, "*11999"), "false");
    assert_eq!(asks(&desk, "*11"), "false");
    assert_eq!(asks(&desk, "*10"), "false", "a wrong PIN");
    stage.with(|world| world.store_works = false);
    assert_eq!(asks(&desk, "*11105"), "false");
    assert_eq!(asks(&desk, "*0"), "101 false");
    stage.clears();
}

fn account(desk: &Actor, lamp: usize) -> String {
    let document = desk.lamp(lamp, |lamp| lamp.document().to_owned());
    let field = |name: &str| {
        document
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .unwrap_or_default()
            .to_owned()
    };
    format!("{} {}", field("Message-Account: sip:"), field("Voice-Message: "))
}

fn mailbox(stage: &Stage, number: &str, new: u32) {
    stage.tells(switch::Input::Mailbox {
        number: number.into(),
        new,
        old: 0,
    });
}

#[test]
fn the_mailbox_lamp_of_a_phone_is_that_of_the_person_who_has_logged_on() {
    let (stage, desk, _other) = stage();
    let lamp = desk.watches("message-summary", "101");
    mailbox(&stage, "105", 3);
    stage.pass(2.0);
    assert_eq!(account(&desk, lamp), "101@tandem.local 0/0 (0/0)");
    asks(&desk, "*11105");
    stage.pass(3.0);
    assert_eq!(account(&desk, lamp), "105@tandem.local 3/0 (0/0)");
    mailbox(&stage, "105", 4);
    stage.pass(3.0);
    assert_eq!(account(&desk, lamp), "105@tandem.local 4/0 (0/0)");
    // One that is made meanwhile is that of the person as well, also after a restart.
    let second = desk.watches("message-summary", "101");
    assert_eq!(account(&desk, second), "105@tandem.local 4/0 (0/0)");
    let rows = stage.with(|world| {
        world
            .subscriptions
            .values()
            .map(|row| row.number.clone())
            .collect::<Vec<_>>()
    });
    assert_eq!(rows, ["105", "105"]);
    asks(&desk, "*12");
    stage.pass(3.0);
    for lamp in [lamp, second] {
        assert_eq!(account(&desk, lamp), "101@tandem.local 0/0 (0/0)");
    }
    mailbox(&stage, "105", 0);
    stage.pass(3.0);
    assert_eq!(desk.lit(second), 2, "that of 105 is no longer told");
    desk.is_content();
    stage.clears();
}

#[test]
fn the_keys_of_a_phone_stay_when_a_person_logs_on() {
    let (stage, desk, other) = stage();
    let lamp = desk.watches("dialog", "102");
    let theirs = desk.watches("message-summary", "102");
    let before = desk.lit(theirs);
    asks(&desk, "*11105");
    stage.pass(2.0);
    other.calls("101").ends_with(480);
    let third = stage.phone("103");
    third.calls("102");
    other.rings();
    stage.pass(2.0);
    assert!(
        desk.lamp(lamp, |lamp| lamp.document().contains("early")),
        "the key of 102 still works"
    );
    assert_eq!(
        desk.lit(theirs),
        before,
        "the mailbox of another extension is no person's at this phone"
    );
    third.hangs_up();
    stage.pass(2.0);
    stage.clears();
}

#[test]
fn messages_for_a_person_come_to_the_phone_at_which_that_person_logs_on() {
    let (stage, desk, other) = stage();
    let send = |text: &str| {
        let answer = other.asks(sip::Method::Message, "sip:105@tandem.local", |message| {
            message.body("text/plain", text.as_bytes())
        });
        answer.status().unwrap().code()
    };
    assert_eq!((send("one"), send("two")), (202, 202));
    asks(&desk, "*11105");
    stage.pass(2.0);
    let texts = || desk.with(|phone| phone.texts.clone());
    assert_eq!(texts(), ["one", "two"]);
    assert_eq!(send("three"), 200);
    // Put off, it comes with the next registration.
    desk.feels(|mood| mood.refuses_texts = Some(480));
    assert_eq!(send("four"), 202);
    desk.feels(|mood| mood.refuses_texts = None);
    desk.registers(3_600);
    stage.pass(2.0);
    assert_eq!(texts(), ["one", "two", "three", "four"]);
    stage.clears();
}

const DND: &str = "<SetDoNotDisturb><device/><doNotDisturbOn>true</doNotDisturbOn></SetDoNotDisturb>";

#[test]
fn the_keys_for_do_not_disturb_set_the_extension_of_the_person_who_has_logged_on() {
    let (stage, desk, other) = stage();
    let dnd = |number: &str| stage.with(|world| world.people[number].dnd);
    let lamp = desk.watches("as-feature-event", "101");
    let presses = || {
        desk.subscribes_again(lamp, 3_600, |it| {
            it.body("application/x-as-feature-event+xml", DND.as_bytes())
        })
    };
    asks(&desk, "*11105");
    stage.pass(3.0);
    let shown = |text: &str| desk.lamp(lamp, |lamp| lamp.document().contains(text));
    assert!(
        shown("<device>105</device><doNotDisturbOn>false<"),
        "\n{}",
        stage.ladder()
    );
    assert_eq!(presses(), 200);
    stage.pass(3.0);
    assert_eq!((dnd("101"), dnd("105")), (false, true));
    assert!(shown("<device>105</device><doNotDisturbOn>true<"));
    other.calls("105").ends_with(486);
    // A subscription that is made meanwhile is that of the person, too.
    let second = desk.watches("as-feature-event", "101");
    assert!(desk.lamp(second, |lamp| lamp.document().contains("<device>105<")));
    asks(&desk, "*12");
    stage.pass(3.0);
    assert!(shown("<device>101</device><doNotDisturbOn>false<"));
    assert_eq!(presses(), 200);
    stage.pass(3.0);
    assert!(dnd("101"));
    desk.is_content();
    stage.clears();
}

#[test]
fn a_feature_code_sets_the_extension_of_the_person_who_has_logged_on() {
    let plan = PLAN.replace(
        "else {",
        r#"else if dialed == "*78" { caller.set(#{ dnd: true }); caller.reject(499, ""); } else {"#,
    );
    let stage = Stage::plan(&plan);
    let desk = stage.phone("101");
    stage.with(|world| world.extension("105"));
    asks(&desk, "*11105");
    asks(&desk, "*78");
    stage.pass(1.0);
    let dnd = |number: &str| stage.with(|world| world.people[number].dnd);
    assert_eq!((dnd("101"), dnd("105")), (false, true));
    stage.clears();
}

#[test]
fn presence_follows_the_person_who_logs_on() {
    let (stage, desk, other) = stage();
    let (theirs, own) = (other.watches("presence", "105"), other.watches("presence", "101"));
    let key = other.watches("dialog", "105");
    let says = |lamp: usize, text: &str| {
        stage.pass(3.0);
        let found = other.lamp(lamp, |lamp| lamp.document().contains(text));
        assert!(found, "{text}\n{}", stage.ladder());
    };
    let publishes = |note: &str, tag: Option<&str>| {
        let body = format!(
            "<?xml version=\"1.0\"?><presence xmlns=\"urn:ietf:params:xml:ns:pidf\" entity=\"sip:101@tandem.local\">\
             <note>{note}</note><tuple id=\"t\"><status><basic>open</basic></status><note>{note}</note></tuple></presence>"
        );
        let answer = desk.asks(Method::Publish, "sip:101@tandem.local", |it| {
            let it = it.header(HeaderName::Event, "presence");
            match tag {
                Some(tag) => it.header(HeaderName::SipIfMatch, tag),
                None => it,
            }
            .body("application/pidf+xml", body.as_bytes())
        });
        let tag = answer.header(HeaderName::SipETag).unwrap_or_default().to_owned();
        (answer.status().unwrap().code(), tag)
    };
    let (_, tag) = publishes("At the desk", None);
    says(own, "At the desk");
    says(theirs, "Offline");
    let before = other.lamp(key, |lamp| lamp.document().to_owned());
    asks(&desk, "*11105");
    says(theirs, "Available");
    says(own, "Offline");
    assert!(!other.lamp(own, |lamp| lamp.document().contains("At the desk")));
    assert_ne!(
        other.lamp(key, |lamp| lamp.document().to_owned()),
        before,
        "105 has a phone now"
    );
    assert_eq!(
        publishes("Still here", Some(&tag)).0,
        412,
        "that was about the other person"
    );
    assert_eq!(publishes("In a meeting", None).0, 200);
    says(theirs, "In a meeting");
    asks(&desk, "*12");
    says(theirs, "Offline");
    says(own, "Available");
    assert!(!other.lamp(theirs, |lamp| lamp.document().contains("In a meeting")));
    stage.clears();
}
