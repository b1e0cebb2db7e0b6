//! Requests within a leg's dialog (RFC 3261 12.2).
//!
//! | file | what it does |
//! |---|---|
//! | `mod.rs` | takes a request of the phone's, and gives it to the part of the leg that it is for |
//! | `pass.rs` | INFO and MESSAGE, which pass to the other phone of the call |
//! | `key.rs` | the keys that an INFO brings |
//! | `refer.rs` | REFER, and the NOTIFYs that tell what came of it |

mod key;
pub(super) mod pass;
pub(super) mod refer;

use sip::{Builder, Flow, HeaderName, Message, Method, StatusCode, transaction::ServerId};

pub(crate) use key::{FLASH, info_key};
pub(crate) use pass::{answer_passed, passed_on};

use super::{Leg, change::theirs, end};
use crate::{
    answer::Answer,
    stack::{
        Stack,
        capabilities::{Place, allow, supported, understood},
    },
};

/// A request came within the dialog.
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
    // The phone is where it speaks from: its NAT may have given it another port, and another address where it has
    // shown who it is. What we say goes back the way it came, from the listener that it found.
    leg.path.flow = flow;
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
        // RFC 3262 section 3: there is no reliable provisional response to acknowledge.
        Method::Prack => cx.answer(server, &request, &Answer::of(481)),
        Method::Ack | Method::Cancel => {}
        Method::Refer => refer::received(leg, cx, server, request),
        Method::Register | Method::Subscribe | Method::Notify | Method::Publish => {
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
