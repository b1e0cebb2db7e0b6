//! Session descriptions as phones write them, and what both sides of a call make of them.

use sip::{HeaderName, Message, Method, dialog::Dialog};
use tests::Stage;

use super::exchange::{Call, by, lines, streams};

const PLAIN: &str = "m=audio 9000 RTP/AVP 0";

#[test]
fn a_softphone_that_offers_pictures_and_ice_gets_audio_and_its_other_lines_refused() {
    let call = Call::offers(&by(
        1,
        "a=ice-ufrag:abcd
         a=ice-pwd:0123456789012345678901
         a=group:BUNDLE a v
         m=video 9078 RTP/AVP 96 97
         a=rtpmap:96 VP8/90000
         a=rtpmap:97 H264/90000
         m=audio 7078 RTP/AVPF 96 9 0 101
         a=rtpmap:96 opus/48000/2
         a=fmtp:96 useinbandfec=1
         a=rtpmap:101 telephone-event/8000
         a=rtcp-fb:* trr-int 5000
         a=candidate:1 1 UDP 2130706431 198.51.200.1 7078 typ host
         a=candidate:1 2 UDP 2130706430 198.51.200.1 7079 typ host
         m=application 5000 UDP/BFCP *",
    ));
    let (asked, ok) = call.answers(&by(2, "m=audio 9000 RTP/AVP 9 97\na=rtpmap:97 telephone-event/8000"));
    assert_eq!(streams(&asked).len(), 3, "{}", asked.body_text());
    for message in [&asked, &ok] {
        let text = message.body_text();
        for trace in ["candidate", "ice-", "BUNDLE", "198.51.200", "rtcp-fb"] {
            assert!(!text.contains(trace), "{trace} in\n{text}");
        }
    }
    let lines = streams(&ok);
    assert_eq!(lines.len(), 3, "RFC 3264 6: as many as were offered");
    assert!(lines[0].starts_with("m=video 0 RTP/AVP "), "{lines:?}");
    assert!(
        lines[1].ends_with(" RTP/AVPF 9 101"),
        "{lines:?}: the caller's own number"
    );
    assert!(lines[2].starts_with("m=application 0 UDP/BFCP"), "{lines:?}");
    call.ends();
}

#[test]
fn required_encryption_is_refused_with_488_and_optional_encryption_is_declined() {
    let secure = "m=audio 9000 RTP/SAVP 0 8
         a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";
    let webrtc = "a=fingerprint:sha-1 99:41:49:83:4a:97:0e:1f:ef:6d:f7:c9:c7:70:9d:1f:66:79:a8:07
         m=audio 9000 UDP/TLS/RTP/SAVPF 0 8
         a=setup:actpass";
    for refused in [secure, webrtc] {
        let call = Call::offers(&by(1, refused));
        let answer = call.near.takes_response(488);
        let warning = answer.header(HeaderName::Warning).unwrap();
        assert!(
            warning.starts_with("302 "),
            "RFC 3261 20.43: the transport is at fault: {warning}"
        );
        assert!(call.far.collects(1.0).is_empty(), "nobody is rung for it");
        call.stage.clears();
    }
    let call = Call::offers(&by(1, &format!("{secure}\nm=audio 9002 RTP/AVP 8 0")));
    let (asked, ok) = call.answers(&by(2, "m=audio 9000 RTP/AVP 8"));
    assert!(!asked.body_text().contains("crypto"));
    let lines = streams(&ok);
    assert!(lines[0].starts_with("m=audio 0 RTP/SAVP"), "{lines:?}");
    assert!(lines[1].ends_with(" RTP/AVP 8"), "{lines:?}");
    call.ends();
    // Encryption as an option of a plain line.
    let crypto = secure.split_once('\n').unwrap().1;
    let call = Call::offers(&by(1, &format!("m=audio 9000 RTP/AVP 8 0\n{crypto}")));
    let (asked, ok) = call.answers(&by(2, "m=audio 9000 RTP/AVP 0"));
    for message in [&asked, &ok] {
        assert!(!message.body_text().contains("crypto"));
    }
    call.ends();
}

