//! A media engine without media: it only keeps the commands it got.

use std::collections::{BTreeMap, BTreeSet};

use media::{
    Command, MediaId, Remote,
    service::{RecordingId, RoomId},
};

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
}

/// The engine.
#[derive(Default)]
pub struct Engine {
    /// The open ports.
    pub ports: BTreeMap<MediaId, Port>,
    /// The open rooms, with the legs in them.
    pub rooms: BTreeMap<RoomId, BTreeSet<MediaId>>,
    /// The recordings in progress.
    pub recordings: BTreeSet<RecordingId>,
}

impl Engine {
    /// Carries out a command.
    pub fn apply(&mut self, command: &Command) {
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
            }
            Command::Unbridge(port) => {
                self.open(*port);
                self.part(*port);
            }
            Command::Listen { media: port, .. } => {
                self.open(*port);
            }
            Command::OpenRoom { room, .. } => {
                let before = self.rooms.insert(*room, BTreeSet::new());
                assert!(before.is_none(), "a room is opened once");
            }
            Command::Sit { room, media: port, .. } => {
                self.open(*port);
                self.part(*port);
                self.stand(*port);
                let seats = self.rooms.get_mut(room);
                seats.expect("a leg sits down in an open room").insert(*port);
            }
            Command::Stand(port) => self.stand(*port),
            Command::CloseRoom(room) => {
                self.rooms.remove(room).expect("what is closed was open");
            }
            Command::Record(recording) => {
                assert!(self.recordings.insert(recording.id), "a recording begins once");
            }
            Command::PauseRecording { recording, .. } => {
                assert!(self.recordings.contains(recording), "a recording that pauses has begun");
            }
            // It may have ended by itself.
            Command::StopRecording(recording) => {
                self.recordings.remove(recording);
            }
            Command::Close(port) => {
                self.open(*port);
                self.part(*port);
                self.stand(*port);
                self.ports.remove(port);
            }
            Command::Play { media: port, .. } | Command::Echo(port) => {
                self.open(*port);
                self.part(*port);
            }
            Command::Watch { media: port, timeout } => self.open(*port).watched = timeout.is_some(),
            Command::Dtmf { media: port, .. } => {
                self.open(*port);
            }
            // A verb may stop its player after the leg has closed the port.
            Command::Stop(_) => {}
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
