//! Peers that do odd things, message by message.
//!
//! | file | what is odd |
//! |---|---|
//! | `answers.rs` | answers to our INVITE |
//! | `changes.rs` | re-INVITEs |
//! | `within.rs` | other requests within a call |

mod answers;
mod changes;
mod within;

use sip::{Builder, HeaderName, Message, Method};
use tests::{Actor, Stage, Wire, sdp};

const URI: &str = r#"fn on_call(caller) { caller.dial("sip:wire@198.51.200.1:5060", #{ timeout: 20 }); }"#;

fn called() -> (Stage, Actor, Wire, Message) {
    let stage = Stage::plan(URI);
    let alice = stage.phone("101");
    let wire = stage.wire("198.51.200.1:5060");
    alice.calls("900");
    let invite = wire.takes_request(Method::Invite);
    (stage, alice, wire, invite)
}

fn talking() -> (Stage, Actor, Wire, Message) {
    let (stage, alice, wire, invite) = called();
    let description = sdp("198.51.200.1", 9_000);
    wire.replies(&invite, 200, "far", |reply| {
        reply.body("application/sdp", description.as_bytes())
    });
    wire.takes_request(Method::Ack);
    alice.talks();
    stage.pass(0.5);
    (stage, alice, wire, invite)
}

/// A request of the peer within its call.
fn request(invite: &Message, method: Method, number: u32) -> Builder {
    Builder::request(&method, "sip:101@192.0.2.1")
        .header(
            HeaderName::Via,
            format!("SIP/2.0/UDP 198.51.200.1:5060;branch=z9hG4bK{method}{number}"),
        )
        .header(HeaderName::MaxForwards, 70)
        .header(
            HeaderName::From,
            format!("{};tag=far", invite.header(HeaderName::To).unwrap()),
        )
        .header(HeaderName::To, invite.header(HeaderName::From).unwrap())
        .header(HeaderName::CallId, invite.call_id())
        .header(HeaderName::CSeq, format!("{number} {method}"))
        .header(HeaderName::Contact, "<sip:wire@198.51.200.1>")
}

/// Sends a request within the call and does not wait for the answer.
fn begins(alice: &Actor, method: Method, kind: &str, body: &str) {
    let call = alice.latest();
    alice.with(|phone| phone.within(call, &method, |builder| builder.body(kind, body.as_bytes())));
}

/// The status of the answer, once it has come.
fn answer(alice: &Actor) -> Option<u16> {
    alice.with(|phone| Some(phone.answer.as_ref()?.status().unwrap().code()))
}

fn ends(stage: &Stage, alice: &Actor, wire: &Wire) {
    alice.hangs_up();
    let bye = wire.takes_request(Method::Bye);
    wire.replies(&bye, 200, "far", |reply| reply);
    alice.ends_with(200);
    stage.clears();
}
