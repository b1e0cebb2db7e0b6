//! A leg's play.

use std::time::Duration;

use super::{
    Owner, Piece, Play, Track,
    music::UNIT,
    queue::{Part, Queue},
};
use crate::{Payload, sound::Rate};

/// What a frame was filled with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::relay) enum Filled {
    /// Sound, or silence for a piece that is late.
    Sound,
    /// Silence: the first piece of the first file has not come yet. Nothing is to be sent.
    Waiting,
    /// Silence: all was played.
    End,
    /// Silence: a file cannot be played, in words for the log.
    Fault(String),
}

/// A play in progress.
#[derive(Debug)]
pub(in crate::relay) struct Player {
    sound: Sound,
    pub(in crate::relay) token: u64,
    /// When the next frame is due.
    pub(in crate::relay) next: Duration,
}

/// The packets of music are due at multiples of this. So the legs that hear music are served together a few times in the
/// length of a packet, and not each at a moment of its own: that saves wake-ups, and a fifth of what the kernel needs for
/// a packet. Much longer, and the packets of calls would wait for all the music to be sent.
const BEAT: u32 = 5;

#[derive(Debug)]
enum Sound {
    Own(Box<Queue>),
    Music(Seat),
}

/// A leg's place at music that other legs hear as well.
#[derive(Debug)]
struct Seat {
    name: String,
    /// The station, its rate, and the unit that is heard next.
    at: Option<(u32, Rate, u64)>,
    /// Milliseconds that were heard.
    heard: u64,
}

impl Player {
    /// A play of the leg's own: its first file is asked for at once.
    pub(in crate::relay) fn new(
        owner: Owner,
        parts: Vec<Part>,
        repeat: bool,
        token: u64,
        now: Duration,
        play: &mut Play,
    ) -> Player {
        let queue = Queue::new(owner, parts, repeat, &mut play.files);
        Player::of(Sound::Own(Box::new(queue)), token, now)
    }

    /// Music that other legs hear as well; a name as of a prompt.
    pub(in crate::relay) fn music(name: String, token: u64, now: Duration) -> Player {
        let seat = Seat {
            name,
            at: None,
            heard: 0,
        };
        Player::of(Sound::Music(seat), token, now)
    }

    fn of(sound: Sound, token: u64, now: Duration) -> Player {
        let mut player = Player {
            sound,
            token,
            next: now,
        };
        player.begin(now);
        player
    }

    /// Sets when the next frame is due: now, or for music at most 5 ms later ([`BEAT`]).
    pub(in crate::relay) fn begin(&mut self, now: Duration) {
        self.next = match &self.sound {
            Sound::Own(_) => now,
            Sound::Music(_) => {
                let beat = Duration::from_millis(u64::from(BEAT)).as_nanos();
                let rest = (now.as_nanos() % beat) as u64;
                let wait = if rest == 0 { 0 } else { beat as u64 - rest };
                now + Duration::from_nanos(wait)
            }
        };
    }

    /// Whether nothing can be heard before a file is read: no frame is due. Music is looked at in each frame.
    pub(in crate::relay) fn waits(&self) -> bool {
        match &self.sound {
            Sound::Own(queue) => queue.waits(),
            Sound::Music(_) => false,
        }
    }

    /// Milliseconds that were heard.
    pub(in crate::relay) fn position(&self) -> u64 {
        match &self.sound {
            Sound::Own(queue) => queue.position(),
            Sound::Music(seat) => seat.heard,
        }
    }

    /// An answer of the reader of files for a play of the leg's own.
    pub(in crate::relay) fn arrived(&mut self, track: Track, piece: Result<Piece, String>, play: &mut Play) -> bool {
        match &mut self.sound {
            Sound::Own(queue) => queue.arrived(track, piece, &mut play.files),
            Sound::Music(_) => false,
        }
    }

    /// Fills the next frame at that rate; its length is a multiple of 10 ms. The rate may change from frame to frame.
    pub(in crate::relay) fn fill(&mut self, rate: Rate, frame: &mut [i16], play: &mut Play) -> Filled {
        match &mut self.sound {
            Sound::Own(queue) => queue.fill(rate, frame, &mut play.files),
            Sound::Music(seat) => {
                let length = (frame.len() / rate.samples(UNIT)) as u64;
                let (station, unit) = seat.take(self.next, rate, length, play);
                play.music.fill(station, unit, frame, &mut play.files)
            }
        }
    }

    /// The next packet of music, which is encoded once for all legs that hear it in that codec; `rate` is the rate of
    /// the codec's encoder, `ptime` a multiple of 10 ms. `None`: the play is the leg's own, which [`Player::fill`] gives
    /// and the leg encodes. An empty packet: nothing is to be sent.
    pub(in crate::relay) fn packet<'a>(
        &mut self,
        payload: &Payload,
        rate: Rate,
        ptime: u32,
        play: &'a mut Play,
    ) -> Option<(Filled, &'a [u8])> {
        let Sound::Music(seat) = &mut self.sound else {
            return None;
        };
        let length = u64::from(ptime / UNIT);
        let (station, unit) = seat.take(self.next, rate, length, play);
        let files = &mut play.files;
        Some(play.music.packet(station, unit, length, payload, files))
    }

    /// Closes what the play has open. To be called before it is dropped.
    pub(in crate::relay) fn close(&mut self, play: &mut Play) {
        match &mut self.sound {
            Sound::Own(queue) => queue.close(&mut play.files),
            Sound::Music(seat) => {
                if let Some((station, ..)) = seat.at.take() {
                    play.music.leave(station, &mut play.files);
                }
            }
        }
    }
}

impl Seat {
    /// The station, and the unit to be heard now; joins the station of that rate where needed.
    fn take(&mut self, now: Duration, rate: Rate, length: u64, play: &mut Play) -> (u32, u64) {
        if let Some((station, ..)) = self.at.take_if(|(_, of, _)| *of != rate) {
            play.music.leave(station, &mut play.files);
        }
        let (station, unit) = match self.at {
            Some((station, _, unit)) => (station, unit),
            None => {
                let station = play.music.join(now, &self.name, rate, &mut play.files);
                (station, u64::MAX)
            }
        };
        // A leg that was late, or whose packets have another length by now, takes its place anew.
        let due = play.music.unit(station, now, length);
        let unit = if unit.abs_diff(due) > length || unit % length.max(1) != 0 {
            due
        } else {
            unit
        };
        self.at = Some((station, rate, unit + length));
        self.heard += length * u64::from(UNIT);
        (station, unit)
    }
}
