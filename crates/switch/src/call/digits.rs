//! Keys that the phones of a call send, and what phones send by INFO or MESSAGE within the call.
//!
//! Keys come as RFC 4733 events, by INFO, or as tones in the sound. The media engine listens for tones of a phone that agreed
//! on no RFC 4733 and has sent no key by INFO: while the phone is alone with Tandem, and while it is connected with a phone
//! that gets keys in another way. That phone then hears no tone.
//!
//! | from one phone | to the other as events | by INFO | as tones |
//! |---|---|---|---|
//! | events | copied by the engine | at the end of the key | pressed and let go with it |
//! | INFO | pressed for its duration | passed | pressed for its duration |
//! | tones | pressed and let go with it | at the end of the key | in the sound |

use std::time::Duration;

use ::media::{Command, MediaId, service::Ears};
use sip::{Instant, Message, Method, transaction::ServerId};

use crate::{
    bridge::Bridge,
    core::Core,
    ids::LegId,
    leg::{FLASH, KeysGo, Leg, answer_passed, info_key},
};

use super::{Call, VerbEvent};

/// Some phones send a key in two ways. Within this time after its end both are one key.
const SAME_KEY: Duration = Duration::from_secs(1);
/// The phones of a call that are remembered: the two that are connected.
const PHONES: usize = 2;

/// The keys of a call's phones.
#[derive(Default)]
pub(crate) struct Keys {
    /// Keys of the subject that no verb has taken.
    pub waiting: String,
    /// What the media engine listens for, and on which legs.
    ears: Vec<(MediaId, Ears)>,
    /// The legs whose phones have sent a key by INFO.
    by_info: Vec<LegId>,
    /// The last key of each phone.
    last: Vec<Last>,
}

/// How a key came.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Way {
    Event,
    Tone,
    Info,
}

/// The last key of a phone.
#[derive(Copy, Clone, Debug)]
struct Last {
    leg: LegId,
    key: char,
    way: Way,
    /// When it was told of last.
    at: Instant,
    /// Its end was not told.
    pressed: bool,
    /// It came in another way, too.
    doubled: bool,
}

/// Keys of the subject are to be heard; with `voice` also when it speaks.
pub(crate) fn listen(call: &mut Call, x: &mut Core, voice: bool) {
    let Some(leg) = call.subject_leg(x) else { return };
    let ears = Ears {
        digits: may_send_tones(call, leg),
        voice,
        ..Ears::default()
    };
    let Some(port) = leg.port() else { return };
    hear(call, x, &[(port, ears)]);
}

/// Whether the keys of a phone may come as tones in the sound.
fn may_send_tones(call: &Call, leg: &Leg) -> bool {
    let talk = leg.talk();
    talk.dtmf().may_be_tones() && !talk.hears_events() && !call.keys.by_info.contains(&leg.id)
}

/// The media engine listens for these sounds of these legs, and no others.
fn hear(call: &mut Call, x: &mut Core, wanted: &[(MediaId, Ears)]) {
    let wanted: Vec<_> = wanted.iter().copied().filter(|(_, ears)| ears.any()).collect();
    let before = std::mem::replace(&mut call.keys.ears, wanted.clone());
    let of = |list: &[(MediaId, Ears)], port: MediaId| {
        let found = list.iter().find(|(media, _)| *media == port);
        found.map(|(_, ears)| *ears).unwrap_or_default()
    };
    let over = before.iter().map(|(media, _)| (*media, Ears::default()));
    let over = over.filter(|(media, _)| !of(&wanted, *media).any() && x.stack.ports.contains_key(media));
    let begun = wanted
        .iter()
        .copied()
        .filter(|(media, ears)| of(&before, *media) != *ears);
    for (media, ears) in over.chain(begun).collect::<Vec<_>>() {
        x.stack.media(Command::Listen { media, ears });
    }
}

/// The session of a phone has changed, or who is connected with whom: a phone may agree on RFC 4733 now, or no longer.
pub(super) fn session_changed(call: &mut Call, x: &mut Core) {
    if let Some([a, b]) = call.bridge.as_ref().map(Bridge::sides) {
        let wanted: Vec<_> = [(a, b), (b, a)]
            .iter()
            .filter_map(|(one, other)| converted(call, x, *one, *other))
            .collect();
        hear(call, x, &wanted);
    } else if let Some(voice) = call.keys.ears.first().map(|(_, ears)| ears.voice) {
        listen(call, x, voice);
    }
}

/// What is listened for in the sound of a leg that is connected with another one.
fn converted(call: &Call, x: &Core, one: LegId, other: LegId) -> Option<(MediaId, Ears)> {
    let (one, other) = (x.legs.get(one)?, x.legs.get(other)?);
    let converts = match other.keys_go() {
        KeysGo::AsEvents | KeysGo::ByInfo => true,
        KeysGo::AsTones | KeysGo::Nowhere => false,
    };
    let digits = converts && may_send_tones(call, one);
    let ears = Ears {
        digits,
        mute: digits,
        ..Ears::default()
    };
    Some((one.port()?, ears))
}

