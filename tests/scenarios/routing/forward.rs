//! Forwarded calls: forwards of the extension, and phones that answer 3xx.

use sip::Method;
use switch::Extension;
use tests::{Actor, Phase, Stage};

fn stage(change: impl FnOnce(&mut Extension)) -> (Stage, Actor, Actor, Actor) {
    let stage = Stage::default();
    let (alice, bob, carol) = (stage.phone("101"), stage.phone("102"), stage.phone("103"));
    stage.with(|world| world.account("102", change));
    (stage, alice, bob, carol)
}

fn to_carol(stage: &Stage, alice: &Actor, carol: &Actor, reason: &str) {
    carol.rings();
    let diversion = carol.call(|call| call.invite.other("Diversion").unwrap().to_owned());
    assert_eq!(
        diversion,
        format!("\"Person 102\" <sip:102@tandem.local>;reason={reason}")
    );
    carol.answers().talks();
    alice.talks().hangs_up().ends_with(200);
    carol.ends_with(200);
    assert_eq!(stage.record().to, "103");
    stage.clears();
}

#[test]
fn always() {
    let (stage, alice, bob, carol) = stage(|account| account.forward_always = Some("103".into()));
    alice.calls("102");
    to_carol(&stage, &alice, &carol, "unconditional");
    assert_eq!(bob.phase(), None);
}

#[test]
fn on_busy() {
    let (stage, alice, bob, carol) = stage(|account| account.forward_busy = Some("103".into()));
    bob.feels(|mood| mood.refuses = Some(486));
    alice.calls("102");
    to_carol(&stage, &alice, &carol, "user-busy");
}

#[test]
fn on_busy_everywhere_though_another_phone_rings() {
    let (stage, alice, bob, carol) = stage(|account| account.forward_busy = Some("103".into()));
    let kitchen = stage.phone("102");
    alice.calls("102");
    kitchen.rings();
    bob.rings().rejects(600);
    kitchen.ends_with(487);
    to_carol(&stage, &alice, &carol, "user-busy");
}

#[test]
fn on_no_answer() {
    let (stage, alice, bob, carol) = stage(|account| account.forward_no_answer = Some("103".into()));
    alice.calls("102");
    bob.rings().ends_with(487);
    to_carol(&stage, &alice, &carol, "no-answer");
}

#[test]
fn without_a_phone() {
    let (stage, alice, bob, carol) = stage(|account| account.forward_no_answer = Some("103".into()));
    bob.registers(0);
    alice.calls("102");
    to_carol(&stage, &alice, &carol, "unavailable");
}

#[test]
fn do_not_disturb_is_busy_or_goes_where_busy_goes() {
    let (stage, alice, bob, carol) = stage(|account| account.dnd = true);
    alice.calls("102").ends_with(486);
    assert_eq!(bob.phase(), None);
    stage.clears();
    stage.with(|world| {
        world.account("102", |account| {
            account.dnd = true;
            account.forward_busy = Some("103".into());
        });
        world.cdrs.clear();
        world.opened.clear();
    });
    alice.calls("102");
    to_carol(&stage, &alice, &carol, "do-not-disturb");
}

#[test]
fn a_chain_of_forwards_leaves_its_trail() {
    let (stage, alice, _bob, _carol) = stage(|account| account.forward_always = Some("103".into()));
    let dave = stage.phone("104");
    stage.with(|world| world.account("103", |account| account.forward_always = Some("104".into())));
    alice.calls("102");
    dave.rings();
    let trail: Vec<String> = dave.call(|call| {
        let fields = call
            .invite
            .fields()
            .filter(|(name, ..)| name.eq_ignore_ascii_case("Diversion"));
        fields.map(|(_, _, value)| value.to_owned()).collect()
    });
    assert_eq!(
        trail,
        [
            "\"Person 103\" <sip:103@tandem.local>;reason=unconditional",
            "\"Person 102\" <sip:102@tandem.local>;reason=unconditional"
        ]
    );
    alice.hangs_up();
    stage.clears();
}

