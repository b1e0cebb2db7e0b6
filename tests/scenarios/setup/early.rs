//! Early media, and answers that do not fit it (RFC 3960, RFC 3261 13.2.1).

use sip::{HeaderName, Method};
use tests::Stage;

#[test]
fn early_media_is_heard_and_the_200_repeats_its_description() {
    let stage = Stage::default();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    alice.calls("102");
    bob.rings().plays_early();
    alice.hears_ringing();
    stage.pass(1.0);
    assert!(alice.call(|call| call.early_media), "{}", stage.ladder());
    let early = alice.call(|call| call.last.body().to_vec());
    bob.answers();
    alice.talks();
    let last = alice.call(|call| (call.last.status().unwrap().code(), call.last.body().to_vec()));
    assert_eq!(last, (200, early));
    assert_eq!(stage.events(), ["started", "ringing", "answered"]);
    stage.pass(5.0);
    assert_eq!(alice.got(Method::Invite), 0, "nothing is to be changed");
    alice.hangs_up();
    bob.ends_with(200);
    stage.clears();
}

#[test]
fn an_answer_by_another_phone_than_the_one_with_early_media_may_have_other_codecs() {
    let plan = r#"fn on_call(caller) { caller.dial(["102", "103"], #{ timeout: 5, strategy: "sequence" }); }"#;
    let stage = Stage::plan(plan);
    let (alice, bob, carol) = (stage.phone("101"), stage.phone("102"), stage.phone("103"));
    alice.feels(|mood| mood.codecs = vec!["G722", "PCMU", "TELEPHONE-EVENT"]);
    bob.feels(|mood| mood.codecs = vec!["G722"]);
    carol.feels(|mood| mood.codecs = vec!["PCMU", "TELEPHONE-EVENT"]);
    alice.calls("900");
    bob.rings().plays_early();
    stage.pass(1.0);
    assert!(
        !alice.call(|call| call.early_media),
        "with others to come it is no answer"
    );
    bob.ends_with(487);
    carol.rings().answers().talks();
    alice.talks().hangs_up();
    carol.ends_with(200);
    stage.clears();
}

#[test]
fn an_answer_that_does_not_fit_the_early_media_is_mended_by_a_re_invite() {
    // 102 sends early media and does not answer; the call goes on to 103.
    let stage = Stage::default();
    let (alice, bob, carol) = (stage.phone("101"), stage.phone("102"), stage.phone("103"));
    stage.with(|world| world.account("102", |account| account.forward_no_answer = Some("103".into())));
    alice.feels(|mood| mood.codecs = vec!["G722", "PCMU", "TELEPHONE-EVENT"]);
    bob.feels(|mood| mood.codecs = vec!["G722"]);
    carol.feels(|mood| mood.codecs = vec!["PCMU", "TELEPHONE-EVENT"]);
    alice.calls("102");
    bob.rings().plays_early();
    stage.pass(1.0);
    assert!(alice.call(|call| call.early_media), "{}", stage.ladder());
    bob.ends_with(487);
    carol.rings().answers().talks();
    alice.talks();
    stage.pass(2.0);
    assert_eq!(alice.got(Method::Invite), 1, "{}", stage.ladder());
    let codecs = alice.call(|call| {
        let heard = call.heard.clone().unwrap();
        heard.audio_codecs().map(str::to_owned).collect::<Vec<_>>()
    });
    assert!(!codecs.contains(&"G722".to_owned()), "{codecs:?}");
    let told = carol.call(|call| call.invite.other("Diversion").unwrap().to_owned());
    assert!(told.contains("<sip:102@tandem.local>;reason=no-answer"), "{told}");
    alice.hangs_up();
    carol.ends_with(200);
    stage.clears();
}

#[test]
fn a_call_without_an_offer_gets_one_in_the_200() {
    let stage = Stage::default();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    alice.feels(|mood| mood.late_offer = true).calls("102");
    bob.rings().answers();
    alice.talks();
    stage.pass(2.0);
    assert_eq!(
        (alice.got(Method::Invite), bob.got(Method::Invite)),
        (0, 1),
        "{}",
        stage.ladder()
    );
    assert!(alice.call(|call| call.heard.as_ref().is_some_and(|heard| heard.has_audio())));
    let sdp = bob.with(|phone| {
        let ack = phone.received.iter().find(|message| *message.method() == Method::Ack);
        ack.unwrap().header(HeaderName::ContentLength).unwrap().to_owned()
    });
    assert_eq!(sdp, "0");
    bob.hangs_up();
    alice.ends_with(200);
    stage.clears();
}

#[test]
fn a_call_without_an_offer_whose_ack_brings_no_answer_is_over() {
    let stage = Stage::default();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    alice.feels(|mood| {
        mood.late_offer = true;
        mood.codecs = vec!["PCMU"];
        mood.forgets_answer = true;
    });
    alice.calls("102");
    bob.rings().answers();
    alice.ends_with(200);
    bob.ends_with(200);
    assert_eq!(stage.record().ended_by, switch::EndedBy::System);
    stage.clears();
}

