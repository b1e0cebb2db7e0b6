//! Codecs, numbers and addresses, and descriptions that are odd.

use proptest::prelude::*;

use super::*;

#[test]
fn the_two_laws_meet_through_transcoding() {
    let (mut a, mut b) = (session(20_000), session(20_002));
    let spec = a.receive_offer(&phone("192.0.2.1", 4000, "0", &[])).unwrap();
    assert_eq!(formats(&b.make_offer(&spec.with_both_laws()).unwrap()), "0 8");
    let spec = b.receive_answer(&phone("192.0.2.2", 5000, "8", &[])).unwrap();
    assert_eq!(formats(&a.make_answer(&spec).unwrap()), "0");
    assert_eq!(b.remote(ip("192.0.2.2")).send_payloads[0].codec, "PCMA");
}

#[test]
fn a_later_answer_to_the_same_offer_replaces_an_early_one() {
    let mut b = session(20_002);
    b.make_offer(&Spec::own(&["PCMU", "PCMA"])).unwrap();
    b.receive_answer(&phone("192.0.2.2", 5000, "0", &[])).unwrap();
    b.receive_answer(&phone("192.0.2.3", 5002, "8", &[])).unwrap();
    assert_eq!(b.remote(ip("192.0.2.3")).rtp, Some("192.0.2.3:5002".parse().unwrap()));
    assert_eq!(
        session(1).receive_answer(&phone("192.0.2.2", 5000, "0", &[])),
        Err(SdpError::State("no offer to be answered"))
    );
}

#[test]
fn an_early_answer_serves_another_callee_only_if_the_codecs_relay() {
    let (a, _) = bridged();
    assert!(a.can_relay(&Spec::own(&["PCMU", "telephone-event"])));
    assert!(a.can_relay(&Spec::own(&["PCMA"])), "through transcoding");
    assert!(!a.can_relay(&Spec::own(&["G722"])));
    assert!(
        !a.can_relay(&Spec::own(&["PCMU", "G722"])),
        "it might send what the caller was not told of"
    );
    assert!(!session(1).can_relay(&Spec::own(&["PCMU"])));
}

#[test]
fn what_was_offered_can_be_received_before_the_answer() {
    let mut b = session(20_002);
    b.make_offer(&Spec::own(&["PCMU", "telephone-event"])).unwrap();
    let remote = b.remote(ip("192.0.2.2"));
    assert_eq!(
        (remote.rtp, remote.direction),
        (
            None,
            Direction {
                send: false,
                receive: true
            }
        )
    );
    assert_eq!(remote.receive_payloads.len(), 2);
    let mut a = session(20_000);
    a.receive_offer(&phone("192.0.2.1", 4000, "0", &[])).unwrap();
    assert_eq!(a.remote(ip("192.0.2.1")).rtp, Some("192.0.2.1:4000".parse().unwrap()));
}

#[test]
fn a_number_is_never_given_to_another_codec() {
    let (mut a, mut b) = (session(20_000), session(20_002));
    let spec = a
        .receive_offer(&phone("192.0.2.1", 4000, "0 96", &["rtpmap:96 telephone-event/8000"]))
        .unwrap();
    b.make_offer(&spec).unwrap();
    let spec = b
        .receive_answer(&phone("192.0.2.2", 5000, "0 96", &["rtpmap:96 telephone-event/8000"]))
        .unwrap();
    a.make_answer(&spec).unwrap();
    let opus = a
        .receive_offer(&phone(
            "192.0.2.1",
            4000,
            "97 96 0",
            &["rtpmap:97 telephone-event/8000", "rtpmap:96 opus/48000/2"],
        ))
        .unwrap();
    let offer = parse(&b.make_offer(&opus).unwrap());
    let maps: Vec<_> = offer.media[0]
        .attributes
        .iter()
        .filter(|a| a.name == "rtpmap")
        .filter_map(|a| a.value.as_deref())
        .collect();
    assert!(maps.contains(&"96 telephone-event/8000"), "{maps:?}");
    assert!(maps.contains(&"127 opus/48000/2"), "{maps:?}");
}

