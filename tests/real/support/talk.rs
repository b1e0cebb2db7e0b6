//! Two sides of a call that speak RTP to each other, fifty packets a second, and count what arrives.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use tests::wait::until;

use super::place::Audio;

const PACKET: Duration = Duration::from_millis(20);
/// Octets of a packet of G.711.
const AUDIO: usize = 160;

/// An RTP packet (RFC 3550 5.1) whose audio is one octet again and again.
pub fn packet(payload: u8, sequence: u16, source: u32, fill: u8) -> Vec<u8> {
    let mut packet = vec![0x80, payload];
    packet.extend(sequence.to_be_bytes());
    packet.extend((u32::from(sequence) * AUDIO as u32).to_be_bytes());
    packet.extend(source.to_be_bytes());
    packet.resize(12 + AUDIO, fill);
    packet
}

/// One side: its socket, and where the other wants its audio.
pub struct Side {
    pub socket: Audio,
    pub to: SocketAddr,
    pub payload: u8,
    /// What its packets are filled with.
    pub fill: u8,
}

#[derive(Debug, Default)]
struct Counts {
    sent: AtomicU32,
    received: AtomicU32,
    strange: AtomicU32,
}

/// What one side sent and heard.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    pub sent: u32,
    pub received: u32,
    /// Packets that are not what the other side says.
    pub strange: u32,
}

/// A conversation going on in a thread of its own.
pub struct Talk {
    stop: Arc<AtomicBool>,
    counts: Arc<[Counts; 2]>,
    thread: Option<JoinHandle<()>>,
}

impl Talk {
    pub fn between(one: Side, two: Side) -> Self {
        let (stop, counts) = (Arc::new(AtomicBool::new(false)), Arc::new(<[Counts; 2]>::default()));
        let (ends, counted) = (stop.clone(), counts.clone());
        let thread = std::thread::spawn(move || run(&[one, two], &ends, &counted));
        Self {
            stop,
            counts,
            thread: Some(thread),
        }
    }

    pub fn now(&self) -> [Heard; 2] {
        [0, 1].map(|side| {
            let counts = &self.counts[side];
            Heard {
                sent: counts.sent.load(Ordering::Relaxed),
                received: counts.received.load(Ordering::Relaxed),
                strange: counts.strange.load(Ordering::Relaxed),
            }
        })
    }

    /// Waits until each has sent this many more packets; what was sent and heard meanwhile.
    pub fn go_on(&self, packets: u32) -> [Heard; 2] {
        let before = self.now();
        let limit = PACKET * packets * 4 + Duration::from_secs(10);
        until("packets to be sent", limit, || {
            let now = self.now();
            let enough = (0..2).all(|side| now[side].sent >= before[side].sent + packets);
            enough.then(|| {
                [0, 1].map(|side| Heard {
                    sent: now[side].sent - before[side].sent,
                    received: now[side].received - before[side].received,
                    strange: now[side].strange - before[side].strange,
                })
            })
        })
    }

    /// Both hear each other: of the next `packets`, fewer than a hundredth are missing (the last few may be under
    /// way), and none is somebody else's.
    pub fn is_heard(&self, packets: u32) {
        let [one, two] = self.go_on(packets);
        for (speaker, hearer) in [(one, two), (two, one)] {
            assert!(
                hearer.received + packets / 100 + 3 >= speaker.sent,
                "{speaker:?} {hearer:?}"
            );
            assert_eq!(hearer.strange, 0);
        }
    }

    /// Ends it and says what was heard in all.
    pub fn end(mut self) -> [Heard; 2] {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().unwrap().join().unwrap();
        self.now()
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn run(sides: &[Side; 2], stop: &AtomicBool, counts: &[Counts; 2]) {
    let mut due = Instant::now();
    let mut sequence = 1;
    sides[0].socket.set_nonblocking(false).unwrap();
    sides[1].socket.set_nonblocking(true).unwrap();
    while !stop.load(Ordering::Relaxed) {
        for (side, counts) in sides.iter().zip(counts) {
            let packet = packet(side.payload, sequence, u32::from(side.fill), side.fill);
            // A refusal (ICMP) belongs to an earlier packet.
            let _ = side.socket.send_to(&packet, side.to);
            counts.sent.fetch_add(1, Ordering::Relaxed);
        }
        sequence = sequence.wrapping_add(1);
        due += PACKET;
        // Until the next packet is due, this side listens.
        while let Some(left) = due
            .checked_duration_since(Instant::now())
            .filter(|left| !left.is_zero())
        {
            sides[0]
                .socket
                .set_read_timeout(Some(left.max(Duration::from_millis(1))))
                .unwrap();
            hear(sides, 0, counts);
        }
        while hear(sides, 1, counts) {}
    }
}

/// Takes a packet of one side; whether there was one.
fn hear(sides: &[Side; 2], at: usize, counts: &[Counts; 2]) -> bool {
    let mut buffer = [0; 2048];
    let Ok(length) = sides[at].socket.recv(&mut buffer) else {
        return false;
    };
    let is_expected = length == 12 + AUDIO && buffer[12..length].iter().all(|&octet| octet == sides[1 - at].fill);
    let count = if is_expected {
        &counts[at].received
    } else {
        &counts[at].strange
    };
    count.fetch_add(1, Ordering::Relaxed);
    true
}
