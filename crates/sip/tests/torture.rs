//! RFC 4475: every one of its messages has a row in `tests/data/torture/outcomes.tsv`, and the
//! outcome that stands there; what the well-formed ones say is looked at below.

#![allow(clippy::unwrap_used, reason = "a test may")]
use std::{collections::BTreeMap, fs, net::SocketAddr, path::PathBuf};

use sip::{Contact, HeaderName, Limits, Message, Method, StatusCode};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/torture")
}

fn bytes(name: &str) -> Vec<u8> {
    fs::read(folder().join(format!("{name}.dat"))).unwrap()
}

fn read(name: &str) -> Message {
    Message::parse(bytes(name).into(), &Limits::default()).unwrap()
}

fn source() -> SocketAddr {
    "192.0.2.9:5062".parse().unwrap()
}

/// What reading gave, in the words of the table, and the status of the answer.
fn outcome(name: &str) -> (String, Option<StatusCode>) {
    let message = match Message::parse(bytes(name).into(), &Limits::default()) {
        Ok(message) => message,
        Err(error) => {
            let reply = error.reply(source()).and_then(|reply| reply.status());
            return (format!("parse:{}", error.fault.status), reply);
        }
    };
    match message.check() {
        Ok(()) => ("ok".to_owned(), None),
        Err(fault) => (
            format!("check:{}", fault.status),
            fault.reply(&message).and_then(|reply| reply.status()),
        ),
    }
}

fn table() -> BTreeMap<String, Vec<String>> {
    let text = fs::read_to_string(folder().join("outcomes.tsv")).unwrap();
    let row = |line: &str| -> Vec<String> { line.split('\t').map(str::to_owned).collect() };
    text.lines().skip(1).map(row).map(|row| (row[0].clone(), row)).collect()
}

#[test]
fn every_message_has_the_outcome_of_the_table() {
    let table = table();
    let mut files: Vec<String> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "dat"))
        .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    files.sort();
    assert_eq!(files.len(), 50);
    assert_eq!(files, table.keys().cloned().collect::<Vec<_>>());
    for (name, row) in &table {
        assert_eq!(row.len(), 5, "{name}");
        let (got, reply) = outcome(name);
        assert_eq!(got, row[2], "{name}");
        // What is refused here is what the peer is told; a response is never answered.
        if let Some((_, status)) = row[2].split_once(':') {
            let answered = reply.map_or("-".to_owned(), |status| status.to_string());
            assert_eq!(answered, row[3], "{name}");
            assert!(row[3] == "-" || row[3] == status, "{name}");
        }
    }
}

#[test]
fn wsinv_white_space_and_folding() {
    let message = read("wsinv");
    assert_eq!(message.method(), &Method::Invite);
    assert_eq!(message.request_uri().unwrap().param("unknownparam"), Some(""));
    assert_eq!(message.to_tag(), Some("1918181833n"));
    assert_eq!(message.from_tag(), Some("98asjd8"));
    assert_eq!(message.from().unwrap().display_name().unwrap(), "J Rosenberg \\\"");
    assert_eq!(message.max_forwards().unwrap(), Some(68));
    assert_eq!(message.cseq().unwrap().number, 9);
    assert_eq!(message.header(HeaderName::Subject), Some(""));
    let vias: Vec<_> = message
        .vias()
        .map(|via| via.unwrap())
        .map(|via| (via.transport, via.host, via.branch()))
        .collect();
    assert_eq!(
        vias,
        [
            ("UDP", "192.0.2.2", Some("390skdjuw")),
            ("TCP", "spindle.example.com", Some("z9hG4bK9ikj8")),
            ("UDP", "192.168.255.111", Some("z9hG4bK30239")),
        ]
    );
    let Contact::Address(contact) = message.contacts().next().unwrap().unwrap() else {
        panic!("a contact")
    };
    assert_eq!(contact.display_name().unwrap(), "Quoted string \"\"");
    assert_eq!(contact.param("newparam"), Some("newvalue"));
    assert_eq!(contact.param("secondparam"), Some(""));
    assert_eq!(contact.param("q"), Some("0.33"));
    assert_eq!(message.other("unknownheaderwithunusualvalue"), Some(";;,,;;,;"));
    assert!(
        message
            .other("NewFangledHeader")
            .unwrap()
            .ends_with("continued newfangled value")
    );
    assert_eq!(message.body().len(), 150);
}

#[test]
fn intmeth_every_octet_that_is_allowed() {
    let message = read("intmeth");
    assert_eq!(message.method().as_str(), "!interesting-Method0123456789_*+`.%indeed'~");
    let uri = message.request_uri().unwrap();
    assert_eq!(uri.user, Some("1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*"));
    assert_eq!(uri.password, Some("&it+has=1,weird!*pas$wo~d_too.(doesn't-it)"));
    assert_eq!(
        message.to().unwrap().display_name().unwrap(),
        "BEL:\x07 NUL:\0 DEL:\x7f"
    );
    assert_eq!(message.from().unwrap().display, Some("token1~` token2'+_ token3*%!.-"));
    assert_eq!(message.from_tag(), Some("_token~1'+`*%!-."));
    assert_eq!(message.from().unwrap().param("fromParam''~+*_!.-%"), Some("работающий"));
    assert!(message.other("extensionHeader-!.%*+_`'~").unwrap().ends_with("大停電"));
}