#[test]
fn a_stream_may_end_and_come_back() {
    let (mut a, mut b) = bridged();
    let secure = String::from_utf8(phone("192.0.2.1", 4000, "0", &[]))
        .unwrap()
        .replace("RTP/AVP", "RTP/SAVP");
    assert_eq!(
        a.receive_offer(secure.as_bytes()),
        Err(SdpError::NoCommonCodec),
        "not silently ended"
    );
    let off = a.receive_offer(&phone("192.0.2.1", 0, "0", &[])).unwrap();
    assert!(!off.has_audio());
    assert_eq!(parse(&b.make_offer(&off).unwrap()).media[0].port, 0);
    let off = b.receive_answer(&phone("192.0.2.2", 0, "0", &[])).unwrap();
    assert_eq!(parse(&a.make_answer(&off).unwrap()).media[0].port, 0);
    assert!(b.remote(ip("192.0.2.2")).rtp.is_none() && a.remote(ip("192.0.2.1")).send_payloads.is_empty());
    let on = a.receive_offer(&phone("192.0.2.1", 4000, "0", &[])).unwrap();
    assert_eq!(parse(&b.make_offer(&on).unwrap()).media[0].port, 20_002);
}

#[test]
fn addresses_that_must_not_be_sent_to_are_not_sent_to() {
    for bad in ["0.0.0.0", "224.0.0.1", "255.255.255.255", "ff02::1", "::"] {
        let mut a = session(20_000);
        a.receive_offer(&phone(bad, 4000, "0", &[])).unwrap();
        assert_eq!(a.remote(ip("192.0.2.1")).rtp, None, "{bad}");
    }
}

#[test]
fn where_rtcp_goes() {
    for (attribute, expected) in [
        ("rtcp:5555", "192.0.2.1:5555"),
        ("rtcp:5555 IN IP4 192.0.2.8", "192.0.2.8:5555"),
        ("rtcp:5555 IN IP6 2001:db8::8", "[2001:db8::8]:5555"),
        ("rtcp:4000", "192.0.2.1:4001"),
        ("rtcp:x", "192.0.2.1:4001"),
        ("rtcp:5555 IN IP4 224.0.0.1", "192.0.2.1:5555"),
    ] {
        let mut a = session(20_000);
        a.receive_offer(&phone("192.0.2.1", 4000, "0", &[attribute, "rtcp-mux"]))
            .unwrap();
        assert_eq!(
            a.remote(ip("192.0.2.1")).rtcp,
            Some(expected.parse().unwrap()),
            "{attribute}"
        );
    }
}

proptest! {
    #[test]
    fn hostile_descriptions_never_panic_and_ours_always_parse(
        lines in proptest::collection::vec("(m=(audio|video) [0-9]{1,5} RTP/AVP( [0-9]{1,3}){0,6}|a=(rtpmap|fmtp):[0-9]{1,3} [A-Za-z0-9/-]{0,20}|a=(sendonly|inactive|ptime:[0-9]{1,5}|rtcp:[0-9]{1,6})|c=IN IP4 [0-9]{1,3}.0.2.1)", 0..24)
    ) {
        let text = format!("v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\nc=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP 0 101\r\n{}\r\n", lines.join("\r\n"));
        let (mut a, mut b) = bridged();
        if let Ok(spec) = a.receive_offer(text.as_bytes()) {
            let offer = b.make_offer(&spec).unwrap();
            prop_assert!(Sdp::parse(&offer).is_ok());
            if let Ok(answer) = a.make_answer(&spec) {
                prop_assert_eq!(parse(&answer).media.len(), Sdp::parse(text.as_bytes()).unwrap().media.len());
            }
            let _ = b.receive_answer(text.as_bytes());
            let _ = (a.remote(ip("192.0.2.1")), b.remote(ip("192.0.2.2")));
        }
    }
}

#[test]
fn what_our_answer_leaves_out_of_an_offer_is_not_sent() {
    // RFC 3264 6.1: the answerer sends only codecs that are in the offer and also in its answer.
    let mut a = session(20_000);
    let opus = "rtpmap:111 opus/48000/2";
    let offered = a.receive_offer(&phone("192.0.2.1", 4000, "111 8 0", &[opus])).unwrap();
    a.make_answer(&Spec::own(&["PCMU"])).unwrap();
    let numbers: Vec<u8> = a
        .remote(ip("192.0.2.1"))
        .send_payloads
        .iter()
        .map(|p| p.number)
        .collect();
    assert_eq!(numbers, [0]);
    assert!(
        a.can_relay(&Spec::own(&["PCMU", "PCMA"])),
        "between the two laws we transcode"
    );
    assert!(
        !a.can_relay(&offered),
        "Opus would be sent to who was told of G.711 only"
    );
}

