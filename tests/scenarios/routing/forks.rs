//! Several phones, and proxies that fork behind one (RFC 3261 13.2.2.4, 16.7).

use sip::{HeaderName, Method};
use tests::{Phase, Stage, sdp};

const URI: &str = r#"fn on_call(caller) { caller.dial("sip:wire@198.51.200.1:5060", #{ timeout: 20 }); }"#;

#[test]
fn two_phones_answer_at_once_and_one_of_them_is_hung_up() {
    for late in 0..12 {
        let stage = Stage::default();
        let alice = stage.phone("101");
        let (desk, kitchen) = (stage.phone("102"), stage.phone("102"));
        alice.calls("102");
        desk.rings();
        kitchen.rings();
        desk.answers();
        stage.pass(f64::from(late) / 1000.0);
        kitchen.answers();
        alice.talks();
        stage.pass(3.0);
        let phases = [&desk, &kitchen].map(|phone| phone.phase().unwrap());
        assert_eq!(
            phases.iter().filter(|phase| **phase == Phase::Up).count(),
            1,
            "{phases:?}\n{}",
            stage.ladder()
        );
        alice.hangs_up().ends_with(200);
        stage.clears();
        assert_eq!(stage.with(|world| world.cdrs.len()), 1);
    }
}

#[test]
fn the_other_phones_are_told_that_the_call_was_answered_elsewhere() {
    let stage = Stage::default();
    let alice = stage.phone("101");
    let (desk, kitchen) = (stage.phone("102"), stage.phone("102"));
    alice.calls("102");
    desk.rings();
    kitchen.rings().answers().talks();
    desk.ends_with(487);
    let reason = desk.with(|phone| {
        let cancel = phone
            .received
            .iter()
            .find(|message| *message.method() == Method::Cancel)
            .unwrap();
        cancel.other("Reason").unwrap().to_owned()
    });
    assert!(reason.contains("cause=200"), "RFC 3326: {reason}");
    alice.hangs_up();
    stage.clears();
}

#[test]
fn all_busy_is_busy_and_a_6xx_stops_the_others() {
    let stage = Stage::default();
    let alice = stage.phone("101");
    let (desk, kitchen, mobile) = (stage.phone("102"), stage.phone("102"), stage.phone("102"));
    for phone in [&desk, &kitchen, &mobile] {
        phone.feels(|mood| mood.refuses = Some(486));
    }
    alice.calls("102").ends_with(486);
    kitchen.feels(|mood| mood.refuses = None);
    mobile.feels(|mood| mood.refuses = None);
    alice.calls("102");
    kitchen.rings().rejects(486);
    stage.pass(1.0);
    assert_eq!(
        mobile.phase(),
        Some(Phase::Ringing),
        "one busy phone is not the person's answer"
    );
    mobile.rejects(603);
    alice.ends_with(603);
    kitchen.feels(|mood| mood.refuses = Some(600));
    desk.feels(|mood| mood.refuses = None);
    alice.calls("102").ends_with(600);
    desk.ends_with(487);
    mobile.ends_with(487);
    stage.clears();
}

#[test]
fn a_6xx_ends_the_ringing_of_its_own_extension_only() {
    for strategy in ["all", "sequence"] {
        let plan = format!(
            r#"fn on_call(caller) {{ caller.dial(["102", "103"], #{{ timeout: 20, strategy: "{strategy}" }}); }}"#
        );
        let stage = Stage::plan(&plan);
        let (alice, carol) = (stage.phone("101"), stage.phone("103"));
        let (desk, kitchen) = (stage.phone("102"), stage.phone("102"));
        alice.calls("900");
        kitchen.rings();
        desk.rings().rejects(603);
        kitchen.ends_with(487);
        carol.rings().answers().talks();
        alice.talks().hangs_up();
        carol.ends_with(200);
        stage.clears();
    }
}

#[test]
fn a_phone_that_cannot_make_sense_of_our_invite_does_not_hide_that_the_other_is_busy() {
    for fault in [400, 401, 405, 420, 302, 503] {
        let stage = Stage::default();
        let alice = stage.phone("101");
        let (desk, old) = (stage.phone("102"), stage.phone("102"));
        old.feels(|mood| mood.refuses = Some(fault));
        alice.calls("102");
        desk.rings().rejects(486);
        alice.ends_with(486);
        stage.clears();
    }
}

#[test]
fn a_phone_that_is_gone_does_not_keep_the_others_from_ringing() {
    let stage = Stage::default();
    let alice = stage.phone("101");
    let (desk, dead) = (stage.phone("102"), stage.phone("102"));
    dead.feels(|mood| mood.dead = true);
    alice.calls("102").hears_ringing();
    desk.rings().answers().talks();
    alice.talks().hangs_up();
    desk.ends_with(200);
    stage.clears();
}

