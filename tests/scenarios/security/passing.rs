//! What passes from one phone to the other: texts without control octets, numbers in any form, lists in any number of
//! rows.

use sip::{HeaderName, Method};
use tests::{Settings, Stage};

#[test]
fn control_octets_of_one_phone_do_not_reach_the_other_nor_the_record() {
    // RFC 3261 25.1. Each phone of this world looks for control octets in all it receives.
    let stage = Stage::default();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    stage.with(|world| world.account("101", |account| account.name.clear()));
    alice.feels(|mood| {
        mood.garbles = vec![
            ("Phone 101", "A\\\0\\\u{1b}[2Jb"),
            (
                "X-Dirt: ",
                "Diversion: \"\u{1b}\" <sip:9@x>;reason=\"\u{7}\"\r\nSubject: a\0b\u{1b}\r\nX-Dirt: \0",
            ),
            ("text/plain", "text/plain;x=\"\u{1b}\0\""),
            ("dtmf-relay", "dtmf-relay;x=\"\u{7}\""),
        ];
        mood.adds = vec![("X-Dirt", "x".into())];
    });
    bob.feels(|mood| mood.garbles = vec![("486 Busy Here", "486 Busy\0\u{1b}[31mHere\u{7f}")]);

    alice.calls("102");
    bob.rings().rejects(486);
    let name = bob.call(|call| call.invite.from().unwrap().display_name().unwrap().into_owned());
    alice.ends_with(486);
    assert_eq!(name, "A  [2Jb");
    alice.call(|call| assert_eq!(call.last.reason(), "Busy  [31mHere "));
    let record = stage.record();
    assert_eq!(
        (record.detail.as_str(), record.open.from_name.as_str()),
        ("Busy  [31mHere ", "A  [2Jb")
    );

    alice.with(|phone| phone.text("102", "\u{1b} is the text's own"));
    stage.pass(1.0);
    bob.with(|phone| {
        assert_eq!(phone.texts, ["\u{1b} is the text's own"]);
        let text = phone.received.back().unwrap();
        assert_eq!(text.content_type(), Some("text/plain;x=\"  \""));
    });

    // A phone without RFC 4733 gets keys by INFO.
    bob.feels(|mood| mood.codecs = vec!["PCMU"]);
    alice.calls("102");
    bob.rings().answers().talks();
    alice.talks();
    alice.asks_within(Method::Info, |builder| {
        builder.body("application/dtmf-relay", b"Signal=1\r\n")
    });
    bob.with(|phone| {
        let info = phone.received.back().unwrap();
        assert_eq!(info.content_type(), Some("application/dtmf-relay;x=\" \""));
    });
    stage.ends(&alice, &bob);
}

#[test]
fn a_script_reads_fields_without_control_octets_and_all_rows_of_a_list() {
    let plan = r#"fn on_call(caller) {
        let none = caller.header("Priority") == ();
        caller.reject(480, `${caller.header("Subject")}|${caller.header("x-any")}|${caller.header("Call-Info")}|${none}`);
    }"#;
    let stage = Stage::plan(plan);
    let alice = stage.phone("101");
    alice.feels(|mood| {
        let add = |name, value: &str| (name, value.to_owned());
        mood.adds = vec![
            add("Subject", "a~b"),
            add("X-Any", "one"),
            add("Call-Info", "<http://a/1>;purpose=icon, <http://a/2>"),
            add("X-Any", "two"),
            add("Call-Info", "<http://a/3>"),
        ];
        mood.garbles = vec![("a~b", "a\0\u{1b}b")];
    });
    alice.calls("900").ends_with(480);
    assert_eq!(
        stage.record().detail,
        "rejected by the dialplan: 480 a  b|one, two|<http://a/1>;purpose=icon, <http://a/2>, <http://a/3>|true"
    );
    stage.clears();
}

#[test]
fn a_telephone_number_is_rung_in_each_form_it_is_written() {
    // RFC 3261 19.1.6, RFC 3966 5.1.1.
    let stage = Stage::default();
    let (alice, bob) = (stage.phone("101"), stage.phone("+15551234567"));
    for uri in [
        "tel:+1-555-123-4567",
        "sip:+15551234567@tandem.local;user=phone",
        "sip:+1-555-123-4567@tandem.local;user=phone",
        "sip:+1%28555%29123.4567;ext=1@tandem.local;user=phone",
    ] {
        alice.calls(uri);
        bob.rings().rejects(486);
        alice.ends_with(486);
        alice.with(|phone| {
            phone.ask(&Method::Message, uri, |builder| {
                builder.body("text/plain", uri.as_bytes())
            })
        });
        stage.pass(1.0);
        bob.with(|phone| assert_eq!(phone.texts.pop().as_deref(), Some(uri)));
    }
    // Without `user=phone` it is a user name, and no extension has that name.
    alice.calls("sip:+1-555-123-4567@tandem.local").ends_with(404);
    stage.clears();
}