#[test]
fn each_side_keeps_its_own_numbers_order_and_packet_time() {
    let call = Call::offers(&by(
        1,
        "m=audio 9000 RTP/AVP 8 0 18 98
         a=rtpmap:18 G729/8000
         a=fmtp:18 annexb=no
         a=rtpmap:98 telephone-event/8000
         a=fmtp:98 0-15
         a=ptime:20",
    ));
    let (asked, ok) = call.answers(&by(
        2,
        "m=audio 9000 RTP/AVP 0 8 101
         a=rtpmap:101 telephone-event/8000
         a=fmtp:101 0-16
         a=ptime:30",
    ));
    assert!(
        streams(&asked)[0].contains(" RTP/AVP 8 0 18 98 "),
        "{:?}",
        streams(&asked)
    );
    assert!(streams(&ok)[0].ends_with(" RTP/AVP 0 8 98"), "{:?}", streams(&ok));
    assert!(asked.body_text().contains("a=ptime:20") && ok.body_text().contains("a=ptime:30"));
    let numbers = call.stage.with(|world| {
        let mut numbers = world.media.iter().filter_map(|command| match command {
            media::Command::Update { remote, .. }
                if remote.rtp.is_some_and(|rtp| rtp.ip().to_string() == "198.51.200.2") =>
            {
                let number = |payloads: &[media::Payload]| {
                    let mut events = payloads.iter().filter(|payload| payload.codec == "TELEPHONE-EVENT");
                    events.next().map(|payload| payload.number)
                };
                Some((number(&remote.send_payloads), number(&remote.receive_payloads)))
            }
            _ => None,
        });
        numbers.next_back()
    });
    assert_eq!(
        numbers,
        Some((Some(101), Some(98))),
        "RFC 3264 5.1: each is sent what it named"
    );
    call.ends();
}

#[test]
fn hold_as_it_was_before_rfc_3264() {
    let call = Call::offers(&by(1, PLAIN));
    let (asked, _) = call.answers(&by(2, PLAIN));
    let nowhere = by(2, PLAIN).replace("c=IN IP4 198.51.200.2", "c=IN IP4 0.0.0.0");
    let (offered, answered) = call.changes(&asked, 2, &nowhere, &by(1, "m=audio 9000 RTP/AVP 0\na=recvonly"));
    assert_eq!(lines(&offered, "a=send"), ["a=sendonly"]);
    assert!(!offered.body_text().contains("0.0.0.0"));
    assert_eq!(lines(&answered, "a=recv"), ["a=recvonly"]);
    assert!(call.stage.calls()[0].legs.iter().any(|leg| leg.state == "held"));
    let (offered, _) = call.changes(&asked, 3, &by(2, PLAIN), &by(1, PLAIN));
    assert_eq!(lines(&offered, "a=send"), ["a=sendrecv"]);
    assert!(call.stage.calls()[0].legs.iter().all(|leg| leg.state == "up"));
    // The line's own address goes before that of the session.
    let nowhere = by(2, "m=audio 9000 RTP/AVP 0\nc=IN IP4 0.0.0.0\na=inactive");
    let (offered, _) = call.changes(&asked, 4, &nowhere, &by(1, "m=audio 9000 RTP/AVP 0\na=inactive"));
    assert_eq!(lines(&offered, "a=inactive"), ["a=inactive"]);
    call.ends();
}

