//! Media lines besides the audio: pictures, faxes by T.38, BFCP, a second audio line. Each is relayed by a port of its own.

use sip::{HeaderName, Message, Method, dialog::Dialog};
use tests::Stage;

use crate::setup::exchange::{Call, by, lines, streams};

const AUDIO: &str = "m=audio 9000 RTP/AVP 0";
const VIDEO: &str = "m=video 9100 RTP/AVPF 96 97
    b=AS:512
    a=rtpmap:96 H264/90000
    a=fmtp:96 profile-level-id=42e01f;packetization-mode=1
    a=rtpmap:97 rtx/90000
    a=fmtp:97 apt=96
    a=rtcp-fb:96 nack pli
    a=rtcp-fb:* ccm fir
    a=imageattr:96 send [x=640,y=480]
    a=content:main
    a=ssrc:5 cname:somebody
    a=ice-ufrag:abcd";
const FAX: &str = "m=image 9200 udptl t38
    a=T38FaxVersion:0
    a=T38MaxBitRate:14400
    a=T38FaxRateManagement:transferredTCF
    a=T38FaxMaxDatagram:400
    a=T38FaxUdpEC:t38UDPRedundancy";

fn both(one: &str, other: &str) -> String {
    format!("{one}\n{other}")
}

fn port(line: &str) -> u16 {
    line.split(' ').nth(1).unwrap().parse().unwrap()
}

/// The lines that the engine relays as they are: where each sends to, and whether each is connected.
fn relayed(stage: &Stage) -> Vec<(String, bool)> {
    stage.with(|world| {
        let ports = world.engine.ports.values();
        let raw = ports.filter_map(|port| Some((port.remote.as_ref().filter(|remote| remote.raw)?, port.bridged)));
        let named = raw.filter_map(|(remote, bridged)| {
            let to = remote.rtp.filter(|_| remote.direction.send)?;
            Some((to.to_string(), bridged.is_some()))
        });
        let mut named: Vec<_> = named.collect();
        named.sort();
        named
    })
}

fn ours(port: &str) -> (String, bool) {
    (format!("198.51.200.{port}"), true)
}

#[test]
fn pictures_cross_with_their_attributes_and_each_line_has_its_own_port() {
    let call = Call::offers(&by(1, &both(AUDIO, VIDEO)));
    let (asked, ok) = call.answers(&by(2, &both(AUDIO, VIDEO).replace("9100", "9300")));
    for message in [&asked, &ok] {
        let text = message.body_text().into_owned();
        let lines = streams(message);
        assert_eq!(lines.len(), 2, "{text}");
        assert!(
            lines[1].ends_with(" RTP/AVPF 96 97"),
            "all payloads as they are: {text}"
        );
        assert!(
            port(&lines[0]) != 0 && port(&lines[1]) != 0 && port(&lines[0]) != port(&lines[1]),
            "{text}"
        );
        for kept in [
            "b=AS:512\r\n",
            "a=rtpmap:97 rtx/90000\r\n",
            "a=fmtp:97 apt=96\r\n",
            "a=rtcp-fb:96 nack pli\r\n",
            "a=rtcp-fb:* ccm fir\r\n",
            "a=imageattr:96 send [x=640,y=480]\r\n",
            "a=content:main\r\n",
        ] {
            assert!(text.contains(kept), "{kept} in {text}");
        }
        for trace in ["ssrc", "ice", "198.51.200"] {
            assert!(!text.contains(trace), "{trace} in {text}");
        }
    }
    assert_eq!(relayed(&call.stage), [ours("1:9100"), ours("2:9300")]);
    call.ends();
}

#[test]
fn each_line_has_its_own_direction() {
    // RFC 3264 5.1, 6.1.
    let call = Call::offers(&by(1, &both(AUDIO, &both(VIDEO, "a=sendonly"))));
    let (asked, ok) = call.answers(&by(2, &both(AUDIO, &both(VIDEO, "a=recvonly").replace("9100", "9300"))));
    assert_eq!(lines(&asked, "a=send"), ["a=sendrecv", "a=sendonly"]);
    assert_eq!(lines(&ok, "a=recv"), ["a=recvonly"]);
    assert_eq!(
        relayed(&call.stage),
        [ours("2:9300")],
        "nothing is sent to who only sends"
    );
    call.ends();
}