/// The media engine listens no longer.
pub(super) fn deafen(call: &mut Call, x: &mut Core) {
    hear(call, x, &[]);
}

/// A key was pressed on one of the call's phones: the media engine reports it.
pub(crate) fn digit(call: &mut Call, x: &mut Core, leg: LegId, digit: char) {
    let way = way_of(call, x, leg);
    if !is_new(call, x, leg, digit, way) {
        return;
    }
    let Some(other) = call.other(leg) else {
        return pressed(call, x, leg, digit);
    };
    if let Some(media) = engine_converts(x, other, way) {
        x.stack.media(Command::Press { media, digit });
    }
}

/// That key was let go after so many milliseconds.
pub(crate) fn digit_ended(call: &mut Call, x: &mut Core, leg: LegId, digit: char, millis: u16) {
    let is_it = |last: &&mut Last| (last.leg, last.key, last.pressed) == (leg, digit, true);
    let Some(last) = call.keys.last.iter_mut().find(is_it) else {
        return; // it has come in another way before
    };
    let way = last.way;
    (last.at, last.pressed) = (x.stack.now, false);
    let Some(other) = call.other(leg) else { return };
    if let Some(media) = engine_converts(x, other, way) {
        x.stack.media(Command::Release { media, digit, millis });
    } else if x.legs.get(other).is_some_and(|leg| leg.keys_go() == KeysGo::ByInfo) {
        x.with_leg(other, |leg, cx| leg.send_key(cx, digit, millis));
    }
}

/// How a key came that the media engine reports.
fn way_of(call: &Call, x: &Core, leg: LegId) -> Way {
    let port = x.port_of(leg);
    let listened = |(media, ears): &(MediaId, Ears)| Some(*media) == port && ears.digits;
    if call.keys.ears.iter().any(listened) {
        Way::Tone
    } else {
        Way::Event
    }
}

/// The place of a leg in the media engine, where the engine has to make a key of the other leg for it.
fn engine_converts(x: &Core, leg: LegId, way: Way) -> Option<MediaId> {
    let leg = x.legs.get(leg)?;
    let converts = match leg.keys_go() {
        KeysGo::AsEvents => way != Way::Event,
        KeysGo::AsTones => way != Way::Tone,
        KeysGo::ByInfo | KeysGo::Nowhere => false,
    };
    leg.port().filter(|_| converts)
}

/// Notes a key of a phone. False where the same key has just come in another way.
fn is_new(call: &mut Call, x: &Core, leg: LegId, key: char, way: Way) -> bool {
    let now = x.stack.now;
    let again = |last: &&mut Last| {
        let just_now = last.pressed || now.since(last.at) <= SAME_KEY;
        (last.leg, last.key) == (leg, key) && last.way != way && just_now && !last.doubled
    };
    let list = &mut call.keys.last;
    if let Some(last) = list.iter_mut().find(again) {
        last.doubled = true;
        return false;
    }
    list.retain(|last| last.leg != leg);
    list.truncate(PHONES - 1);
    let last = Last {
        leg,
        key,
        way,
        at: now,
        pressed: way != Way::Info,
        doubled: false,
    };
    list.insert(0, last);
    true
}

/// A key that no other phone gets.
fn pressed(call: &mut Call, x: &Core, leg: LegId, digit: char) {
    if Some(leg) != call.subject || call.is_connected() {
        return;
    }
    let waiting = &mut call.keys.waiting;
    if waiting.len() >= x.stack.config.limits.digits {
        waiting.remove(0);
    }
    waiting.push(digit);
    call.tell_verb(VerbEvent::Digit(digit));
}

/// A phone has sent a key by INFO: its sound need not be listened to. False where the key has come in another way.
fn by_info(call: &mut Call, x: &mut Core, leg: LegId, key: char) -> bool {
    let new = is_new(call, x, leg, key, Way::Info);
    let known = &mut call.keys.by_info;
    if !known.contains(&leg) {
        known.truncate(PHONES - 1);
        known.insert(0, leg);
        session_changed(call, x);
    }
    new
}

/// An INFO or MESSAGE came within a dialog: it is the other phone's, or a key for us.
pub(super) fn passed(call: &mut Call, x: &mut Core, from: LegId, server: ServerId, request: &Message) {
    let info = *request.method() == Method::Info;
    let key = info_key(request.content_type().unwrap_or_default(), request.body()).filter(|_| info);
    let new = key.is_none_or(|(key, _)| key == FLASH || by_info(call, x, from, key));
    let code = match (call.other(from), key) {
        (Some(_) | None, Some(_)) if !new => 200,
        (Some(other), _) => match x.with_leg(other, |leg, cx| leg.pass(cx, server, request)) {
            Some(Some(code)) => code,
            Some(None) => return, // the other phone answers
            None => 480,
        },
        (None, Some((key, _))) => {
            // A flash is no key that a script could compare with.
            if key != FLASH {
                pressed(call, x, from, key);
            }
            200
        }
        (None, None) if info && request.body().is_empty() => 200,
        (None, None) if info => 415,
        (None, None) => 480, // a MESSAGE for which there is no reader
    };
    answer_passed(&mut x.stack, server, code);
}
