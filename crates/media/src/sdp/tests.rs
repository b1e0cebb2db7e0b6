use proptest::prelude::*;

use super::*;

const FULL: &str = "v=0\r\no=jdoe 2890844526 2890842807 IN IP4 192.0.2.5\r\ns=SDP Seminar\r\ni=A Seminar\r\n\
    u=http://www.example.com/sdp.pdf\r\ne=j.doe@example.com (Jane Doe)\r\np=+1 617 555-6011\r\n\
    c=IN IP4 224.2.17.12/127/3\r\nb=CT:1024\r\nb=X-YZ:128\r\nt=2873397496 2873404696\r\nr=7d 1h 0 25h\r\n\
    t=0 0\r\nz=2882844526 -1h 2898848070 0\r\nk=prompt\r\na=recvonly\r\na=unknown:with:colons\r\n\
    m=audio 49170/2 RTP/AVP 0 97\r\ni=title\r\nc=IN IP6 FF15::101/3\r\nc=IN IP6 2001:db8::1\r\nb=AS:64\r\n\
    k=clear:password\r\na=rtpmap:97 iLBC/8000\r\na=ptime:20\r\nm=video 51372 RTP/AVP 99\r\n\
    m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 phone.example.com\r\n";

#[test]
fn every_line_type_at_both_levels_comes_back_as_it_went_in() {
    let sdp = Sdp::parse(FULL.as_bytes()).unwrap();
    // Only the spelling of the IPv6 address changes.
    assert_eq!(sdp.to_string(), FULL.replace("FF15::101", "ff15::101"));
    assert_eq!(Sdp::parse(sdp.to_string().as_bytes()).unwrap(), sdp);
    let c = sdp.connection.as_ref().unwrap();
    assert_eq!((c.ttl, c.count), (Some(127), Some(3)));
    assert_eq!(
        (sdp.media[0].count, sdp.media[0].connections[0].count),
        (Some(2), Some(3))
    );
    assert_eq!(sdp.media[2].connections[0].host, Host::Name("phone.example.com".into()));
    assert_eq!(sdp.effective(&sdp.media[0], "recvonly"), Some(""));
    assert_eq!(sdp.attribute("UNKNOWN"), Some("with:colons"));
    assert_eq!(
        sdp.connection_of(&sdp.media[1]).unwrap().host.ip(),
        Some("224.2.17.12".parse().unwrap())
    );
}

#[test]
fn line_ends_and_omissions_that_phones_get_wrong_are_taken() {
    let lf = FULL.replace("\r\n", "\n");
    assert_eq!(Sdp::parse(lf.as_bytes()), Sdp::parse(FULL.as_bytes()));
    let bare = "v=0\no=- 1 1 IN IP4 192.0.2.1\nm=audio 4000 RTP/AVP 0";
    assert_eq!(Sdp::parse(bare.as_bytes()).unwrap().media[0].port, 4000);
    let odd = "v=0\no=- 1 1 IN IP4 192.0.2.1\ns= \nb=nonsense\nb=AS:64 \nt=0 0\n";
    assert_eq!(
        Sdp::parse(odd.as_bytes()).unwrap().bandwidths,
        [Bandwidth {
            kind: "AS".into(),
            value: 64
        }]
    );
}

#[test]
fn text_in_any_charset_is_taken_and_other_octets_than_utf_8_are_shown_as_such() {
    let text = b"v=0\r\no=J\xf6rg 1 1 IN IP4 192.0.2.1\r\ns=Gespr\xe4ch\r\ni=\xa4\r\nu=\xff\r\ne=\xfe\r\np=\x80\r\n\
        c=IN IP4 192.0.2.1\r\nb=X-\xe4:1\r\nt=0 0\r\nr=\xe4\r\nz=\xe4\r\nk=\xe4\r\na=charset:ISO-8859-1\r\na=\xe4:\xe4\r\n\
        m=audio 4000 RTP/AVP 0\r\ni=\xe4\r\nk=\xe4\r\na=x-key:\xff\xfe\xe4\x80\r\na=\xc3\xa9t\xc3\xa9\r\n";
    let sdp = Sdp::parse(text).unwrap();
    assert_eq!(sdp.name, "Gespr\u{fffd}ch");
    assert_eq!(sdp.attribute("charset"), Some("ISO-8859-1"));
    assert_eq!(sdp.media[0].attribute("x-key"), Some("\u{fffd}\u{fffd}\u{fffd}"));
    assert_eq!(sdp.media[0].attribute("\u{e9}t\u{e9}"), Some(""), "what is UTF-8 stays");
    assert_eq!(sdp.media[0].port, 4000);
}