#[test]
fn a_proxy_that_forks_may_bring_two_early_dialogs_and_two_answers() {
    let stage = Stage::plan(URI);
    let alice = stage.phone("101");
    let wire = stage.wire("198.51.200.1:5060");
    alice.calls("900");
    let invite = wire.takes_request(Method::Invite);
    wire.replies(&invite, 180, "one", |reply| reply);
    wire.replies(&invite, 183, "two", |reply| {
        reply.body("application/sdp", sdp("198.51.200.2", 9_000).as_bytes())
    });
    alice.hears_ringing();
    stage.pass(1.0);
    let two = sdp("198.51.200.2", 9_000);
    let one = sdp("198.51.200.3", 9_100);
    wire.replies(&invite, 200, "one", |reply| {
        reply.body("application/sdp", one.as_bytes())
    });
    wire.replies(&invite, 200, "two", |reply| {
        reply.body("application/sdp", two.as_bytes())
    });
    alice.talks();
    let sent = wire.collects(0.2);
    let to = |method: Method, tag: &str| {
        sent.iter()
            .any(|message| *message.method() == method && message.to_tag() == Some(tag))
    };
    assert!(to(Method::Ack, "one") && to(Method::Ack, "two"), "{}", stage.ladder());
    assert!(to(Method::Bye, "two") && !to(Method::Bye, "one"), "{}", stage.ladder());
    let bye = sent.iter().find(|message| *message.method() == Method::Bye).unwrap();
    wire.replies(bye, 200, "two", |reply| reply);
    // Media goes to the phone that won.
    let last = stage.with(|world| {
        let mut remotes = world.media.iter().filter_map(|command| match command {
            media::Command::Update { remote, .. } => remote.rtp,
            _ => None,
        });
        remotes.rfind(|rtp| rtp.port() >= 9_000 && rtp.port() < 10_000).unwrap()
    });
    assert_eq!(last.port(), 9_100);
    alice.hangs_up();
    let bye = wire.takes_request(Method::Bye);
    assert_eq!(bye.to_tag(), Some("one"));
    wire.replies(&bye, 200, "one", |reply| reply);
    alice.ends_with(200);
    stage.clears();
}

#[test]
fn each_phone_behind_a_proxy_keeps_its_own_early_session_until_one_of_them_answers() {
    for (winner, port) in [("one", 9_100), ("two", 9_200)] {
        let stage = Stage::plan(URI);
        let alice = stage.phone("101");
        let wire = stage.wire("198.51.200.1:5060");
        alice.calls("900");
        let invite = wire.takes_request(Method::Invite);
        for (tag, port) in [("one", 9_100), ("two", 9_200)] {
            let early = sdp("198.51.200.3", port);
            wire.replies(&invite, 183, tag, |reply| {
                reply.body("application/sdp", early.as_bytes())
            });
        }
        stage.pass(1.0);
        // The answer in the 183 counts (RFC 3261 13.2.1): the 200 of either phone needs no description.
        wire.replies(&invite, 200, winner, |reply| reply);
        alice.talks();
        let sent = wire.collects(0.2);
        assert!(
            sent.iter().all(|message| *message.method() == Method::Ack),
            "{}",
            stage.ladder()
        );
        assert_eq!(sent[0].to_tag(), Some(winner));
        let last = stage.with(|world| {
            let mut remotes = world.media.iter().filter_map(|command| match command {
                media::Command::Update { remote, .. } => remote.rtp,
                _ => None,
            });
            remotes.rfind(|rtp| rtp.port() >= 9_000 && rtp.port() < 10_000).unwrap()
        });
        assert_eq!(last.port(), port, "media goes to the phone that answered");
        alice.hangs_up();
        let bye = wire.takes_request(Method::Bye);
        assert_eq!(bye.to_tag(), Some(winner));
        wire.replies(&bye, 200, winner, |reply| reply);
        alice.ends_with(200);
        stage.clears();
    }
}

#[test]
fn the_same_200_again_gets_the_same_ack_again() {
    let stage = Stage::plan(URI);
    let alice = stage.phone("101");
    let wire = stage.wire("198.51.200.1:5060");
    alice.calls("900");
    let invite = wire.takes_request(Method::Invite);
    let description = sdp("198.51.200.1", 9_000);
    for _ in 0..4 {
        wire.replies(&invite, 200, "one", |reply| {
            reply.body("application/sdp", description.as_bytes())
        });
    }
    let acks = wire.collects(0.3);
    assert_eq!(acks.len(), 4, "{}", stage.ladder());
    assert!(acks.iter().all(|ack| ack.bytes() == acks[0].bytes()));
    alice.talks().hangs_up();
    let bye = wire.takes_request(Method::Bye);
    wire.replies(&bye, 200, "one", |reply| reply);
    stage.clears();
}

#[test]
fn requests_take_the_way_that_the_proxies_recorded() {
    // Loose routing (RFC 3261 12.2.1.1): the Request-URI is the remote target. Strict routing: it is the first Route.
    for (lr, target) in [(";lr", "sip:phone@203.0.113.7:5070"), ("", "sip:edge@198.51.200.1")] {
        let stage = Stage::plan(URI);
        let alice = stage.phone("101");
        let wire = stage.wire("198.51.200.1:5060");
        alice.calls("900");
        let invite = wire.takes_request(Method::Invite);
        let answer = sip::Builder::reply(&invite, sip::StatusCode::OK, Some("far"))
            .header(HeaderName::RecordRoute, "<sip:core@203.0.113.1;lr>")
            .header(HeaderName::RecordRoute, format!("<sip:edge@198.51.200.1{lr}>"))
            .header(HeaderName::Contact, "<sip:phone@203.0.113.7:5070>")
            .body("application/sdp", sdp("203.0.113.7", 9_000).as_bytes())
            .finish();
        wire.sends(answer);
        let ack = wire.takes_request(Method::Ack);
        alice.talks().hangs_up();
        let bye = wire.takes_request(Method::Bye);
        for request in [&ack, &bye] {
            assert_eq!(request.uri(), target, "{lr}");
            let routes: Vec<&str> = request.values(HeaderName::Route).collect();
            let expected = if lr.is_empty() {
                vec!["<sip:core@203.0.113.1;lr>", "<sip:phone@203.0.113.7:5070>"]
            } else {
                vec!["<sip:edge@198.51.200.1;lr>", "<sip:core@203.0.113.1;lr>"]
            };
            assert_eq!(routes, expected);
        }
        wire.replies(&bye, 200, "far", |reply| reply);
        stage.clears();
    }
}