#[test]
fn a_line_that_the_other_side_refuses_has_port_0_and_another_one_goes_on() {
    // RFC 3264 6.
    let offer = both(
        AUDIO,
        &both(
            VIDEO,
            "m=application 9400 UDP/BFCP *\na=floorctrl:c-only\na=confid:1\na=floorid:2 mstrm:10",
        ),
    );
    let call = Call::offers(&by(1, &offer));
    let answer = both(
        AUDIO,
        "m=video 0 RTP/AVPF 96\nm=application 9500 UDP/BFCP *\na=floorctrl:s-only",
    );
    let (asked, ok) = call.answers(&by(2, &answer));
    let text = asked.body_text().into_owned();
    assert!(
        text.contains("a=floorctrl:c-only\r\n") && text.contains("a=floorid:2 mstrm:10\r\n"),
        "{text}"
    );
    let lines = streams(&ok);
    assert_eq!(lines.len(), 3);
    assert!(lines[1].starts_with("m=video 0 RTP/AVPF "), "{lines:?}");
    assert!(port(&lines[2]) != 0 && lines[2].ends_with(" UDP/BFCP *"), "{lines:?}");
    assert_eq!(relayed(&call.stage), [ours("1:9400"), ours("2:9500")]);
    call.ends();
}

#[test]
fn lines_that_cannot_be_relayed_and_lines_beyond_the_limit_are_refused_in_place() {
    let offer = [
        "m=application 9 TCP/BFCP *\na=setup:active\na=connection:new",
        AUDIO,
        "m=video 9100 RTP/SAVP 96\na=rtpmap:96 H264/90000",
        "m=audio 9110 RTP/AVP 0",
        "m=video 9120/2 RTP/AVP 31",
        "m=text 9130 RTP/AVP 98\na=rtpmap:98 t140/1000",
        "m=video 9140 RTP/AVP 31",
        "m=video 9150 RTP/AVP 31",
        "m=video 9160 RTP/AVP 31",
    ]
    .join("\n");
    let call = Call::offers(&by(1, &offer));
    let asked = call.far.takes_request(Method::Invite);
    let offered = streams(&asked);
    assert_eq!(offered.len(), 5, "the audio, and 4 more at most: {offered:?}");
    assert!(offered[0].starts_with("m=audio "));
    let mut answer = vec![AUDIO.to_owned()];
    for (at, line) in offered.iter().enumerate().skip(1) {
        let (kind, rest) = line.split_once(' ').unwrap();
        let formats = rest.split_once(' ').unwrap().1;
        answer.push(format!("{kind} {} {formats}", 9200 + 10 * at));
    }
    call.far.replies(&asked, 200, "far", |reply| {
        reply.body("application/sdp", by(2, &answer.join("\n")).as_bytes())
    });
    call.far.takes_request(Method::Ack);
    let ok = call.connected();
    let taken: Vec<bool> = streams(&ok).iter().map(|line| port(line) != 0).collect();
    assert_eq!(
        taken,
        [false, true, false, true, false, true, true, true, false],
        "{:?}",
        streams(&ok)
    );
    let mut ports: Vec<u16> = streams(&ok)
        .iter()
        .map(|line| port(line))
        .filter(|port| *port != 0)
        .collect();
    ports.dedup();
    assert_eq!(ports.len(), 5, "no two lines of a phone share a port");
    assert_eq!(relayed(&call.stage).len(), 8);
    call.ends();
}

#[test]
fn a_line_is_added_and_removed_in_mid_call() {
    // RFC 3264 8.1, 8.2.
    let call = Call::offers(&by(1, AUDIO));
    let (asked, _) = call.answers(&by(2, AUDIO));
    assert!(relayed(&call.stage).is_empty());
    let more = both(AUDIO, VIDEO).replace("9100", "9300");
    let (offered, answered) = call.changes(&asked, 2, &by(2, &more), &by(1, &both(AUDIO, VIDEO)));
    assert_eq!((streams(&offered).len(), streams(&answered).len()), (2, 2));
    assert!(streams(&answered).iter().all(|line| port(line) != 0));
    assert_eq!(relayed(&call.stage), [ours("1:9100"), ours("2:9300")]);
    let less = both(AUDIO, "m=video 0 RTP/AVPF 96");
    let (offered, answered) = call.changes(&asked, 3, &by(2, &less), &by(1, &less));
    for message in [&offered, &answered] {
        assert!(streams(message)[1].starts_with("m=video 0 "), "{:?}", streams(message));
    }
    assert!(relayed(&call.stage).is_empty());
    // The place of a line that was removed may be taken by another one.
    let again = both(AUDIO, FAX).replace("9200", "9300");
    let (offered, answered) = call.changes(&asked, 4, &by(2, &again), &by(1, &both(AUDIO, FAX)));
    for message in [&offered, &answered] {
        let line = &streams(message)[1];
        assert!(line.starts_with("m=image ") && port(line) != 0, "{line}");
    }
    assert_eq!(relayed(&call.stage), [ours("1:9200"), ours("2:9300")]);
    call.ends();
}

