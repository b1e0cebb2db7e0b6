//! What the engine listens for in a leg's sound: keys as tones, voice, beeps, fax tones.

use std::time::Duration;

use super::members;
use crate::{
    Event, MediaId,
    listen::{Heard, Listener},
    relay::Relay,
    service::Ears,
    sound::{Rate, Resampler},
};

/// The detectors of a leg.
#[derive(Debug)]
pub(in crate::relay) struct Hearing {
    listener: Listener,
    /// From the rate of the leg's sound to the 8 kHz of the detectors, where they differ.
    resampler: Option<(Rate, Resampler)>,
    narrow: Vec<i16>,
}

impl Hearing {
    fn new(ears: Ears) -> Hearing {
        Hearing {
            listener: Listener::new(ears),
            resampler: None,
            narrow: Vec::new(),
        }
    }

    /// What is heard in a frame of that rate.
    fn hear(&mut self, frame: &[i16], rate: Rate) -> impl Iterator<Item = Heard> {
        let heard = if rate == Rate::Narrow {
            self.listener.hear(frame)
        } else {
            if self.resampler.as_ref().is_none_or(|(from, _)| *from != rate) {
                self.resampler = Some((rate, Resampler::new(rate, Rate::Narrow)));
            }
            self.narrow.clear();
            if let Some((_, resampler)) = &mut self.resampler {
                resampler.process(frame, &mut self.narrow);
            }
            self.listener.hear(&self.narrow)
        };
        heard.into_iter()
    }
}

/// Listens for these sounds of a leg's peer, and no longer for others.
pub(in crate::relay) fn listen(relay: &mut Relay, now: Duration, media: MediaId, ears: Ears) {
    if relay.streams.live(media).is_none() {
        return;
    }
    if ears.any() {
        members::begin_sound(relay, now, media.slot);
    }
    let Some(stream) = relay.streams.live(media) else {
        return;
    };
    let Some(sound) = &mut stream.ingress.sound else { return };
    sound.hearing = ears.any().then(|| Box::new(Hearing::new(ears)));
    if !ears.any() {
        members::rest_sound(relay, now, media.slot);
    }
}

/// Tells signalling what is heard in the frame of a leg.
pub(super) fn hear_frame(relay: &mut Relay, slot: u32) {
    let Some(stream) = relay.streams.get(slot) else { return };
    let media = stream.id;
    let Some(sound) = &mut stream.ingress.sound else { return };
    let rate = sound.rate();
    let Some(hearing) = &mut sound.hearing else { return };
    for heard in hearing.hear(&sound.frame, rate) {
        match heard {
            Heard::Pressed(digit) => relay.events.push_back(Event::Dtmf { media, digit }),
            Heard::Released { .. } => {}
            Heard::Sound(sound) => relay.events.push_back(Event::Heard { media, sound }),
        }
    }
}
