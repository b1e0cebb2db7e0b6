//! The switch, its surroundings, and the clock.
//!
//! | file | what it does |
//! |---|---|
//! | `mod.rs` | time: the next event, and its receiver |
//! | `people.rs` | makes extensions and phones |
//! | `outputs.rs` | carries out the outputs of the switch |
//! | `store.rs` | accounts on disk, and a start of the switch on what is on disk |
//! | `left.rs` | the state that the switch still holds |

mod left;
mod outputs;
mod people;
mod store;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    net::SocketAddr,
    time::Duration,
};

use bytes::Bytes;
use sip::{Flow, Instant, Limits, Message, Transport};
use switch::{
    Binding, CallUid, Cdr, CdrAnswer, Config, Event, Hold, Input, KeptMessage, Keys, Listener, Output, Switch,
    Unresolved,
};

use crate::{
    engine::Engine,
    ladder::Ladder,
    net::{Chance, Net},
    phone::Phone,
    scripts::Scripts,
    streams::Streams,
};

/// 2026-01-01 00:00 UTC, when every world begins.
pub const EPOCH: i64 = 1_767_225_600_000_000;

/// The switch's address in IPv6.
pub const ADDRESS6: &str = "[2001:db8::1]:5060";

/// The switch's address towards another.
pub fn server_for(peer: SocketAddr) -> SocketAddr {
    let address = if peer.is_ipv4() { "192.0.2.1:5060" } else { ADDRESS6 };
    address.parse().unwrap()
}

/// Where its phones are, in IPv4 and in IPv6.
pub const NETS: [&str; 2] = ["198.51.", "2001:db8:1::"];

/// More steps than this within one microsecond are an endless loop.
const ENDLESS: u32 = 100_000;

/// How a world begins.
pub struct Settings {
    /// The seed of every random choice.
    pub seed: u64,
    /// The text of `main.rhai`.
    pub plan: String,
    /// The settings of the switch.
    pub config: Config,
    /// The time the store takes.
    pub store_delay: Duration,
}

impl Settings {
    /// With this dialplan, where parties on hold hear music.
    pub fn with_music(plan: &str) -> Self {
        Self {
            plan: plan.into(),
            config: Config::default(),
            ..Self::default()
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        let mut config = Config::default();
        // Most scenarios look at what crosses a bridge.
        config.limits.services.hold = Hold::Pass;
        Self {
            seed: 1,
            plan: "fn on_call(caller) { caller.dial(caller.dialed, #{ timeout: 20 }); }".into(),
            config,
            store_delay: Duration::from_millis(8),
        }
    }
}

/// See the module.
pub struct World {
    /// Now.
    pub now: Instant,
    /// The machine under test.
    pub switch: Switch,
    /// The network between the switch and the phones.
    pub net: Net,
    /// The phones, in the order they were made.
    pub phones: Vec<Phone>,
    /// The messages that came to addresses without a phone, where a test listens.
    pub wires: BTreeMap<SocketAddr, Vec<Message>>,
    /// The scripts that run.
    pub scripts: Scripts,
    /// The TCP connections.
    pub streams: Streams,
    /// Records written at the end of calls.
    pub cdrs: Vec<Cdr>,
    /// How legs sounded, in the order in which they ended.
    pub qualities: Vec<(CallUid, switch::LegQuality)>,
    /// Recordings, by their id, as they were reported last.
    pub recordings: BTreeMap<switch::RecordingUid, switch::Recording>,
    /// Records opened, by call.
    pub opened: BTreeSet<CallUid>,
    /// Answered calls with an open record: their records on disk after a kill of the switch.
    pub answered: BTreeMap<CallUid, CdrAnswer>,
    /// Phones that were to be woken.
    pub wakes: Vec<switch::Wake>,
    /// The push service can be asked.
    pub push_works: bool,
    /// The events that observers saw.
    pub events: Vec<Event>,
    /// The commands to the media engine (only with a ladder).
    pub media: Vec<media::Command>,
    /// Media ports open now.
    pub ports: BTreeSet<media::MediaId>,
    /// The state of the media engine.
    pub engine: Engine,
    /// Answers to commands.
    pub replies: Vec<Result<switch::Reply, switch::CommandError>>,
    /// The store: bindings on disk.
    pub bindings: BTreeMap<u64, Binding>,
    /// The store: subscriptions on disk.
    pub subscriptions: BTreeMap<u64, switch::Subscription>,
    /// The store: extensions on disk.
    pub people: BTreeMap<String, switch::Extension>,
    /// The store: devices on disk, by user name.
    devices: BTreeMap<String, switch::Device>,
    /// The store: devices that act for another extension than their own.
    log_ons: BTreeMap<String, String>,
    /// The store: messages for phones that are away.
    pub kept: BTreeMap<u64, KeptMessage>,
    /// Every message that the store was to keep, with the time.
    pub was_kept: Vec<(Instant, KeptMessage)>,
    /// True if the store can write.
    pub store_works: bool,
    /// The address of each host name; other names do not resolve.
    pub hosts: BTreeMap<String, SocketAddr>,
    /// Hosts whose look-up leads to nothing, and why; after 5 s where no name server answers, else at once.
    pub lost: BTreeMap<String, Unresolved>,
    /// Further addresses of hosts.
    pub others: BTreeMap<String, Vec<SocketAddr>>,
    /// The messages so far.
    pub ladder: Ladder,
    /// Every input with its time, if the world is recorded.
    pub recording: Option<Vec<(Instant, Input)>>,
    /// Every output as text, if the world is recorded.
    pub outputs: Option<Vec<String>>,
    /// When the switch wants to be called again.
    wake: Instant,
    later: BTreeMap<(Instant, u64), Input>,
    count: u64,
    /// The time of the last step, and the number of steps at that time.
    busy: (Instant, u32),
    /// Messages the switch has sent.
    pub sent: u64,
    /// When the switch last sent a NOTIFY.
    pub notified: Instant,
    /// Calls that a script picked up.
    pub picked_up: u64,
    /// Pages that a phone heard.
    pub paged: u64,
    address: SocketAddr,
    domain: String,
    /// The time the store takes.
    pub store_delay: Duration,
    /// The longest time until a script's next verb comes; the time itself is random.
    pub script_delay: Duration,
    thinking: Instant,
    chance: Chance,
}

/// The switch's seed of identifiers in the world of this seed.
pub fn seed_of(seed: u64) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_be_bytes());
    bytes
}

