//! Nothing of one side is shown to the other, except what a PBX should pass on.

use sip::{HeaderName, Message, Transport};
use switch::Input;
use tests::{Stage, sdp};

/// What of a phone's messages may not be seen by the other.
fn traces(invite: &Message, address: &str) -> Vec<String> {
    let sdp = String::from_utf8_lossy(invite.body()).into_owned();
    let origin = sdp.lines().find(|line| line.starts_with("o=")).map(str::to_owned);
    let session = origin
        .as_deref()
        .and_then(|line| line.split(' ').nth(1))
        .map(|id| format!("o=- {id} "));
    [
        Some(invite.call_id().to_owned()),
        invite.from_tag().map(str::to_owned),
        invite.to_tag().map(str::to_owned),
        Some(address.to_owned()),
        session,
        invite.header(HeaderName::UserAgent).map(str::to_owned),
        invite.header(HeaderName::Server).map(str::to_owned),
        invite.other("X-Secret").map(str::to_owned),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[test]
fn neither_leg_shows_anything_of_the_other() {
    let stage = Stage::default();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    alice.feels(|mood| {
        mood.adds = vec![
            ("X-Secret", "salary".into()),
            ("P-Asserted-Identity", "<sip:president@example.com>".into()),
            ("Route", "<sip:192.0.2.1;lr>".into()),
            ("Subject", "lunch".into()),
        ];
    });
    alice.calls("102");
    bob.rings().plays_early().answers().talks();
    alice.talks().holds();
    bob.hears(media::SdpDirection::SendOnly);
    alice.resumes();
    bob.holds().resumes();
    stage.pass(1.0);
    alice.hangs_up();
    bob.ends_with(200);
    let seen = |phone: &tests::Actor| -> Vec<String> {
        phone.with(|phone| {
            let texts = phone
                .received
                .iter()
                .map(|message| String::from_utf8_lossy(message.bytes()).into_owned());
            texts.collect()
        })
    };
    let (a, b) = (alice.with(|phone| phone.address), bob.with(|phone| phone.address));
    let of_alice = alice.call(|call| traces(&call.invite, &a.ip().to_string()));
    let bob_answer = alice.call(|call| call.last.clone());
    let mut of_bob = vec![
        b.ip().to_string(),
        "Desk/102".to_owned(),
        bob.call(|call| call.invite.call_id().to_owned()),
    ];
    of_bob.push(bob.call(|call| call.invite.from_tag().unwrap().to_owned()));
    assert!(of_alice.len() >= 6 && bob_answer.status().is_some());
    for text in seen(&bob) {
        for trace in &of_alice {
            assert!(!text.contains(trace.as_str()), "bob sees {trace} in\n{text}");
        }
        assert!(
            !text.contains("president"),
            "an identity that a phone asserts is not believed\n{text}"
        );
    }
    let own: Vec<String> = seen(&alice);
    for text in own {
        for trace in &of_bob {
            assert!(!text.contains(trace.as_str()), "alice sees {trace} in\n{text}");
        }
    }
    stage.clears();
}

#[test]
fn the_callee_sees_the_account_s_name_and_number() {
    let stage = Stage::default();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    stage.with(|world| world.account("101", |account| account.name = "Ada \"the\" Countess".into()));
    alice.calls("102");
    bob.rings();
    let from = bob.call(|call| call.invite.header(HeaderName::From).unwrap().to_owned());
    // The address that the phone reaches Tandem by: the phone may not be able to resolve a name.
    let home = bob.with(|phone| phone.server.ip());
    assert!(
        from.starts_with(&format!("\"Ada \\\"the\\\" Countess\" <sip:101@{home}>;tag=")),
        "{from}"
    );
    let to = bob.call(|call| call.invite.header(HeaderName::To).unwrap().to_owned());
    assert_eq!(to, "<sip:102@tandem.local>");
    alice.hangs_up();
    stage.clears();
}

#[test]
fn a_missed_call_can_be_called_back_at_the_uri_that_was_shown() {
    for transport in [Transport::Udp, Transport::Tcp] {
        let stage = Stage::default();
        let alice = stage.phone("101");
        let bob = stage.phone_at("102", "192.0.2.77:5060", transport);
        alice.calls("102");
        bob.rings();
        let shown = bob.call(|call| {
            let from = call.invite.from().unwrap();
            let uri = from.uri().unwrap();
            (uri.user_unescaped().into_owned(), uri.host.to_string(), uri.port)
        });
        alice.hangs_up();
        bob.ends_with(487);
        let (number, host, port) = shown;
        // The phone has no name to look up, and the port is the one it registered to.
        let home = bob.with(|phone| phone.server);
        assert_eq!(
            (host.as_str(), port.unwrap_or(5060)),
            (home.ip().to_string().as_str(), home.port())
        );
        bob.with(|phone| phone.domain = port.map_or(host.clone(), |port| format!("{host}:{port}")));
        bob.calls(&number);
        alice.rings().answers().talks();
        bob.hangs_up();
        alice.ends_with(200);
        stage.clears();
    }
}

#[test]
fn a_caller_without_a_name_in_its_account_shows_the_name_its_phone_sends() {
    let stage = Stage::default();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    stage.with(|world| world.account("101", |account| account.name = String::new()));
    alice.calls("102");
    bob.rings();
    let from = bob.call(|call| call.invite.from().unwrap().display_name().unwrap().into_owned());
    assert_eq!(from, "Phone 101");
    alice.hangs_up();
    stage.clears();
}

#[test]
fn an_anonymous_caller_stays_so() {
    let stage = Stage::default();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    alice.feels(|mood| {
        mood.claims = Some("anonymous");
        mood.adds = vec![("Privacy", "id".into())];
    });
    alice.calls("102");
    bob.rings().answers().talks();
    alice.talks();
    let texts = bob.with(|phone| {
        let texts = phone
            .received
            .iter()
            .map(|message| String::from_utf8_lossy(message.bytes()).into_owned());
        texts.collect::<Vec<_>>()
    });
    for text in texts {
        assert!(!text.contains("101@") && !text.contains("Person 101"), "{text}");
    }
    let from = bob.call(|call| call.invite.header(HeaderName::From).unwrap().to_owned());
    assert!(
        from.starts_with("\"Anonymous\" <sip:anonymous@anonymous.invalid>"),
        "RFC 3323 4.1.1.3: {from}"
    );
    // The record has the caller's number: only the callee does not see it.
    assert_eq!(stage.calls()[0].from, "101");
    alice.hangs_up();
    assert_eq!(stage.record().open.from, "101");
    stage.clears();
}

#[test]
fn an_anonymous_call_that_is_refused_has_its_caller_in_the_record() {
    let stage = Stage::default();
    let alice = stage.phone("101");
    stage.tells(Input::Drain);
    alice.feels(|mood| mood.claims = Some("anonymous"));
    alice.calls("102").ends_with(503);
    assert_eq!(stage.record().open.from, "101");
    stage.clears();
}

#[test]
fn a_diversion_that_came_is_passed_on_without_addresses() {
    let stage = Stage::default();
    let (alice, bob, carol) = (stage.phone("101"), stage.phone("102"), stage.phone("103"));
    stage.with(|world| world.account("102", |account| account.forward_always = Some("103".into())));
    alice.feels(|mood| {
        mood.adds = vec![(
            "Diversion",
            "\"Desk\" <sip:777@10.1.2.3:5066;x=y>;reason=user-busy;counter=1".into(),
        )];
    });
    alice.calls("102");
    carol.rings();
    let diversions: Vec<String> = carol.call(|call| {
        let invite = &call.invite;
        let fields = invite
            .fields()
            .filter(|(name, ..)| name.eq_ignore_ascii_case("diversion"));
        fields.map(|(_, _, value)| value.to_owned()).collect()
    });
    assert_eq!(diversions.len(), 2, "{diversions:?}");
    assert!(
        diversions[0].starts_with("\"Person 102\" <sip:102@tandem.local>;reason=unconditional"),
        "the last one comes first"
    );
    assert_eq!(
        diversions[1],
        "\"Desk\" <sip:777@tandem.local>;reason=user-busy;counter=1"
    );
    let _ = (bob, sdp("192.0.2.9", 1));
    alice.hangs_up();
    stage.clears();
}
