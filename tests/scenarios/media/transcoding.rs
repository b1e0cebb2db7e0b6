//! Phones that share no codec are connected, and Tandem converts. Phones that share one never are converted for.

use media::SdpDirection::SendRecv;
use sip::Method;
use switch::{CauseCode, Transcode};
use tests::{Actor, Stage};

use crate::setup::exchange::{Call, by, lines, streams};

const OPUS: &[&str] = &["OPUS", "TELEPHONE-EVENT"];
const G711: &[&str] = &["PCMU", "TELEPHONE-EVENT"];

fn has(phone: &Actor, codecs: &[&'static str]) {
    phone.feels(|mood| mood.codecs = codecs.to_vec());
}

/// The codecs that a phone is sent, best first, without events.
fn hears(stage: &Stage, phone: &Actor) -> Vec<String> {
    let number = phone.with(|phone| phone.number.clone());
    let address = phone.with(|phone| phone.address.ip());
    stage.with(|world| {
        let mut ports = world.engine.ports.values().filter_map(|port| port.remote.as_ref());
        let remote = ports.rfind(|remote| remote.expected.contains(&address));
        let sent = remote
            .unwrap_or_else(|| panic!("{number} has media"))
            .send_payloads
            .iter();
        let audio = sent.filter(|payload| !payload.is_event());
        audio.map(|payload| payload.codec.to_string()).collect()
    })
}

#[test]
fn phones_without_a_common_codec_talk_and_hold_and_nothing_is_offered_twice() {
    for (caller, callee) in [
        (OPUS, G711),
        (G711, OPUS),
        (&["G722"], &["PCMA"]),
        (&["G722"], OPUS),
        (OPUS, &["G722"]),
    ] {
        let stage = Stage::default();
        let (alice, bob) = (stage.phone("101"), stage.phone("102"));
        has(&alice, caller);
        has(&bob, callee);
        alice.calls("102");
        bob.rings().plays_early().answers().talks();
        alice.talks();
        stage.hear_each_other(&alice, &bob);
        assert_eq!(
            (hears(&stage, &alice), hears(&stage, &bob)),
            (vec![caller[0].into()], vec![callee[0].into()])
        );
        stage.pass(5.0);
        assert_eq!(
            (alice.got(Method::Invite), bob.got(Method::Invite)),
            (0, 1),
            "{}",
            stage.ladder()
        );
        alice.holds().resumes();
        bob.holds().resumes();
        stage.hear_each_other(&alice, &bob);
        assert_eq!(
            (hears(&stage, &alice), hears(&stage, &bob)),
            (vec![caller[0].into()], vec![callee[0].into()])
        );
        stage.ends(&alice, &bob);
    }
}

#[test]
fn a_shared_codec_is_preferred_to_a_better_one_that_only_one_side_has() {
    let stage = Stage::default();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    has(&alice, &["OPUS", "PCMU"]);
    has(&bob, &["G722", "PCMU"]);
    alice.calls("102");
    bob.rings().answers().talks();
    alice.talks();
    stage.pass(2.0);
    assert_eq!(hears(&stage, &alice), ["PCMU"]);
    assert_eq!((alice.got(Method::Invite), bob.got(Method::Invite)), (0, 1));
    stage.ends(&alice, &bob);
    // A callee that puts its own codec first is offered the shared one alone.
    let call = Call::offers(&by(1, "m=audio 9000 RTP/AVP 0"));
    let (asked, ok) = call.answers(&by(2, "m=audio 9000 RTP/AVP 9 0"));
    // With keys, which Tandem turns into what the caller takes.
    assert_eq!(streams(&asked), ["m=audio 20000 RTP/AVP 0 101 8 9 111 127"]);
    assert!(streams(&ok)[0].ends_with(" RTP/AVP 0"), "{:?}", streams(&ok));
    let again = call.far.takes_request(Method::Invite);
    assert!(
        streams(&again)[0].ends_with(" RTP/AVP 0 101 8"),
        "{:?}",
        streams(&again)
    );
    call.far.replies(&again, 200, "far", |reply| {
        reply.body("application/sdp", by(2, "m=audio 9000 RTP/AVP 0").as_bytes())
    });
    call.far.takes_request(Method::Ack);
    call.ends();
}

#[test]
fn another_phone_that_answers_may_begin_or_spare_the_conversion() {
    for (alice_has, carol_has, offers, heard) in [(OPUS, G711, 0, "OPUS"), (&["OPUS", "PCMU"], G711, 1, "PCMU")] {
        let stage = Stage::default();
        let (alice, bob, carol) = (stage.phone("101"), stage.phone("102"), stage.phone("103"));
        stage.with(|world| world.account("102", |account| account.forward_no_answer = Some("103".into())));
        has(&alice, alice_has);
        has(&bob, OPUS);
        has(&carol, carol_has);
        alice.calls("102");
        bob.rings().plays_early().ends_with(487);
        carol.rings().answers().talks();
        alice.talks();
        stage.pass(3.0);
        assert_eq!(alice.got(Method::Invite), offers, "{}", stage.ladder());
        assert_eq!(hears(&stage, &alice), [heard], "{}", stage.ladder());
        stage.hear_each_other(&alice, &carol);
        stage.ends(&alice, &carol);
    }
}

#[test]
fn a_re_invite_begins_and_ends_the_conversion() {
    for method in [Method::Invite, Method::Update] {
        let stage = Stage::default();
        let (alice, bob) = (stage.phone("101"), stage.phone("102"));
        has(&alice, OPUS);
        has(&bob, &["OPUS", "PCMU", "TELEPHONE-EVENT"]);
        alice.calls("102");
        bob.rings().answers().talks();
        alice.talks();
        assert_eq!(
            (hears(&stage, &alice), hears(&stage, &bob)[0].as_str()),
            (vec!["OPUS".into()], "OPUS")
        );
        has(&alice, &["G722"]);
        alice.begins_change(method.clone(), Some(SendRecv)).is_answered(200);
        stage.pass(2.0);
        assert_eq!(hears(&stage, &alice), ["G722"], "{}", stage.ladder());
        assert!(!hears(&stage, &bob).contains(&"G722".to_owned()));
        stage.hear_each_other(&alice, &bob);
        has(&alice, G711);
        alice.begins_change(method, Some(SendRecv)).is_answered(200);
        stage.pass(2.0);
        assert_eq!(
            (hears(&stage, &alice), hears(&stage, &bob)[0].as_str()),
            (vec!["PCMU".into()], "PCMU")
        );
        stage.ends(&alice, &bob);
    }
}

#[test]
fn a_caller_without_an_offer_is_offered_what_tandem_converts() {
    for (caller, callee) in [(OPUS, G711), (G711, OPUS), (OPUS, OPUS)] {
        let stage = Stage::default();
        let (alice, bob) = (stage.phone("101"), stage.phone("102"));
        has(&alice, caller);
        has(&bob, callee);
        alice.feels(|mood| mood.late_offer = true).calls("102");
        bob.rings().answers().talks();
        alice.talks();
        stage.pass(2.0);
        assert_eq!(
            (hears(&stage, &alice), hears(&stage, &bob)),
            (vec![caller[0].into()], vec![callee[0].into()])
        );
        stage.hear_each_other(&alice, &bob);
        stage.ends(&alice, &bob);
    }
}

#[test]
fn an_extension_without_conversion_takes_calls_with_a_common_codec_only() {
    for off in ["101", "102"] {
        let stage = Stage::default();
        let (alice, bob) = (stage.phone("101"), stage.phone("102"));
        stage.with(|world| world.device(off, &[], Transcode::Off));
        has(&alice, OPUS);
        has(&bob, G711);
        alice.calls("102");
        bob.rings();
        let offered = bob.call(|call| call.heard.clone());
        assert!(
            offered.is_none_or(|offered| offered.audio_codecs().eq(["OPUS"])),
            "as it was"
        );
        bob.answers();
        alice.ends_with(488);
        assert_eq!(
            stage.record().cause,
            CauseCode::PhoneNotAcceptable,
            "the phone itself has refused"
        );
        // From one law of G.711 to the other is no conversion.
        has(&alice, &["PCMA"]);
        alice.calls("102");
        bob.rings().answers().talks();
        alice.talks();
        stage.hear_each_other(&alice, &bob);
        stage.ends(&alice, &bob);
    }
}

#[test]
fn codecs_that_tandem_cannot_convert_are_not_connected() {
    let stage = Stage::default();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    stage.with(|world| world.device_codecs("102", &["PCMU", "PCMA"]));
    has(&alice, &["G729"]);
    alice.calls("102").ends_with(488);
    assert_eq!(stage.record().cause, CauseCode::CodecNoneInCommon);
    assert_eq!(bob.got(Method::Invite), 0);
    stage.clears();
}

#[test]
fn a_device_with_other_codecs_than_the_caller_is_offered_its_own_only() {
    let stage = Stage::default();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    stage.with(|world| world.device_codecs("102", &["G722"]));
    has(&alice, G711);
    has(&bob, &["G722", "PCMU", "TELEPHONE-EVENT"]);
    alice.calls("102");
    bob.rings();
    let offered = bob.call(|call| call.heard.clone().unwrap());
    assert!(offered.audio_codecs().eq(["G722"]));
    bob.answers().talks();
    alice.talks();
    assert_eq!(
        (hears(&stage, &alice), hears(&stage, &bob)),
        (vec!["PCMU".into()], vec!["G722".into()])
    );
    stage.ends(&alice, &bob);
}

#[test]
fn keys_have_the_clock_of_the_audio_at_each_side() {
    // RFC 4733 2.1, RFC 7587 4: Opus has a clock of 48 kHz, and so have the events beside it.
    let wide = "m=audio 9000 RTP/AVP 111 110 101
        a=rtpmap:111 opus/48000/2
        a=rtpmap:110 telephone-event/48000
        a=fmtp:110 0-15
        a=rtpmap:101 telephone-event/8000
        a=fmtp:101 0-15";
    let narrow = "m=audio 9000 RTP/AVP 0 101\na=rtpmap:101 telephone-event/8000\na=fmtp:101 0-15";
    let call = Call::offers(&by(1, wide));
    let (_, ok) = call.answers(&by(2, narrow));
    assert!(streams(&ok)[0].ends_with(" RTP/AVP 111 110"), "{:?}", streams(&ok));
    call.ends();
    let call = Call::offers(&by(1, narrow));
    let (asked, ok) = call.answers(&by(2, wide));
    assert!(
        lines(&asked, "a=rtpmap")
            .iter()
            .any(|line| line.ends_with(" telephone-event/48000"))
    );
    assert!(streams(&ok)[0].ends_with(" RTP/AVP 0 101"), "{:?}", streams(&ok));
    call.ends();
    // A phone with events at one clock only keeps them; comfort noise stays beside audio of its clock (RFC 3389 4).
    let odd = "m=audio 9000 RTP/AVP 111 13 101\na=rtpmap:111 opus/48000/2\na=rtpmap:101 telephone-event/8000";
    let call = Call::offers(&by(1, odd));
    let (_, ok) = call.answers(&by(2, &narrow.replace("AVP 0", "AVP 0 13")));
    assert!(streams(&ok)[0].ends_with(" RTP/AVP 111 101"), "{:?}", streams(&ok));
    call.ends();
    // A callee without events gets the keys of the caller in another way.
    let call = Call::offers(&by(1, wide));
    let (_, ok) = call.answers(&by(2, "m=audio 9000 RTP/AVP 0"));
    assert!(streams(&ok)[0].ends_with(" RTP/AVP 111 110"), "{:?}", streams(&ok));
    call.ends();
}

#[test]
fn parameters_and_packet_times_cross_with_the_packets_only() {
    // RFC 7587 7: parameters say what their author wants to receive.
    let opus = "m=audio 9000 RTP/AVP 111 0
        a=rtpmap:111 opus/48000/2
        a=fmtp:111 maxplaybackrate=16000;usedtx=1
        a=ptime:40
        a=maxptime:60";
    let relayed = Call::offers(&by(1, opus));
    let far = "m=audio 9000 RTP/AVP 111\na=rtpmap:111 opus/48000/2\na=fmtp:111 stereo=1\na=ptime:60";
    let (asked, ok) = relayed.answers(&by(2, far));
    assert!(
        asked
            .body_text()
            .contains("a=fmtp:111 maxplaybackrate=16000;usedtx=1\r\n")
    );
    assert!(asked.body_text().contains("a=ptime:40\r\n"));
    assert!(ok.body_text().contains("a=fmtp:111 stereo=1\r\n") && ok.body_text().contains("a=ptime:60\r\n"));
    relayed.ends();
    let converted = Call::offers(&by(1, &opus.replace("111 0", "111")));
    let (_, ok) = converted.answers(&by(2, "m=audio 9000 RTP/AVP 0\nb=AS:80\na=ptime:20"));
    let text = ok.body_text().into_owned();
    assert!(
        text.contains("a=fmtp:111 useinbandfec=1\r\n") && text.contains("a=ptime:40\r\n"),
        "{text}"
    );
    assert!(!text.contains("maxptime") && !text.contains("b=AS"), "{text}");
    let times = converted.stage.with(|world| {
        let ports = world.engine.ports.values().filter_map(|port| port.remote.clone());
        ports
            .map(|remote| (remote.send_payloads[0].codec.to_string(), remote.ptime))
            .collect::<Vec<_>>()
    });
    assert_eq!(times, [("OPUS".to_owned(), 40), ("PCMU".to_owned(), 20)]);
    let fmtp = converted.stage.with(|world| {
        let ports = world.engine.ports.values().filter_map(|port| port.remote.clone());
        let of = |payload: &media::Payload| payload.fmtp.as_deref().unwrap_or_default().to_owned();
        ports
            .map(|remote| [of(&remote.send_payloads[0]), of(&remote.receive_payloads[0])])
            .collect::<Vec<_>>()
    });
    assert_eq!(
        fmtp[0],
        ["maxplaybackrate=16000;usedtx=1", "useinbandfec=1"],
        "the peer's, and ours"
    );
    converted.ends();
}

#[test]
fn parties_are_moved_between_phones_of_other_codecs() {
    // Blind.
    let stage = Stage::default();
    let (alice, bob, carol) = (stage.phone("101"), stage.phone("102"), stage.phone("103"));
    has(&alice, OPUS);
    has(&bob, OPUS);
    has(&carol, G711);
    alice.calls("102");
    bob.rings().answers().talks();
    alice.talks();
    bob.transfers_to("103");
    carol.rings().answers().talks();
    bob.ends_with(200);
    stage.hear_each_other(&alice, &carol);
    assert_eq!(
        (hears(&stage, &alice), hears(&stage, &carol)),
        (vec!["OPUS".into()], vec!["PCMU".into()])
    );
    stage.ends(&alice, &carol);
    // Picked up.
    let stage = Stage::default();
    let (alice, bob, carol) = (stage.phone("101"), stage.phone("102"), stage.phone("103"));
    has(&alice, G711);
    has(&bob, G711);
    has(&carol, OPUS);
    alice.calls("102");
    bob.rings().answers().talks();
    alice.talks();
    carol.picks_up(&bob).talks();
    bob.ends_with(200);
    stage.hear_each_other(&alice, &carol);
    stage.pass(2.0);
    assert_eq!(
        (hears(&stage, &alice), hears(&stage, &carol)),
        (vec!["PCMU".into()], vec!["OPUS".into()])
    );
    stage.ends(&alice, &carol);
}

#[test]
fn parties_that_are_joined_are_asked_once_for_a_codec_that_both_have() {
    let stage = Stage::default();
    let (alice, bob, carol) = (stage.phone("101"), stage.phone("102"), stage.phone("103"));
    has(&alice, &["PCMU", "OPUS"]);
    has(&bob, &["PCMU", "OPUS"]);
    has(&carol, OPUS);
    // 101 was called, and has told of one codec only.
    bob.feels(|mood| mood.codecs = vec!["PCMU"]);
    bob.calls("101");
    alice.rings().answers().talks();
    bob.talks();
    let first = bob.line();
    bob.feels(|mood| mood.codecs = vec!["OPUS", "PCMU"]);
    bob.calls("103");
    carol.rings().answers().talks();
    bob.talks();
    bob.transfers(&first, &bob.line());
    bob.ends_with(200);
    stage.pass(3.0);
    stage.hear_each_other(&alice, &carol);
    assert_eq!(
        (hears(&stage, &alice)[0].as_str(), hears(&stage, &carol)[0].as_str()),
        ("OPUS", "OPUS")
    );
    stage.ends(&alice, &carol);
}

#[test]
fn an_offer_of_the_former_party_that_is_answered_late_leaves_no_needless_conversion() {
    let stage = Stage::default();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    let (carol, dave) = (stage.phone("103"), stage.phone("104"));
    has(&alice, &["OPUS", "PCMU"]);
    has(&bob, &["PCMU"]);
    has(&carol, OPUS);
    has(&dave, G711);
    alice.calls("102");
    bob.rings().answers().talks();
    alice.talks();
    let first = bob.line();
    bob.calls("103");
    carol.rings().answers().talks();
    bob.talks();
    // Alice is asked for Carol's codec, and says so only when Dave has taken Carol's place.
    alice.feels(|mood| mood.waits_with_changes = true);
    bob.transfers(&first, &bob.line());
    dave.picks_up(&carol).talks();
    alice.feels(|mood| mood.waits_with_changes = false).decides(200);
    stage.pass(3.0);
    assert_eq!(
        (hears(&stage, &alice)[0].as_str(), hears(&stage, &dave)[0].as_str()),
        ("PCMU", "PCMU"),
        "{}",
        stage.ladder()
    );
    stage.hear_each_other(&alice, &dave);
    stage.ends(&alice, &dave);
}