#[test]
fn a_phone_may_write_its_own_number_with_separators_or_leave_it_out() {
    let stage = Stage::default();
    let (alice, bob) = (stage.phone("+15551234567"), stage.phone("102"));
    for (own, from) in [
        (
            "<sip:+15551234567@tandem.local>;tag",
            "<sip:+1-555-123-4567@tandem.local;user=phone>;tag",
        ),
        ("<sip:+15551234567@tandem.local>;tag", "<tel:+1-555-123-4567>;tag"),
        // Door stations.
        ("<sip:+15551234567@tandem.local>;tag", "<sip:192.0.2.1>;tag"),
        (
            "\"Phone +15551234567\" <sip:+15551234567@tandem.local>;tag",
            "sip:198.51.100.10:5060;tag",
        ),
    ] {
        alice.feels(|mood| mood.garbles = vec![(own, from)]);
        alice.registers(600).calls("102");
        bob.rings();
        bob.call(|call| {
            let from = call.invite.from().unwrap();
            assert_eq!(from.uri().unwrap().user, Some("+15551234567"));
        });
        bob.rejects(486);
        alice.ends_with(486);
    }
    // A caller without credentials is still refused, and so is a caller that uses the number of another.
    for from in [
        "<sip:102@tandem.local>;tag",
        "<sip:1-0-2@tandem.local;user=phone>;tag",
        "<urn:service:sos>;tag",
    ] {
        alice.feels(|mood| mood.garbles = vec![("<sip:+15551234567@tandem.local>;tag", from)]);
        alice.calls("102").ends_with(403);
    }
    alice.feels(|mood| mood.garbles.clear());
    stage.clears();
}

#[test]
fn a_diversion_is_a_list_in_however_many_rows() {
    // RFC 3261 7.3.1, RFC 5806 4.
    let stage = Stage::default();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    let one = "\"Last, of all\" <sip:104@x.example>;reason=unconditional";
    let two = "<sip:+1-03@x.example;user=phone>;reason=user-busy";
    let rows = |all: &[String]| all.iter().map(|row| ("Diversion", row.clone())).collect::<Vec<_>>();
    let mixed = [format!("{one} ,{two}"), format!(" {one},\t{two}, {two}")];
    for (rows, fold, count) in [
        (rows(&[one.into(), two.into()]), false, 2),
        (rows(&[format!("{one}, {two}")]), false, 2),
        (rows(&[format!("{one}, {two}")]), true, 2),
        (rows(&mixed), false, 5),
        (rows(&[mixed.clone(), mixed.clone()].concat()), true, 5),
    ] {
        alice.feels(|mood| {
            mood.adds = rows;
            mood.garbles = if fold {
                vec![(">;reason", ">\r\n ;reason"), (", <", ",\r\n\t <")]
            } else {
                Vec::new()
            };
        });
        alice.calls("102");
        bob.rings();
        let steps: Vec<String> =
            bob.call(|call| call.invite.values(HeaderName::Diversion).map(str::to_owned).collect());
        let (one, two) = (
            "\"Last, of all\" <sip:104@tandem.local>;reason=unconditional",
            "<sip:+103@tandem.local>;reason=user-busy",
        );
        assert_eq!(steps, [one, two, one, two, two][..count], "the first {count}");
        bob.rejects(486);
        alice.ends_with(486);
    }
    stage.clears();
}

#[test]
fn a_phone_with_a_long_contact_is_called_at_exactly_that_uri() {
    // RFC 8599 4.
    let stage = Stage::default();
    let (alice, bob) = (stage.phone("101"), stage.unregistered("102"));
    let push = "A".repeat(1_990);
    bob.with(|phone| phone.believes = Some(format!("{};pn-provider=apns;pn-prid={push}", phone.address)));
    let contact = bob
        .registers(600)
        .with(|phone| format!("sip:102@{}", phone.believes.clone().unwrap()));
    alice.calls("102");
    bob.rings();
    bob.call(|call| assert_eq!(call.invite.uri(), contact));
    bob.answers().talks();
    alice.talks();
    stage.ends(&alice, &bob);

    let mut settings = Settings::default();
    settings.config.registrar.text = 1_000;
    let stage = Stage::new(settings);
    let bob = stage.unregistered("102");
    bob.with(|phone| {
        phone.believes = Some(format!("{};pn-prid={push}", phone.address));
        phone.register(600);
    });
    stage.pass(1.0);
    assert_eq!(bob.with(|phone| phone.registered), Some(400));
}