#[test]
fn a_static_number_keeps_its_meaning_whatever_clock_its_rtpmap_claims() {
    for (number, map, expected) in [
        ("9", "9 G722/16000", "9 G722/8000"),
        ("9", "9 g722/16000/1", "9 G722/8000"),
        ("0", "0 PCMU/16000", "0 PCMU/8000"),
        ("8", "8 PCMA", "8 PCMA/8000"),
        ("18", "18 G729/16000/2", "18 G729/8000"),
        ("0", "0 PCMU/0", "0 PCMU/8000"),
    ] {
        let offer = phone("192.0.2.1", 4000, number, &[&format!("rtpmap:{map}")]);
        let spec = session(20_000).receive_offer(&offer).unwrap();
        let mut b = session(20_002);
        let text = String::from_utf8(b.make_offer(&spec).unwrap().to_vec()).unwrap();
        assert!(
            text.contains(&format!("m=audio 20002 RTP/AVP {number}")),
            "{map}: {text}"
        );
        assert!(text.contains(&format!("a=rtpmap:{expected}\r\n")), "{map}: {text}");
        // The other phone may write it in the same way in its answer.
        assert!(
            b.receive_answer(&phone("192.0.2.2", 5000, number, &[&format!("rtpmap:{map}")]))
                .is_ok()
        );
    }
    // Another name is another codec: that is what such a phone will send.
    let renamed = phone("192.0.2.1", 4000, "0", &["rtpmap:0 L16/16000"]);
    let spec = session(20_000).receive_offer(&renamed).unwrap();
    assert_eq!(
        (spec.codecs()[0].name.as_str(), spec.codecs()[0].clock_rate),
        ("L16", 16_000)
    );
    // A dynamic number has the clock that its rtpmap gives it, or none.
    let dynamic = phone("192.0.2.1", 4000, "96 97 0", &["rtpmap:96 G722/16000", "rtpmap:97 L16"]);
    let spec = session(20_000).receive_offer(&dynamic).unwrap();
    let clocks: Vec<_> = spec
        .codecs()
        .iter()
        .map(|codec| (codec.number, codec.clock_rate))
        .collect();
    assert_eq!(clocks, [(96, 16_000), (0, 8_000)]);
}

#[test]
fn bytes_that_are_no_text_stay_on_their_side() {
    let offer = phone(
        "192.0.2.1",
        4000,
        "96 97 0",
        &[
            "rtpmap:96 iLBC/8000",
            "fmtp:96 mode=20?",
            "rtpmap:97 SPEEX/8000",
            "fmtp:97 ?b",
            "lang:?",
            "label:1",
        ],
    );
    let bytes: Vec<u8> = offer
        .iter()
        .map(|byte| if *byte == b'?' { 0xe4 } else { *byte })
        .collect();
    let spec = session(20_000).receive_offer(&bytes).unwrap();
    let text = String::from_utf8(session(20_002).make_offer(&spec).unwrap().to_vec()).unwrap();
    assert!(
        text.contains("a=rtpmap:96 iLBC/8000\r\n") && text.contains("a=label:1\r\n"),
        "{text}"
    );
    assert!(
        !text.contains("fmtp") && !text.contains("lang") && text.is_ascii(),
        "{text}"
    );
}

#[test]
fn rtcp_on_the_port_of_rtp_is_agreed_where_it_is_offered_and_stays_agreed() {
    let mut a = session(20_000);
    let offer = phone("192.0.2.1", 4000, "0", &["rtcp-mux", "rtcp-rsize", "rtcp:4000"]);
    let spec = a.receive_offer(&offer).unwrap();
    assert!(!a.remote(ip("192.0.2.1")).rtcp_mux, "not before it is answered");
    let mut b = session(20_002);
    let passed = parse(&b.make_offer(&spec).unwrap());
    assert_eq!(
        passed.media[0].attribute("rtcp-mux"),
        None,
        "that is between one phone and Tandem"
    );
    b.receive_answer(&phone("192.0.2.2", 5000, "0", &["rtcp-mux"])).unwrap();
    assert!(
        !b.remote(ip("192.0.2.2")).rtcp_mux,
        "what was not offered is not agreed"
    );
    let answer = parse(&a.make_answer(&spec).unwrap());
    for name in ["rtcp-mux", "rtcp-rsize"] {
        assert_eq!(answer.media[0].attribute(name), Some(""), "RFC 5761 5.1.1");
    }
    assert!(a.remote(ip("192.0.2.1")).rtcp_mux);
    // Our later offer says it again; a peer that does not answer it has two ports from then on.
    let again = parse(&a.make_offer(&spec).unwrap());
    assert_eq!(again.media[0].attribute("rtcp-mux"), Some(""));
    a.receive_answer(&phone("192.0.2.1", 4000, "0", &[])).unwrap();
    let remote = a.remote(ip("192.0.2.1"));
    assert_eq!(
        (remote.rtcp_mux, remote.rtcp),
        (false, Some("192.0.2.1:4001".parse().unwrap()))
    );
}

