//! The engine without sockets, on a clock of its own: rooms, music on hold, calls whose ends share no codec, plain calls.
//!
//! Prints `name value unit` lines. Run with `cargo bench -p media --bench engine`. Packets are made before they are
//! measured; those that the engine sends are counted only.

#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]
#![allow(clippy::disallowed_methods, reason = "a bench measures time and reads files")]

mod sample;

use std::{fs, net::SocketAddr, rc::Rc, sync::Arc, time::Duration};

use media::{
    Command, Direction, MediaId, Payload, Relay, Remote, Source,
    audio::Clip,
    codec::{Decoder, Encoder, MAX_OCTETS},
    relay::{Block, Config, Piece, Track, Wanted},
    service::{RoomId, Seat},
    sound::Rate,
};

use sample::{cpu, speech};

/// As in the binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const PTIME: u32 = 20;
/// Seconds of sound that is said again and again.
const SAID: u32 = 10;
const ROOM: RoomId = RoomId(1);
const HEADER: usize = 12;

type Packets = Rc<Vec<Vec<u8>>>;

fn payload(codec: &str) -> Payload {
    let info = media::codec::named(codec).unwrap();
    Payload {
        number: if codec == "PCMU" { 0 } else { 96 },
        codec: codec.into(),
        clock_rate: info.clock_rate,
        channels: info.channels,
        fmtp: None,
    }
}

fn encode(pcm: &[i16], payload: &Payload, rate: Rate) -> Packets {
    let mut encoder = Encoder::at(payload, PTIME, rate).unwrap();
    let mut octets = [0; MAX_OCTETS];
    let packet = |pcm: &[i16]| {
        let length = encoder.encode(pcm, &mut octets);
        octets[..length].to_vec()
    };
    Rc::new(pcm.chunks_exact(rate.samples(PTIME)).map(packet).collect())
}

fn voice(payload: &Payload, rate: Rate) -> Packets {
    encode(&speech(rate, SAID), payload, rate)
}

/// The noise of a quiet office.
fn hush(payload: &Payload, rate: Rate) -> Packets {
    let mut state = 1u32;
    let mut sample = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 28) as i16 - 8
    };
    let pcm: Vec<i16> = (0..rate.samples(SAID * 1000)).map(&mut sample).collect();
    encode(&pcm, payload, rate)
}

/// A phone, and what it says.
struct Phone {
    number: u32,
    payload: Payload,
    said: Packets,
    packets: u32,
}

impl Phone {
    fn id(&self) -> MediaId {
        MediaId {
            engine: 0,
            slot: self.number,
            generation: 1,
        }
    }

    fn port(&self) -> u16 {
        10_000 + 2 * self.number as u16
    }

    fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, (self.number / 250) as u8, (self.number % 250) as u8], 4000))
    }

    fn remote(&self) -> Remote {
        let address = self.address();
        Remote {
            rtp: Some(address),
            expected: [address.ip()].into_iter().collect(),
            signalling: Some(address.ip()),
            send_payloads: vec![self.payload.clone()],
            receive_payloads: vec![self.payload.clone()],
            direction: Direction {
                send: true,
                receive: true,
            },
            ptime: PTIME as u16,
            ..Remote::default()
        }
    }

    /// Writes the next packet; its length.
    fn write(&mut self, out: &mut [u8]) -> usize {
        let said = &self.said[self.packets as usize % self.said.len()];
        let timestamp = self.packets * (self.payload.clock_rate / 1000 * PTIME);
        out[..2].copy_from_slice(&[0x80, self.payload.number]);
        out[2..4].copy_from_slice(&(self.packets as u16).to_be_bytes());
        out[4..8].copy_from_slice(&timestamp.to_be_bytes());
        out[8..HEADER].copy_from_slice(&(self.number + 1).to_be_bytes());
        out[HEADER..HEADER + said.len()].copy_from_slice(said);
        self.packets += 1;
        HEADER + said.len()
    }
}

/// The engine, and phones that talk to it.
struct Engine {
    relay: Relay,
    now: Duration,
    phones: Vec<Phone>,
    /// The phones that send in each millisecond of 20.
    turns: [Vec<usize>; PTIME as usize],
    sent: u64,
    /// When which packet was sent, for the ports that are listened to.
    heard: Vec<(Duration, u16, Vec<u8>)>,
    listened: bool,
    /// The file that is played, in pieces, and the next piece.
    music: (Vec<Arc<Clip>>, usize),
}

