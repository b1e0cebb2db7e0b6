//! The relay as a whole, by subject; here is what all of them use.

mod apart;
mod digits;
mod lifetime;
mod numbers;
mod raw;
mod relaying;
mod reports;
mod sound;
mod sources;
mod unheard;
mod warm;

use std::net::IpAddr;

use proptest::prelude::*;
use rtp_rs::{RtpPacketBuilder, RtpReader, Seq};

use super::*;
use crate::{Command, Counters, Direction, MediaId, Payload, Remote, Source, audio::Clip};

const A: &str = "192.0.2.1:4000";
const B: &str = "192.0.2.2:5000";
const AT_A: u16 = 20_000;
const AT_B: u16 = 20_002;

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn id(slot: u32) -> MediaId {
    MediaId {
        engine: 0,
        slot,
        generation: 1,
    }
}

fn payloads(list: &[(u8, &str)]) -> Vec<Payload> {
    let payload = |(number, codec): &(u8, &str)| Payload {
        fmtp: None,
        number: *number,
        codec: (*codec).into(),
        clock_rate: 8000,
        channels: 1,
    };
    list.iter().map(payload).collect()
}

const BOTH: Direction = Direction {
    send: true,
    receive: true,
};

fn remote(rtp: &str, list: &[(u8, &str)]) -> Remote {
    let rtp = at(rtp);
    Remote {
        rtp: Some(rtp),
        rtcp: Some(SocketAddr::new(rtp.ip(), rtp.port() + 1)),
        rtcp_mux: false,
        raw: false,
        expected: [rtp.ip()].into_iter().collect(),
        signalling: Some(rtp.ip()),
        send_payloads: payloads(list),
        receive_payloads: payloads(list),
        direction: BOTH,
        ptime: 20,
    }
}

#[derive(Clone, Debug, PartialEq)]
struct Sent {
    local: u16,
    to: SocketAddr,
    number: u8,
    marker: bool,
    sequence: u16,
    timestamp: u32,
    ssrc: u32,
    payload: Vec<u8>,
}

struct World {
    relay: Relay,
    now: Duration,
    rtcp: Vec<(u16, SocketAddr, Vec<u8>)>,
    sent: Vec<Sent>,
}

impl World {
    fn new() -> World {
        let config = Config {
            seed: Seed([7; 32]),
            ..Config::default()
        };
        World {
            relay: Relay::new(config),
            now: Duration::from_secs(1_800_000_000),
            rtcp: Vec::new(),
            sent: Vec::new(),
        }
    }

    /// A on port 20000 and B on 20002, G.711 and events, bridged.
    fn bridged() -> World {
        let mut w = World::new();
        w.leg(1, AT_A, remote(A, &[(0, "PCMU"), (101, "TELEPHONE-EVENT")]));
        w.leg(2, AT_B, remote(B, &[(0, "PCMU"), (101, "TELEPHONE-EVENT")]));
        w.command(Command::Bridge(id(1), id(2)));
        w
    }

    fn leg(&mut self, slot: u32, local_port: u16, remote: Remote) {
        self.command(Command::Open {
            media: id(slot),
            local_port,
            expected: remote.expected.clone(),
        });
        self.command(Command::Update {
            media: id(slot),
            remote,
            relearn: false,
        });
    }

    fn command(&mut self, command: Command) {
        self.relay.command(self.now, command);
    }

    fn update(&mut self, slot: u32, remote: Remote, relearn: bool) {
        self.command(Command::Update {
            media: id(slot),
            remote,
            relearn,
        });
    }

    fn raw(&mut self, local: u16, from: &str, bytes: &[u8]) {
        let (sent, rtcp) = (&mut self.sent, &mut self.rtcp);
        let mut bytes = bytes.to_vec();
        self.relay
            .packet(self.now, local, at(from), &mut bytes, &mut |l, to, b: &[u8]| {
                collect(sent, rtcp, l, to, b)
            });
    }

    /// One packet of payload type 0.
    fn say(&mut self, local: u16, from: &str, sequence: u16) -> Vec<Sent> {
        self.rtp(local, from, 0, sequence, u32::from(sequence) * 160, 77, &[1; 160])
    }

    #[allow(clippy::too_many_arguments)]
    fn rtp(
        &mut self,
        local: u16,
        from: &str,
        number: u8,
        sequence: u16,
        timestamp: u32,
        ssrc: u32,
        payload: &[u8],
    ) -> Vec<Sent> {
        let packet = rtp(number, sequence, timestamp, ssrc, payload);
        self.raw(local, from, &packet);
        std::mem::take(&mut self.sent)
    }

