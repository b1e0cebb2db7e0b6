//! Keep-alives that a sender asks for (RFC 6223).

use super::*;

#[test]
fn a_sender_that_asks_is_told_how_often() {
    for (via, told) in [
        (
            "SIP/2.0/UDP a.example:5070;branch=z9hG4bKa;keep",
            "SIP/2.0/UDP a.example:5070;branch=z9hG4bKa;keep=120",
        ),
        (
            "SIP/2.0/TCP [2001:db8::1];KEEP;branch=z9hG4bKa;rport=7",
            "SIP/2.0/TCP [2001:db8::1];KEEP=120;branch=z9hG4bKa;rport=7",
        ),
        (
            "SIP/2.0/UDP a.example;branch=z9hG4bKa;keep=30",
            "SIP/2.0/UDP a.example;branch=z9hG4bKa;keep=30",
        ),
        (
            "SIP/2.0/UDP a.example;branch=z9hG4bKa;keeper",
            "SIP/2.0/UDP a.example;branch=z9hG4bKa;keeper",
        ),
    ] {
        let request = INVITE.replace("SIP/2.0/UDP pc33.atlanta.com;branch=z9hG4bK776asdhds", via);
        let kept = read(&request).with_keep(120);
        assert_eq!(kept.header(HeaderName::Via), Some(told));
        assert_eq!(kept.body(), b"v=0\n");
    }
}
