//! Sound with real sockets: music on hold for 1,000 legs, and a room of 100 seats of which 3 talk. `cargo bench -p tandem
//! --bench sound`. Prints CPU in hundredths of a core, of all threads of the engine. The phones are sockets of the main
//! thread, whose time is not counted; they are drained from time to time and never waited for.
#![allow(clippy::print_stdout)]
#![allow(
    clippy::disallowed_methods,
    reason = "a benchmark looks at the clock and reads files"
)]

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket},
    path::Path,
    thread::park_timeout,
    time::{Duration, Instant},
};

use media::{
    Command, Direction, MediaId, Payload, PeerAddress, Pool, Remote, Source,
    codec::Encoder,
    service::{RoomId, Seat},
};
use tandem::rtp::{Engine, EngineConfig};

type Fault = Box<dyn std::error::Error>;

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const FIRST: u16 = 25_000;
const LAST: u16 = 26_999;
const PTIME: u32 = 20;
const SAMPLES: usize = 160;
const WARM: Duration = Duration::from_secs(2);
const MEASURED: Duration = Duration::from_secs(10);
const ROOM: RoomId = RoomId(1);

fn main() -> Result<(), Fault> {
    music()?;
    room()
}

fn payload() -> Payload {
    Payload {
        number: 8,
        codec: "PCMA".into(),
        clock_rate: 8000,
        channels: 1,
        fmtp: None,
    }
}

fn remote(phone: SocketAddr) -> Remote {
    Remote {
        rtp: Some(phone),
        expected: [phone.ip()].into_iter().collect(),
        signalling: Some(phone.ip()),
        send_payloads: vec![payload()],
        receive_payloads: vec![payload()],
        direction: Direction {
            send: true,
            receive: true,
        },
        ptime: PTIME as u16,
        ..Remote::default()
    }
}

/// CPU time of all threads but this one, which is the first of the process.
fn cpu() -> Result<Duration, Fault> {
    let main = std::process::id().to_string();
    let mut nanos = 0;
    for task in std::fs::read_dir("/proc/self/task")? {
        let task = task?;
        if task.file_name() != main.as_str() {
            let text = std::fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
            nanos += text
                .split_ascii_whitespace()
                .next()
                .and_then(|n| n.parse().ok())
                .unwrap_or(0u64);
        }
    }
    Ok(Duration::from_nanos(nanos))
}

/// The engine, and its phones.
struct Bench {
    engine: Engine,
    phones: Vec<(UdpSocket, MediaId)>,
    /// What those say who talk, and what the others say, packet by packet. Empty: nothing is sent.
    said: [Vec<Vec<u8>>; 2],
    received: u64,
}

impl Bench {
    fn new(folder: &Path, count: usize) -> Result<Bench, Fault> {
        let config = EngineConfig::new(HERE, FIRST, LAST, folder.to_owned(), [1; 32]);
        let engine = Engine::start(config, |_| {})?;
        let mut pool = Pool::new(FIRST, LAST);
        let mut phones = Vec::new();
        for n in 0..count {
            let socket = UdpSocket::bind((Ipv4Addr::new(127, 2, (n / 250) as u8, (n % 250 + 1) as u8), 0))?;
            socket.set_nonblocking(true)?;
            let phone = socket.local_addr()?;
            let remote = remote(phone);
            let media = pool.open();
            let peer = PeerAddress::described(phone.ip(), &remote);
            let local_port = pool.take(Duration::ZERO, media, &peer).ok_or("no port")?;
            socket.connect((HERE, local_port))?;
            engine.send(Command::Open {
                media,
                local_port,
                expected: remote.expected.clone(),
            });
            engine.send(Command::Update {
                media,
                remote,
                relearn: false,
            });
            phones.push((socket, media));
        }
        Ok(Bench {
            engine,
            phones,
            said: Default::default(),
            received: 0,
        })
    }

