//! The direction of media, from the first offer on (RFC 3264 5.1, 6.1).

use media::SdpDirection;
use sip::Method;
use tests::{Stage, sdp};

const ALL: [SdpDirection; 4] = [
    SdpDirection::SendRecv,
    SdpDirection::SendOnly,
    SdpDirection::RecvOnly,
    SdpDirection::Inactive,
];

#[test]
fn the_direction_of_the_first_offer_reaches_the_callee_and_its_answer_the_caller() {
    for direction in ALL {
        let stage = Stage::default();
        let (alice, bob) = (stage.phone("101"), stage.phone("102"));
        alice.feels(|mood| mood.offers_with = Some(direction)).calls("102");
        bob.rings().hears(direction).answers().talks();
        alice.talks().hears(direction.reversed());
        stage.pass(3.0);
        let changes = alice.got(Method::Invite) + bob.got(Method::Invite);
        assert_eq!(changes, 1, "nothing is to be mended\n{}", stage.ladder());
        // The media engine relays what was agreed.
        let (sends, hears) = (direction.sends(), direction.receives());
        let heard = stage.with(|world| {
            let remotes = world.engine.ports.values().filter_map(|port| port.remote.as_ref());
            let mut ways: Vec<_> = remotes
                .map(|remote| (remote.direction.receive, remote.direction.send))
                .collect();
            ways.sort_unstable();
            ways
        });
        let mut expected = vec![(sends, hears), (hears, sends)];
        expected.sort_unstable();
        assert_eq!(heard, expected, "{direction:?}");
        alice.offers(SdpDirection::SendRecv, 200);
        bob.hears(SdpDirection::SendRecv);
        stage.ends(&alice, &bob);
    }
}

#[test]
fn each_phone_that_is_rung_is_asked_for_the_same_direction() {
    let stage = Stage::default();
    let alice = stage.phone("101");
    let (desk, kitchen) = (stage.phone("102"), stage.phone("102"));
    alice
        .feels(|mood| mood.offers_with = Some(SdpDirection::SendOnly))
        .calls("102");
    desk.rings().hears(SdpDirection::SendOnly);
    kitchen
        .rings()
        .hears(SdpDirection::SendOnly)
        .plays_early()
        .answers()
        .talks();
    alice.talks().hears(SdpDirection::RecvOnly);
    stage.ends(&alice, &kitchen);
}

#[test]
fn early_media_is_heard_only_by_a_caller_that_wants_to_hear() {
    let stage = Stage::default();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    alice
        .feels(|mood| mood.offers_with = Some(SdpDirection::SendOnly))
        .calls("102");
    bob.rings().plays_early();
    stage.pass(1.0);
    assert!(alice.call(|call| call.early_media));
    alice.hears(SdpDirection::RecvOnly);
    bob.answers().talks();
    alice.talks();
    stage.ends(&alice, &bob);
}

#[test]
fn a_caller_that_a_script_has_picked_up_is_connected_as_it_offered() {
    for direction in ALL {
        let stage = Stage::plan(r#"fn on_call(caller) { caller.answer(); caller.dial("102", #{ timeout: 20 }); }"#);
        let (alice, bob) = (stage.phone("101"), stage.phone("102"));
        alice.feels(|mood| mood.offers_with = Some(direction)).calls("900");
        alice.talks().hears(direction.reversed());
        bob.rings().hears(direction).answers().talks();
        stage.pass(3.0);
        assert_eq!(alice.got(Method::Invite), 0, "{direction:?}\n{}", stage.ladder());
        stage.ends(&alice, &bob);
    }
}

#[test]
fn a_call_without_an_offer_is_sendrecv() {
    let stage = Stage::default();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    alice.feels(|mood| mood.late_offer = true).calls("102");
    bob.rings().hears(SdpDirection::SendRecv).answers().talks();
    alice.talks();
    stage.ends(&alice, &bob);
}

#[test]
fn an_address_of_zeroes_in_the_first_offer_is_hold() {
    // RFC 3264 8.4: the older way to hold. RFC 3725 begins calls with it.
    let stage = Stage::plan(r#"fn on_call(caller) { caller.dial("102", #{ timeout: 20 }); }"#);
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    let nowhere = sdp("0.0.0.0", 9_000);
    alice.with(|phone| {
        phone.ask(&Method::Invite, "sip:102@tandem.local", |builder| {
            builder
                .header(sip::HeaderName::Contact, "<sip:101@198.51.100.1>")
                .body("application/sdp", nowhere.as_bytes())
        });
    });
    bob.rings().hears(SdpDirection::SendOnly).rejects(486);
    stage.clears();
}
