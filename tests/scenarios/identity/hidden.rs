//! Hidden numbers: Privacy (RFC 3323, RFC 3325, RFC 7044), rejection (RFC 5079); and numbers of others.

use sip::{HeaderName, Method};
use switch::{Disposition, Extension};
use tests::{Actor, Stage};

use super::shown;

fn account(stage: &Stage, number: &str, change: impl FnOnce(&mut Extension)) {
    stage.with(|world| world.account(number, change));
}

/// Everything that a phone has received, as one text.
fn received(phone: &Actor) -> String {
    phone.with(|phone| {
        let texts = phone.received.iter();
        texts
            .map(|message| String::from_utf8_lossy(message.bytes()).into_owned())
            .collect()
    })
}

/// 101 calls 102 with this Privacy; what 102 is shown, and whether a text of its messages names the caller.
fn call_with(stage: &Stage, privacy: &'static str, (alice, bob): (&Actor, &Actor)) -> (Vec<String>, bool) {
    alice.feels(|mood| mood.adds = vec![("Privacy", privacy.into())]);
    alice.calls("102");
    bob.rings().answers().talks();
    alice.talks();
    stage.pass(1.0);
    let shown = (
        shown(bob),
        received(bob).contains("101@") || received(bob).contains("Person 101"),
    );
    alice.hangs_up();
    bob.ends_with(200);
    shown
}

#[test]
fn privacy_hides_number_and_name_from_the_callee_but_not_from_the_record() {
    for privacy in ["id", "user", "ID;critical", "header;session;user;id;history;critical"] {
        let stage = Stage::default();
        let (alice, bob) = (stage.phone("101"), stage.phone("102"));
        let (shown, named) = call_with(&stage, privacy, (&alice, &bob));
        assert_eq!((shown, named), (vec!["hidden".to_owned()], false), "{privacy}");
        let from = bob.call(|call| call.invite.header(HeaderName::From).unwrap().to_owned());
        assert!(
            from.starts_with("\"Anonymous\" <sip:anonymous@anonymous.invalid>;tag="),
            "{from}"
        );
        assert_eq!(stage.record().open.from, "101");
        stage.clears();
    }
}

#[test]
fn privacy_of_what_is_always_kept_back_or_of_nothing_hides_no_number() {
    for privacy in ["none", "header", "session", "history", "critical", "", "shoe-size"] {
        let stage = Stage::default();
        let (alice, bob) = (stage.phone("101"), stage.phone("102"));
        let (shown, _) = call_with(&stage, privacy, (&alice, &bob));
        assert_eq!(shown, ["101 Person 101"], "{privacy}");
        stage.clears();
    }
}

#[test]
fn a_critical_wish_that_is_not_known_draws_500() {
    let stage = Stage::default();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    alice.feels(|mood| mood.adds = vec![("Privacy", "shoe-size;critical".into())]);
    alice.calls("102").ends_with(500);
    assert_eq!(bob.phase(), None);
    let text = alice.asks(Method::Message, "sip:102@tandem.local", |text| {
        text.header(HeaderName::Privacy, "shoe-size;critical")
            .body("text/plain", b"x")
    });
    assert_eq!(text.status().unwrap().code(), 500);
    assert!(bob.with(|phone| phone.texts.is_empty()));
    stage.clears();
}

#[test]
fn an_extension_that_hides_is_hidden_unless_its_phone_asks_for_no_privacy() {
    for (privacy, expected) in [("critical", "hidden"), ("none", "101 Person 101")] {
        let stage = Stage::default();
        let (alice, bob) = (stage.phone("101"), stage.phone("102"));
        account(&stage, "101", |account| account.rules.hide_number = true);
        let (shown, named) = call_with(&stage, privacy, (&alice, &bob));
        assert_eq!((shown, named), (vec![expected.to_owned()], expected != "hidden"));
        stage.clears();
    }
}

#[test]
fn an_extension_that_hides_stays_hidden_after_a_transfer_and_in_its_messages() {
    let stage = Stage::default();
    let (alice, bob, carol) = (stage.phone("101"), stage.phone("102"), stage.phone("103"));
    account(&stage, "101", |account| account.rules.hide_number = true);
    alice.calls("102");
    bob.rings().answers().talks();
    alice.talks();
    carol.picks_up(&bob).talks();
    stage.pass(2.0);
    assert_eq!(shown(&carol), ["hidden"]);
    alice.asks(Method::Message, "sip:103@tandem.local", |text| {
        text.body("text/plain", b"x")
    });
    let text = received(&carol);
    assert!(!text.contains("101@") && !text.contains("Person 101"), "{text}");
    stage.ends(&alice, &carol);
}

