//! GRUUs (RFC 5627): URIs that reach one phone of an extension, and no other.

use sip::{Contact, HeaderName, Message, Method};
use switch::{AccountChange, CauseCode, Extension, Input};
use tests::{Actor, Phase, Settings, Stage, net::Faults};

use super::named;

/// The Contact of the phone in the last answer to its REGISTER.
fn listed(actor: &Actor, param: &str) -> Option<String> {
    actor.with(|phone| {
        let is_register = |message: &&Message| message.cseq().is_ok_and(|cseq| cseq.method == Method::Register);
        let answer = phone
            .received
            .iter()
            .rev()
            .find(is_register)
            .expect("it has registered");
        let own = phone.address.to_string();
        let mut addresses = answer.contacts().filter_map(|contact| match contact.unwrap() {
            Contact::Address(address) => Some(address),
            Contact::Star => None,
        });
        let address = addresses
            .find(|address| address.uri.contains(&own))
            .expect("its own contact");
        address.param(param).map(str::to_owned)
    })
}

fn public(actor: &Actor) -> String {
    listed(actor, "pub-gruu").expect("a public GRUU")
}

fn temporary(actor: &Actor) -> String {
    listed(actor, "temp-gruu").expect("a temporary GRUU")
}

/// 101, and two phones of 102.
fn stage() -> (Stage, Actor, Actor, Actor) {
    let stage = Stage::default();
    let alice = stage.phone("101");
    let (desk, mobile) = (named(&stage, "102", 1, ""), named(&stage, "102", 2, ""));
    (stage, alice, desk, mobile)
}

fn sets(stage: &Stage, change: impl FnOnce(&mut Extension)) {
    let mut extension = Extension {
        number: "102".into(),
        ..Extension::default()
    };
    change(&mut extension);
    stage.tells(Input::Account(AccountChange::Extension(extension)));
}

#[test]
fn a_phone_that_asks_is_given_a_public_and_a_temporary_gruu() {
    let (_, alice, desk, mobile) = stage();
    assert_eq!(
        public(&desk),
        "sip:102@tandem.local;gr=urn:uuid:00000000-0000-1000-8000-000000000001"
    );
    assert!(public(&mobile).ends_with("02"));
    let first = temporary(&desk);
    desk.registers(3_600);
    let second = temporary(&desk);
    assert_ne!(first, second, "each answer has a new one");
    for gruu in [&first, &second] {
        assert!(
            gruu.starts_with("sip:tgruu.") && gruu.ends_with("@tandem.local;gr"),
            "{gruu}"
        );
    }
    assert_eq!(listed(&alice, "pub-gruu"), None, "it names no instance");
    // RFC 5627 section 5.2: only to a phone that says that it knows them.
    desk.feels(|mood| mood.register_adds.clear());
    desk.registers(3_600);
    assert_eq!(listed(&desk, "pub-gruu"), None);
}

#[test]
fn a_call_to_a_gruu_rings_that_phone_alone() {
    let (stage, alice, desk, mobile) = stage();
    for (called, other) in [(&desk, &mobile), (&mobile, &desk)] {
        for gruu in [
            public(called),
            temporary(called),
            public(called).replace("urn:uuid", "URN:UUID"),
        ] {
            let before = other.got(Method::Invite);
            alice.calls(&gruu);
            called.rings().answers().talks();
            alice.talks();
            assert_eq!(other.got(Method::Invite), before, "{gruu}");
            alice.hangs_up().ends_with(200);
            called.ends_with(200);
        }
    }
    let dialed = stage.with(|world| world.cdrs.iter().map(|cdr| cdr.open.dialed.clone()).collect::<Vec<_>>());
    assert_eq!(dialed, ["102"; 6], "the dialplan and the record see the number");
    stage.clears();
}

#[test]
fn a_call_to_a_gruu_comes_through_a_bad_network() {
    let mut rang = 0;
    for seed in 1..=10 {
        let stage = Stage::new(Settings {
            seed,
            ..Settings::default()
        });
        let alice = stage.phone("101");
        let (desk, mobile) = (named(&stage, "102", 1, ""), named(&stage, "102", 2, ""));
        let gruu = temporary(&desk);
        stage.with(|world| {
            world.net.faults = Faults {
                loss: 20,
                ..Faults::default()
            };
        });
        alice.calls(&gruu);
        stage.pass(15.0);
        assert_eq!(mobile.got(Method::Invite), 0, "seed {seed}");
        rang += u32::from(desk.phase() == Some(Phase::Ringing));
        stage.with(|world| world.net.faults = Faults::default());
        alice.ends_or_hangs_up();
        stage.clears();
    }
    assert!(rang >= 8, "{rang} of 10 calls rang");
}

