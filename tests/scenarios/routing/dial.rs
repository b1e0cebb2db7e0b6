//! `dial`: which phones it rings, in which order, and its result.

use media::{Command, Source};
use sip::{HeaderName, Method};
use switch::{Disposition, EndedBy};
use tests::{Phase, Stage, sdp};

/// A dialplan that rejects the call with the result of its dial as the reason.
fn told(dial: &str) -> String {
    format!(
        r#"fn on_call(caller) {{
            let r = caller.dial({dial});
            caller.reject(499, `${{r.status}} ${{r.code}} ${{r.by}}.`);
        }}"#
    )
}

fn reason(actor: &tests::Actor) -> String {
    actor.ends_with(499);
    actor.call(|call| call.last.reason().to_string())
}

#[test]
fn every_way_of_not_being_answered_has_its_word() {
    for (code, expected) in [
        (486, "busy 486 ."),
        (600, "busy 600 ."),
        (603, "rejected 603 ."),
        (403, "rejected 403 ."),
        (480, "unavailable 480 ."),
        (500, "unavailable 500 ."),
        (404, "failed 404 ."),
        (488, "failed 488 ."),
    ] {
        let stage = Stage::plan(&told("caller.dialed"));
        let (alice, bob) = (stage.phone("101"), stage.phone("102"));
        bob.feels(|mood| mood.refuses = Some(code));
        alice.calls("102");
        assert_eq!(reason(&alice), expected);
        assert_eq!(stage.record().ended_by, EndedBy::Script);
        stage.clears();
    }
}

#[test]
fn an_absent_phone_and_one_that_does_not_answer_are_told_apart() {
    let stage = Stage::plan(&told("caller.dialed, #{ timeout: 5 }"));
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    let _nobody = stage.unregistered("103");
    alice.calls("102");
    bob.rings();
    assert_eq!(reason(&alice), "noanswer 480 .");
    bob.ends_with(487);
    alice.calls("103");
    assert_eq!(reason(&alice), "unavailable 480 .");
    alice.calls("999");
    assert_eq!(reason(&alice), "failed 404 .");
    stage.clears();
}