impl Engine {
    fn new() -> Engine {
        Engine {
            relay: Relay::new(Config::default()),
            now: Duration::from_secs(1_800_000_000),
            phones: Vec::new(),
            turns: Default::default(),
            sent: 0,
            heard: Vec::new(),
            listened: false,
            music: (Vec::new(), 0),
        }
    }

    fn command(&mut self, command: Command) {
        self.relay.command(self.now, command);
    }

    /// A phone that says this, in that millisecond of each packet's time.
    fn phone(&mut self, payload: &Payload, said: Option<&Packets>, turn: usize) -> MediaId {
        let phone = Phone {
            number: self.phones.len() as u32,
            payload: payload.clone(),
            said: said.cloned().unwrap_or_default(),
            packets: 0,
        };
        let (media, remote) = (phone.id(), phone.remote());
        self.command(Command::Open {
            media,
            local_port: phone.port(),
            expected: remote.expected.clone(),
        });
        self.command(Command::Update {
            media,
            remote,
            relearn: false,
        });
        if said.is_some() {
            self.turns[turn % PTIME as usize].push(self.phones.len());
        }
        self.phones.push(phone);
        media
    }

    fn sits(&mut self, media: MediaId) {
        self.command(Command::Sit {
            room: ROOM,
            media,
            seat: Seat::default(),
        });
    }

    fn pass(&mut self, seconds: u32) {
        for _ in 0..seconds * 1000 / PTIME {
            for turn in 0..PTIME as usize {
                self.now += Duration::from_millis(1);
                self.millisecond(turn);
            }
        }
    }

    fn millisecond(&mut self, turn: usize) {
        let Engine {
            relay,
            now,
            phones,
            turns,
            sent,
            heard,
            listened,
            ..
        } = self;
        let mut out = |port: u16, _: SocketAddr, bytes: &[u8]| {
            *sent += 1;
            if *listened {
                heard.push((*now, port, bytes.to_vec()));
            }
        };
        let mut buffer = [0; 1500];
        for phone in &turns[turn] {
            let phone = &mut phones[*phone];
            let length = phone.write(&mut buffer);
            relay.packet(*now, phone.port(), phone.address(), &mut buffer[..length], &mut out);
        }
        relay.tick(*now, &mut out);
        while relay.poll_event().is_some() {}
        while let Some(wanted) = self.relay.poll_wanted() {
            match wanted {
                Wanted::Open { track, .. } | Wanted::More(track) => self.answer(track),
                Wanted::Close(_) => {}
            }
        }
    }

    /// The reader of files gives the next piece.
    fn answer(&mut self, track: Track) {
        let (pieces, next) = &mut self.music;
        let clip = pieces[*next].clone();
        *next = (*next + 1) % pieces.len();
        let piece = Ok(Piece { clip, last: false });
        self.relay.loaded(self.now, Block { track, piece });
    }

    /// The share of a core that a second takes, by the best of several rounds; and the packets sent in it.
    fn share(&mut self, seconds: u32) -> (f64, f64) {
        self.pass(2);
        let before = self.sent;
        let round = |engine: &mut Engine| {
            let begin = cpu();
            engine.pass(seconds);
            (cpu() - begin) / f64::from(seconds)
        };
        let best = (0..ROUNDS).map(|_| round(self)).fold(f64::INFINITY, f64::min);
        let sent = (self.sent - before) as f64 / f64::from(seconds * ROUNDS);
        (best, sent)
    }
}

const ROUNDS: u32 = 5;

/// Without `--bench` (as a test) only that packets are sent.
fn is_test() -> bool {
    !std::env::args().any(|argument| argument == "--bench")
}

fn seconds(seconds: u32) -> u32 {
    if is_test() { 1 } else { seconds }
}

fn room(codec: &str, rate: Rate, talking: usize, quiet_ones_send: bool) -> Engine {
    let payload = payload(codec);
    let (voice, hush) = (voice(&payload, rate), hush(&payload, rate));
    let mut engine = Engine::new();
    engine.command(Command::OpenRoom {
        room: ROOM,
        tones: false,
    });
    for n in 0..100 {
        let said = if n < talking {
            Some(&voice)
        } else {
            Some(&hush).filter(|_| quiet_ones_send)
        };
        let media = engine.phone(&payload, said, n);
        engine.sits(media);
    }
    engine
}