#[test]
fn a_dialplan_dials_a_gruu() {
    let plan = |gruu: &str| format!(r#"fn on_call(caller) {{ caller.dial("{gruu}", #{{ timeout: 20 }}); }}"#);
    let stage = Stage::plan(&plan(
        "sip:102@tandem.local;gr=urn:uuid:00000000-0000-1000-8000-000000000002",
    ));
    let alice = stage.phone("101");
    let (desk, mobile) = (named(&stage, "102", 1, ""), named(&stage, "102", 2, ""));
    alice.calls("900");
    mobile.rings().answers().talks();
    assert_eq!(desk.got(Method::Invite), 0);
    alice.talks().hangs_up().ends_with(200);
    stage.clears();
}

#[test]
fn a_phone_that_is_away_draws_480_and_a_gruu_of_nobody_404() {
    let (stage, alice, desk, _) = stage();
    let (gruu, unknown) = (public(&desk), public(&desk).replace("102", "999"));
    desk.registers(0);
    alice.calls(&gruu).ends_with(480);
    assert_eq!(stage.record().cause, CauseCode::PhoneNotRegistered);
    alice.calls(&unknown).ends_with(404);
    for text in ["sip:tgruu.AAAA@tandem.local;gr", "sip:102@tandem.local;gr"] {
        alice.calls(text).ends_with(404);
    }
    stage.clears();
}

#[test]
fn temporary_gruus_last_as_long_as_the_registration() {
    let (stage, alice, desk, mobile) = stage();
    let first = temporary(&desk);
    desk.registers(3_600);
    let second = temporary(&desk);
    let reaches = |gruu: &str| {
        alice.calls(gruu);
        desk.rings().rejects(486);
        alice.ends_with(486);
    };
    reaches(&first);
    reaches(&second);
    // The key is the same after a restart, and so is the binding.
    stage.with(|world| world.restart(&Settings::default()));
    reaches(&first);
    desk.registers(0);
    alice.calls(&second).ends_with(404);
    desk.registers(3_600);
    alice.calls(&second).ends_with(404);
    let third = temporary(&desk);
    reaches(&third);
    // RFC 5627 section 5.1: a phone that registers with another Call-ID has started anew.
    let moved = stage.unregistered("102");
    super::names(&moved, 1, "");
    moved.registers(3_600);
    alice.calls(&third).ends_with(404);
    alice.calls(&public(&moved));
    moved.rings().rejects(486);
    alice.ends_with(486);
    assert_eq!(mobile.got(Method::Invite), 0);
    stage.clears();
}

#[test]
fn whose_phone_a_temporary_gruu_names_is_not_told() {
    let (stage, alice, desk, _) = stage();
    for (gruu, told) in [(public(&desk), true), (temporary(&desk), false)] {
        alice.calls(&gruu);
        desk.rings().answers().talks();
        alice.talks();
        stage.pass(2.0);
        let said = alice.with(|phone| {
            let names = [HeaderName::PAssertedIdentity, HeaderName::RemotePartyId];
            let values = phone
                .received
                .iter()
                .flat_map(|message| names.map(|name| message.header(name)));
            values.flatten().any(|value| value.contains("102"))
        });
        assert_eq!(said, told, "{gruu}\n{}", stage.ladder());
        alice.with(|phone| phone.received.clear());
        alice.hangs_up().ends_with(200);
    }
    stage.clears();
}

#[test]
fn settings_of_the_extension_send_no_call_to_a_gruu_elsewhere() {
    let (stage, alice, desk, mobile) = stage();
    let carol = stage.phone("103");
    let gruu = public(&desk);
    sets(&stage, |extension| {
        extension.forward_always = Some("103".into());
        extension.forward_busy = Some("103".into());
        extension.forward_no_answer = Some("103".into());
    });
    alice.calls(&gruu);
    desk.rings().rejects(486);
    alice.ends_with(486);
    alice.calls(&gruu);
    desk.rings();
    alice.ends_with(480);
    sets(&stage, |extension| extension.dnd = true);
    alice.calls(&gruu).ends_with(486);
    assert_eq!(carol.got(Method::Invite) + mobile.got(Method::Invite), 0);
    stage.clears();
}

#[test]
fn a_party_is_transferred_to_one_phone_by_its_gruu() {
    let (stage, alice, desk, mobile) = stage();
    let (bob, gruu) = (stage.phone("103"), public(&desk));
    alice.calls("103");
    bob.rings().answers().talks();
    alice.talks();
    bob.transfers_to(&gruu);
    desk.rings().answers().talks();
    bob.is_notified_at_last(200).ends_with(200);
    assert_eq!(mobile.got(Method::Invite), 0);
    stage.ends(&alice, &desk);
}

#[test]
fn a_phone_sends_its_caller_to_another_phone_by_its_gruu() {
    let (stage, alice, desk, mobile) = stage();
    let (bob, gruu) = (stage.phone("103"), public(&mobile));
    bob.feels(|mood| {
        mood.refuses = Some(302);
        mood.sends_to = Some(gruu);
    });
    alice.calls("103");
    mobile.rings().answers().talks();
    assert_eq!(desk.got(Method::Invite), 0);
    stage.ends(&alice, &mobile);
}

#[test]
fn an_invite_with_replaces_may_be_sent_to_a_gruu() {
    let (stage, alice, desk, _) = stage();
    let carol = stage.phone("103");
    let gruu = public(&desk);
    alice.calls(&gruu);
    desk.rings().answers().talks();
    alice.talks();
    let dialog = alice.dialog();
    let replaced = carol.with(|phone| phone.call_replacing(&gruu, &dialog));
    carol.on(replaced).talks();
    alice.ends_with(200);
    stage.ends(&carol, &desk);
}

#[test]
fn a_refer_to_a_gruu_outside_of_a_dialog_moves_the_party_of_the_dialog_that_it_names() {
    // RFC 4538, RFC 5589 section 7: the transferee is asked at its GRUU.
    let (stage, alice, desk, _) = stage();
    let (carol, gruu) = (stage.phone("103"), public(&desk));
    alice.calls(&gruu);
    desk.rings().answers().talks();
    alice.talks();
    let code = |answer: &Message| answer.status().unwrap().code();
    let refused = alice.asks(Method::Refer, &gruu, |refer| {
        refer.header(HeaderName::ReferTo, "<sip:103@tandem.local>")
    });
    assert_eq!(code(&refused), 403);
    let dialog = alice.with(|phone| {
        let dialog = phone.calls[0].dialog.as_ref().unwrap();
        let (call_id, local, remote) = (phone.calls[0].invite.call_id(), dialog.local_tag(), dialog.remote_tag());
        format!("{call_id};local-tag={local};remote-tag={remote}")
    });
    let contact = alice.with(|phone| phone.contact());
    let accepted = alice.asks(Method::Refer, &gruu, |refer| {
        refer
            .header(HeaderName::ReferTo, "<sip:103@tandem.local>")
            .header(HeaderName::TargetDialog, dialog)
            .header(HeaderName::Contact, contact)
    });
    assert_eq!(code(&accepted), 202);
    carol.rings().answers().talks();
    stage.pass(2.0);
    stage.ends(&carol, &desk);
}

#[test]
fn a_dialog_that_is_not_of_the_phone_of_the_gruu_is_neither_moved_nor_replaced() {
    let (stage, alice, desk, mobile) = stage();
    let carol = stage.phone("103");
    let other = public(&mobile);
    alice.calls(&public(&desk));
    desk.rings().answers().talks();
    alice.talks();
    let dialog = alice.dialog();
    let named = dialog.replace("from-tag", "local-tag").replace("to-tag", "remote-tag");
    let contact = alice.with(|phone| phone.contact());
    for (gruu, code) in [(&other, 481), (&other.replace("102", "999"), 404)] {
        let refused = alice.asks(Method::Refer, gruu, |refer| {
            refer
                .header(HeaderName::ReferTo, "<sip:103@tandem.local>")
                .header(HeaderName::TargetDialog, &named)
                .header(HeaderName::Contact, &contact)
        });
        assert_eq!(refused.status().unwrap().code(), code);
    }
    let refused = carol.with(|phone| phone.call_replacing(&other, &dialog));
    carol.on(refused).ends_with(481);
    stage.hear_each_other(&alice, &desk);
    stage.ends(&alice, &desk);
}

#[test]
fn a_message_to_a_gruu_goes_to_that_phone_and_is_not_kept() {
    let (stage, alice, desk, mobile) = stage();
    let gruu = public(&desk);
    let send = || {
        let answer = alice.asks(Method::Message, &gruu, |message| message.body("text/plain", b"lunch?"));
        answer.status().unwrap().code()
    };
    assert_eq!(send(), 200);
    assert_eq!((desk.got(Method::Message), mobile.got(Method::Message)), (1, 0));
    desk.registers(0);
    assert_eq!(send(), 480);
    desk.registers(3_600);
    stage.pass(5.0);
    assert_eq!((desk.got(Method::Message), mobile.got(Method::Message)), (1, 0));
    stage.clears();
}

#[test]
fn a_gruu_is_no_contact() {
    let (stage, _, desk, _) = stage();
    let gruu = public(&desk);
    let answer = desk.asks(Method::Register, "sip:tandem.local", |register| {
        register
            .header(HeaderName::Contact, format!("<{gruu}>"))
            .header(HeaderName::Expires, 60)
    });
    // Its To is not its address-of-record.
    assert_eq!(answer.status().unwrap().code(), 403);
    stage.clears();
}