#[test]
fn an_answer_in_a_provisional_response_is_the_answer_also_where_the_200_has_none() {
    for code in [183, 180] {
        let call = Call::offers(&by(1, "m=audio 9000 RTP/AVP 8 0"));
        let asked = call.far.takes_request(Method::Invite);
        call.far.replies(&asked, code, "far", |reply| {
            reply.body("application/sdp", by(2, "m=audio 9000 RTP/AVP 0").as_bytes())
        });
        let early = call.near.takes_response(code);
        assert!(early.header(HeaderName::Require).is_none());
        // A later description that differs is ignored (RFC 3261 13.2.1).
        call.far.replies(&asked, 183, "far", |reply| {
            reply.body("application/sdp", by(2, "m=audio 9100 RTP/AVP 8").as_bytes())
        });
        call.far.replies(&asked, 200, "far", |reply| reply);
        let ack = call.far.takes_request(Method::Ack);
        assert!(ack.body().is_empty());
        let ok = call.connected();
        assert_eq!(ok.body(), early.body());
        let sent = call.far.collects(2.0);
        assert!(sent.is_empty(), "no change\n{}", call.stage.ladder());
        assert!(call.near.collects(0.1).iter().all(Message::is_response));
        call.ends();
    }
}

#[test]
fn an_offer_of_the_caller_s_while_its_first_has_no_answer_is_put_off() {
    // RFC 3311 5.2 for UPDATE, RFC 3261 14.2 for INVITE.
    for method in [Method::Update, Method::Invite] {
        let call = Call::offers(&by(1, PLAIN));
        let asked = call.far.takes_request(Method::Invite);
        call.far.replies(&asked, 180, "far", |reply| reply);
        let ringing = call.near.takes_response(180);
        let mut dialog = Dialog::uac(&call.invite, &ringing).unwrap();
        let change = dialog
            .request(&method, "SIP/2.0/UDP 198.51.200.1:5060;branch=z9hG4bKu")
            .header(HeaderName::Contact, "<sip:101@198.51.200.1>")
            .body("application/sdp", by(1, PLAIN).as_bytes());
        call.near.sends(change.finish());
        let later = call.near.takes_response(500);
        let seconds = later.header(HeaderName::RetryAfter).unwrap().parse::<u32>().unwrap();
        assert!(seconds <= 10);
        if method == Method::Invite {
            let ack = dialog.ack(2, "SIP/2.0/UDP 198.51.200.1:5060;branch=z9hG4bKu");
            call.near.sends(ack.finish());
        }
        call.far.replies(&asked, 200, "far", |reply| {
            reply.body("application/sdp", by(2, PLAIN).as_bytes())
        });
        call.far.takes_request(Method::Ack);
        call.connected();
        call.ends();
    }
}

#[test]
fn a_description_among_other_things_is_found_and_the_other_things_stay() {
    // RFC 5621 3.1: for example an emergency caller's location (RFC 6442), or a part that a gateway adds.
    const MIXED: &str = "Multipart/Mixed;boundary=\"b 1\"";
    let among = |sdp: &str| {
        format!(
            "--b 1\r\nContent-Type: application/pidf+xml\r\n\r\n<presence/>\r\n--b 1\r\n\
             Content-Type: Application/SDP\r\nContent-Disposition: session\r\n\r\n{sdp}\r\n--b 1--\r\n"
        )
    };
    let call = Call::begins(MIXED, &among(&by(1, "m=audio 9000 RTP/AVP 8 0")));
    let asked = call.far.takes_request(Method::Invite);
    assert_eq!(asked.content_type(), Some("application/sdp"));
    assert!(streams(&asked)[0].contains(" RTP/AVP 8 0 "));
    call.far.replies(&asked, 200, "far", |reply| {
        reply.body(MIXED, among(&by(2, "m=audio 9000 RTP/AVP 0")).as_bytes())
    });
    call.far.takes_request(Method::Ack);
    let ok = call.connected();
    assert!(streams(&ok)[0].ends_with(" RTP/AVP 0"));
    assert!(!ok.body_text().contains("presence"));
    call.ends();
    // Without a media line the text is no description.
    let call = Call::begins(
        "multipart/mixed;boundary=b",
        "--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n--b--\r\n",
    );
    call.near.takes_response(415);
    call.stage.clears();
}