    /// For that time the first `talking` phones talk, and the others make a little noise.
    fn pass(&mut self, time: Duration, talking: usize, packets: &mut u32) {
        let start = Instant::now();
        let (mut sent, mut drained) = (0, 0);
        let count = self.phones.len();
        let mut buffer = [0; 1600];
        while start.elapsed() < time {
            let micros = start.elapsed().as_micros() as usize;
            // Each phone has its moment in the 20 ms.
            let due = micros * count / (1000 * PTIME as usize);
            while sent < due && !self.said[0].is_empty() {
                let phone = sent % count;
                let said = &self.said[usize::from(phone >= talking)];
                let number = *packets + (sent / count) as u32;
                let mut packet = vec![0x80, 8];
                packet.extend((number as u16).to_be_bytes());
                packet.extend((number * SAMPLES as u32).to_be_bytes());
                packet.extend((phone as u32 + 1).to_be_bytes());
                packet.extend(&said[number as usize % said.len()]);
                // A full queue loses the packet, as a network does.
                let _ = self.phones[phone].0.send(&packet);
                sent += 1;
            }
            // All phones once in 40 ms.
            let until = micros * count / 40_000;
            for phone in drained..until {
                while self.phones[phone % count].0.recv(&mut buffer).is_ok() {
                    self.received += 1;
                }
            }
            drained = until;
            park_timeout(Duration::from_micros(500));
        }
        *packets += (sent / count) as u32;
    }

    /// Prints the CPU of the engine.
    fn measure(mut self, name: &str, talking: usize) -> Result<(), Fault> {
        let mut packets = 0;
        self.pass(WARM, talking, &mut packets);
        let (before, start, received) = (cpu()?, Instant::now(), self.received);
        self.pass(MEASURED, talking, &mut packets);
        let (used, passed) = (cpu()? - before, start.elapsed());
        let rate = (self.received - received) as f64 / passed.as_secs_f64() / self.phones.len() as f64;
        if rate < 45.0 {
            return Err(format!("each phone heard only {rate:.1} packets a second").into());
        }
        println!(
            "bench\tsound: {name}\t{:.2}\t%",
            100.0 * used.as_secs_f64() / passed.as_secs_f64()
        );
        self.engine.shutdown();
        Ok(())
    }
}

/// Noise of that height.
fn noise(count: usize, height: i32) -> Vec<i16> {
    let mut state = 1u32;
    let sample = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (((state >> 16) as i32 - 32_768) * height / 32_768) as i16
    };
    (0..count).map(sample).collect()
}

fn music() -> Result<(), Fault> {
    let folder = tempfile::tempdir()?;
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 16_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut file = hound::WavWriter::create(folder.path().join("hold.wav"), spec)?;
    for sample in noise(30 * 16_000, 4000) {
        file.write_sample(sample)?;
    }
    file.finalize()?;
    let bench = Bench::new(folder.path(), 1000)?;
    for (n, (_, media)) in bench.phones.iter().enumerate() {
        bench.engine.send(Command::Play {
            media: *media,
            source: Source::Music("hold".to_owned()),
            repeat: true,
            token: 0,
        });
        // Phones are put on hold at any time.
        if n % 50 == 49 {
            park_timeout(Duration::from_millis(1));
        }
    }
    bench.measure("music on hold for 1,000 legs", 0)
}

fn room() -> Result<(), Fault> {
    let folder = tempfile::tempdir()?;
    let mut bench = Bench::new(folder.path(), 100)?;
    let mut encoder = Encoder::new(&payload(), PTIME).ok_or("no encoder")?;
    for (said, height) in bench.said.iter_mut().zip([6000, 8]) {
        let mut octets = [0; 1400];
        let mut packet = |pcm: &[i16]| {
            let length = encoder.encode(pcm, &mut octets);
            octets[..length].to_vec()
        };
        *said = noise(50 * SAMPLES, height).chunks(SAMPLES).map(&mut packet).collect();
    }
    bench.engine.send(Command::OpenRoom {
        room: ROOM,
        tones: false,
    });
    for (_, media) in &bench.phones {
        bench.engine.send(Command::Sit {
            room: ROOM,
            media: *media,
            seat: Seat::default(),
        });
    }
    bench.measure("room of 100 seats of G.711, 3 talk", 3)
}