#[test]
fn a_callee_that_asks_for_privacy_is_not_named_to_the_caller() {
    // RFC 3325 section 7: Privacy may stand in an answer, too.
    let stage = Stage::default();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    bob.feels(|mood| mood.garbles = vec![("Server: Desk/102", "Privacy: id\r\nServer: Desk/102")]);
    alice.calls("102");
    bob.rings().answers().talks();
    alice.talks();
    assert_eq!(shown(&alice).last().map(String::as_str), Some("hidden"));
    stage.ends(&alice, &bob);
}

#[test]
fn who_takes_no_hidden_calls_answers_them_with_433_before_any_forward() {
    let stage = Stage::default();
    let (alice, bob, carol) = (stage.phone("101"), stage.phone("102"), stage.phone("103"));
    stage.with(|world| {
        world.account("102", |account| {
            account.rules.reject_anonymous = true;
            account.forward_always = Some("103".into());
        });
    });
    alice.feels(|mood| mood.adds = vec![("Privacy", "id".into())]);
    alice.calls("102").ends_with(433);
    assert_eq!((bob.phase(), carol.phase()), (None, None));
    let record = stage.record();
    assert_eq!(
        (
            record.open.from.as_str(),
            record.sip_code,
            record.disposition,
            record.cause.name()
        ),
        ("101", 433, Disposition::Rejected, "caller.anonymous"),
        "the admin sees who called"
    );
    alice.feels(|mood| mood.adds.clear());
    alice.calls("102");
    carol.rings();
    alice.hangs_up();
    stage.clears();
}

#[test]
fn a_script_that_hides_the_caller_is_rejected_too_and_one_that_names_a_number_is_not() {
    for (caller_id, code) in [("anonymous", 433), ("4711", 486)] {
        let stage = Stage::plan(&format!(
            "fn on_call(caller) {{ caller.dial(\"102\", #{{ caller_id: #{{ number: \"{caller_id}\" }} }}); }}"
        ));
        let (alice, bob) = (stage.phone("101"), stage.phone("102"));
        account(&stage, "102", |account| account.rules.reject_anonymous = true);
        bob.feels(|mood| mood.refuses = Some(486));
        alice.feels(|mood| mood.claims = Some("anonymous"));
        alice.calls("102").ends_with(code);
        stage.clears();
    }
}

#[test]
fn no_field_of_a_phone_shows_the_number_of_another_extension() {
    let forged = "\"Carol\" <sip:103@tandem.local>";
    for name in [
        "P-Asserted-Identity",
        "P-Asserted-Service",
        "P-Associated-URI",
        "P-Called-Party-ID",
        "P-Served-User",
        "Remote-Party-ID",
        "Identity",
        "Reply-To",
        "Referred-By",
        "Diversion",
        "History-Info",
        "Call-Info",
        "X-Caller",
    ] {
        let stage = Stage::default();
        let (alice, bob, _carol) = (stage.phone("101"), stage.phone("102"), stage.phone("103"));
        alice.feels(|mood| mood.adds = vec![(name, forged.into())]);
        alice.calls("102");
        bob.rings().answers().talks();
        alice.talks();
        assert_eq!(shown(&bob), ["101 Person 101"], "{name}");
        let text = received(&bob);
        assert!(!text.contains("103@") && !text.contains("Carol"), "{name}\n{text}");
        stage.ends(&alice, &bob);
    }
}

#[test]
fn a_preferred_identity_chooses_among_the_numbers_of_its_own_extension_only() {
    let stage = Stage::default();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    for (preferred, code) in [
        ("<sip:102@tandem.local>", 403),
        ("<sip:101@tandem.local>, <sip:102@tandem.local>", 403),
        ("<tel:102>", 403),
        ("\"Not Ada\" <sip:101@tandem.local>", 486),
    ] {
        bob.feels(|mood| mood.refuses = Some(486));
        alice.feels(|mood| mood.adds = vec![("P-Preferred-Identity", preferred.into())]);
        alice.calls("102").ends_with(code);
    }
    assert_eq!(shown(&bob), ["101 Person 101"], "the name is that of the extension");
    stage.clears();
}

#[test]
fn a_script_reads_no_identity_that_a_phone_has_asserted() {
    let stage = Stage::plan(
        "fn on_call(caller) { caller.reject(if caller.header(\"P-Asserted-Identity\") == () \
         && caller.header(\"Remote-Party-ID\") == () && caller.header(\"y\") == () { 486 } else { 603 }); }",
    );
    let alice = stage.phone("101");
    alice.feels(|mood| {
        mood.adds = ["P-Asserted-Identity", "Remote-Party-ID", "Identity"]
            .map(|name| (name, "<sip:103@tandem.local>".to_owned()))
            .to_vec();
    });
    alice.calls("102").ends_with(486);
    stage.clears();
}
