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
}

impl Hearing {
    fn new(ears: Ears) -> Hearing {
        Hearing {
            listener: Listener::new(ears),
            resampling: Resampling::default(),
            narrow: Vec::new(),
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
