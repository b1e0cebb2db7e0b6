//! Which header fields of a caller's INVITE the phone that rings gets: the table is `tests/data/headers.tsv`.

use sip::{HeaderName, Message, Method};
use tests::{Actor, Stage};

const TABLE: &str = include_str!("../../data/headers.tsv");
const URI: &str = r#"fn on_call(caller) { caller.dial("sip:wire@198.51.200.1:5060", #{ timeout: 20 }); }"#;

struct Row<'a> {
    name: &'a str,
    value: &'a str,
    becomes: &'a str,
}

fn table() -> impl Iterator<Item = Row<'static>> {
    TABLE.lines().skip(1).map(|line| {
        let cells: Vec<&str> = line.split('\t').collect();
        let [name, value, becomes, why] = cells[..] else {
            panic!("four cells: {line}");
        };
        assert!(!why.is_empty(), "{name}");
        Row { name, value, becomes }
    })
}

/// What a phone is asked when the caller's INVITE has these header fields.
fn asked(stage: &Stage, alice: &Actor, fields: &[(&'static str, &str)]) -> Message {
    alice.feels(|mood| {
        mood.adds = fields
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()))
            .collect();
    });
    let wire = stage.wire("198.51.200.1:5060");
    alice.calls("900");
    let invite = wire.takes_request(Method::Invite);
    wire.replies(&invite, 486, "far", |reply| reply);
    alice.ends_with(486);
    wire.collects(1.0);
    invite
}

#[test]
fn each_header_field_crosses_or_ends_as_the_table_says() {
    let stage = Stage::plan(URI);
    let alice = stage.phone("101");
    for row in table() {
        let invite = asked(&stage, &alice, &[(row.name, row.value)]);
        let came: Vec<&str> = invite.headers(HeaderName::parse(row.name.as_bytes())).collect();
        match row.becomes {
            "crosses" => assert_eq!(came, [row.value], "{}", row.name),
            "ends" => assert!(came.is_empty(), "{}: {came:?}", row.name),
            "ours" => assert!(!came.contains(&row.value), "{}: {came:?}", row.name),
            other => panic!("{other}"),
        }
    }
    stage.clears();
}