#[test]
fn blanks_and_nul_behind_a_description_are_no_part_of_it() {
    let plain = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nm=audio 4000 RTP/AVP 0\r\na=sendonly\r\n";
    let expected = Sdp::parse(plain.as_bytes()).unwrap();
    let cut = &plain[..plain.len() - 2];
    for text in [
        format!("{plain}  \r\n"),
        format!("{plain}\t"),
        format!("{plain}\0"),
        format!("{plain}\0\0\0left over\r\n"),
        format!("{plain} \0\r\n\r\n"),
        format!("{cut}\0"),
        format!("{cut}\0\0\r\n\0"),
        format!("\r\n  \r\n{plain}"),
        plain.replace("s=-\r\n", "s=-\r\n   \r\n"),
    ] {
        assert_eq!(Sdp::parse(text.as_bytes()).as_ref(), Ok(&expected), "{text:?}");
    }
}

#[test]
fn the_origin_and_the_times_of_a_description_make_no_difference() {
    for o in [
        "",
        "o=\n",
        "o=- x 1 IN IP4 192.0.2.1\n",
        "o=- -1 0x1 IN IP4 192.0.2.1\n",
        "o=- 1 1 IN IP4\n",
        "o=John Doe 1 1 IN IP4 192.0.2.1\n",
        "o=- 1 1 IN IP4 192.0.2.300\n",
        "o=- 1 1 ATM NSAP 47\n",
    ] {
        for t in [
            "",
            "t=\n",
            "t=0\n",
            "t=0 0 0\n",
            "t=-1 now\n",
            "r=7d\n",
            "t=x\nr=7d 1h 0\n",
        ] {
            let text = format!("v=0\n{o}s=-\nc=IN IP4 192.0.2.1\n{t}m=audio 4000 RTP/AVP 0\n");
            let sdp = Sdp::parse(text.as_bytes()).unwrap_or_else(|fault| panic!("{text:?}: {fault}"));
            assert_eq!(sdp.media[0].port, 4000);
            let written = sdp.to_string();
            assert_eq!(Sdp::parse(written.as_bytes()).unwrap().to_string(), written);
        }
    }
}

#[test]
fn faults_name_their_line() {
    let head = "v=0\no=- 1 1 IN IP4 192.0.2.1\n";
    let with = |lines: &str| format!("{head}{lines}");
    let table = [
        (String::new(), 0),
        (" \r\n\0".into(), 0),
        ("o=- 1 1 IN IP4 192.0.2.1\n".into(), 1),
        ("v=1\n".into(), 1),
        (with("o=- 1 1 IN IP4 192.0.2.1\n"), 3),
        (with("hello\n"), 3),
        (with("x=1\n"), 3),
        (with("c=IN IP4 300.0.0.1\n"), 3),
        (with("c=IN IP4 192.0.2.1/127/3/4\n"), 3),
        (with("c=IN IP6 ff15::1/127/3\n"), 3),
        (with("c=IN IP6 ::g\n"), 3),
        (with("c=ATM NSAP 47\n"), 3),
        (with("c=IN IP4 a\u{1}b\n"), 3),
        (with("m=audio\n"), 3),
        (with("m=audio 65536 RTP/AVP 0\n"), 3),
        (with("m=audio 1/x RTP/AVP 0\n"), 3),
        (with("m=audio 1 RTP/AVP 0\nt=0 0\n"), 4),
    ];
    for (text, line) in table {
        match Sdp::parse(text.as_bytes()) {
            Err(SdpError::Syntax { line: found, .. }) => assert_eq!(found, line, "{text:?}"),
            other => panic!("{text:?}: {other:?}"),
        }
    }
}

#[test]
fn limits_hold() {
    let head = "v=0\no=- 1 1 IN IP4 192.0.2.1\n";
    let table = [
        (format!("{head}a={}\n", "x".repeat(40_000)), "bytes"),
        (format!("{head}{}", "a=x\n".repeat(2000)), "lines"),
        (format!("{head}{}", "m=audio 1 RTP/AVP 0\n".repeat(33)), "media lines"),
        (format!("{head}m=audio 1 RTP/AVP{}\n", " 0".repeat(129)), "formats"),
    ];
    for (text, what) in table {
        assert_eq!(Sdp::parse(text.as_bytes()), Err(SdpError::TooLarge(what)));
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let _ = Sdp::parse(&bytes);
    }

    #[test]
    fn what_parses_prints_and_parses_the_same(lines in proptest::collection::vec("[vosiuepcbtrzkam]=[ -~]{0,40}", 0..20)) {
        let text = format!("v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\n{}\r\n", lines.join("\r\n"));
        if let Ok(sdp) = Sdp::parse(text.as_bytes()) {
            prop_assert_eq!(Sdp::parse(sdp.to_string().as_bytes()).unwrap(), sdp);
        }
    }

    #[test]
    fn a_damaged_description_never_panics(at in 0usize..FULL.len(), byte: u8, cut in 0usize..FULL.len()) {
        let mut bytes = FULL.as_bytes().to_vec();
        bytes[at] = byte;
        let _ = Sdp::parse(&bytes);
        let _ = Sdp::parse(&bytes[..cut]);
    }
}