#[test]
fn nothing_in_common_is_refused_with_488() {
    let stage = Stage::default();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    alice.feels(|mood| mood.codecs = vec!["G722"]);
    bob.feels(|mood| mood.codecs = vec!["GSM"]);
    alice.calls("102");
    bob.rings().answers();
    alice.ends_with(488);
    assert_eq!(stage.record().sip_code, 488);
    stage.clears();
}

#[test]
fn a_caller_that_waits_long_is_told_every_minute_that_it_still_rings() {
    let stage = Stage::plan("fn on_call(caller) { caller.dial(caller.dialed, #{ timeout: 170 }); }");
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    alice.calls("102");
    bob.rings();
    stage.pass(150.0);
    let ladder = stage.ladder();
    let told = ladder
        .lines()
        .filter(|line| line.contains("192.0.2.1:5060 -> 198.51.100.1") && line.contains("180 Ringing"));
    assert_eq!(told.count(), 3, "RFC 3261 13.3.1.1\n{ladder}");
    alice.hangs_up().ends_with(487);
    stage.clears();
}

#[test]
fn after_early_media_that_ended_the_caller_hears_ringback() {
    let stage = Stage::default();
    let (alice, bob, carol) = (stage.phone("101"), stage.phone("102"), stage.phone("103"));
    stage.with(|world| world.account("102", |account| account.forward_no_answer = Some("103".into())));
    alice.calls("102");
    bob.rings().plays_early().ends_with(487);
    carol.rings();
    stage.pass(0.5);
    let tones = stage.with(|world| {
        let is_tone = |command: &&media::Command| {
            matches!(command, media::Command::Play { source: media::Source::Tone(name), .. } if name == "ringback")
        };
        world.media.iter().filter(is_tone).count()
    });
    assert_eq!(tones, 1, "its phone makes none of its own once it has a session");
    carol.answers().talks();
    alice.talks().hangs_up();
    carol.ends_with(200);
    stage.clears();
}

#[test]
fn a_device_uses_only_the_codecs_it_may() {
    let stage = Stage::default();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    for phone in [&alice, &bob] {
        phone.feels(|mood| mood.codecs = vec!["G722", "PCMU", "PCMA"]);
    }
    stage.with(|world| world.device_codecs("101", &["PCMU", "PCMA"]));
    alice.calls("102");
    bob.rings();
    let offered = |actor: &tests::Actor| {
        let heard = actor.call(|call| call.heard.clone().unwrap());
        heard.audio_codecs().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(offered(&bob), ["PCMU", "PCMA", "G722", "OPUS"], "the caller's first");
    bob.answers().talks();
    alice.talks();
    bob.holds();
    assert!(
        !offered(&alice).contains(&"G722".to_owned()),
        "nor in what is offered to it later"
    );
    bob.hangs_up();
    alice.ends_with(200);
    bob.calls("101");
    alice.rings();
    assert!(!offered(&alice).contains(&"G722".to_owned()));
    bob.hangs_up();
    stage.clears();
}

#[test]
fn devices_that_may_use_nothing_in_common_are_not_connected() {
    let stage = Stage::default();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    stage.with(|world| world.device_codecs("102", &["GSM"]));
    alice.calls("102").ends_with(488);
    assert_eq!(bob.phase(), None, "its phone does not ring for nothing");
    bob.calls("101").ends_with(488);
    assert_eq!(alice.got(Method::Invite), 0);
    assert_eq!(stage.with(|world| world.cdrs.len()), 2);
    stage.clears();
}

/// 101 offers Opus and G.711. The early media of 102 has G.711 only. Then 103 answers, and has Opus as well.
fn told_of_one_law(refuses: Option<u16>) -> (Stage, tests::Actor, tests::Actor) {
    let stage = Stage::default();
    let (alice, bob, carol) = (stage.phone("101"), stage.phone("102"), stage.phone("103"));
    stage.with(|world| world.account("102", |account| account.forward_no_answer = Some("103".into())));
    for opus in [&alice, &carol] {
        opus.feels(|mood| mood.codecs = vec!["OPUS", "PCMU"]);
    }
    bob.feels(|mood| mood.codecs = vec!["PCMU"]);
    alice.feels(|mood| mood.refuses_changes = refuses).calls("102");
    bob.rings().plays_early().ends_with(487);
    carol.rings().answers().talks();
    alice.talks();
    stage.pass(5.0);
    (stage, alice, carol)
}

fn sends_opus(phone: &tests::Actor) -> bool {
    phone.call(|call| call.media().send_payloads.iter().any(|payload| payload.codec == "OPUS"))
}

#[test]
fn an_answer_with_a_codec_that_the_early_answer_left_out_is_heard() {
    // RFC 3264 6.1: the early answer keeps Opus from the caller. So Tandem offers Opus to the caller again.
    let (stage, alice, carol) = told_of_one_law(None);
    assert!(sends_opus(&alice) && sends_opus(&carol), "\n{}", stage.ladder());
    alice.hangs_up().ends_with(200);
    carol.ends_with(200);
    stage.clears();
}

#[test]
fn a_caller_that_keeps_the_early_answer_makes_the_callee_follow() {
    let (stage, alice, carol) = told_of_one_law(Some(488));
    assert!(!sends_opus(&alice) && !sends_opus(&carol), "\n{}", stage.ladder());
    alice.hangs_up().ends_with(200);
    carol.ends_with(200);
    stage.clears();
}
