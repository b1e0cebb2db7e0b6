//! Messages read, checked, built and routed.

mod building;
mod checking;
mod keep;
mod parsing;
mod routing;

use super::*;
use crate::{Contact, Flow, FrameError, Framer, Uri};

const INVITE: &str = "INVITE sip:bob@biloxi.com SIP/2.0\r\n\
    Via: SIP/2.0/UDP pc33.atlanta.com;branch=z9hG4bK776asdhds\r\n\
    Max-Forwards: 70\r\n\
    To: Bob <sip:bob@biloxi.com>\r\n\
    From: Alice <sip:alice@atlanta.com>;tag=1928301774\r\n\
    Call-ID: a84b4c76e66710@pc33.atlanta.com\r\n\
    CSeq: 314159 INVITE\r\n\
    Contact: <sip:alice@pc33.atlanta.com>\r\n\
    Timestamp: 54\r\n\
    Content-Type: application/sdp\r\n\
    Content-Length: 4\r\n\r\nv=0\n";

fn read(text: &str) -> Message {
    Message::parse(Bytes::from(text.to_owned()), &Limits::default()).unwrap()
}

fn refused(text: &str) -> ParseError {
    Message::parse(Bytes::from(text.to_owned()), &Limits::default()).unwrap_err()
}

fn source() -> SocketAddr {
    "192.0.2.9:5062".parse().unwrap()
}

/// The message as another method's.
fn as_method(text: &str, method: &str) -> String {
    text.replace("INVITE", method)
}
