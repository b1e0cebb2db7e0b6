//! What the media engine reports.

use ::media::{
    Event, MediaId,
    service::{RecordEnd, RecordingId, Sound},
};

use super::Switch;
use crate::{
    api::CauseCode,
    call::{Ending, VerbEvent, digit, digit_ended, recorded},
    ids::{CallId, LegId},
    leg::end,
    recordings::Written,
    stack::closing,
};

/// Passes a report to the leg or the call that it is about.
pub(super) fn event(switch: &mut Switch, event: Event) {
    match event {
        Event::Learned { media, remote } => switch.x.stack.pool.learned(media, remote),
        Event::Dtmf { media, digit: key } => {
            if let Some((call, leg)) = whose(switch, media) {
                switch.with_call(call, |call, x| digit(call, x, leg, key));
            }
        }
        Event::DtmfEnded {
            media,
            digit: key,
            millis,
        } => {
            if let Some((call, leg)) = whose(switch, media) {
                switch.with_call(call, |call, x| digit_ended(call, x, leg, key, millis));
            }
        }
        Event::Played { media, .. } => tell(switch, media, event),
        Event::Heard { media, sound } => {
            note(switch, media, sound);
            tell(switch, media, event);
        }
        Event::Silent(media) => {
            if let Some((_, leg)) = whose(switch, media) {
                let detail = "nothing was heard of the phone for too long";
                switch
                    .x
                    .with_leg(leg, |leg, cx| end::lost(leg, cx, CauseCode::MediaSilent, detail));
            }
        }
        Event::Failed { media, reason } => failed(switch, media, &reason),
        Event::Recorded {
            recording,
            millis,
            octets,
            file,
            end,
        } => {
            let written = Written { millis, octets, file };
            recording_ended(switch, recording, written, end);
        }
        Event::Closed {
            media,
            counters,
            quality,
        } => closing::closed(&mut switch.x.stack.outputs, media, &counters, &quality),
        Event::Measured { media, quality } => {
            let leg = whose(switch, media).map(|(_, leg)| leg);
            if let Some(leg) = leg.and_then(|leg| switch.x.legs.get_mut(leg)) {
                leg.measure(quality);
            }
        }
    }
}

/// The call and the leg with this place in the engine.
fn whose(switch: &Switch, media: MediaId) -> Option<(CallId, LegId)> {
    let leg = switch.x.stack.ports.get(&media).copied()?;
    switch.x.legs.get(leg).map(|found| (found.call, leg))
}

fn tell(switch: &mut Switch, media: MediaId, event: Event) {
    if let Some((call, leg)) = whose(switch, media) {
        switch.with_call(call, |call, x| call.media_event(x, leg, event));
    }
}

fn note(switch: &Switch, media: MediaId, sound: Sound) {
    if let Some(leg) = whose(switch, media).and_then(|(_, leg)| switch.x.legs.get(leg)) {
        leg.span.in_scope(|| tracing::debug!("heard {}", named(sound)));
    }
}

/// A sound, in words for the log.
const fn named(sound: Sound) -> &'static str {
    match sound {
        Sound::SpeechBegins => "that the phone's user begins to speak",
        Sound::SpeechEnds => "that the phone's user has ended to speak",
        Sound::Beep => "the beep of an answering machine",
        Sound::FaxCalling => "a calling fax",
        Sound::FaxAnswering => "an answering fax",
    }
}

fn failed(switch: &mut Switch, media: MediaId, reason: &str) {
    switch.x.stack.outputs.closing.failed(media);
    let Some((call, leg)) = whose(switch, media) else {
        return;
    };
    tracing::error!(%reason, "a media port failed");
    switch.x.stack.pool.failed(media);
    // Without pictures the two still talk.
    if switch.x.legs.get(leg).is_some_and(|leg| leg.port() != Some(media)) {
        return;
    }
    switch.x.with_leg(leg, end::media_failed);
    switch.with_call(call, |call, x| {
        if call.subject() == Some(leg) && call.subject_waits(x) {
            let ending = Ending::system(CauseCode::MediaFailed, 503, "the caller's media port failed");
            call.end(x, ending);
        }
    });
}

fn recording_ended(switch: &mut Switch, id: RecordingId, written: Written, end: RecordEnd) {
    let x = &mut switch.x;
    x.conferences.recorded(id);
    if let Some((owner, report)) = x.recordings.ended(&mut x.stack, id, written, end) {
        switch.with_call(owner, |call, _| {
            recorded(call, id);
            call.tell_verb(VerbEvent::Recorded(Box::new(report)));
        });
    }
}
