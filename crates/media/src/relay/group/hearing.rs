//! What the engine listens for in a leg's sound: keys as tones, voice, beeps, fax tones.

use std::time::Duration;

use super::members;
use crate::{
    Event, MediaId,
    listen::{Heard, Listener},
    relay::Relay,
    service::Ears,
    sound::{Rate, Resampling},
};

/// The detectors of a leg.
#[derive(Debug)]
pub(in crate::relay) struct Hearing {
    listener: Listener,
    /// From the rate of the leg's sound to the 8 kHz of the detectors.
    resampling: Resampling,
    narrow: Vec<i16>,
    /// Whether tones of keys are not to be heard by others, and whether they are left out now.
    mutes: bool,
    muted: bool,
}

/// Milliseconds in which sound fades where a tone is left out: without clicks.
const FADE: u32 = 2;

impl Hearing {
    fn new(ears: Ears) -> Hearing {
        Hearing {
            listener: Listener::new(ears),
            resampling: Resampling::default(),
            narrow: Vec::new(),
            mutes: ears.digits && ears.mute,
            muted: false,
        }
    }

    /// Leaves the tone of a key out of the frame in which it was just heard. As soon as there may be a key, so that less of
    /// it is left than a detector takes for a key (ITU-T Q.24: 20 ms are none).
    fn leave_out(&mut self, frame: &mut [i16], rate: Rate) {
        let (before, now) = (self.muted, self.mutes && self.listener.may_be_key());
        self.muted = now;
        let fade = rate.samples(FADE).min(frame.len());
        for (n, sample) in frame.iter_mut().enumerate() {
            let part = (n.min(fade) * 256 / fade.max(1)) as i32;
            let gain = match (before, now) {
                (false, false) => break,
                (true, true) => 0,
                (false, true) => 256 - part,
                (true, false) => part,
            };
            *sample = (i32::from(*sample) * gain / 256) as i16;
        }
    }

    /// What is heard in a frame of that rate.
    fn hear(&mut self, frame: &[i16], rate: Rate) -> impl Iterator<Item = Heard> {
        self.narrow.clear();
        self.resampling.process(frame, (rate, Rate::Narrow), &mut self.narrow);
        self.listener.hear(&self.narrow).into_iter()
    }
}

/// Listens for these sounds of a leg's peer, and no longer for others.
pub(in crate::relay) fn listen(relay: &mut Relay, now: Duration, media: MediaId, ears: Ears) {
    let Some(stream) = relay.streams.live(media) else {
        return;
    };
    stream.ingress.filtered = ears.digits && ears.mute;
    relay.streams.rebuild(media.slot);
    if ears.any() {
        members::begin_sound(relay, now, media.slot);
    }
    let Some(stream) = relay.streams.live(media) else {
        return;
    };
    let Some(sound) = &mut stream.ingress.sound else { return };
    let before = std::mem::replace(&mut sound.hearing, ears.any().then(|| Box::new(Hearing::new(ears))));
    let ended = before.and_then(|mut before| before.listener.end());
    relay.events.extend(ended.map(|heard| event(media, heard)));
    if !ears.any() {
        members::rest_sound(relay, now, media.slot);
    }
}

/// What is heard, for signalling.
pub(in crate::relay) fn event(media: MediaId, heard: Heard) -> Event {
    match heard {
        Heard::Pressed(digit) => Event::Dtmf { media, digit },
        Heard::Released { digit, millis } => Event::DtmfEnded {
            media,
            digit,
            millis: millis.try_into().unwrap_or(u16::MAX),
        },
        Heard::Sound(sound) => Event::Heard { media, sound },
    }
}

/// Tells signalling what is heard in the frame of a leg.
pub(super) fn hear_frame(relay: &mut Relay, slot: u32) {
    let Some(stream) = relay.streams.get(slot) else { return };
    let media = stream.id;
    let Some(sound) = &mut stream.ingress.sound else { return };
    let rate = sound.rate();
    let Some(hearing) = &mut sound.hearing else { return };
    let heard = hearing.hear(&sound.frame, rate);
    relay.events.extend(heard.map(|heard| event(media, heard)));
    hearing.leave_out(&mut sound.frame, rate);
}
