//! What a call asks for: digits that come one by one, parameters of its URI, and whether it would be taken.

use sip::{Builder, HeaderName, Message, Method};
use switch::{Config, Trusted};
use tests::{Settings, Stage, sdp};

fn invite(number: &str, seq: u32, tag: &str) -> Message {
    Builder::request(&Method::Invite, &format!("sip:{number}@tandem.local"))
        .header(
            HeaderName::Via,
            format!("SIP/2.0/UDP 198.51.200.1:5060;branch=z9hG4bK{tag}{seq}"),
        )
        .header(HeaderName::MaxForwards, 70)
        .header(HeaderName::From, format!("<sip:101@tandem.local>;tag={tag}"))
        .header(HeaderName::To, format!("<sip:{number}@tandem.local>"))
        .header(HeaderName::CallId, "overlap")
        .header(HeaderName::CSeq, format!("{seq} INVITE"))
        .header(HeaderName::Contact, "<sip:101@198.51.200.1>")
        .body("application/sdp", sdp("198.51.200.1", 9_000).as_bytes())
        .finish()
}

fn gateway(plan: &str) -> Stage {
    let trusted = Trusted {
        network: "198.51.200.1".parse().unwrap(),
        prefix: 32,
        extension: "101".into(),
    };
    Stage::new(Settings {
        plan: plan.into(),
        config: Config {
            trusted: vec![trusted],
            ..Config::default()
        },
        ..Settings::default()
    })
}

const COLLECTS: &str = r#"fn on_call(caller) {
    if caller.dialed.len < 3 { caller.wait(60); caller.reject(484); } else { caller.dial(caller.dialed); }
}"#;

#[test]
fn an_invite_with_more_digits_replaces_the_one_before() {
    let stage = gateway(COLLECTS);
    stage.unregistered("101");
    let bob = stage.phone("102");
    let wire = stage.wire("198.51.200.1:5060");
    for (seq, number) in ["1", "10", "102"].into_iter().enumerate() {
        wire.sends(invite(number, u32::try_from(seq).unwrap() + 1, "near"));
        if seq > 0 {
            let of_the_one_before = format!("{seq} INVITE");
            wire.takes("484", |message| {
                message.status().is_some_and(|status| status.code() == 484)
                    && message.header(HeaderName::CSeq) == Some(&of_the_one_before)
            });
        }
        stage.pass(0.5);
    }
    bob.rings().rejects(486);
    assert_eq!(bob.got(Method::Invite), 1);
    wire.takes_response(486);
    // RFC 3578 section 3.1: other digits, or another call, replace nothing.
    for (number, tag) in [("1", "a"), ("2", "a"), ("10", "b")] {
        wire.sends(invite(number, u32::from(number == "2") + 1, tag));
        stage.pass(0.5);
    }
    assert!(
        wire.collects(1.0)
            .iter()
            .filter(|message| message.from_tag() != Some("near"))
            .all(|message| message.status().is_none_or(|status| status.code() < 200)),
        "{}",
        stage.ladder()
    );
    stage.pass(70.0);
    stage.clears();
}

#[test]
fn a_script_says_that_a_number_is_not_complete() {
    let stage = Stage::plan(r#"fn on_call(caller) { caller.reject(484); }"#);
    let alice = stage.phone("101");
    alice.calls("1").ends_with(484);
    stage.clears();
}

#[test]
fn announcements_dialogs_and_conferences_of_rfc_4240_reach_the_script() {
    let plan = r#"fn on_call(caller) {
        let what = caller.dialed;
        let play = caller.parameter("play");
        let none = caller.parameter("repeat");
        caller.reject(486, what + " " + if play == () { "none" } else { play } + " " + type_of(none));
    }"#;
    let stage = gateway(plan);
    stage.unregistered("101");
    let wire = stage.wire("198.51.200.1:5060");
    for (at, uri, words) in [
        (
            1,
            "sip:annc@tandem.local;play=http://audio.example/allcircuits%20busy.g711",
            "annc http://audio.example/allcircuits busy.g711 ()",
        ),
        (
            2,
            "sip:dialog@tandem.local;voicexml=http://vxml.example/x.vxml;repeat",
            "dialog none string",
        ),
        (3, "sip:conf=room7@tandem.local", "conf=room7 none ()"),
    ] {
        let plain = invite("1", at, "near");
        let mut builder = Builder::request(&Method::Invite, uri);
        for (name, id, value) in plain.fields() {
            if !matches!(
                id,
                HeaderName::ContentLength | HeaderName::ContentType | HeaderName::CallId
            ) {
                builder = builder.other(name, value);
            }
        }
        let request = builder
            .header(HeaderName::CallId, format!("annc{at}"))
            .body("application/sdp", plain.body())
            .finish();
        wire.sends(request);
        let name = format!("annc{at}");
        let refused = wire.takes("486", |message| {
            message.status().is_some_and(|status| status.code() == 486) && message.call_id() == name
        });
        assert_eq!(refused.reason(), words);
    }
    stage.clears();
}

