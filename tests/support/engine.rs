//! A media engine without media: it keeps the commands it got, and reports what a real one would.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use media::{
    Command, Event, MediaId, Remote, Source,
    audio::prompt,
    service::{Ears, Quality, RecordEnd, Recording, RecordingId, RoomId, Seat, Taken},
};
use sip::Instant;

use crate::sounding::Sounding;

/// How long a file takes to be finished.
const FINISH: Duration = Duration::from_millis(5);
/// How long a prompt or a tone takes.
const PLAYED: Duration = Duration::from_secs(2);
/// A recording of this name fills the disk after a second.
pub const FULL_DISK: &str = "full-disk";

/// One leg's place in the engine.
#[derive(Clone, Debug)]
pub struct Port {
    /// The UDP port in descriptions.
    pub local_port: u16,
    /// The peer, as far as it is known.
    pub remote: Option<Remote>,
    /// The port it is bridged with.
    pub bridged: Option<MediaId>,
    /// True if the engine must report its silence.
    pub watched: bool,
    /// What the engine listens for.
    pub ears: Ears,
    /// What is played to it, and under which token.
    pub plays: Option<(Source, u64)>,
}

/// The engine.
#[derive(Default)]
pub struct Engine {
    /// The open ports.
    pub ports: BTreeMap<MediaId, Port>,
    /// The open rooms, with the legs in them.
    pub rooms: BTreeMap<RoomId, BTreeMap<MediaId, Seat>>,
    /// The recordings in progress, each with the time at which it began.
    pub recordings: BTreeMap<RecordingId, (Recording, Instant)>,
    /// The recordings that pause.
    pub paused: BTreeSet<RecordingId>,
    /// Recordings whose end is not reported.
    pub forgets: BTreeSet<RecordingId>,
    /// Ports that a test says could not be opened: their end is not reported.
    pub failed: BTreeSet<MediaId>,
    /// How every leg sounded, as it is reported when the leg is closed.
    pub quality: Quality,
    /// The real engine, which gets the same commands.
    pub sounding: Sounding,
    reports: Vec<(Duration, Event)>,
}

impl Engine {
    /// Carries out a command. Returns what it reports, each with the time until then.
    pub fn apply(&mut self, now: Instant, command: &Command) -> Vec<(Duration, Event)> {
        self.sounding.apply(now, command);
        match command {
            Command::OpenRoom { .. }
            | Command::Sit { .. }
            | Command::Stand(_)
            | Command::CloseRoom(_)
            | Command::Record(_)
            | Command::PauseRecording { .. }
            | Command::StopRecording(_) => self.serve(now, command),
            Command::Open { .. }
            | Command::Update { .. }
            | Command::Bridge(..)
            | Command::Unbridge(_)
            | Command::Listen { .. }
            | Command::Play { .. }
            | Command::Stop(_)
            | Command::Echo(_)
            | Command::Dtmf { .. }
            | Command::Press { .. }
            | Command::Release { .. }
            | Command::Watch { .. }
            | Command::Close(_) => self.relay(now, command),
        }
        std::mem::take(&mut self.reports)
    }

    fn relay(&mut self, now: Instant, command: &Command) {
        match command {
            Command::Open {
                media: port,
                local_port,
                ..
            } => {
                let fresh = Port {
                    local_port: *local_port,
                    remote: None,
                    bridged: None,
                    watched: false,
                    ears: Ears::default(),
                    plays: None,
                };
                let before = self.ports.insert(*port, fresh);
                assert!(before.is_none(), "a port is opened once");
            }
            Command::Update {
                media: port, remote, ..
            } => self.open(*port).remote = Some(remote.clone()),
            Command::Bridge(one, other) => {
                assert!(one != other, "a port is bridged with another one");
                self.part(*one);
                self.part(*other);
                self.open(*one).bridged = Some(*other);
                self.open(*other).bridged = Some(*one);
                self.open(*one).plays = None;
                self.open(*other).plays = None;
            }
            Command::Unbridge(port) => {
                self.open(*port);
                self.part(*port);
            }
            Command::Listen { media: port, ears } => self.open(*port).ears = *ears,
            Command::Close(port) => {
                self.open(*port);
                self.part(*port);
                self.stand(*port);
                self.ports.remove(port);
                self.end_recordings_of(now, *port);
                let closed = Event::Closed {
                    media: *port,
                    counters: media::Counters::default(),
                    quality: self.quality,
                };
                if !self.failed.contains(port) {
                    self.reports.push((Duration::from_millis(1), closed));
                }
            }
            Command::Play {
                media: port,
                token,
                source,
                repeat,
            } => {
                self.part(*port);
                self.open(*port).plays = Some((source.clone(), *token));
                self.play(*port, *token, source, *repeat);
            }
            Command::Echo(port) => {
                self.open(*port);
                self.part(*port);
            }
            Command::Watch { media: port, timeout } => self.open(*port).watched = timeout.is_some(),
            Command::Dtmf { media: port, .. }
            | Command::Press { media: port, .. }
            | Command::Release { media: port, .. } => {
                self.open(*port);
            }
            // A verb may stop its player after the leg has closed the port.
            Command::Stop(port) => {
                if let Some(port) = self.ports.get_mut(port) {
                    port.plays = None;
                }
            }
            // The others are not for this function.
            _ => {}
        }
    }