fn t38(message: &Message) {
    let text = message.body_text().into_owned();
    for line in FAX.lines().skip(1).map(str::trim) {
        assert!(text.contains(&format!("{line}\r\n")), "{line} in {text}");
    }
    assert!(text.contains("m=image ") && text.contains(" udptl t38\r\n"), "{text}");
}

#[test]
fn a_fax_takes_the_place_of_the_audio_and_gives_it_back() {
    // ITU-T T.38 annex D, RFC 3264 8.3.3: many gateways offer one line only.
    let call = Call::offers(&by(1, AUDIO));
    let (asked, _) = call.answers(&by(2, AUDIO));
    let (offered, answered) = call.changes(&asked, 2, &by(2, &FAX.replace("9200", "9300")), &by(1, FAX));
    for message in [&offered, &answered] {
        t38(message);
        assert_eq!(streams(message).len(), 1, "in the place of the audio");
    }
    assert_eq!(relayed(&call.stage), [ours("1:9200"), ours("2:9300")]);
    // Nobody talks, and that does not end the call.
    call.stage.pass(400.0);
    let (offered, answered) = call.changes(&asked, 3, &by(2, AUDIO), &by(1, AUDIO));
    for message in [&offered, &answered] {
        let lines = streams(message);
        assert!(
            lines.len() == 1 && lines[0].starts_with("m=audio ") && port(&lines[0]) != 0,
            "{lines:?}"
        );
    }
    assert!(relayed(&call.stage).is_empty());
    call.ends();
}

#[test]
fn a_fax_beside_a_silent_audio_line_passes() {
    let call = Call::offers(&by(1, AUDIO));
    let (asked, _) = call.answers(&by(2, AUDIO));
    let silent = |fax: &str| both("m=audio 0 RTP/AVP 0", fax);
    let (offered, answered) = call.changes(
        &asked,
        2,
        &by(2, &silent(&FAX.replace("9200", "9300"))),
        &by(1, &silent(FAX)),
    );
    for message in [&offered, &answered] {
        t38(message);
        let lines = streams(message);
        assert!(lines.len() == 2 && port(&lines[0]) == 0, "{lines:?}");
    }
    assert_eq!(relayed(&call.stage), [ours("1:9200"), ours("2:9300")]);
    let (offered, _) = call.changes(
        &asked,
        3,
        &by(2, &both(AUDIO, "m=image 0 udptl t38")),
        &by(1, &both(AUDIO, "m=image 0 udptl t38")),
    );
    assert!(port(&streams(&offered)[0]) != 0 && port(&streams(&offered)[1]) == 0);
    call.ends();
}

#[test]
fn a_fax_that_the_other_side_refuses_leaves_the_talk_as_it_was() {
    let stage = Stage::default();
    let (alice, bob) = stage.talking();
    bob.feels(|mood| mood.refuses_changes = Some(488));
    let body = by(1, FAX).replace("198.51.200.1", "198.51.100.1");
    let answer = alice.asks_within(Method::Invite, |builder| {
        builder
            .header(HeaderName::Contact, "<sip:101@198.51.100.1>")
            .body("application/sdp", body.as_bytes())
    });
    assert_eq!(answer.status().unwrap().code(), 488);
    stage.hear_each_other(&alice, &bob);
    stage.ends(&alice, &bob);
}

#[test]
fn the_caller_s_own_fax_offer_reaches_the_callee() {
    let call = Call::offers(&by(1, AUDIO));
    let (_, ok) = call.answers(&by(2, AUDIO));
    let mut dialog = Dialog::uac(&call.invite, &ok).unwrap();
    let change = dialog
        .request(&Method::Update, "SIP/2.0/UDP 198.51.200.1:5060;branch=z9hG4bKf")
        .header(HeaderName::Contact, "<sip:101@198.51.200.1>")
        .body("application/sdp", by(1, FAX).as_bytes());
    call.near.sends(change.finish());
    let offered = call.far.takes_request(Method::Invite);
    t38(&offered);
    call.far.replies(&offered, 200, "far", |reply| {
        reply.body("application/sdp", by(2, &FAX.replace("9200", "9300")).as_bytes())
    });
    call.far.takes_request(Method::Ack);
    t38(&call.near.takes_response(200));
    assert_eq!(relayed(&call.stage), [ours("1:9200"), ours("2:9300")]);
    call.ends();
}