/// The switch of a world; the same again for a replay.
pub fn switch_of(settings: &Settings) -> Switch {
    Switch::new(
        settings.config.clone(),
        seed_of(settings.seed),
        &Keys {
            nonce: [7; 32],
            gruu: [8; 32],
        },
    )
}

impl World {
    /// A world without phones.
    pub fn new(settings: Settings) -> Self {
        let address = server_for(SocketAddr::from(([192, 0, 2, 9], 5060)));
        let mut world = Self {
            now: Instant::ZERO,
            switch: switch_of(&settings),
            net: Net::new(settings.seed),
            phones: Vec::new(),
            wires: BTreeMap::new(),
            streams: Streams::default(),
            scripts: Scripts::new(&settings.plan),
            qualities: Vec::new(),
            recordings: BTreeMap::new(),
            cdrs: Vec::new(),
            opened: BTreeSet::new(),
            answered: BTreeMap::new(),
            events: Vec::new(),
            media: Vec::new(),
            ports: BTreeSet::new(),
            engine: Engine::default(),
            replies: Vec::new(),
            bindings: BTreeMap::new(),
            subscriptions: BTreeMap::new(),
            people: BTreeMap::new(),
            devices: BTreeMap::new(),
            log_ons: BTreeMap::new(),
            was_kept: Vec::new(),
            kept: BTreeMap::new(),
            store_works: true,
            wakes: Vec::new(),
            push_works: true,
            hosts: BTreeMap::new(),
            lost: BTreeMap::new(),
            others: BTreeMap::new(),
            ladder: Ladder::default(),
            recording: None,
            outputs: None,
            wake: Instant::from_micros(u64::MAX),
            later: BTreeMap::new(),
            count: 0,
            busy: (Instant::ZERO, 0),
            sent: 0,
            notified: Instant::ZERO,
            picked_up: 0,
            paged: 0,
            address,
            domain: settings.config.domain.clone(),
            store_delay: settings.store_delay,
            script_delay: Duration::ZERO,
            thinking: Instant::ZERO,
            chance: Chance(settings.seed ^ 0x776f_726c),
        };
        world.begin();
        world
    }

    fn begin(&mut self) {
        let listeners = self.listeners();
        self.handle(Input::Clock { unix_micros: EPOCH });
        self.handle(Input::Listening(listeners));
    }

    fn listeners(&self) -> Vec<Listener> {
        let both = |address| [Transport::Udp, Transport::Tcp].map(|transport| Listener { transport, address });
        [self.address, ADDRESS6.parse().unwrap()]
            .into_iter()
            .flat_map(both)
            .collect()
    }

    /// The switch's address towards another.
    pub fn address_for(&self, peer: SocketAddr) -> SocketAddr {
        server_for(peer)
    }