    /// Rooms and recordings.
    fn serve(&mut self, now: Instant, command: &Command) {
        match command {
            Command::OpenRoom { room, .. } => {
                let before = self.rooms.insert(*room, BTreeMap::new());
                assert!(before.is_none(), "a room is opened once");
            }
            Command::Sit {
                room,
                media: port,
                seat,
            } => {
                self.open(*port);
                self.part(*port);
                let others = self.rooms.iter_mut().filter(|(other, _)| *other != room);
                others.for_each(|(_, seats)| _ = seats.remove(port));
                let seats = self.rooms.get_mut(room);
                seats.expect("a leg sits down in an open room").insert(*port, *seat);
            }
            Command::Stand(port) => self.stand(*port),
            Command::CloseRoom(room) => {
                let seats = self.rooms.remove(room).expect("what is closed was open");
                assert!(seats.is_empty(), "a room is closed after its last member has left");
            }
            Command::Record(recording) => self.record(now, recording),
            Command::PauseRecording { recording, paused } => {
                if *paused {
                    self.paused.insert(*recording);
                } else {
                    self.paused.remove(recording);
                }
            }
            // It may have ended by itself.
            Command::StopRecording(recording) => self.end_recording(now, *recording, RecordEnd::Stopped),
            _ => {}
        }
    }

    fn play(&mut self, media: MediaId, token: u64, source: &Source, repeat: bool) {
        let names: &[String] = match source {
            Source::Prompts(names) => names,
            Source::Music(name) => std::slice::from_ref(name),
            Source::Tone(_) => &[],
        };
        let missing = names.iter().any(|name| name == "missing");
        if missing || !repeat {
            let fault = missing.then(|| "no prompt is called missing".into());
            self.reports.push((
                PLAYED,
                Event::Played {
                    media,
                    token,
                    fault,
                    millis: if missing { 0 } else { 2_000 },
                },
            ));
        }
    }

    fn record(&mut self, now: Instant, recording: &Recording) {
        assert!(
            prompt::is_name(&recording.file),
            "{} is the name of a file",
            recording.file
        );
        match recording.taken {
            Taken::Leg(leg) => drop(self.open(leg)),
            Taken::Call { left, right, .. } => {
                assert!(left != right, "two legs are recorded");
                self.open(left);
                self.open(right);
            }
            Taken::Room(room) => assert!(self.rooms.contains_key(&room), "a room that is recorded is open"),
        }
        let (id, max) = (recording.id, recording.max);
        let before = self.recordings.insert(id, (recording.clone(), now));
        assert!(before.is_none(), "a recording begins once");
        // What is reported of a recording that has ended meanwhile has to be ignored.
        if recording.file.starts_with(FULL_DISK) {
            self.paused.insert(id);
            let end = RecordEnd::Fault("no space is left on the device".into());
            self.reports.push((Duration::from_secs(1), recorded(id, 1_000, end)));
        } else if let Some(max) = max {
            let millis = u64::try_from(max.as_millis()).expect("a recording is not that long");
            self.reports.push((max, recorded(id, millis, RecordEnd::Full)));
        }
    }

    fn end_recordings_of(&mut self, now: Instant, port: MediaId) {
        let of_port = |recording: &Recording| match recording.taken {
            Taken::Leg(leg) => leg == port,
            Taken::Call { left, right, .. } => left == port || right == port,
            Taken::Room(_) => false,
        };
        let ended = self.recordings.iter().filter(|(_, (recording, _))| of_port(recording));
        let ended: Vec<_> = ended.map(|(id, _)| *id).collect();
        for id in ended {
            self.end_recording(now, id, RecordEnd::Closed);
        }
    }

    fn end_recording(&mut self, now: Instant, id: RecordingId, end: RecordEnd) {
        if let Some((_, began)) = self.recordings.remove(&id) {
            self.paused.remove(&id);
            if self.forgets.contains(&id) {
                return;
            }
            let millis = u64::try_from(now.since(began).as_millis()).expect("a recording is not that long");
            self.reports.push((FINISH, recorded(id, millis, end)));
        }
    }

    /// The switch hears of the end of a recording: it is no longer in progress.
    pub fn reports(&mut self, event: &Event) {
        if let Event::Recorded { recording, .. } = event {
            self.recordings.remove(recording);
            self.paused.remove(recording);
        }
        if let Event::Played { media, token, .. } = event
            && let Some(port) = self.ports.get_mut(media)
        {
            port.plays.take_if(|(_, playing)| playing == token);
        }
    }

    fn open(&mut self, port: MediaId) -> &mut Port {
        self.ports.get_mut(&port).expect("what a command is for is open")
    }

    fn stand(&mut self, port: MediaId) {
        for seats in self.rooms.values_mut() {
            seats.remove(&port);
        }
    }

    fn part(&mut self, port: MediaId) {
        let other = self.ports.get_mut(&port).and_then(|port| port.bridged.take());
        if let Some(other) = other.and_then(|other| self.ports.get_mut(&other)) {
            other.bridged = None;
        }
    }
}

/// The report of the end of a recording.
pub fn recorded(recording: RecordingId, millis: u64, end: RecordEnd) -> Event {
    Event::Recorded {
        recording,
        millis,
        // A file of the name that was asked for was there before. Where nothing was recorded there is no file.
        octets: if millis > 0 { 44 + 16 * millis } else { 0 },
        file: if millis > 0 {
            format!("renamed-{:016x}", recording.0)
        } else {
            String::new()
        },
        end,
    }
}