#[test]
fn options_for_an_extension_says_what_an_invite_would_get() {
    // RFC 3261 11.2.
    let stage = Stage::default();
    let (alice, _bob) = (stage.phone("101"), stage.phone("102"));
    stage.unregistered("103");
    let away = stage.phone("104");
    stage.with(|world| world.account("104", |account| account.dnd = true));
    let asks = |uri: &str| {
        let answer = alice.asks(Method::Options, uri, |builder| builder);
        assert!(answer.lists(HeaderName::Allow, "PRACK") && answer.lists(HeaderName::Supported, "100rel"));
        assert!(answer.lists(HeaderName::Accept, "application/sdp"));
        answer.status().unwrap().code()
    };
    for (uri, code) in [
        ("sip:tandem.local", 200),
        ("sip:102@tandem.local", 200),
        ("sip:103@tandem.local", 480),
        ("sip:104@tandem.local", 486),
        ("sip:*43@tandem.local", 200),
        ("sip:102@elsewhere.example", 404),
    ] {
        assert_eq!(asks(uri), code, "{uri}");
    }
    drop(away);
    // A stranger does not learn which extensions there are.
    let stranger = stage.wire("198.51.200.9:5060");
    let options = Builder::request(&Method::Options, "sip:103@tandem.local")
        .header(HeaderName::Via, "SIP/2.0/UDP 198.51.200.9:5060;branch=z9hG4bKo")
        .header(HeaderName::MaxForwards, 70)
        .header(HeaderName::From, "<sip:101@tandem.local>;tag=x")
        .header(HeaderName::To, "<sip:103@tandem.local>")
        .header(HeaderName::CallId, "o")
        .header(HeaderName::CSeq, "1 OPTIONS");
    stranger.sends(options.finish());
    stranger.takes_response(200);
    stage.clears();
}

#[test]
fn what_a_request_demands_is_met_or_refused_with_the_code_for_it() {
    let stage = Stage::default();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    for (fields, code, header) in [
        (
            vec![("Require", "resource-priority"), ("Resource-Priority", "x.1")],
            417,
            Some(HeaderName::AcceptResourcePriority),
        ),
        (
            vec![
                ("Require", "sec-agree"),
                ("Proxy-Require", "sec-agree"),
                ("Security-Client", "tls"),
            ],
            494,
            Some(HeaderName::SecurityServer),
        ),
        (vec![("Proxy-Require", "magic")], 420, Some(HeaderName::Unsupported)),
    ] {
        alice.feels(|mood| {
            mood.adds = fields
                .iter()
                .map(|(name, value)| (*name, (*value).to_owned()))
                .collect()
        });
        alice.calls("102").ends_with(code);
        let answer = alice.call(|call| call.last.clone());
        assert!(header.is_none_or(|name| answer.header(name).is_some()), "{code}");
    }
    // RFC 3329 2.3.1: with the list that it was given the request is taken, and challenged as any other.
    alice.feels(|mood| {
        mood.adds = vec![
            ("Require", "sec-agree".into()),
            ("Security-Verify", "digest;d-alg=MD5;q=0.1".into()),
        ];
    });
    alice.calls("102");
    bob.rings().rejects(486);
    alice.ends_with(486);
    alice.feels(|mood| {
        mood.adds = vec![
            ("Require", "resource-priority".into()),
            ("Resource-Priority", "ets.1".into()),
        ]
    });
    alice.calls("102");
    bob.rings().rejects(486);
    alice.ends_with(486);
    stage.clears();
}
