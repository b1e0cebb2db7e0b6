//! INFO and MESSAGE within a dialog: they pass to the other phone of the call, whose answer comes back.

use std::time::Duration;

use ::media::Command;
use sip::{HeaderName, Message, Method, StatusCode, transaction::ServerId};

use super::key::{FLASH, info_key};
use crate::{
    answer::Answer,
    event::LegEvent,
    leg::{Leg, end},
    requests::{self, Outline, Owner},
    stack::{
        Stack, TimerKey,
        capabilities::{self, Place},
    },
};

/// How long the other phone has to answer. Whoever asked would take the silence of its whole transaction, 32 s, for the
/// end of the call (RFC 3261 12.2.1.2).
const PATIENCE: Duration = Duration::from_secs(10);

pub(in crate::leg) fn received(leg: &mut Leg, cx: &mut Stack, server: ServerId, request: Message) {
    if !leg.stage.is_live() {
        return cx.answer(server, &request, &Answer::of(481));
    }
    if *request.method() == Method::Info && request.header(HeaderName::InfoPackage).is_some() {
        // RFC 6086 section 4.2.2: none was asked for.
        return cx.answer(server, &request, &Answer::of(469).with(HeaderName::RecvInfo, ""));
    }
    leg.tell(cx, LegEvent::Passed { server, request });
}

/// Sends what the other leg's phone sent by INFO or MESSAGE; keys go as RFC 4733 events to a
/// phone that does not allow INFO. Returns the status the other phone is to get, unless that is to come: 405 where this
/// phone has said that it takes no INFO (RFC 3261 20.5: one that sent no Allow has not said so).
pub(in crate::leg) fn pass_on(leg: &mut Leg, cx: &mut Stack, server: ServerId, passed: &Message) -> Option<u16> {
    if !leg.is_up() {
        return Some(480);
    }
    let (method, body) = (passed.method(), passed.body());
    if *method == Method::Info && !leg.can.info {
        return Some(match body {
            [] => 200,
            _ if press(leg, cx, passed) => 200,
            _ => 405,
        });
    }
    let Some(up) = leg.stage.up() else {
        return Some(480);
    };
    let dialog = &mut up.confirmed.dialog;
    let way = leg.path.within(dialog);
    let mut outline = Outline::new(method);
    if *method == Method::Info {
        outline = outline.contact(&leg.path.user);
    }
    if !body.is_empty() {
        outline = outline.body(passed.content_type().unwrap_or_default(), body);
    }
    if requests::within(cx, outline, dialog, way, Owner::Passed(leg.id, server)).is_none() {
        return Some(503);
    }
    cx.timers.set(TimerKey::Passed(server), cx.now + PATIENCE);
    None
}

/// The phone answered what was sent on to it. A key that it does not take by INFO, though it allows INFO, is an event.
/// `answered` is its answer, if there was one.
pub(crate) fn passed_on(leg: &mut Leg, cx: &mut Stack, server: ServerId, code: u16, answered: Option<&Message>) {
    let Some(passed) = cx.layer.server_request(server).cloned() else {
        return;
    };
    match code {
        481 => {
            answer_passed(cx, server, code);
            end::unknown(leg, cx);
        }
        // Not after 408: it would be pressed long after it was.
        300..=407 | 409..=699 if *passed.method() == Method::Info && press(leg, cx, &passed) => {
            leg.can.info = false;
            answer_passed(cx, server, 200);
        }
        _ => answer_as(cx, server, code, answered),
    }
}

/// Tells the phone of the key in an INFO by RFC 4733 events, if there is one and it hears them.
fn press(leg: &Leg, cx: &mut Stack, info: &Message) -> bool {
    let key = info_key(info.content_type().unwrap_or_default(), info.body());
    let (Some((digit, millis)), Some(port), true) = (key, leg.port.id(), leg.talk.hears_events()) else {
        return false;
    };
    // RFC 4733 section 2.4.1: the flash is none of the events that every phone takes.
    let takes_flash = || leg.heard().is_some_and(|heard| heard.takes_event(16));
    if digit == FLASH && !takes_flash() {
        return false;
    }
    cx.media(Command::Dtmf {
        media: port,
        digit,
        millis,
    });
    true
}

/// Answers an INFO or MESSAGE that came within a dialog.
pub(crate) fn answer_passed(cx: &mut Stack, server: ServerId, code: u16) {
    answer_as(cx, server, code, None);
}

/// As [`answer_passed`], with what the other phone answered: the code names the reason, and so do Allow and Accept
/// (RFC 3261 sections 20.1, 20.5).
fn answer_as(cx: &mut Stack, server: ServerId, code: u16, answered: Option<&Message>) {
    cx.timers.clear(TimerKey::Passed(server));
    let Some(passed) = cx.layer.server_request(server).cloned() else {
        return;
    };
    let answer = match code {
        // The other phone does not take the method, so in this dialog nobody does.
        405 | 501 => Answer::of(405).with(
            HeaderName::Allow,
            capabilities::allow_without(Place::Within, Some(passed.method())),
        ),
        _ => Answer::of(crate::answer::told(code)),
    };
    let refused_type = answer.status == StatusCode::UNSUPPORTED_MEDIA_TYPE;
    let accepts = answered.and_then(|answer| answer.joined(HeaderName::Accept.as_str()));
    let answer = match accepts {
        Some(accepts) if refused_type => answer.with(HeaderName::Accept, accepts),
        // Of an INFO that was for Tandem itself (RFC 6086 section 4.2.2).
        None if refused_type && answered.is_none() => answer.with(HeaderName::Accept, capabilities::ACCEPT_KEYS),
        Some(_) | None => answer,
    };
    cx.answer(server, &passed, &answer);
}