#[test]
fn esc01_esc02_escnull_percent_signs() {
    let message = read("esc01");
    assert_eq!(message.request_uri().unwrap().user_unescaped(), "sips:user@example.com");
    assert_eq!(message.to().unwrap().uri().unwrap().user_unescaped(), "user");
    assert_eq!(message.from().unwrap().uri().unwrap().user_unescaped(), "I have spaces");
    let Contact::Address(contact) = message.contacts().next().unwrap().unwrap() else {
        panic!("a contact")
    };
    let contact = contact.uri().unwrap();
    assert_eq!(contact.user_unescaped(), "caller");
    assert!(contact.is_loose());
    assert_eq!(contact.param("name"), Some("v%61lue%25%34%31"));

    let message = read("esc02");
    assert_eq!(message.method(), &Method::Other("RE%47IST%45R".into()));
    assert_eq!(message.to().unwrap().display_name().unwrap(), "%Z%45");
    assert_eq!(message.contacts().count(), 2);
    assert_eq!(message.other("C%6Fntact"), Some("<sip:alias2@host2.example.com>"));
    assert_eq!(message.top_via().unwrap().branch(), Some("z9hG4bK209%fzsnel234"));

    let message = read("escnull");
    assert_eq!(message.to().unwrap().uri().unwrap().user_unescaped(), "null-\0-null");
    assert_eq!(message.contacts().count(), 2);
}

#[test]
fn the_other_well_formed_messages_say_what_they_say() {
    assert_eq!(read("lwsdisp").from().unwrap().display_name().unwrap(), "caller");

    let message = read("longreq");
    assert_eq!(message.vias().count(), 34);
    assert_eq!(message.to().unwrap().uri().unwrap().port, Some(6000));
    assert_eq!(message.body().len(), 150);

    let message = read("dblreq");
    assert_eq!((message.method(), message.body().len()), (&Method::Register, 0));
    assert!(message.bytes().ends_with(b"\r\n\r\n"));

    let message = read("semiuri");
    assert_eq!(
        message.request_uri().unwrap().user_unescaped(),
        "user;par=u@example.net"
    );
    assert!(message.lists(HeaderName::Accept, "message/sipfrag"));

    let transports: Vec<_> = read("transports")
        .vias()
        .map(|via| via.unwrap().transport.to_owned())
        .collect();
    assert_eq!(transports, ["UDP", "SCTP", "TLS", "UNKNOWN", "TCP"]);

    let message = read("unreason");
    assert!(message.reason().starts_with("= 2**3 * 5**2 но сто девяносто девять"));
    assert_eq!(
        (read("noreason").status(), read("noreason").reason()),
        (Some(StatusCode::TRYING), "")
    );

    assert!(
        read("trws")
            .request_uri()
            .unwrap()
            .same_as(&read("trws").to().unwrap().uri().unwrap())
    );
    assert_eq!(
        read("baddate").header(HeaderName::Date),
        Some("Fri, 01 Jan 2010 16:00:00 EST")
    );
    assert_eq!(read("badbranch").top_via().unwrap().branch(), Some("z9hG4bK"));
    assert_eq!(read("bcast").vias().nth(1).unwrap().unwrap().host, "255.255.255.255");
    assert_eq!(read("zeromf").max_forwards().unwrap(), Some(0));
    assert_eq!(read("invut").content_type(), Some("application/unknownformat"));
    assert_eq!(read("sdp01").header(HeaderName::Accept), Some("text/nobodyKnowsThis"));
    assert!(
        read("regaut01")
            .header(HeaderName::Authorization)
            .unwrap()
            .starts_with("NoOneKnowsThisScheme ")
    );
    assert_eq!(read("inv2543").from_tag(), None);
    assert_eq!(read("unksm2").from().unwrap().uri, "http://www.example.com");
}

#[test]
fn a_contact_parameter_is_on_the_side_where_it_was_written() {
    for (name, on_contact) in [("cparam01", true), ("cparam02", false)] {
        let message = read(name);
        let Contact::Address(contact) = message.contacts().next().unwrap().unwrap() else {
            panic!("a contact")
        };
        assert_eq!(contact.param("unknownparam").is_some(), on_contact, "{name}");
        assert_eq!(
            contact.uri().unwrap().param("unknownparam").is_some(),
            !on_contact,
            "{name}"
        );
    }
    let message = read("regescrt");
    let Contact::Address(contact) = message.contacts().next().unwrap().unwrap() else {
        panic!("a contact")
    };
    assert_eq!(
        contact.uri().unwrap().header_fields().next(),
        Some(("Route", "%3Csip:sip.example.com%3E"))
    );
}

#[test]
fn bext01_requires_two_extensions() {
    let message = read("bext01");
    let required: Vec<_> = message.values(HeaderName::Require).collect();
    assert_eq!(required, ["nothingSupportsThis", "nothingSupportsThisEither"]);
}

#[test]
fn mpart01_has_parts_that_are_read() {
    let message = read("mpart01");
    let parts = message.parts(&Limits::default()).unwrap();
    let types: Vec<_> = parts.iter().map(|part| part.content_type).collect();
    assert_eq!(types, ["text/plain", "application/octet-stream"]);
    assert_eq!(parts[0].body, b"Hello");
    assert!(!parts[1].body.is_ascii());
}