#[test]
fn forwards_that_go_round_end() {
    let (stage, alice, _bob, _carol) = stage(|account| account.forward_always = Some("103".into()));
    stage.with(|world| world.account("103", |account| account.forward_always = Some("102".into())));
    alice.calls("102").ends_with(482);
    stage.with(|world| world.account("103", |account| account.forward_always = Some("103".into())));
    alice.calls("103").ends_with(482);
    stage.clears();
}

#[test]
fn a_chain_without_end_is_cut() {
    let stage = Stage::default();
    let alice = stage.phone("101");
    for number in 200..220 {
        stage.with(|world| {
            world.account(&number.to_string(), |account| {
                account.forward_always = Some((number + 1).to_string())
            });
        });
    }
    alice.calls("200");
    stage.pass(1.0);
    assert!(
        matches!(alice.phase(), Some(Phase::Over(480 | 482))),
        "{:?}",
        alice.phase()
    );
    stage.clears();
}

#[test]
fn a_phone_that_answers_302_is_followed_inside() {
    let (stage, alice, bob, carol) = stage(|_| {});
    bob.feels(|mood| {
        mood.refuses = Some(302);
        mood.sends_to = Some("sip:103@tandem.local".into());
    });
    alice.calls("102");
    to_carol(&stage, &alice, &carol, "deflection");
}

#[test]
fn a_302_to_a_number_of_ours_is_followed_by_each_of_our_names_addresses_and_ports() {
    for to in [
        "sip:103@192.0.2.1",
        "sip:103@192.0.2.1:5060",
        "sip:103@192.0.2.1:5060;transport=tcp",
        "sips:103@TANDEM.local.:5060",
        "sip:103@localhost",
        "sip:1-0-3@192.0.2.1;user=phone",
        "tel:1-0-3;phone-context=tandem.local",
        "tel:103",
    ] {
        let (stage, alice, bob, carol) = stage(|_| {});
        bob.feels(|mood| {
            mood.refuses = Some(302);
            mood.sends_to = Some(to.into());
        });
        alice.calls("102");
        to_carol(&stage, &alice, &carol, "deflection");
    }
}

#[test]
fn a_forward_to_a_telephone_number_of_ours_is_followed() {
    let (stage, alice, _bob, carol) = stage(|account| account.forward_always = Some("tel:1-0-3".into()));
    alice.calls("102");
    to_carol(&stage, &alice, &carol, "unconditional");
}

#[test]
fn a_phone_that_answers_302_is_not_followed_outside() {
    for to in [
        "sip:premium@198.51.200.1",
        "tel:+1-900-555-0100",
        "sip:103@192.0.2.1:5099",
        "mailto:a@b",
    ] {
        let (stage, alice, bob, _carol) = stage(|_| {});
        let wire = stage.wire("198.51.200.1:5060");
        bob.feels(|mood| {
            mood.refuses = Some(302);
            mood.sends_to = Some(to.into());
        });
        alice.calls("102").ends_with(480);
        assert!(wire.collects(1.0).is_empty());
        stage.clears();
    }
}

#[test]
fn phones_that_send_calls_to_each_other_end_it() {
    let (stage, alice, bob, carol) = stage(|_| {});
    for (phone, to) in [(&bob, "103"), (&carol, "102")] {
        phone.feels(|mood| {
            mood.refuses = Some(302);
            mood.sends_to = Some(format!("sip:{to}@tandem.local"));
        });
    }
    alice.calls("102");
    stage.pass(1.0);
    assert!(
        matches!(alice.phase(), Some(Phase::Over(480 | 482))),
        "{:?}",
        alice.phase()
    );
    assert_eq!((bob.got(Method::Invite), carol.got(Method::Invite)), (1, 1));
    stage.clears();
}

#[test]
fn a_forward_outside_is_the_extension_s_own_choice() {
    let (stage, alice, _bob, _carol) = stage(|account| account.forward_always = Some("sip:me@198.51.200.1".into()));
    let wire = stage.wire("198.51.200.1:5060");
    alice.calls("102");
    let invite = wire.takes_request(Method::Invite);
    assert_eq!(invite.uri(), "sip:me@198.51.200.1");
    wire.replies(&invite, 486, "far", |reply| reply);
    alice.ends_with(486);
    stage.clears();
}