    /// Starts to record. To be called before anything else is done with the world.
    pub fn record(&mut self) {
        self.recording = Some(vec![
            (Instant::ZERO, Input::Clock { unix_micros: EPOCH }),
            (Instant::ZERO, Input::Listening(self.listeners())),
        ]);
        self.outputs = Some(Vec::new());
    }

    /// Gives the switch an input, and carries out its outputs.
    pub fn handle(&mut self, input: Input) {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            if let Some(recording) = &mut self.recording {
                recording.push((self.now, input.clone()));
            }
            if let Input::Media(event) = &input {
                self.engine.reports(event);
            }
            if let Input::Account(change) = &input {
                self.note_account(change);
            }
            self.switch.handle(self.now, input);
            loop {
                let output = self.switch.poll_output();
                if let Output::Timeout(at) = output {
                    self.wake = at;
                    break;
                }
                if let Output::Transmit(transmit) = &output {
                    self.sent += 1;
                    if transmit.bytes.starts_with(b"NOTIFY ") {
                        self.notified = self.now;
                    }
                }
                if let Some(outputs) = &mut self.outputs {
                    outputs.push(serde_json::to_string(&output).unwrap());
                }
                inputs.extend(self.carry_out(output));
            }
        }
    }

    pub(crate) fn after(&mut self, delay: Duration, input: Input) {
        self.count += 1;
        self.later.insert((self.now + delay, self.count), input);
    }

    fn wire(&mut self, from: SocketAddr, to: SocketAddr, bytes: Bytes) {
        let fate = self.net.send(self.now, from, to, bytes.clone());
        self.ladder.message(self.now, from, to, &bytes, fate);
    }

    /// Throws bytes at the switch from an address.
    pub fn throw(&mut self, from: SocketAddr, bytes: Bytes) {
        self.wire(from, self.address, bytes);
    }

    /// Sends the messages that the phones have put out.
    pub fn flush(&mut self) {
        for index in 0..self.phones.len() {
            while let Some((flow, bytes)) = self.phones[index].outbox.pop_front() {
                let from = self.phones[index].address;
                match flow.transport.is_reliable() {
                    true => self.stream_in(from, flow, bytes),
                    false => self.wire(from, flow.remote, bytes),
                }
            }
        }
    }

    /// The time of the next event.
    pub fn next(&self) -> Option<Instant> {
        let phones = self.phones.iter().filter_map(Phone::next);
        let others = [
            self.net.next(),
            self.streams.next(),
            self.later.first_key_value().map(|((at, _), _)| *at),
            Some(self.wake),
        ];
        phones
            .chain(others.into_iter().flatten())
            .min()
            .filter(|at| at.as_micros() < u64::MAX)
    }

    /// Goes on to the next event; false if there is none.
    pub fn step(&mut self) -> bool {
        self.flush();
        let Some(at) = self.next() else { return false };
        self.now = self.now.max(at);
        let times = if self.busy.0 == self.now { self.busy.1 + 1 } else { 0 };
        self.busy = (self.now, times);
        assert!(times < ENDLESS, "time stands still\n{}", self.ladder);
        self.happen();
        true
    }

    fn happen(&mut self) {
        while let Some(datagram) = self.net.pop(self.now) {
            if datagram.to == self.address_for(datagram.to) {
                let flow = Flow {
                    transport: Transport::Udp,
                    local: datagram.to,
                    remote: datagram.from,
                    connection: None,
                };
                self.handle(Input::Received {
                    flow,
                    bytes: datagram.bytes,
                });
            } else if let Some(phone) = self.phones.iter_mut().find(|phone| phone.address == datagram.to) {
                phone.receive(self.now, datagram.from, datagram.bytes);
            } else if let Some(wire) = self.wires.get_mut(&datagram.to) {
                wire.push(Message::parse(datagram.bytes, &Limits::default()).expect("the switch sends SIP"));
            }
        }
        self.streams_arrive();
        while let Some(entry) = self.later.first_entry().filter(|entry| entry.key().0 <= self.now) {
            let input = entry.remove();
            self.handle(input);
        }
        if self.wake <= self.now {
            self.handle(Input::Tick);
        }
        for phone in &mut self.phones {
            if phone.next().is_some_and(|at| at <= self.now) {
                phone.advance(self.now);
            }
        }
        self.flush();
    }

    /// Lets time pass.
    pub fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        self.flush();
        while self.next().is_some_and(|at| at <= until) {
            self.step();
        }
        self.now = until;
    }

    /// Lets time pass until `so` holds; false if it does not within `longest`.
    pub fn until(&mut self, longest: Duration, so: impl Fn(&Self) -> bool) -> bool {
        let end = self.now + longest;
        self.flush();
        while !so(self) {
            match self.next() {
                Some(at) if at <= end => self.step(),
                Some(_) | None => return false,
            };
        }
        true
    }
}
