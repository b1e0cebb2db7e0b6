//! INFO and MESSAGE within a dialog. They go to the other phone of the call, and the answer of that phone comes back.

use std::time::Duration;

use ::media::Command;
use sip::{HeaderName, Message, Method, StatusCode, transaction::ServerId};

use super::key::{FLASH, info_key};
use crate::{
    answer::Answer,
    api::Dtmf,
    event::LegEvent,
    leg::{KeysGo, Leg, end},
    requests::{self, Outline, Owner},
    stack::{
        Stack, TimerKey,
        capabilities::{self, Place},
    },
};

/// How long the other phone has to answer. Without any answer until its transaction ends, after 32 s, the phone that
/// asked would end the call (RFC 3261 12.2.1.2).
const PATIENCE: Duration = Duration::from_secs(10);

/// An INFO or MESSAGE came: reports it to the call, which sends it to the other phone.
pub(in crate::leg) fn received(leg: &mut Leg, cx: &mut Stack, server: ServerId, request: Message) {
    if !leg.stage.is_live() {
        return cx.answer(server, &request, &Answer::of(481));
    }
    if *request.method() == Method::Info && request.header(HeaderName::InfoPackage).is_some() {
        // RFC 6086 section 4.2.2: Tandem asked for no Info Package.
        return cx.answer(server, &request, &Answer::of(469).with(HeaderName::RecvInfo, ""));
    }
    leg.tell(cx, LegEvent::Passed { server, request });
}

/// See [`Leg::pass`].
pub(in crate::leg) fn pass_on(leg: &mut Leg, cx: &mut Stack, server: ServerId, passed: &Message) -> Option<u16> {
    if !leg.is_up() {
        return Some(480);
    }
    let (method, body) = (passed.method(), passed.body());
    if *method == Method::Info {
        let with_media = match leg.keys_go() {
            KeysGo::AsEvents => true,
            KeysGo::ByInfo => false,
            // A phone that has not said whether it takes INFO gets the INFO, and the key as a tone where it refuses that.
            KeysGo::AsTones | KeysGo::Nowhere => !leg.can.info || leg.talk().dtmf() == Dtmf::Inband,
        };
        if with_media && press_in(leg, cx, passed) {
            return Some(200);
        }
        if !leg.can.info {
            return Some(if body.is_empty() { 200 } else { 405 });
        }
    }
    let Some(up) = leg.stage.up() else {
        return Some(480);
    };
    let dialog = &mut up.confirmed.dialog;
    let way = leg.path.within(dialog);
    let mut outline = Outline::new(method).credentials(leg.path.credentials());
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

/// See [`Leg::say`].
pub(in crate::leg) fn say(leg: &mut Leg, cx: &mut Stack, text: &str) {
    if !leg.can.takes_message {
        return;
    }
    let Some(up) = leg.stage.up() else { return };
    let dialog = &mut up.confirmed.dialog;
    let way = leg.path.within(dialog);
    let outline = Outline::new(&Method::Message).body("text/plain", text.as_bytes());
    // The answer changes nothing.
    let _ = requests::within(cx, outline, dialog, way, Owner::Stray);
}

/// The phone answered an INFO or MESSAGE that came from the other phone; `answered` is this answer, if one came. A
/// phone that refuses a key by INFO gets the key with its media.
pub(crate) fn passed_on(leg: &mut Leg, cx: &mut Stack, server: ServerId, code: u16, answered: Option<&Message>) {
    let Some(passed) = cx.layer.server_request(server).cloned() else {
        return;
    };
    match code {
        481 => {
            answer_passed(cx, server, code);
            end::unknown(leg, cx);
        }
        // Not after 408: the key would come too late.
        300..=407 | 409..=699 if *passed.method() == Method::Info && press_in(leg, cx, &passed) => {
            (leg.can.info, leg.can.takes_info) = (false, false);
            answer_passed(cx, server, 200);
        }
        _ => answer_as(cx, server, code, answered),
    }
}

/// Sends the key in an INFO to the phone with its media. False where the INFO has no key, or the phone takes no such key.
fn press_in(leg: &Leg, cx: &mut Stack, info: &Message) -> bool {
    let key = info_key(info.content_type().unwrap_or_default(), info.body());
    key.is_some_and(|(key, millis)| press(leg, cx, key, millis))
}

/// Sends a key with the media: as RFC 4733 events, or as a tone to a phone that takes no events. False where the phone takes
/// no such key.
pub(super) fn press(leg: &Leg, cx: &mut Stack, digit: char, millis: u16) -> bool {
    let events = leg.talk.hears_events();
    let tones = digit != FLASH && leg.talk.dtmf() != Dtmf::Rfc4733 && leg.talk.hears_tones();
    let (Some(port), true) = (leg.port.id(), events || tones) else {
        return false;
    };
    // RFC 4733 section 2.4.1: not every phone that takes events takes the flash.
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

/// As [`answer_passed`]; a 415 also has the Accept of the other phone's answer, and a 405 has Allow (RFC 3261 sections
/// 20.1, 20.5).
fn answer_as(cx: &mut Stack, server: ServerId, code: u16, answered: Option<&Message>) {
    cx.timers.clear(TimerKey::Passed(server));
    let Some(passed) = cx.layer.server_request(server).cloned() else {
        return;
    };
    let answer = match code {
        // The other phone does not take the method, so it cannot be used in this dialog.
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
        // The INFO was for Tandem itself (RFC 6086 section 4.2.2).
        None if refused_type && answered.is_none() => answer.with(HeaderName::Accept, capabilities::ACCEPT_KEYS),
        Some(_) | None => answer,
    };
    cx.answer(server, &passed, &answer);
}