#[test]
fn a_session_that_is_encrypted_for_somebody_else_draws_493() {
    // RFC 3261 23.2: whoever cannot read it says so, and the caller asks again without encryption.
    const SEALED: &str = "application/pkcs7-mime;smime-type=enveloped-data;name=smime.p7m";
    let call = Call::begins(SEALED, "0123456789");
    call.near.takes_response(493);
    call.stage.clears();
    // A part that only a phone may read does no harm beside a description that everybody can read.
    let mixed = format!(
        "--b\r\nContent-Type: {SEALED}\r\nContent-Disposition: render;handling=optional\r\n\r\n0123\r\n--b\r\n\
         Content-Type: application/sdp\r\n\r\n{}\r\n--b--\r\n",
        by(1, "m=audio 9000 RTP/AVP 8 0")
    );
    let call = Call::begins("multipart/mixed;boundary=b", &mixed);
    let asked = call.far.takes_request(Method::Invite);
    let answer = by(2, "m=audio 9000 RTP/AVP 0");
    call.far.replies(&asked, 200, "far", |reply| {
        reply.body("application/sdp", answer.as_bytes())
    });
    call.far.takes_request(Method::Ack);
    call.connected();
    call.ends();
}

#[test]
fn a_video_phone_that_forgets_its_refused_line_can_still_hold() {
    let video = "m=video 9078 RTP/AVP 97\na=rtpmap:97 H264/90000";
    let call = Call::offers(&by(1, &format!("{video}\n{PLAIN}")));
    let (_, ok) = call.answers(&by(2, PLAIN));
    assert_eq!(streams(&ok).len(), 2);
    let mut dialog = Dialog::uac(&call.invite, &ok).unwrap();
    let hold = dialog
        .request(&Method::Update, "SIP/2.0/UDP 198.51.200.1:5060;branch=z9hG4bKh")
        .header(HeaderName::Contact, "<sip:101@198.51.200.1>")
        .body("application/sdp", by(1, &format!("{PLAIN}\na=sendonly")).as_bytes());
    call.near.sends(hold.finish());
    let offered = call.far.takes_request(Method::Invite);
    assert_eq!(lines(&offered, "a=send"), ["a=sendonly"]);
    call.far.replies(&offered, 200, "far", |reply| {
        reply.body("application/sdp", by(2, &format!("{PLAIN}\na=recvonly")).as_bytes())
    });
    call.far.takes_request(Method::Ack);
    let held = call.near.takes_response(200);
    assert_eq!(streams(&held).len(), 1, "RFC 3264 6: as many as were offered");
    assert_eq!(lines(&held, "a=recv"), ["a=recvonly"]);
    call.ends();
}

#[test]
fn odd_descriptions_cost_no_call() {
    // RFC 4566 5 and 6, RFC 3551 4.5.2: descriptions as phones write them, in each message that carries one.
    for odd in 0..tests::phone::ODDITIES {
        let stage = Stage::default();
        let (alice, bob) = (stage.phone("101"), stage.phone("102"));
        for phone in [&alice, &bob] {
            phone.feels(|mood| {
                mood.codecs = vec!["G722", "PCMU"];
                mood.odd_sdp = Some(odd);
            });
        }
        alice.calls("102");
        bob.rings();
        let codecs = bob.call(|call| call.heard.clone().unwrap());
        assert_eq!(
            codecs.audio_codecs().collect::<Vec<_>>(),
            ["G722", "PCMU", "OPUS", "PCMA"]
        );
        bob.plays_early().answers().talks();
        alice.talks().holds().resumes();
        bob.holds();
        assert!(alice.call(|call| call.early_media));
        stage.ends(&alice, &bob);
        // An offer in the 200, and its answer in the ACK.
        alice.feels(|mood| mood.late_offer = true).calls("102");
        bob.rings().answers().talks();
        alice.talks();
        stage.pass(1.0);
        stage.ends(&alice, &bob);
    }
}