fn rooms() {
    let (used, sent) = room("PCMU", Rate::Narrow, 3, true).share(seconds(10));
    assert!(sent >= 4_990.0, "{sent}");
    println!("room of 100 seats of G.711, 3 talk {:.2} %", used * 100.0);
    let opus = payload("OPUS");
    let sound = speech(Rate::Wide, SAID);
    let encode_once = || {
        let begin = cpu();
        encode(&sound, &opus, Rate::Wide);
        (cpu() - begin) / f64::from(SAID)
    };
    let encoding = (0..ROUNDS).map(|_| encode_once()).fold(f64::INFINITY, f64::min);
    println!("encoding of Opus at 16 kHz {:.3} ms/s", encoding * 1000.0);
    for (sends, name) in [(false, "send nothing"), (true, "send noise")] {
        let (used, sent) = room("OPUS", Rate::Wide, 1, sends).share(seconds(10));
        assert!(sent >= 4_990.0, "{sent}");
        println!("room of 100 Opus listeners that {name}, 1 talks {:.2} %", used * 100.0);
        println!("the same, in encodings {:.2} x", used / encoding);
    }
}

fn music() {
    let sound = speech(Rate::Wide, SAID);
    for codec in ["PCMU", "OPUS"] {
        let payload = payload(codec);
        let mut engine = Engine::new();
        let piece = |pcm: &[i16]| Arc::new(Clip::new(Rate::Wide, pcm));
        engine.music.0 = sound.chunks_exact(Rate::Wide.samples(500)).map(piece).collect();
        for n in 0..1000 {
            if n % 50 == 0 {
                engine.millisecond(0);
                engine.now += Duration::from_millis(1);
            }
            let media = engine.phone(&payload, None, n);
            engine.command(Command::Play {
                media,
                source: Source::Music("hold".to_owned()),
                repeat: true,
                token: 0,
            });
        }
        let (used, sent) = engine.share(seconds(5));
        assert!(sent >= 49_900.0, "{sent}");
        println!("music on hold for 1,000 legs, {codec} {:.2} %", used * 100.0);
    }
}

/// Calls between a phone with one codec and a phone with the other.
fn calls(codecs: [&str; 2], count: usize, talking: [bool; 2]) -> Engine {
    let mut engine = Engine::new();
    add_calls(&mut engine, &codecs.map(talk), count, talking);
    engine
}

/// A codec, and what is said in it.
fn talk(codec: &str) -> (Payload, Packets) {
    let payload = payload(codec);
    let rate = if codec == "OPUS" { Rate::Full } else { Rate::Narrow };
    let said = voice(&payload, rate);
    (payload, said)
}

fn add_calls(engine: &mut Engine, talks: &[(Payload, Packets); 2], count: usize, talking: [bool; 2]) {
    let [(one, here), (other, there)] = talks;
    for n in 0..count {
        let from = engine.phone(one, Some(here).filter(|_| talking[0]), n * 7);
        let to = engine.phone(other, Some(there).filter(|_| talking[1]), n * 7 + 9);
        engine.command(Command::Bridge(from, to));
    }
}

fn resident() -> f64 {
    let status = fs::read_to_string("/proc/self/statm").unwrap();
    status.split(' ').nth(1).unwrap().parse::<f64>().unwrap() * 4.0
}

/// By the pages that the process has. Nothing is given back in between: memory that is used again would not count.
fn memory() {
    const CALLS: usize = 1000;
    let mut engines = Vec::new();
    for (codecs, name) in [
        (["PCMU", "PCMU"], "leg of a relayed call"),
        (["PCMU", "G722"], "leg of a call of G.711 and G.722, the mean"),
        (["PCMU", "OPUS"], "leg of a call of G.711 and Opus, the mean"),
    ] {
        let talks = codecs.map(talk);
        let mut engine = Engine::new();
        add_calls(&mut engine, &talks, CALLS / 10, [true, true]);
        engine.pass(1);
        let before = resident();
        add_calls(&mut engine, &talks, CALLS, [true, true]);
        engine.pass(1);
        println!(
            "memory of a {name} {:.1} KiB",
            (resident() - before) / (2 * CALLS) as f64
        );
        engines.push(engine);
    }
    // Calls that are silent: each hundred of them talks before the next hundred comes, which takes the memory over.
    let (talks, mut engine) = (["PCMU", "OPUS"].map(talk), Engine::new());
    let wave = |engine: &mut Engine| {
        add_calls(engine, &talks, CALLS / 10, [true, true]);
        engine.pass(1);
        engine.turns.iter_mut().for_each(Vec::clear);
        engine.pass(2);
    };
    wave(&mut engine);
    let before = resident();
    (0..10).for_each(|_| wave(&mut engine));
    println!(
        "memory of a silent leg of a call of G.711 and Opus, the mean {:.1} KiB",
        (resident() - before) / (2 * CALLS) as f64
    );
}

