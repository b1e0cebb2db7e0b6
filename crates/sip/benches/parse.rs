//! What reading and writing a message costs. Prints lines of `name value unit`.
//!
//! Each figure is the best of several rounds: the machine's other work only ever adds to it.

#![allow(clippy::disallowed_methods, reason = "a benchmark looks at the clock")]
#![allow(clippy::print_stdout, reason = "the figures are its result")]
#![allow(clippy::unwrap_used, reason = "a benchmark may fail")]

use std::{hint::black_box, time::Instant};

use bytes::Bytes;
use sip::{Builder, Framer, HeaderName, Limits, Message, Method, StatusCode, Uri};

const INVITE: &str = concat!(
    "INVITE sip:bob@biloxi.example.com SIP/2.0\r\n",
    "Via: SIP/2.0/UDP 192.0.2.33:5060;branch=z9hG4bK776asdhds;rport\r\n",
    "Max-Forwards: 70\r\n",
    "To: \"Bob\" <sip:bob@biloxi.example.com>\r\n",
    "From: \"Alice\" <sip:alice@atlanta.example.com>;tag=1928301774\r\n",
    "Call-ID: a84b4c76e66710@pc33.atlanta.example.com\r\n",
    "CSeq: 314159 INVITE\r\n",
    "Contact: <sip:alice@192.0.2.33:5060;transport=udp>\r\n",
    "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, REFER, NOTIFY, UPDATE, PRACK\r\n",
    "Supported: replaces, timer, 100rel, outbound\r\n",
    "User-Agent: Example Phone 2.14.3 (build 20250101)\r\n",
    "Session-Expires: 1800;refresher=uac\r\n",
    "Content-Type: application/sdp\r\n",
    "Content-Length: 233\r\n",
    "\r\n",
    "v=0\r\n",
    "o=alice 2890844526 2890844526 IN IP4 192.0.2.33\r\n",
    "s=-\r\n",
    "c=IN IP4 192.0.2.33\r\n",
    "t=0 0\r\n",
    "m=audio 49172 RTP/AVP 9 8 0 101\r\n",
    "a=rtpmap:9 G722/8000\r\n",
    "a=rtpmap:8 PCMA/8000\r\n",
    "a=rtpmap:0 PCMU/8000\r\n",
    "a=rtpmap:101 telephone-event/8000\r\n",
    "a=sendrecv\r\n",
);

fn measure<T>(name: &str, mut work: impl FnMut() -> T) {
    // `cargo bench -- NAME` measures that one alone.
    let mut asked = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).peekable();
    if asked.peek().is_some() && !asked.any(|arg| arg == name) {
        return;
    }
    const ROUNDS: u32 = 40;
    const TIMES: u32 = 5_000;
    let mut best = f64::MAX;
    for _ in 0..ROUNDS {
        let begin = Instant::now();
        for _ in 0..TIMES {
            black_box(work());
        }
        best = best.min(begin.elapsed().as_secs_f64() * 1e9 / f64::from(TIMES));
    }
    println!("{name} {best:.0} ns");
}

/// What a B2BUA looks at in every request.
fn b2bua(message: &Message) -> usize {
    let via = message.top_via().unwrap();
    let from = message.from().unwrap();
    let to = message.to().unwrap();
    let cseq = message.cseq().unwrap();
    let contact = message.header(HeaderName::Contact).unwrap();
    via.branch().unwrap().len() + from.tag().unwrap().len() + to.uri.len() + contact.len() + cseq.number as usize
}

fn build(request: &Message) -> Message {
    let mut builder = Builder::request(&Method::Invite, "sip:bob@198.51.100.7:5062;transport=udp");
    builder = builder
        .header(
            HeaderName::Via,
            "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK0123456789abcdef;rport",
        )
        .header(HeaderName::MaxForwards, 69)
        .header(
            HeaderName::From,
            "\"Alice\" <sip:101@tandem.local>;tag=0123456789abcdef",
        )
        .header(HeaderName::To, "<sip:bob@198.51.100.7:5062>")
        .header(HeaderName::CallId, "0123456789abcdef0123456789abcdef")
        .header(HeaderName::CSeq, format_args!("{} {}", 1, Method::Invite))
        .header(HeaderName::Contact, "<sip:192.0.2.1:5060;transport=udp>");
    for name in [
        HeaderName::Allow,
        HeaderName::Supported,
        HeaderName::UserAgent,
        HeaderName::SessionExpires,
    ] {
        builder = builder.copy(request, name);
    }
    builder.body("application/sdp", request.body()).finish()
}

fn main() {
    let limits = Limits::default();
    let bytes = Bytes::from_static(INVITE.as_bytes());
    let source = "192.0.2.33:5060".parse().unwrap();
    let read = || Message::parse(bytes.clone(), &limits).unwrap();
    let message = read();
    message.check().unwrap();
    println!("invite_bytes {} octets", INVITE.len());
    println!("built_bytes {} octets", build(&message).bytes().len());
    measure("parse", read);
    measure("parse_copied", || {
        Message::parse(Bytes::copy_from_slice(INVITE.as_bytes()), &limits).unwrap()
    });
    measure("parse_b2bua", || b2bua(&read()));
    measure("b2bua_headers", || b2bua(&message));
    measure("check", || message.check().unwrap());
    measure("with_received", || message.clone().with_received(source));
    measure("uri", || {
        Uri::parse("sip:alice@192.0.2.33:5060;transport=udp").unwrap().port
    });
    measure("build", || build(&message));
    measure("reply", || {
        Builder::reply(&message, StatusCode::RINGING, Some("0123456789abcdef")).finish()
    });
    measure("frame", || {
        let mut framer = Framer::new(limits);
        framer.push(INVITE.as_bytes());
        framer.next()
    });
}
