//! Requests within a leg's dialog (RFC 3261 12.2).
//!
//! | file | what it does |
//! |---|---|
//! | `mod.rs` | gives a request of the phone's to the part of the leg that deals with it |
//! | `pass.rs` | INFO and MESSAGE, which go to the other phone of the call |
//! | `key.rs` | the keys in an INFO |
//! | `send_key.rs` | keys that go to the phone by INFO |
//! | `refer.rs` | REFER, and the NOTIFYs of its outcome |

mod key;
pub(super) mod pass;
pub(super) mod refer;
pub(super) mod send_key;

use sip::{Builder, Flow, HeaderName, Message, Method, StatusCode, transaction::ServerId};

pub(crate) use key::{FLASH, info_key};
pub(crate) use pass::{answer_passed, passed_on};
pub(crate) use refer::accept_subscribe;
pub(crate) use send_key::answered as key_answered;

use super::{Leg, change::theirs, end, reliable::sent, session_id};
use crate::{
    answer::Answer,
    stack::{
        Stack,
        capabilities::{Place, allow, supported, understood},
    },
};

/// A request other than ACK and CANCEL came within the dialog, by `flow`.
pub(crate) fn request(leg: &mut Leg, cx: &mut Stack, server: ServerId, flow: Flow, request: Message) {
    let Some(dialog) = leg.stage.dialog_of(&request) else {
        return cx.answer(server, &request, &Answer::of(481));
    };
    if let Err(answer) = understood(&request) {
        return cx.answer(server, &request, &answer);
    }
    if dialog.accept_order(&request).is_err() {
        // RFC 3261 12.2.2: out of order.
        return cx.answer(server, &request, &Answer::of(500));
    }
    // The phone is where its last request came from. Its NAT may have given it another port, or another address; a
    // request from another address was authenticated. Our requests go back by the same listener.
    leg.path.flow = flow;
    session_id::heard(leg, &request);
    match request.method() {
        Method::Bye => end::bye_received(leg, cx, server, &request),
        Method::Invite => {
            cx.servers.insert(server, leg.id);
            theirs::requested(leg, cx, server, request);
        }
        Method::Update => theirs::requested(leg, cx, server, request),
        Method::Info | Method::Message => pass::received(leg, cx, server, request),
        Method::Options => {
            let reply = Builder::reply(&request, StatusCode::OK, None)
                .header(HeaderName::Allow, allow(Place::Within))
                .header(HeaderName::Supported, supported(Place::Within))
                .finish();
            cx.respond(server, reply);
        }
        Method::Prack => sent::acknowledged(leg, cx, server, &request),
        Method::Ack | Method::Cancel => {}
        Method::Refer => refer::received(leg, cx, server, request),
        // RFC 3515 section 2.4.4: of a subscription that a REFER began.
        Method::Subscribe if refer::is_meant(&request) => refer::received(leg, cx, server, request),
        // RFC 6665 section 4.5.2: a notifier need not share the dialog of a call, and says so. Such a phone subscribes in a
        // dialog of its own, which outlives the call.
        Method::Subscribe => {
            let answer = Answer::because(StatusCode::FORBIDDEN, "Dialog Sharing Not Supported");
            cx.answer(server, &request, &answer);
        }
        Method::Register | Method::Notify | Method::Publish => {
            not_allowed(cx, server, &request, 405);
        }
        Method::Other(_) => not_allowed(cx, server, &request, 501),
    }
}

fn not_allowed(cx: &mut Stack, server: ServerId, request: &Message, code: u16) {
    cx.answer(
        server,
        request,
        &Answer::of(code).with(HeaderName::Allow, allow(Place::Within)),
    );
}