fn pairs() {
    const CALLS: usize = 10;
    let per_call = |codecs, talking| calls(codecs, CALLS, talking).share(seconds(5)).0 * 1000.0 / CALLS as f64;
    let name = "call of G.711 and Opus";
    println!(
        "{name}, G.711 talks {:.3} ms/s",
        per_call(["PCMU", "OPUS"], [true, false])
    );
    println!(
        "{name}, Opus talks {:.3} ms/s",
        per_call(["PCMU", "OPUS"], [false, true])
    );
    println!("{name}, both talk {:.3} ms/s", per_call(["PCMU", "OPUS"], [true, true]));
    println!(
        "call of G.711 and G.722, both talk {:.3} ms/s",
        per_call(["PCMU", "G722"], [true, true])
    );

    let mut engine = calls(["PCMU", "PCMU"], 200, [true, true]);
    let (used, sent) = engine.share(seconds(10));
    println!("relayed packet {:.0} ns", used * 1e9 / sent);
}

/// How much later than its own sound a call is heard, in milliseconds, where the phone that listens plays each packet as
/// it comes: from the first sample of the first packet.
fn delay(codecs: [&str; 2], turn: usize) -> f64 {
    const FROM: u32 = 5;
    const LONG: u32 = 2;
    let mut engine = Engine::new();
    let [one, other] = codecs.map(payload);
    let rate = if codecs[0] == "OPUS" { Rate::Full } else { Rate::Narrow };
    let said = voice(&one, rate);
    let answers = hush(&other, if codecs[1] == "OPUS" { Rate::Full } else { Rate::Narrow });
    let from = engine.phone(&one, Some(&said), 0);
    let to = engine.phone(&other, Some(&answers), turn);
    let port = engine.phones[1].port();
    engine.command(Command::Bridge(from, to));
    engine.listened = true;
    let begin = engine.now + Duration::from_millis(1);
    engine.pass(FROM + LONG + 1);
    // What the phone would play, at 8 kHz, by the time at which it plays it.
    let play = |packets: &mut dyn Iterator<Item = (Duration, &[u8])>, payload: &Payload| {
        let mut decoder = Decoder::at(payload, Rate::Narrow).unwrap();
        let mut sound = Vec::new();
        for (at, octets) in packets {
            if sound.is_empty() {
                sound.resize(Rate::Narrow.samples((at - begin).as_millis() as u32), 0);
            }
            decoder.decode(octets, &mut sound).unwrap();
        }
        sound
    };
    let heard = engine.heard.iter().filter(|(_, local, _)| *local == port);
    let heard = play(&mut heard.map(|(at, _, bytes)| (*at, &bytes[HEADER..])), &other);
    let original = play(&mut said.iter().map(|octets| (begin, octets.as_slice())), &one);
    let (start, length) = (Rate::Narrow.samples(FROM * 1000), Rate::Narrow.samples(LONG * 1000));
    let alike = |lag: &usize| {
        let pairs = original[start..start + length].iter().zip(&heard[start + lag..]);
        pairs.map(|(a, b)| i64::from(*a) * i64::from(*b)).sum::<i64>()
    };
    let lag = (0..Rate::Narrow.samples(200)).max_by_key(alike).unwrap();
    lag as f64 / 8.0
}

fn delays() {
    for (codecs, name) in [
        (["PCMU", "OPUS"], "G.711 to Opus"),
        (["OPUS", "PCMU"], "Opus to G.711"),
        (["PCMU", "G722"], "G.711 to G.722"),
    ] {
        let turns = if is_test() { 1 } else { PTIME as usize };
        let delays: Vec<f64> = (0..turns).map(|turn| delay(codecs, turn)).collect();
        let most = delays.iter().copied().fold(0.0, f64::max);
        let mean = delays.iter().sum::<f64>() / delays.len() as f64;
        println!("delay of {name}, the mean {mean:.1} ms");
        println!("delay of {name}, the longest {most:.1} ms");
    }
}

fn main() {
    let asked: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let parts: [(&str, fn()); 5] = [
        ("memory", memory),
        ("rooms", rooms),
        ("music", music),
        ("pairs", pairs),
        ("delays", delays),
    ];
    for (name, run) in parts {
        if asked.is_empty() || asked.iter().any(|asked| asked == name) {
            run();
        }
    }
}
