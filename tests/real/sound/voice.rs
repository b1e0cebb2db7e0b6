//! A raw RTP peer that says a tone in any codec, to a peer with PCMU that notes what comes, and when.

use std::{
    collections::BTreeMap,
    f64::consts::TAU,
    net::{SocketAddr, UdpSocket},
    time::{Duration, Instant},
};

use media::{
    Payload,
    codec::{Decoder, Encoder},
};

use crate::{
    phones::phone::{Dialog, Phone},
    support::{message::OPUS, tandem::Tandem, tone},
};

pub const PACKET: Duration = Duration::from_millis(20);
/// In hertz; 20 periods in a packet.
pub const SAID: f64 = 1000.0;
/// The events' payload numbers of caller and callee.
pub const KEYS: [u8; 2] = [110, 101];

fn payload(number: u8) -> Payload {
    let (codec, clock_rate, channels) = match number {
        9 => ("G722", 8_000, 1),
        OPUS => ("OPUS", 48_000, 2),
        _ => ("PCMU", 8_000, 1),
    };
    Payload {
        number,
        codec: codec.into(),
        clock_rate,
        channels,
        fmtp: None,
    }
}

/// An RTP packet (RFC 3550 5.1).
pub fn packet(number: u8, sequence: u16, timestamp: u32, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x80, number];
    packet.extend(sequence.to_be_bytes());
    packet.extend(timestamp.to_be_bytes());
    packet.extend(7_u32.to_be_bytes());
    packet.extend(payload);
    packet
}

/// Says a tone, 20 milliseconds a packet.
pub struct Voice {
    encoder: Encoder,
    payload: Payload,
    pub sequence: u16,
    pub timestamp: u32,
    said: usize,
}

impl Voice {
    pub fn new(number: u8) -> Self {
        let payload = payload(number);
        Self {
            encoder: Encoder::new(&payload, 20).unwrap(),
            payload,
            sequence: 65_500,
            timestamp: 1_000,
            said: 0,
        }
    }

    /// The next packet's payload, of a tone that goes on.
    pub fn says(&mut self) -> Vec<u8> {
        let rate = self.encoder.rate();
        let samples = self.said..self.said + rate.samples(20);
        self.said = samples.end;
        let hertz = rate.hertz() as f64;
        let pcm: Vec<i16> = samples
            .map(|at| (10_000.0 * (TAU * SAID * at as f64 / hertz).sin()) as i16)
            .collect();
        let mut octets = vec![0; 1_500];
        let length = self.encoder.encode(&pcm, &mut octets);
        octets.truncate(length);
        octets
    }

    /// Time goes on by a packet.
    pub fn steps(&mut self) {
        self.sequence = self.sequence.wrapping_add(1);
        self.timestamp += self.payload.clock_rate / 50;
    }

    /// The next packet.
    pub fn next(&mut self) -> Vec<u8> {
        let said = self.says();
        let packet = packet(self.payload.number, self.sequence, self.timestamp, &said);
        self.steps();
        packet
    }
}

/// A packet that came.
pub struct Came {
    pub at: Instant,
    pub number: u8,
    pub timestamp: u32,
    pub payload: Vec<u8>,
}

/// A call from a raw peer with another codec to a raw peer with PCMU; the caller is heard by the callee.
pub struct Line {
    pub caller: Phone,
    pub callee: Phone,
    pub dialog: Dialog,
    callees: Dialog,
    back: Voice,
    due: Instant,
    /// What waits to be sent, by the time it is due.
    waiting: BTreeMap<Instant, Vec<u8>>,
}

impl Line {
    pub fn new(pbx: &Tandem, numbers: [&str; 2], codec: u8) -> Self {
        pbx.has(numbers[0]).has(numbers[1]);
        let [mut caller, mut callee] = numbers.map(|number| Phone::registered(pbx, number));
        (caller.payload, callee.payload) = (codec, 0);
        let clock = payload(codec).clock_rate;
        (caller.keys, callee.keys) = (Some((KEYS[0], clock)), Some((KEYS[1], 8_000)));
        let (dialog, branch) = caller.begins(numbers[1]);
        let callees = callee.answers();
        let dialog = caller.is_answered(dialog, &branch);
        Self {
            caller,
            callee,
            dialog,
            callees,
            back: Voice::new(0),
            due: Instant::now(),
            waiting: BTreeMap::new(),
        }
    }

    /// Sends a packet of the caller after some time.
    pub fn sends(&mut self, packet: Vec<u8>, after: Duration) {
        let mut due = self.due + after;
        while self.waiting.contains_key(&due) {
            due += Duration::from_nanos(1);
        }
        self.waiting.insert(due, packet);
    }

    /// Sends a packet of the callee.
    pub fn answers(&self, packet: &[u8]) {
        self.callee.rtp.send_to(packet, self.callees.audio).unwrap();
    }

    /// Twenty milliseconds go by, in which the callee says its tone; what each heard: the caller, the callee.
    pub fn goes_on(&mut self) -> [Vec<Came>; 2] {
        self.due += PACKET;
        let packet = self.back.next();
        self.answers(&packet);
        let mut heard = Vec::new();
        while Instant::now() < self.due {
            let later = self.waiting.split_off(&Instant::now());
            for packet in std::mem::replace(&mut self.waiting, later).values() {
                self.caller.rtp.send_to(packet, self.dialog.audio).unwrap();
            }
            let next = self.waiting.keys().next().copied().unwrap_or(self.due).min(self.due);
            let left = next.saturating_duration_since(Instant::now());
            heard.extend(receive(&self.callee.rtp, left.max(Duration::from_millis(1))));
        }
        self.caller.rtp.set_nonblocking(true).unwrap();
        let back = std::iter::from_fn(|| take(&self.caller.rtp)).collect();
        [back, heard]
    }

    pub fn ends(mut self) {
        self.caller.hangs_up(&mut self.dialog);
        self.callee.is_hung_up();
    }
}

fn receive(socket: &UdpSocket, within: Duration) -> Option<Came> {
    socket.set_nonblocking(false).unwrap();
    socket.set_read_timeout(Some(within)).unwrap();
    take(socket)
}

fn take(socket: &UdpSocket) -> Option<Came> {
    let mut buffer = [0; 2048];
    let (length, _): (usize, SocketAddr) = socket.recv_from(&mut buffer).ok()?;
    let at = Instant::now();
    assert!(length >= 12, "{length} octets are no RTP");
    Some(Came {
        at,
        number: buffer[1] & 0x7f,
        timestamp: u32::from_be_bytes([buffer[4], buffer[5], buffer[6], buffer[7]]),
        payload: buffer[12..length].to_vec(),
    })
}

/// The sound of packets of PCMU.
pub fn sound<'a>(packets: impl IntoIterator<Item = &'a Came>) -> Vec<f64> {
    let mut decoder = Decoder::new(&payload(0)).unwrap();
    let mut pcm = Vec::new();
    for came in packets.into_iter().filter(|came| came.number == 0) {
        decoder.decode(&came.payload, &mut pcm).unwrap();
    }
    pcm.into_iter().map(f64::from).collect()
}

/// Whether that is the tone, and loud: more than this share of its power.
pub fn is_said(sound: &[f64], share: f64) -> bool {
    tone::share(sound, SAID) > share && tone::level(sound) > 1000.0
}
