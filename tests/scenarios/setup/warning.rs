//! Each 488 says why (RFC 3261 13.3.1.3, 20.43).

use media::SdpDirection;
use sip::{HeaderName, Message, Method};
use tests::Stage;

/// The code of the Warning of a 488.
fn why(message: &Message) -> String {
    assert_eq!(message.status().unwrap().code(), 488);
    let warning = message
        .header(HeaderName::Warning)
        .unwrap_or_else(|| panic!("{message:?}"));
    let (code, rest) = warning.split_once(' ').unwrap();
    assert!(rest.starts_with("tandem.local \"") && rest.ends_with('"'), "{warning}");
    code.to_owned()
}

#[test]
fn a_refused_call_has_a_warning() {
    let stage = Stage::default();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    // The callee refuses and gives no reason.
    alice.calls("102");
    bob.rings().rejects(488);
    alice.ends_with(488);
    assert_eq!(alice.call(|call| why(&call.last)), "399");
    // Both have answered, with nothing in common.
    alice.feels(|mood| mood.codecs = vec!["G722"]);
    bob.feels(|mood| mood.codecs = vec!["GSM"]);
    alice.calls("102");
    bob.rings().answers();
    alice.ends_with(488);
    alice.call(|call| why(&call.last));
    stage.clears();
    let stage = Stage::plan("fn on_call(caller) { caller.reject(488); }");
    let alice = stage.phone("101");
    alice.calls("900").ends_with(488);
    assert_eq!(alice.call(|call| why(&call.last)), "399");
    // Tandem itself answers the call.
    let stage = Stage::plan("fn on_call(caller) { caller.answer(); }");
    let alice = stage.phone("101");
    alice.feels(|mood| mood.codecs = vec!["GSM"]).calls("900");
    alice.ends_with(488);
    assert_eq!(alice.call(|call| why(&call.last)), "305");
    stage.clears();
}

#[test]
fn a_refused_change_has_a_warning() {
    let stage = Stage::default();
    let (alice, bob) = stage.talking();
    bob.feels(|mood| mood.refuses_changes = Some(488));
    alice.offers(SdpDirection::SendOnly, 488);
    assert_eq!(alice.call(|call| why(&call.last)), "399");
    for (media, code) in [
        ("m=message 9000 TCP/MSRP *\r\n", "304"),
        ("m=audio 9000 RTP/SAVP 0\r\n", "302"),
        ("m=audio 9000 RTP/AVP 99\r\n", "305"),
        ("m=audio 70000 RTP/AVP 0\r\n", "307"),
    ] {
        let body = format!("v=0\r\no=- 1 9 IN IP4 198.51.100.1\r\ns=-\r\nc=IN IP4 198.51.100.1\r\nt=0 0\r\n{media}");
        let answer = alice.asks_within(Method::Update, |builder| {
            builder
                .header(HeaderName::Contact, "<sip:101@198.51.100.1>")
                .body("application/sdp", body.as_bytes())
        });
        assert_eq!(why(&answer), code, "{media}");
    }
    bob.feels(|mood| mood.refuses_changes = None);
    stage.ends(&alice, &bob);
}