#[test]
fn feedback_crosses_between_lines_that_have_it_under_each_side_s_numbers() {
    let with_feedback = |port, formats: &str, attributes: &[&str]| {
        let text = String::from_utf8(phone("192.0.2.1", port, formats, attributes)).unwrap();
        text.replace("RTP/AVP ", "RTP/AVPF ").into_bytes()
    };
    let feedback = |bytes: &Bytes| -> Vec<String> {
        let sdp = parse(bytes);
        let lines = sdp.media[0].attributes.iter().filter(|a| a.name == "rtcp-fb");
        lines.filter_map(|a| a.value.clone()).collect()
    };
    let (mut a, mut b) = (session(20_000), session(20_002));
    let offer = with_feedback(
        4000,
        "96 0",
        &["rtpmap:96 opus/48000/2", "rtcp-fb:96 nack", "rtcp-fb:* ccm tmmbr"],
    );
    let spec = a.receive_offer(&offer).unwrap();
    // A phone that may not know the profile is offered the plain one (RFC 4585 section 4.2: without feedback lines).
    let offered = b.make_offer(&spec).unwrap();
    assert_eq!(
        (parse(&offered).media[0].protocol.as_str(), feedback(&offered).len()),
        ("RTP/AVP", 0)
    );
    let plain = phone("192.0.2.2", 5000, "96", &["rtpmap:96 opus/48000/2"]);
    let spec = b.receive_answer(&plain).unwrap();
    let answer = a.make_answer(&spec).unwrap();
    assert_eq!(
        (parse(&answer).media[0].protocol.as_str(), feedback(&answer).len()),
        ("RTP/AVPF", 0)
    );
    // The other phone has it too.
    let offer = with_feedback(
        5000,
        "97",
        &["rtpmap:97 opus/48000/2", "rtcp-fb:97 nack", "rtcp-fb:98 pli"],
    );
    let spec = b.receive_offer(&offer).unwrap();
    assert_eq!(feedback(&a.make_offer(&spec).unwrap()), ["96 nack"]);
    let answer = with_feedback(
        4000,
        "96",
        &["rtpmap:96 opus/48000/2", "rtcp-fb:96 nack", "rtcp-fb:* ccm tmmbr"],
    );
    let spec = a.receive_answer(&answer).unwrap();
    assert_eq!(feedback(&b.make_answer(&spec).unwrap()), ["97 nack", "97 ccm tmmbr"]);
}

#[test]
fn a_line_besides_the_audio_leaves_odd_octets_and_other_attributes_behind() {
    let (mut a, mut b) = (session(20_000), session(20_002));
    b.receive_line_at(0, 20_010);
    let mut offer = phone("192.0.2.1", 4000, "0", &[]);
    offer.extend(
        b"m=image 4002 udptl t38\r\na=T38FaxVersion:0\x1b\r\na=T38\x1bX:1\r\na=T38FaxUdpEC:\xe4\r\na=setup:active\r\n\
          m=video 4004 RTP/AVP 31\xe4\r\n",
    );
    let spec = a.receive_offer(&offer).unwrap();
    assert_eq!(
        spec.lines().iter().flatten().count(),
        1,
        "a format that is no text is no format"
    );
    let text = String::from_utf8(b.make_offer(&spec).unwrap().to_vec()).unwrap();
    let (_, fax) = text.split_once("m=image").unwrap();
    assert_eq!(fax, " 20010 udptl t38\r\na=T38FaxVersion:0 \r\n");
    assert!(
        b.line_remotes(ip("192.0.2.2"))[0]
            .as_ref()
            .is_some_and(|remote| remote.raw && remote.direction.receive)
    );
}
