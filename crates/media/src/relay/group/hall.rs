//! A room: legs that hear each other, mixed by [`Mixer`].

use std::{net::SocketAddr, time::Duration};

use smallvec::SmallVec;

use super::{TICK, members, tapes};
use crate::relay::{
    MAX_PACKET, Relay,
    route::Route,
    stream::{outgoing::Join, voice},
    streams::Streams,
};
use crate::{
    Event, MediaId, Payload,
    codec::Encoder,
    ear::Kind,
    recorder::Recordings,
    room::{self, Form, Mixer, Place, StreamId, Who},
    service::{RecordEnd, Recording, RecordingId, RoomId, Seat},
    sound::Rate,
};

/// See the module.
#[derive(Debug)]
pub(in crate::relay) struct Hall {
    room: RoomId,
    mixer: Mixer,
    /// One for each stream of the mixer, by its slot.
    encoders: Vec<Option<Shared>>,
    /// The recordings of the room.
    tapes: SmallVec<[RecordingId; 2]>,
}

/// Packets of silence after which the next ones are the same, where the codec allows that: encoder and decoder have
/// come to rest.
const SETTLED: u32 = 10;

/// The encoder of one stream, whose packets go to all its listeners.
#[derive(Debug)]
struct Shared {
    stream: StreamId,
    encoder: Encoder,
    /// How many packets of silence were encoded one after the other, and the last of them.
    silent: u32,
    silence: Vec<u8>,
    /// The loss in percent that the encoder works against.
    loss: Option<u8>,
}

impl Shared {
    fn new(stream: StreamId, encoder: Encoder) -> Shared {
        Shared {
            stream,
            encoder,
            silent: 0,
            silence: Vec::new(),
            loss: None,
        }
    }

    /// The most that any of its listeners loses, in percent. Forward error correction costs the others a few bits of each
    /// packet, and gives that listener whole words.
    fn set_loss(&mut self, worst: Option<u8>) {
        if let Some(percent) = worst
            && self.loss.replace(percent) != worst
        {
            self.encoder.set_loss(percent);
        }
    }

    /// Encodes a packet.
    fn encode<'a>(&'a mut self, pcm: &[i16], silent: bool, packet: &'a mut [u8]) -> &'a [u8] {
        if !silent {
            self.silent = 0;
        } else if self.silent >= SETTLED {
            return &self.silence;
        }
        let octets = self.encoder.encode(pcm, packet);
        let packet = packet.get(..octets).unwrap_or_default();
        if silent && self.encoder.repeats_silence() {
            self.silent += 1;
            self.silence.clear();
            self.silence.extend_from_slice(packet);
        }
        packet
    }
}

/// A leg's seat, as the leg knows it.
#[derive(Copy, Clone, Debug)]
pub(in crate::relay) struct Seated {
    room: RoomId,
    place: Place,
    seat: Seat,
}

impl Hall {
    /// An empty room.
    pub(in crate::relay) fn new(room: RoomId, config: room::Config) -> Hall {
        Hall {
            room,
            mixer: Mixer::new(config),
            encoders: Vec::new(),
            tapes: SmallVec::new(),
        }
    }

    /// Whether it is that room.
    pub(super) fn is(&self, room: RoomId) -> bool {
        self.room == room
    }

    /// Whether no leg, source or recording is in the room.
    pub(super) fn is_empty(&self) -> bool {
        self.mixer.is_empty()
    }

    /// Gives a recording what a silent leg hears.
    fn tap(&mut self, recording: RecordingId, rate: Rate) -> Result<(), String> {
        self.mixer.tap(recording, TICK, rate).map_err(|full| full.to_string())?;
        self.tapes.push(recording);
        Ok(())
    }

    /// The recordings that take the room's sound.
    fn tapes(&self) -> SmallVec<[RecordingId; 2]> {
        self.tapes.clone()
    }

    /// A recording has ended.
    pub(super) fn untap(&mut self, recording: RecordingId) {
        if let Some(place) = self.mixer.place(Who::Tap(recording)) {
            self.mixer.stand(place);
        }
        self.tapes.retain(|tape| *tape != recording);
    }

    /// How long the next tick must be, in milliseconds.
    pub(super) fn millis(&self) -> u32 {
        self.mixer.millis()
    }

    pub(super) fn begin(&mut self, millis: u32) {
        self.mixer.begin(millis);
    }

    /// What a leg says in this tick.
    pub(super) fn say(&mut self, streams: &Streams, slot: u32) {
        let Some(stream) = streams.look(slot) else { return };
        let (Some(sound), Some(seated)) = (&stream.ingress.sound, &stream.seated) else {
            return;
        };
        match sound.kind {
            Kind::Speech | Kind::Concealed => self.mixer.say(seated.place, &sound.frame, sound.rate()),
            Kind::Silence | Kind::Nothing => {}
        }
    }

    /// Mixes the tick, and sends what is due: each packet is encoded once for all who hear it.
    pub(super) fn mix<F>(
        &mut self,
        now: Duration,
        streams: &mut Streams,
        recordings: &mut Recordings,
        scratch: &mut [u8; MAX_PACKET],
        out: &mut F,
    ) where
        F: FnMut(u16, SocketAddr, &[u8]),
    {
        self.mixer.mix();
        let mut packet = [0; MAX_PACKET];
        for group in self.mixer.groups() {
            for who in group.listeners {
                if let Who::Tap(recording) = who {
                    recordings.take(*recording, group.pcm, None);
                }
            }
            let Some(shared) = encoder(&mut self.encoders, &group) else {
                continue;
            };
            let length = group.form.rate.samples(group.form.ptime).max(1);
            let legs = group.listeners.iter().filter_map(|who| match who {
                Who::Leg(media) => streams.live(*media)?.reports.loss(),
                Who::Source(_) | Who::Tap(_) => None,
            });
            shared.set_loss(legs.max());
            for pcm in group.pcm.chunks_exact(length) {
                let octets = shared.encode(pcm, group.silent, &mut packet);
                for who in group.listeners {
                    let Who::Leg(media) = who else { continue };
                    let Some(stream) = streams.live(*media) else { continue };
                    if stream.egress.player.is_none() {
                        voice::send_sound(stream, now, octets, scratch, out);
                    }
                }
            }
        }
    }