#[test]
fn a_caller_that_hides_does_not_show_itself_by_other_header_fields() {
    // RFC 3323 4.1.
    let stage = Stage::plan(URI);
    let alice = stage.phone("101");
    let fields: Vec<(&'static str, &str)> = table()
        .filter(|row| row.becomes == "crosses")
        .map(|row| (row.name, row.value))
        .chain([("Privacy", "id")])
        .collect();
    let invite = asked(&stage, &alice, &fields);
    for name in ["Subject", "Organization", "Reply-To", "Call-Info", "Geolocation"] {
        assert_eq!(invite.other(name), None, "{name}");
    }
    for name in [
        "Priority",
        "Resource-Priority",
        "Accept-Language",
        "Alert-Info",
        "Session-ID",
    ] {
        assert!(invite.other(name).is_some(), "{name}");
    }
    stage.clears();
}

#[test]
fn what_would_make_a_phone_answer_or_names_an_address_stays_here() {
    let stage = Stage::plan(URI);
    let alice = stage.phone("101");
    for (name, value) in [
        ("Call-Info", "<sip:tandem.local>;answer-after=0"),
        ("Call-Info", "<http://198.51.100.1/x>;purpose=icon"),
        ("Reply-To", "<sip:101@198.51.100.1>"),
        ("Reply-To", "<sip:103@tandem.local>"),
        ("Reply-To", "<tel:+15551234>"),
        ("Alert-Info", "<urn:alert:service:normal>;info=alert-autoanswer"),
        // RFC 6442 section 3: there is no part of the body with that name.
        ("Geolocation", "<cid:alice@atlanta.example.com>"),
    ] {
        let invite = asked(&stage, &alice, &[(name, value)]);
        assert_eq!(invite.other(name), None, "{value}");
    }
    let many: Vec<(&str, &str)> = (0..20)
        .map(|_| ("Call-Info", "<http://a.example/x>;purpose=info"))
        .collect();
    let invite = asked(&stage, &alice, &many);
    assert_eq!(invite.headers(HeaderName::CallInfo).count(), 8);
    stage.clears();
}

#[test]
fn a_script_reads_what_came_and_its_own_words_go_before_it() {
    let stage = Stage::plan(
        r#"fn on_call(caller) {
            let priority = caller.header("Resource-Priority");
            let place = caller.header("Geolocation");
            caller.dial("sip:wire@198.51.200.1:5060", #{ headers: #{ "Subject": priority + " " + place } });
        }"#,
    );
    let alice = stage.phone("101");
    let fields = [
        ("Resource-Priority", "ets.0"),
        ("Geolocation", "<https://x.example/y>"),
        ("Subject", "mine"),
    ];
    let invite = asked(&stage, &alice, &fields);
    let subjects: Vec<&str> = invite.headers(HeaderName::Subject).collect();
    assert_eq!(subjects, ["ets.0 <https://x.example/y>"]);
    stage.clears();
}

#[test]
fn no_more_phones_ring_at_once_than_the_caller_s_max_breadth_allows() {
    // RFC 5393 section 5.3.3.
    let stage = Stage::plan(r#"fn on_call(caller) { caller.dial(["102", "103"], #{ timeout: 20 }); }"#);
    let (alice, bob, carol) = (stage.phone("101"), stage.phone("102"), stage.phone("103"));
    for (breadth, rung) in [("0", 0), ("1", 1), ("2", 2), ("60", 2)] {
        alice.feels(|mood| mood.adds = vec![("Max-Breadth", breadth.into())]);
        let before = bob.got(Method::Invite) + carol.got(Method::Invite);
        alice.calls("900");
        if rung == 0 {
            alice.ends_with(440);
        } else {
            bob.rings();
            stage.pass(1.0);
            let share = bob.call(|call| call.invite.header(HeaderName::MaxBreadth).map(str::to_owned));
            assert_eq!(share.as_deref(), Some(if breadth == "60" { "3" } else { "1" }));
            alice.hangs_up().ends_with(487);
        }
        stage.pass(1.0);
        assert_eq!(
            bob.got(Method::Invite) + carol.got(Method::Invite) - before,
            rung,
            "{breadth}"
        );
    }
    stage.clears();
}

/// An INVITE whose body is a session and a location document, as the caller's phone writes it.
fn located(stage: &Stage, alice: &Actor, target: &str, geolocation: &str) {
    let document = "<presence xmlns=\"urn:ietf:params:xml:ns:pidf\"/>";
    alice.with(|phone| {
        let (offer, contact) = (tests::sdp("198.51.0.1", 9_000), phone.contact());
        let body = format!(
            "--b\r\nContent-Type: application/sdp\r\n\r\n{offer}\r\n--b\r\nContent-Type: application/pidf+xml\r\n\
             Content-ID: <alice@a.example>\r\n\r\n{document}\r\n--b--\r\n"
        );
        phone.ask(&Method::Invite, &format!("sip:{target}@tandem.local"), |invite| {
            invite
                .header(HeaderName::Contact, contact)
                .other("Geolocation", geolocation)
                .body("multipart/mixed;boundary=b", body.as_bytes())
        });
    });
    stage.pass(0.5);
}

#[test]
fn the_document_that_a_geolocation_names_crosses_with_the_session() {
    // RFC 6442 section 3, RFC 5621 section 3.1.
    let stage = Stage::plan(URI);
    let alice = stage.phone("101");
    let wire = stage.wire("198.51.200.1:5060");
    located(&stage, &alice, "900", "<cid:alice%40a.example>");
    let invite = wire.takes_request(Method::Invite);
    let parts = invite.parts(&sip::Limits::default()).unwrap();
    let kinds: Vec<&str> = parts.iter().map(|part| part.content_type).collect();
    assert_eq!(kinds, ["application/sdp", "application/pidf+xml"]);
    assert_eq!(parts[1].id, Some("<alice@a.example>"));
    assert!(parts[1].body.starts_with(b"<presence"));
    assert_eq!(invite.header(HeaderName::Geolocation), Some("<cid:alice%40a.example>"));
    // The session is Tandem's own.
    assert!(!String::from_utf8_lossy(parts[0].body).contains("9000"));
    wire.replies(&invite, 486, "far", |reply| reply);
    stage.pass(1.0);
    wire.collects(1.0);
    // A name that no part has.
    located(&stage, &alice, "900", "<cid:bob@a.example>");
    let invite = wire.takes_request(Method::Invite);
    assert_eq!(invite.content_type(), Some("application/sdp"));
    assert_eq!(invite.header(HeaderName::Geolocation), None);
    wire.replies(&invite, 486, "far", |reply| reply);
    stage.clears();
}

#[test]
fn a_phone_of_ours_gets_no_body_of_several_parts() {
    let stage = Stage::default();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    located(&stage, &alice, "102", "<cid:alice%40a.example>");
    bob.rings();
    bob.call(|call| {
        assert_eq!(call.invite.content_type(), Some("application/sdp"));
        assert_eq!(call.invite.header(HeaderName::Geolocation), None);
    });
    bob.rejects(486);
    stage.clears();
}
