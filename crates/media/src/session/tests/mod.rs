//! Offers and answers of one leg; here is also what the tests of details use.

mod details;

use super::*;

fn session(port: u16) -> Session {
    Session::new(Local {
        address: "198.51.100.1".parse().unwrap(),
        port,
        session_id: u64::from(port),
    })
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// A phone's description: address, port and everything after the port in `m=audio`.
fn phone(address: &str, port: u16, formats: &str, attributes: &[&str]) -> Vec<u8> {
    let lines: String = attributes.iter().map(|a| format!("a={a}\r\n")).collect();
    let kind = if address.contains(':') { "IP6" } else { "IP4" };
    format!(
        "v=0\r\no=alice 7 7 IN {kind} {address}\r\ns=Alice's phone\r\ni=secret\r\ne=alice@example.com\r\nc=IN {kind} {address}\r\n\
         t=0 0\r\nm=audio {port} RTP/AVP {formats}\r\n{lines}"
    )
    .into_bytes()
}

fn parse(bytes: &Bytes) -> Sdp {
    Sdp::parse(bytes).unwrap()
}

fn formats(bytes: &Bytes) -> String {
    parse(bytes).media[0].formats.join(" ")
}

fn version(bytes: &Bytes) -> u64 {
    parse(bytes).origin.version.parse().unwrap()
}

/// A talks to B through Tandem.
fn bridged() -> (Session, Session) {
    let (mut a, mut b) = (session(20_000), session(20_002));
    let offer = a
        .receive_offer(&phone(
            "192.0.2.1",
            4000,
            "0 8 101",
            &["rtpmap:101 telephone-event/8000"],
        ))
        .unwrap();
    b.make_offer(&offer).unwrap();
    let answer = b
        .receive_answer(&phone("192.0.2.2", 5000, "0 101", &["rtpmap:101 telephone-event/8000"]))
        .unwrap();
    a.make_answer(&answer).unwrap();
    (a, b)
}

#[test]
fn no_control_octet_of_one_phone_crosses_the_bridge() {
    let (mut a, mut b) = (session(20_000), session(20_002));
    let attributes = [
        "rtpmap:96 opus/48000/2",
        "fmtp:96 x=\u{1b}[2J\u{7f};y",
        "rtpmap:0 PCMU/8000",
    ];
    let spec = a.receive_offer(&phone("192.0.2.1", 4000, "96 0", &attributes)).unwrap();
    let offer = String::from_utf8(b.make_offer(&spec).unwrap().to_vec()).unwrap();
    assert!(offer.contains("a=fmtp:96 x= [2J ;y\r\n"), "{offer:?}");
}

#[test]
fn an_offer_crosses_the_bridge_and_its_answer_comes_back() {
    let (mut a, mut b) = (session(20_000), session(20_002));
    let attributes = [
        "rtpmap:96 opus/48000/2",
        "fmtp:96 useinbandfec=1",
        "rtpmap:101 telephone-event/8000",
        "fmtp:101 0-15",
        "ptime:30",
    ];
    let spec = a
        .receive_offer(&phone("192.0.2.1", 4000, "96 0 101", &attributes))
        .unwrap();
    assert_eq!(spec.audio_codecs().collect::<Vec<_>>(), ["OPUS", "PCMU"]);
    let offer = b.make_offer(&spec.widened()).unwrap();
    assert_eq!(b.state(), State::OfferSent);
    let text = String::from_utf8(offer.to_vec()).unwrap();
    assert_eq!(
        text,
        "v=0\r\no=- 20002 1 IN IP4 198.51.100.1\r\ns=-\r\nc=IN IP4 198.51.100.1\r\nt=0 0\r\n\
         m=audio 20002 RTP/AVP 96 0 101 9 8\r\na=rtpmap:96 opus/48000/2\r\na=fmtp:96 useinbandfec=1\r\n\
         a=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=rtpmap:9 G722/8000\r\na=rtpmap:8 PCMA/8000\r\n\
         a=ptime:30\r\na=sendrecv\r\n"
    );
    // B's own numbers differ.
    let answer = phone("192.0.2.2", 5000, "0 97", &["rtpmap:97 telephone-event/8000"]);
    let accepted = b.receive_answer(&answer).unwrap();
    let answer = a.make_answer(&accepted).unwrap();
    assert_eq!(formats(&answer), "0 101", "the offerer's numbers");
    assert!(a.is_established() && b.is_established() && a.state() == State::Idle && b.state() == State::Idle);
    let remote = b.remote(ip("203.0.113.9"));
    assert_eq!(remote.rtp, Some("192.0.2.2:5000".parse().unwrap()));
    assert_eq!(remote.rtcp, Some("192.0.2.2:5001".parse().unwrap()));
    assert_eq!(remote.expected.as_slice(), [ip("192.0.2.2"), ip("203.0.113.9")]);
    let numbers = |p: &[Payload]| p.iter().map(|p| p.number).collect::<Vec<_>>();
    assert_eq!(
        (numbers(&remote.send_payloads), numbers(&remote.receive_payloads)),
        (vec![0, 97], vec![0, 101])
    );
    assert_eq!(
        (remote.direction, a.remote(ip("192.0.2.1")).ptime),
        (
            Direction {
                send: true,
                receive: true
            },
            30
        )
    );
}

#[test]
fn nothing_of_one_side_reaches_the_other() {
    let attributes = [
        "ice-ufrag:abcd",
        "candidate:1 1 UDP 1 192.0.2.1 4000 typ host",
        "crypto:1 AES_CM_128_HMAC_SHA1_80 inline:xyz",
        "rtcp:4001 IN IP4 192.0.2.1",
        "fingerprint:sha-256 AA",
        "tool:alicephone",
        "rtcp-mux",
        "ssrc:1 cname:alice",
        "lang:en",
    ];
    let (mut a, mut b) = (session(20_000), session(20_002));
    let spec = a.receive_offer(&phone("192.0.2.1", 4000, "0", &attributes)).unwrap();
    let text = String::from_utf8(b.make_offer(&spec).unwrap().to_vec()).unwrap();
    for leak in [
        "192.0.2.1",
        "4000",
        "4001",
        "alice",
        "Alice",
        "secret",
        "ice",
        "crypto",
        "fingerprint",
        "mux",
        "ssrc",
        "tool",
    ] {
        assert!(!text.contains(leak), "{leak} in {text}");
    }
    assert!(text.contains("a=lang:en"));
}

#[test]
fn directions_cross_unchanged_in_meaning() {
    for (offered, answered) in [
        ("sendonly", "recvonly"),
        ("recvonly", "sendonly"),
        ("inactive", "inactive"),
        ("sendrecv", "sendonly"),
    ] {
        let (mut a, mut b) = bridged();
        let spec = a.receive_offer(&phone("192.0.2.1", 4000, "0", &[offered])).unwrap();
        let offer = b.make_offer(&spec).unwrap();
        assert_eq!(parse(&offer).media[0].attribute(offered), Some(""), "as offered");
        let spec = b.receive_answer(&phone("192.0.2.2", 5000, "0", &[answered])).unwrap();
        let answer = a.make_answer(&spec).unwrap();
        assert_eq!(parse(&answer).media[0].attribute(answered), Some(""), "as answered");
    }
}

#[test]
fn every_form_of_hold_stops_what_tandem_sends_and_resume_undoes_it() {
    let held = |address: &str, attributes: &[&str]| {
        let (mut a, mut b) = bridged();
        let spec = a.receive_offer(&phone(address, 4000, "0", attributes)).unwrap();
        let hold = spec.is_hold();
        b.make_offer(&spec).unwrap();
        let spec = b
            .receive_answer(&phone("192.0.2.2", 5000, "0", &[spec.direction().reversed().name()]))
            .unwrap();
        a.make_answer(&spec).unwrap();
        let (to_a, to_b) = (a.remote(ip("192.0.2.1")), b.remote(ip("192.0.2.2")));
        let spec = a.receive_offer(&phone("192.0.2.1", 4000, "0", &["sendrecv"])).unwrap();
        a.make_answer(&spec).unwrap();
        assert_eq!(
            a.remote(ip("192.0.2.1")).direction,
            Direction {
                send: true,
                receive: true
            }
        );
        (hold, to_a.direction.send, to_a.rtp.is_some(), to_b.direction.send)
    };
    assert_eq!(held("192.0.2.1", &["sendonly"]), (true, false, true, true));
    assert_eq!(held("192.0.2.1", &["inactive"]), (true, false, true, false));
    assert_eq!(held("192.0.2.1", &["recvonly"]), (false, true, true, false));
    assert_eq!(held("0.0.0.0", &[]), (true, false, false, true));
    assert_eq!(held("0.0.0.0", &["recvonly"]), (true, false, false, false));
    assert_eq!(held("::", &["sendrecv"]), (true, false, false, true));
}

#[test]
fn an_answer_never_widens_a_direction() {
    let mut a = session(20_000);
    a.receive_offer(&phone("192.0.2.1", 4000, "0", &["sendonly"])).unwrap();
    let answer = a.make_answer(&Spec::own(&["PCMU"])).unwrap();
    assert_eq!(parse(&answer).media[0].attribute("recvonly"), Some(""));
    assert_eq!(
        a.remote(ip("192.0.2.1")).direction,
        Direction {
            send: false,
            receive: true
        }
    );
}

#[test]
fn lines_that_are_not_relayed_are_refused_in_place() {
    let mut a = session(20_000);
    let mut offer = phone("192.0.2.1", 4000, "0", &[]);
    let audio = offer.split_off(offer.windows(2).position(|w| w == b"m=").unwrap());
    offer.extend(b"m=video 4002 RTP/AVP 99 98\r\na=rtpmap:99 H264/90000\r\nm=audio 4004 RTP/SAVP 0\r\n");
    offer.extend(&audio);
    offer.extend(b"m=image 4006 udptl t38\r\nm=audio 4008 RTP/AVP 8\r\n");
    let spec = a.receive_offer(&offer).unwrap();
    let answer = a.make_answer(&spec).unwrap();
    let lines: Vec<_> = parse(&answer)
        .media
        .iter()
        .map(|m| format!("{} {} {} {}", m.kind, m.port, m.protocol, m.formats.join(" ")))
        .collect();
    let expected = [
        "video 0 RTP/AVP 99 98",
        "audio 0 RTP/SAVP 0",
        "audio 20000 RTP/AVP 0",
        "image 0 udptl t38",
        "audio 0 RTP/AVP 8",
    ];
    assert_eq!(lines, expected);
    // RFC 3264 section 8: and in our own later offer.
    let again = a.make_offer(&Spec::own(&["PCMU", "PCMA"])).unwrap();
    assert_eq!(parse(&again).media.len(), 5);
    assert_eq!((parse(&again).media[0].port, parse(&again).media[2].port), (0, 20_000));
    // An answer must have them all, and a later offer at least as many; some video phones leave out what was refused.
    let spec = a.receive_answer(&phone("192.0.2.1", 4000, "0", &[])).unwrap();
    assert_eq!(spec.audio_codecs().collect::<Vec<_>>(), ["PCMU"]);
    let spec = a.receive_offer(&phone("192.0.2.1", 4000, "0", &["sendonly"])).unwrap();
    let answer = parse(&a.make_answer(&spec.with_direction(SdpDirection::RecvOnly)).unwrap());
    assert_eq!((answer.media.len(), answer.media[0].port), (1, 20_000));
}

#[test]
fn the_version_grows_only_with_a_change() {
    let (mut a, _) = bridged();
    let first = a.last_local().unwrap().clone();
    let same = phone("192.0.2.1", 4000, "0 8 101", &["rtpmap:101 telephone-event/8000"]);
    let answer = |a: &mut Session, direction| {
        a.receive_offer(&same).unwrap();
        let mut spec = Spec::own(&["PCMU", "telephone-event"]).with_direction(direction);
        spec.ptime = None;
        spec.codecs[1].fmtp = None;
        a.make_answer(&spec).unwrap()
    };
    assert_eq!(answer(&mut a, SdpDirection::SendRecv), first);
    let held = answer(&mut a, SdpDirection::Inactive);
    assert_eq!((version(&held), version(&first)), (2, 1));
    a.move_to(ip("2001:db8::1"), 20_010);
    let moved = answer(&mut a, SdpDirection::Inactive);
    assert_eq!((version(&moved), parse(&moved).media[0].port), (3, 20_010));
    assert!(parse(&moved).to_string().contains("c=IN IP6 2001:db8::1"));
}

#[test]
fn a_refused_offer_leaves_everything_as_it_was() {
    let (mut a, mut b) = bridged();
    let (last, remote) = (b.last_local().unwrap().clone(), b.remote(ip("192.0.2.2")));
    let spec = a.receive_offer(&phone("192.0.2.77", 4444, "8", &["sendonly"])).unwrap();
    assert_eq!(
        a.receive_offer(&phone("192.0.2.1", 1, "0", &[])),
        Err(SdpError::State("an offer is open already"))
    );
    let refused = b.make_offer(&spec).unwrap();
    let open = Err(SdpError::State("an offer is open already"));
    assert_eq!((a.make_offer(&spec), b.make_offer(&spec)), (open.clone(), open));
    assert_eq!(
        (a.state(), b.state()),
        (State::OfferReceived, State::OfferSent),
        "nothing is withdrawn in silence"
    );
    b.rollback();
    a.rollback();
    assert_eq!(
        (b.last_local(), b.state(), b.remote(ip("192.0.2.2"))),
        (Some(&last), State::Idle, remote)
    );
    assert_eq!(a.remote(ip("192.0.2.1")).rtp, Some("192.0.2.1:4000".parse().unwrap()));
    assert!(a.make_answer(&spec).is_err());
    // RFC 3264 section 8: the next change still counts on from the refused one.
    assert!(version(&b.make_offer(&spec).unwrap()) > version(&refused));
}

#[test]
fn no_codec_in_common_is_an_error_that_keeps_the_offer_open() {
    let mut a = session(20_000);
    a.receive_offer(&phone(
        "192.0.2.1",
        4000,
        "18 101",
        &["rtpmap:101 telephone-event/8000"],
    ))
    .unwrap();
    assert_eq!(
        a.make_answer(&Spec::own(&["PCMU", "telephone-event"])),
        Err(SdpError::NoCommonCodec)
    );
    assert_eq!(a.state(), State::OfferReceived);
    a.rollback();
    assert!(!a.is_established() && a.last_local().is_none());
    for offer in [
        phone("192.0.2.1", 0, "0", &[]),
        phone("192.0.2.1", 4000, "99", &[]),
        phone("192.0.2.1", 4000, "13 101", &["rtpmap:101 telephone-event/8000"]),
        b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\n".to_vec(),
    ] {
        assert_eq!(session(1).receive_offer(&offer), Err(SdpError::NoCommonCodec));
    }
    let mut b = session(20_002);
    b.make_offer(&Spec::own(&["PCMU"])).unwrap();
    assert_eq!(
        b.receive_answer(&phone("192.0.2.2", 0, "0", &[])),
        Err(SdpError::NoCommonCodec)
    );
    assert_eq!(
        b.receive_answer(&phone("192.0.2.2", 5000, "8", &[])),
        Err(SdpError::NoCommonCodec)
    );
    assert_eq!(
        b.receive_answer(b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\n"),
        Err(SdpError::LinesDiffer)
    );
}

#[test]
fn a_session_read_back_from_its_image_goes_on_where_it_was() {
    let (a, mut b) = bridged();
    // In an exchange, too: an image says what is open.
    let mut sent = b.clone();
    sent.make_offer(&Spec::own(&["PCMA"])).unwrap();
    let mut received = a.clone();
    let hold = phone("192.0.2.1", 4000, "8", &["sendonly"]);
    let spec = received.receive_offer(&hold).unwrap();
    for session in [&a, &b, &sent, &received] {
        let image = serde_json::to_string(session).unwrap();
        assert_eq!(&serde_json::from_str::<Session>(&image).unwrap(), session);
    }
    let image = serde_json::to_string(&b).unwrap();
    let mut again: Session = serde_json::from_str(&image).unwrap();
    assert_eq!(
        again.make_offer(&spec),
        b.make_offer(&spec),
        "the same numbers, lines and version"
    );
    let image = serde_json::to_string(&spec).unwrap();
    assert_eq!(serde_json::from_str::<Spec>(&image).unwrap(), spec);
}