#[test]
fn early_media_without_an_answer_counts_as_no_answer() {
    // A gateway may send the ringing tone as early media with a 183, and no 180.
    let stage = Stage::plan(&told(r#""sip:wire@198.51.200.1:5060", #{ timeout: 5 }"#));
    let alice = stage.phone("101");
    let wire = stage.wire("198.51.200.1:5060");
    alice.calls("900");
    let invite = wire.takes_request(Method::Invite);
    let description = sdp("198.51.200.1", 9_000);
    wire.replies(&invite, 183, "far", |reply| {
        reply.body("application/sdp", description.as_bytes())
    });
    let cancel = wire.takes_request(Method::Cancel);
    wire.replies(&cancel, 200, "far", |reply| reply);
    wire.replies(&invite, 487, "far", |reply| reply);
    assert_eq!(reason(&alice), "noanswer 480 .");
    stage.clears();
}

#[test]
fn a_phone_that_does_not_answer_the_invite_at_all_is_unavailable() {
    let stage = Stage::plan(&told("caller.dialed, #{ timeout: 60 }"));
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    bob.feels(|mood| mood.dead = true);
    alice.calls("102");
    assert_eq!(reason(&alice), "unavailable 480 .");
    let took = stage.with(|world| world.now.as_micros() / 1_000_000);
    assert_eq!(took, 32, "Timer B");
    stage.clears();
}

#[test]
fn a_list_is_rung_at_once_or_one_after_the_other() {
    let stage = Stage::plan(r#"fn on_call(caller) { caller.dial(["102", "103"], #{ timeout: 20 }); }"#);
    let (alice, bob, carol) = (stage.phone("101"), stage.phone("102"), stage.phone("103"));
    alice.calls("900");
    bob.rings();
    carol.rings().answers().talks();
    bob.ends_with(487);
    alice.talks().hangs_up();
    carol.ends_with(200);
    assert_eq!(stage.record().to, "103");
    stage.clears();

    let plan = r#"fn on_call(caller) { caller.dial(["102", "103", "104"], #{ timeout: 5, strategy: "sequence" }); }"#;
    let stage = Stage::plan(plan);
    let (alice, bob, carol) = (stage.phone("101"), stage.phone("102"), stage.phone("103"));
    let dave = stage.phone("104");
    carol.feels(|mood| mood.refuses = Some(486));
    alice.calls("900");
    bob.rings();
    assert_eq!((carol.phase(), dave.phase()), (None, None));
    bob.ends_with(487);
    dave.rings().answers().talks();
    assert_eq!(carol.phase(), Some(Phase::Over(486)));
    alice.talks().hangs_up();
    dave.ends_with(200);
    stage.clears();
}

#[test]
fn a_sequence_without_an_answer_ends_with_the_best_refusal() {
    let stage = Stage::plan(&told(r#"["102", "103"], #{ timeout: 5, strategy: "sequence" }"#));
    let (alice, bob, carol) = (stage.phone("101"), stage.phone("102"), stage.phone("103"));
    carol.feels(|mood| mood.refuses = Some(486));
    alice.calls("900");
    bob.rings();
    assert_eq!(reason(&alice), "busy 486 .");
    bob.ends_with(487);
    stage.clears();
}

#[test]
fn random_order_follows_from_the_seed_and_rings_each_once() {
    let plan = r#"fn on_call(caller) { caller.dial(["102", "103", "104"], #{ timeout: 5, strategy: "random" }); }"#;
    let order = |seed| {
        let stage = Stage::new(tests::Settings {
            seed,
            plan: plan.into(),
            ..tests::Settings::default()
        });
        let alice = stage.phone("101");
        let phones = ["102", "103", "104"].map(|number| stage.phone(number));
        phones.iter().for_each(|phone| {
            phone.feels(|mood| mood.refuses = Some(486));
        });
        alice.calls("900").ends_with(486);
        let rung = stage.with(|world| world.ladder.to_string());
        let mut places: Vec<(usize, &str)> = ["102", "103", "104"]
            .iter()
            .map(|to| (rung.find(&format!("INVITE sip:{to}@198")).unwrap(), *to))
            .collect();
        places.sort_unstable();
        assert!(phones.iter().all(|phone| phone.got(Method::Invite) == 1));
        stage.clears();
        places.into_iter().map(|(_, to)| to.to_owned()).collect::<Vec<_>>()
    };
    let orders: std::collections::BTreeSet<Vec<String>> = (0..12).map(order).collect();
    assert!(orders.len() >= 3, "{orders:?}");
    assert_eq!(order(5), order(5));
}

#[test]
fn the_callee_hangs_up_and_the_script_goes_on_with_the_caller() {
    let plan = r#"fn on_call(caller) {
        let r = caller.dial("102");
        caller.play("survey");
        let s = caller.dial("103");
        caller.reject(480, `${r.status} ${r.by} ${r.talk.to_int()} ${s.status} ${s.by}`);
    }"#;
    let stage = Stage::plan(plan);
    let (alice, bob, carol) = (stage.phone("101"), stage.phone("102"), stage.phone("103"));
    alice.calls("900");
    bob.rings().answers().talks();
    alice.talks();
    stage.pass(7.5);
    bob.hangs_up().ends_with(200);
    stage.pass(1.0);
    assert_eq!(alice.phase(), Some(Phase::Up));
    let prompts = stage.with(|world| {
        let plays = world.media.iter().filter_map(|command| match command {
            Command::Play { source, .. } => Some(source.clone()),
            _ => None,
        });
        plays.collect::<Vec<_>>()
    });
    assert_eq!(prompts, [Source::Prompts(vec!["survey".into()])]);
    carol.rings().answers().talks();
    stage.pass(2.0);
    carol.hangs_up();
    alice.ends_with(200);
    let cdr = stage.record();
    assert_eq!(cdr.disposition, Disposition::Answered);
    assert_eq!(cdr.detail, "rejected by the dialplan: 480 answered 102 7 answered 103");
    assert_eq!(cdr.ended_by, EndedBy::Script);
    stage.clears();
}

#[test]
fn the_end_of_a_call_is_the_callee_s_where_the_script_does_nothing_more() {
    let plan = r#"fn on_call(caller) { let r = caller.dial("102"); log.info(r.status); }"#;
    let stage = Stage::plan(plan);
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    alice.calls("900");
    bob.rings().answers().talks().hangs_up();
    alice.ends_with(200);
    assert_eq!(stage.record().ended_by, EndedBy::Callee);
    stage.clears();
}

#[test]
fn after_an_answer_the_caller_hears_ringback_and_is_then_connected() {
    let stage = Stage::plan(r#"fn on_call(caller) { caller.answer(); caller.dial(caller.dialed); }"#);
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    alice.calls("102").talks();
    bob.rings();
    stage.pass(0.5);
    let tones = |stage: &Stage| {
        stage.with(|world| {
            let is_tone = |command: &&Command| {
                matches!(command, Command::Play { source: Source::Tone(name), repeat: true, .. } if name == "ringback")
            };
            let stops = world.media.iter().filter(|command| matches!(command, Command::Stop(_))).count();
            (world.media.iter().filter(is_tone).count(), stops)
        })
    };
    assert_eq!(tones(&stage), (1, 0));
    bob.answers().talks();
    stage.pass(1.0);
    assert_eq!(tones(&stage), (1, 1));
    assert_eq!(alice.got(Method::Invite), 0, "PCMU on both sides: nothing to change");
    bob.hangs_up();
    alice.ends_with(200);
    stage.clears();
}

#[test]
fn a_callee_with_another_codec_than_tandem_answered_with_is_met_by_a_re_invite() {
    let stage = Stage::plan(r#"fn on_call(caller) { caller.answer(); caller.dial("102"); caller.play("bye"); }"#);
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    alice.feels(|mood| mood.codecs = vec!["PCMU", "GSM"]);
    bob.feels(|mood| mood.codecs = vec!["GSM"]);
    alice.calls("900").talks();
    bob.rings().answers().talks();
    stage.pass(1.0);
    let codecs = |alice: &tests::Actor| {
        let heard = alice.call(|call| call.heard.clone().unwrap());
        heard.audio_codecs().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(codecs(&alice), ["GSM"], "{}", stage.ladder());
    // Without a callee Tandem itself answers again, with all codecs it has.
    bob.hangs_up();
    stage.pass(1.0);
    assert!(codecs(&alice).contains(&"PCMU".to_owned()), "{}", stage.ladder());
    alice.ends_with(200);
    stage.clears();
}

#[test]
fn the_caller_s_id_and_headers_are_the_script_s() {
    let plan = r#"fn on_call(caller) {
        caller.dial("102", #{ caller_id: #{ number: "5550", name: "Front \"desk\"" }, headers: #{ "X-Queue": "sales" } });
    }"#;
    let stage = Stage::plan(plan);
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    alice.calls("900");
    bob.rings();
    let home = bob.with(|phone| phone.server.ip());
    bob.call(|call| {
        let from = call.invite.header(HeaderName::From).unwrap();
        assert!(
            from.starts_with(&format!("\"Front \\\"desk\\\"\" <sip:5550@{home}>")),
            "{from}"
        );
        assert_eq!(call.invite.other("X-Queue"), Some("sales"));
    });
    alice.hangs_up();
    bob.ends_with(487);
    stage.clears();
}

#[test]
fn the_host_of_a_uri_is_resolved_and_an_unknown_host_is_unavailable() {
    let stage = Stage::plan(&told(r#"`sip:${caller.dialed}@far.example`"#));
    let alice = stage.phone("101");
    alice.calls("900");
    assert_eq!(reason(&alice), "unavailable 480 .");
    let wire = stage.wire("198.51.200.1:5060");
    stage.with(|world| world.hosts.insert("far.example".into(), wire.address));
    alice.calls("900");
    let invite = wire.takes_request(Method::Invite);
    assert_eq!(invite.uri(), "sip:900@far.example");
    wire.replies(&invite, 200, "far", |reply| {
        reply.body("application/sdp", sdp("198.51.200.1", 9_000).as_bytes())
    });
    alice.talks();
    wire.takes_request(Method::Ack);
    let bye = sip::dialog::Dialog::uas(&invite, "far")
        .unwrap()
        .request(&Method::Bye, "SIP/2.0/UDP 198.51.200.1:5060;branch=z9hG4bKbye");
    wire.sends(bye.finish());
    wire.takes_response(200);
    alice.ends_with(200);
    let detail = stage.with(|world| world.cdrs[1].detail.clone());
    assert!(detail.contains("answered 200 sip:900@far.example."), "{detail}");
    stage.clears();
}

#[test]
fn a_caller_that_hangs_up_while_a_target_is_looked_up() {
    let stage = Stage::plan(r#"fn on_call(caller) { caller.ring(); caller.dial("sip:wire@198.51.200.1"); }"#);
    let alice = stage.phone("101");
    let wire = stage.wire("198.51.200.1:5060");
    alice.calls("900").hears_ringing().hangs_up().ends_with(487);
    assert!(wire.collects(2.0).is_empty(), "{}", stage.ladder());
    stage.clears();
}

#[test]
fn a_target_named_twice_rings_twice_in_a_sequence_and_once_in_a_list() {
    let plan = r#"fn on_call(caller) { caller.dial(["102", "103", "102"], #{ timeout: 5, strategy: "sequence" }); }"#;
    let stage = Stage::plan(plan);
    let (alice, bob, carol) = (stage.phone("101"), stage.phone("102"), stage.phone("103"));
    alice.calls("900");
    bob.rings().ends_with(487);
    carol.rings().ends_with(487);
    bob.rings().answers().talks();
    alice.talks().hangs_up();
    bob.ends_with(200);
    stage.clears();

    let stage = Stage::plan(r#"fn on_call(caller) { caller.dial(["102", "103", "102"], #{ timeout: 5 }); }"#);
    let (alice, bob, carol) = (stage.phone("101"), stage.phone("102"), stage.phone("103"));
    stage.with(|world| world.account("103", |account| account.forward_always = Some("102".into())));
    alice.calls("900");
    bob.rings();
    assert_eq!((bob.got(Method::Invite), carol.got(Method::Invite)), (1, 0));
    alice.ends_with(480);
    stage.clears();
}

#[test]
fn within_the_dialog_an_outside_peer_is_reached_where_it_says() {
    // RFC 3261 12.2.1.1: without Record-Route, past the proxy that brought the call.
    let stage = Stage::plan(r#"fn on_call(caller) { caller.dial("sip:wire@198.51.200.1"); }"#);
    let alice = stage.phone("101");
    let (proxy, far) = (stage.wire("198.51.200.1:5060"), stage.wire("198.51.200.9:5080"));
    alice.calls("900");
    let invite = proxy.takes_request(Method::Invite);
    let answer = sip::Builder::reply(&invite, sip::StatusCode::OK, Some("far"))
        .header(HeaderName::Contact, "<sip:far@198.51.200.9:5080>")
        .body("application/sdp", sdp("198.51.200.9", 9_000).as_bytes());
    proxy.sends(answer.finish());
    far.takes_request(Method::Ack);
    alice.talks().hangs_up();
    let bye = far.takes_request(Method::Bye);
    assert_eq!(bye.uri(), "sip:far@198.51.200.9:5080");
    far.replies(&bye, 200, "far", |reply| reply);
    stage.clears();
}

#[test]
fn a_media_port_that_cannot_be_had_ends_only_that_leg() {
    let stage = Stage::default();
    let alice = stage.phone("101");
    let (desk, mobile) = (stage.phone("102"), stage.phone("102"));
    let failed = |port| {
        stage.tells(switch::Input::Media(media::Event::Failed {
            media: port,
            reason: "in use".into(),
        }));
    };
    alice.calls("102");
    desk.rings();
    mobile.rings();
    let ports: Vec<media::MediaId> = stage.with(|world| world.ports.iter().copied().collect());
    failed(ports[1]);
    stage.pass(1.0);
    let phases = [&desk, &mobile].map(|phone| phone.phase().unwrap());
    assert!(
        phases.contains(&Phase::Ringing) && phases.contains(&Phase::Over(487)),
        "{phases:?}"
    );
    failed(ports[0]);
    alice.ends_with(503);
    stage.clears();
}

#[test]
fn a_call_may_ring_as_long_as_the_script_says() {
    let plan = r#"fn on_call(caller) { caller.dial(["102", "103"], #{ timeout: 150, strategy: "sequence" }); }"#;
    let stage = Stage::plan(plan);
    let (alice, bob, carol) = (stage.phone("101"), stage.phone("102"), stage.phone("103"));
    alice.calls("900");
    bob.rings().ends_with(487);
    carol.rings();
    stage.pass(100.0);
    assert!(alice.was_told(180) >= 4, "RFC 3261 13.3.1.1: told again every minute");
    carol.answers().talks();
    alice.talks().hangs_up();
    carol.ends_with(200);
    stage.clears();
}

#[test]
fn a_phone_that_rings_for_minutes_without_saying_so_again_is_let_ring() {
    // Timer C (RFC 3261 16.6 item 11) is for proxies; here the script says how long.
    let stage = Stage::plan(r#"fn on_call(caller) { caller.dial("102", #{ timeout: 400 }); }"#);
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    alice.calls("900");
    bob.rings();
    stage.pass(390.0);
    assert_eq!(bob.phase(), Some(Phase::Ringing), "{}", stage.ladder());
    bob.answers().talks();
    alice.talks().hangs_up();
    bob.ends_with(200);
    stage.clears();
}
