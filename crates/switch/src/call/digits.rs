//! Keys the subject presses, and what phones send by INFO or MESSAGE within the call.
//!
//! Keys come as RFC 4733 events or by INFO. For a phone that agreed on no RFC 4733 the media engine also listens for keys
//! as tones in the sound, as long as the phone is alone with Tandem and has sent no key by INFO.

use std::time::Duration;

use ::media::{Command, MediaId, service::Ears};
use sip::{Instant, Message, Method, transaction::ServerId};

use crate::{
    core::Core,
    ids::LegId,
    leg::{FLASH, answer_passed, info_key},
};

use super::{Call, VerbEvent};

/// A phone that sends a key by INFO may send it as a tone, too: within this time both are one key.
const SAME_KEY: Duration = Duration::from_secs(1);

/// The keys of a call's subject.
#[derive(Default)]
pub(crate) struct Keys {
    /// Keys that no verb has taken.
    pub waiting: String,
    /// What the media engine listens for, and on which leg.
    ears: Option<(MediaId, Ears)>,
    /// The leg whose phone has sent a key by INFO.
    by_info: Option<LegId>,
    /// The last key, and how it came.
    last: Option<(char, bool, Instant)>,
}

/// Keys of the subject are to be heard; with `voice` also when it speaks.
pub(crate) fn listen(call: &mut Call, x: &mut Core, voice: bool) {
    let Some(leg) = call.subject_leg(x) else { return };
    let ears = Ears {
        digits: !leg.talk().hears_events() && call.keys.by_info != Some(leg.id),
        voice,
        ..Ears::default()
    };
    let Some(port) = leg.port() else { return };
    let before = call
        .keys
        .ears
        .take_if(|(media, _)| *media == port)
        .map(|(_, ears)| ears);
    if before.unwrap_or_default() != ears {
        x.stack.media(Command::Listen { media: port, ears });
    }
    call.keys.ears = ears.any().then_some((port, ears));
}

/// The subject's session has changed: its phone may agree on RFC 4733 now, or no longer.
pub(super) fn session_changed(call: &mut Call, x: &mut Core) {
    if let Some((_, ears)) = call.keys.ears.filter(|_| !call.is_connected()) {
        listen(call, x, ears.voice);
    }
}

/// The media engine listens no longer.
pub(super) fn deafen(call: &mut Call, x: &mut Core) {
    if let Some((media, _)) = call.keys.ears.take()
        && x.stack.ports.contains_key(&media)
    {
        let ears = Ears::default();
        x.stack.media(Command::Listen { media, ears });
    }
}

/// A key was pressed on one of the call's phones: the media engine reports it.
pub(crate) fn digit(call: &mut Call, x: &Core, leg: LegId, digit: char) {
    pressed(call, x, leg, digit, false);
}

fn pressed(call: &mut Call, x: &Core, leg: LegId, digit: char, info: bool) {
    if Some(leg) != call.subject || call.is_connected() {
        return; // two phones talking: it passes through, and no verb listens
    }
    let in_band = call.keys.ears.is_some_and(|(_, ears)| ears.digits) || call.keys.by_info == Some(leg);
    let again = |(key, by_info, at): (char, bool, Instant)| {
        in_band && key == digit && by_info != info && x.stack.now.since(at) <= SAME_KEY
    };
    if call.keys.last.is_some_and(again) {
        return;
    }
    call.keys.last = Some((digit, info, x.stack.now));
    let waiting = &mut call.keys.waiting;
    if waiting.len() >= x.stack.config.limits.digits {
        waiting.remove(0);
    }
    waiting.push(digit);
    call.tell_verb(VerbEvent::Digit(digit));
}

/// The subject's phone has sent a key by INFO: its sound need not be listened to.
fn by_info(call: &mut Call, x: &mut Core, leg: LegId, key: char) {
    if call.subject == Some(leg) && call.keys.by_info.replace(leg) != Some(leg) {
        let voice = call.keys.ears.map(|(_, ears)| ears.voice);
        if let Some(voice) = voice {
            listen(call, x, voice);
        }
    }
    pressed(call, x, leg, key, true);
}

/// An INFO or MESSAGE came within a dialog: it is the other phone's, or a key for us.
pub(super) fn passed(call: &mut Call, x: &mut Core, from: LegId, server: ServerId, request: &Message) {
    let info = *request.method() == Method::Info;
    let key = info_key(request.content_type().unwrap_or_default(), request.body());
    let code = match (call.other(from), key) {
        (Some(other), _) => match x.with_leg(other, |leg, cx| leg.pass(cx, server, request)) {
            Some(Some(code)) => code,
            Some(None) => return, // the other phone answers
            None => 480,
        },
        (None, Some((key, _))) if info => {
            // A flash is no key that a script could compare with.
            if key != FLASH {
                by_info(call, x, from, key);
            }
            200
        }
        (None, Some(_) | None) if info && request.body().is_empty() => 200,
        (None, Some(_) | None) if info => 415,
        (None, Some(_) | None) => 480, // a MESSAGE for which there is no reader
    };
    answer_passed(&mut x.stack, server, code);
}