    #[cfg(test)]
    pub(in crate::relay) fn losses(&self) -> Vec<u8> {
        self.encoders
            .iter()
            .flatten()
            .filter_map(|shared| shared.loss)
            .collect()
    }

    /// The next leg that began or ended to speak.
    pub(super) fn poll_event(&mut self) -> Option<Event> {
        let (media, sound) = self.mixer.poll_event()?;
        Some(Event::Heard { media, sound })
    }
}

/// The encoder of a group of listeners. A new one goes on from what its listener heard before, where the codec allows.
fn encoder<'a>(encoders: &'a mut Vec<Option<Shared>>, group: &room::Group<'_>) -> Option<&'a mut Shared> {
    let at = group.stream.slot as usize;
    if encoders.len() <= at {
        encoders.resize_with(at + 1, || None);
    }
    if encoders[at].as_ref().is_none_or(|shared| shared.stream != group.stream) {
        let known = |before: StreamId| {
            let shared = encoders.get(before.slot as usize)?.as_ref();
            shared.filter(|shared| shared.stream == before)?.encoder.continued()
        };
        let encoder = group.before.and_then(known).or_else(|| {
            let payload = Payload {
                number: 0,
                codec: group.form.codec.clone(),
                clock_rate: group.form.clock_rate,
                channels: group.form.channels,
                fmtp: group.form.fmtp.clone(),
            };
            Encoder::at(&payload, group.form.ptime, group.form.rate)
        })?;
        encoders[at] = Some(Shared::new(group.stream, encoder));
    }
    encoders[at].as_mut()
}

/// Begins to record what a listener in the room hears.
pub(super) fn record_room(relay: &mut Relay, now: Duration, recording: &Recording, room: RoomId) -> Result<(), String> {
    let id = relay.groups.room(room).ok_or("the room is closed")?;
    relay.recordings.begin(recording, Rate::Wide)?;
    if let Some(hall) = relay.groups.hall(id)
        && let Err(fault) = hall.tap(recording.id, Rate::Wide)
    {
        relay.recordings.end(recording.id, RecordEnd::Fault(fault));
    }
    relay.groups.wake(id, now);
    Ok(())
}

/// Opens an empty room. A second one of that name changes nothing.
pub(in crate::relay) fn open_room(relay: &mut Relay, now: Duration, room: RoomId, tones: bool) {
    if relay.groups.room(room).is_some() {
        return;
    }
    let config = room::Config {
        tones,
        ..relay.config.room
    };
    relay.groups.add(now, Some(Box::new(Hall::new(room, config))));
}

/// Gives a leg a seat, or changes its seat. This ends what it plays and relays.
pub(in crate::relay) fn sit(relay: &mut Relay, now: Duration, room: RoomId, media: MediaId, seat: Seat) {
    let Some(id) = relay.groups.room(room) else { return };
    let Some(stream) = relay.streams.live(media) else {
        return;
    };
    if stream.seated.as_ref().is_none_or(|seated| seated.room != room) {
        relay.silence(now, media.slot);
    }
    let Some(stream) = relay.streams.live(media) else {
        return;
    };
    let packets = stream.egress.packets.as_ref();
    let form = packets.map(|packets| Form::new(&packets.payload, packets.ptime, packets.rate));
    let Some(hall) = relay.groups.hall(id) else { return };
    let Ok(place) = hall.mixer.sit(media, seat, form) else {
        return;
    };
    stream.seated = Some(Seated { room, place, seat });
    if stream.group != Some(id) {
        stream.route = Route::Room;
        stream.egress.out.interrupt(Join::Anew);
        relay.streams.rebuild(media.slot);
        members::enter_group(relay, media.slot, id);
    }
    relay.groups.wake(id, now);
}

/// After a change of the leg's description: its packets in the room are of another form.
pub(in crate::relay) fn sit_again(relay: &mut Relay, now: Duration, media: MediaId) {
    let seated = relay.streams.live(media).and_then(|stream| stream.seated);
    if let Some(Seated { room, seat, .. }) = seated {
        sit(relay, now, room, media, seat);
    }
}

/// The leg leaves its room.
pub(in crate::relay) fn stand(relay: &mut Relay, now: Duration, slot: u32) {
    let Some(stream) = relay.streams.get(slot) else { return };
    let Some(seated) = stream.seated.take() else { return };
    stream.route = Route::Nowhere;
    relay.streams.rebuild(slot);
    if let Some(hall) = relay.groups.room(seated.room).and_then(|id| relay.groups.hall(id)) {
        hall.mixer.stand(seated.place);
    }
    members::leave_group(relay, now, slot);
}

/// Closes a room. Legs that are in it leave.
pub(in crate::relay) fn close_room(relay: &mut Relay, now: Duration, room: RoomId) {
    let Some(id) = relay.groups.room(room) else { return };
    for slot in relay.groups.legs(id) {
        stand(relay, now, slot);
    }
    let recordings = relay.groups.hall(id).map(|hall| hall.tapes()).unwrap_or_default();
    for recording in recordings {
        tapes::end_recording(relay, now, recording, RecordEnd::Closed);
    }
    relay.groups.remove(id);
}