    /// Time passes in steps of a millisecond.
    fn pass(&mut self, millis: u64) -> Vec<Sent> {
        for _ in 0..millis {
            self.now += Duration::from_millis(1);
            let (sent, rtcp) = (&mut self.sent, &mut self.rtcp);
            self.relay
                .tick(self.now, &mut |l, to, b: &[u8]| collect(sent, rtcp, l, to, b));
        }
        std::mem::take(&mut self.sent)
    }

    /// What is asked of the reader of files.
    fn wanted(&mut self) -> Vec<Wanted> {
        std::iter::from_fn(|| self.relay.poll_wanted()).collect()
    }

    /// The files that are to be opened: their tracks and names.
    fn opened(&mut self) -> Vec<(Track, String)> {
        let name = |wanted| {
            let Wanted::Open { track, name } = wanted else {
                panic!("{wanted:?}")
            };
            let (Named::Prompt(name) | Named::Music(name)) = name;
            (track, name)
        };
        self.wanted().into_iter().map(name).collect()
    }

    /// The reader answers with a piece.
    fn answer(&mut self, track: Track, pcm: &[i16], last: bool) {
        let clip = Clip::from_linear(pcm).into();
        let piece = Ok(Piece { clip, last });
        self.relay.loaded(self.now, Block { track, piece });
    }

    /// The reader answers every file that is opened.
    fn answer_all(&mut self, answer: impl Fn(&Named) -> Result<Piece, String>) {
        for wanted in self.wanted() {
            if let Wanted::Open { track, name } = wanted {
                let piece = answer(&name);
                self.relay.loaded(self.now, Block { track, piece });
            }
        }
    }

    /// Where the reports to a leg's peer go.
    fn reports_go_to(&self, slot: u32) -> SocketAddr {
        self.relay.streams.look(slot).unwrap().rtcp_destination().unwrap()
    }

    fn events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.relay.poll_event()).collect()
    }

    fn close(&mut self, slot: u32) -> Counters {
        self.events();
        self.command(Command::Close(id(slot)));
        match self.events().as_slice() {
            [
                Event::Closed {
                    media: port, counters, ..
                },
            ] if *port == id(slot) => *counters,
            other => panic!("{other:?}"),
        }
    }
}

fn rtp(number: u8, sequence: u16, timestamp: u32, ssrc: u32, payload: &[u8]) -> Vec<u8> {
    RtpPacketBuilder::new()
        .payload_type(number)
        .sequence(Seq::from(sequence))
        .timestamp(timestamp)
        .ssrc(ssrc)
        .payload(payload)
        .build()
        .unwrap()
}

fn collect(sent: &mut Vec<Sent>, rtcp: &mut Vec<(u16, SocketAddr, Vec<u8>)>, local: u16, to: SocketAddr, bytes: &[u8]) {
    if bytes[1] & 0xe0 == 0xc0 {
        return rtcp.push((local, to, bytes.to_vec()));
    }
    let r = RtpReader::new(bytes).unwrap();
    sent.push(Sent {
        local,
        to,
        number: r.payload_type(),
        marker: r.mark(),
        sequence: r.sequence_number().into(),
        timestamp: r.timestamp(),
        ssrc: r.ssrc(),
        payload: r.payload().to_vec(),
    });
}

/// A report as RFC 3550 section 6.4 has it.
fn report(sender: Option<(u32, u32)>, ssrc: u32, block: Option<(u32, u32)>) -> Vec<u8> {
    let words = 1 + sender.map_or(0, |_| 5) + block.map_or(0, |_| 6);
    let mut packet = vec![
        0x80 | u8::from(block.is_some()),
        if sender.is_some() { 200 } else { 201 },
        0,
        words,
    ];
    let put = |packet: &mut Vec<u8>, list: &[u32]| list.iter().for_each(|w| packet.extend(w.to_be_bytes()));
    put(&mut packet, &[ssrc]);
    if let Some((timestamp, packets)) = sender {
        put(
            &mut packet,
            &[0xe000_1111, 0x2222_0000, timestamp, packets, packets * 160],
        );
    }
    if let Some((about, highest)) = block {
        put(&mut packet, &[about, 0x0100_0005, highest, 12, 0x1111_2222, 65_536]);
    }
    packet.extend([0x81, 202, 0, 3]);
    put(&mut packet, &[ssrc]);
    packet.extend(b"\x01\x05alice\0");
    packet
}
