mod apart;
mod unheard;
mod warm;

use std::net::IpAddr;

use proptest::prelude::*;
use rtp_rs::{RtpPacketBuilder, RtpReader, Seq};

use super::*;
use crate::{Command, Counters, Direction, Payload, Remote, Source, codec::g711::Law};

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
            seed: 7,
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
        self.relay
            .packet(self.now, local, at(from), bytes, &mut |l, to, b: &[u8]| {
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

    fn events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.relay.poll_event()).collect()
    }

    fn close(&mut self, slot: u32) -> Counters {
        self.events();
        self.command(Command::Close(id(slot)));
        match self.events().as_slice() {
            [Event::Closed { media: port, counters }] if *port == id(slot) => *counters,
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
    if local % 2 == 1 {
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

#[test]
fn two_legs_hear_each_other_through_their_own_ports() {
    let mut w = World::bridged();
    let to_b = w.say(AT_A, A, 1);
    assert_eq!(
        (to_b.len(), to_b[0].local, to_b[0].to, to_b[0].payload.len()),
        (1, AT_B, at(B), 160)
    );
    let to_a = w.say(AT_B, B, 1);
    assert_eq!((to_a[0].local, to_a[0].to), (AT_A, at(A)));
    assert_ne!(to_a[0].ssrc, to_b[0].ssrc);
    assert_ne!(to_b[0].ssrc, 77, "the other leg's SSRC stays with it");
    let learned = |slot, remote: &str| Event::Learned {
        media: id(slot),
        remote: at(remote),
    };
    assert_eq!(w.events(), [learned(1, A), learned(2, B)]);
    assert_eq!(
        w.close(1),
        Counters {
            received: 1,
            sent: 1,
            ..Counters::default()
        }
    );
}

#[test]
fn only_the_first_source_is_taken_and_others_are_counted() {
    let mut w = World::bridged();
    w.say(AT_A, A, 1);
    assert!(
        w.say(AT_A, "192.0.2.1:4002", 2).is_empty(),
        "the same host, another port"
    );
    assert!(w.say(AT_A, "203.0.113.66:4000", 3).is_empty(), "a stranger");
    assert_eq!(w.say(AT_A, A, 2).len(), 1);
    assert_eq!(
        w.close(1),
        Counters {
            received: 2,
            injected: 2,
            ..Counters::default()
        }
    );
}

#[test]
fn a_stranger_cannot_take_a_silent_leg() {
    let mut w = World::bridged();
    assert!(w.say(AT_A, "203.0.113.66:4000", 1).is_empty());
    assert!(w.events().is_empty());
    assert_eq!(w.say(AT_A, A, 1).len(), 1);
    assert_eq!(w.close(1).injected, 1);
}

#[test]
fn a_phone_behind_nat_is_learned_from_its_first_packet_and_answered_there() {
    let mut w = World::bridged();
    let mut natted = remote("10.0.0.5:4000", &[(0, "PCMU")]);
    natted.expected.push("198.51.100.7".parse().unwrap());
    w.update(1, natted, true);
    assert_eq!(
        w.say(AT_B, B, 1)[0].to,
        at("10.0.0.5:4000"),
        "before it speaks, where signalling says"
    );
    assert_eq!(w.say(AT_A, "198.51.100.7:61234", 1).len(), 1);
    assert_eq!(w.say(AT_B, B, 2)[0].to, at("198.51.100.7:61234"));
    assert!(w.say(AT_A, "198.51.100.7:61235", 2).is_empty());
}

#[test]
fn the_signalled_address_overrules_a_source_of_mere_address() {
    let mut w = World::bridged();
    w.say(AT_A, "192.0.2.1:9999", 1);
    assert_eq!(w.say(AT_B, B, 1)[0].to, at("192.0.2.1:9999"));
    w.say(AT_A, A, 1);
    assert_eq!(w.say(AT_B, B, 2)[0].to, at(A));
    assert!(w.say(AT_A, "192.0.2.1:9999", 2).is_empty(), "and never back");
}

#[test]
fn only_audio_of_the_description_binds_a_source() {
    let mut w = World::bridged();
    for junk in [
        &b""[..],
        b"x",
        b"\x80\x00",
        &[0x80; 11],
        &[0x40; 172],
        &rtp(8, 1, 1, 1, &[0; 160]),
        &[0xff; 1700],
    ] {
        w.raw(AT_A, A, junk);
    }
    assert!(w.sent.is_empty() && w.events().is_empty());
    assert_eq!(w.close(1).malformed, 7);
    let mut w = World::new();
    w.command(Command::Open {
        media: id(1),
        local_port: AT_A,
        expected: [at(A).ip()].into_iter().collect(),
    });
    w.say(AT_A, A, 1);
    assert!(w.events().is_empty(), "nothing is known of the leg's payload types yet");
}

#[test]
fn legs_on_one_port_are_told_apart_by_source() {
    let mut w = World::new();
    for (slot, from) in [(1, A), (2, B), (3, "192.0.2.3:4000"), (4, "192.0.2.4:4000")] {
        w.leg(slot, AT_A, remote(from, &[(0, "PCMU")]));
    }
    w.command(Command::Bridge(id(1), id(2)));
    w.command(Command::Bridge(id(3), id(4)));
    for (from, to) in [
        (A, B),
        (B, A),
        ("192.0.2.3:4000", "192.0.2.4:4000"),
        ("192.0.2.4:4000", "192.0.2.3:4000"),
    ] {
        assert_eq!(w.say(AT_A, from, 1).iter().map(|s| s.to).collect::<Vec<_>>(), [at(to)]);
    }
}

#[test]
fn a_new_description_moves_the_leg_and_its_old_packets_do_not_move_it_back() {
    let mut w = World::bridged();
    w.say(AT_A, A, 1);
    w.update(1, remote("192.0.2.1:4444", &[(0, "PCMU")]), true);
    assert!(w.say(AT_A, A, 2).is_empty(), "the last packets of the old address");
    assert_eq!(w.say(AT_B, B, 1)[0].to, at("192.0.2.1:4444"));
    assert_eq!(w.say(AT_A, "192.0.2.1:4444", 3).len(), 1);
    w.update(1, remote("192.0.2.1:4444", &[(0, "PCMU")]), true);
    assert_eq!(w.say(AT_A, "192.0.2.1:4444", 4).len(), 1, "it has not moved");
}

#[test]
fn a_closed_legs_last_packets_are_not_taken_for_its_successor() {
    let mut w = World::bridged();
    w.say(AT_A, A, 1);
    w.close(1);
    w.leg(3, AT_A, remote("192.0.2.1:4010", &[(0, "PCMU")]));
    w.say(AT_A, A, 2);
    assert!(w.events().is_empty());
    w.say(AT_A, "192.0.2.1:4010", 1);
    assert_eq!(
        w.events(),
        [Event::Learned {
            media: id(3),
            remote: at("192.0.2.1:4010")
        }]
    );
}

#[test]
fn directions_are_enforced_both_ways() {
    let mut w = World::bridged();
    let direction = |send, receive| Remote {
        direction: Direction { send, receive },
        ..remote(B, &[(0, "PCMU")])
    };
    w.say(AT_A, A, 1);
    w.update(2, direction(false, true), false);
    assert!(w.say(AT_A, A, 2).is_empty(), "B is on hold");
    assert_eq!(w.say(AT_B, B, 1).len(), 1, "but is heard");
    w.update(2, direction(true, false), false);
    assert!(w.say(AT_B, B, 2).is_empty());
    assert_eq!(w.say(AT_A, A, 3).len(), 1);
    w.update(
        2,
        Remote {
            rtp: None,
            rtcp: None,
            ..direction(false, false)
        },
        false,
    );
    assert!(w.say(AT_A, A, 4).is_empty() && w.say(AT_B, B, 3).is_empty());
    assert_eq!(w.close(2).received, 3, "received, though not passed on");
}

#[test]
fn after_hold_the_stream_goes_on_without_a_gap_in_numbers() {
    let mut w = World::bridged();
    let before = w.say(AT_A, A, 10).remove(0);
    w.update(
        2,
        Remote {
            direction: Direction {
                send: false,
                receive: true,
            },
            ..remote(B, &[(0, "PCMU")])
        },
        false,
    );
    for n in 11..60 {
        w.pass(20);
        assert!(w.say(AT_A, A, n).is_empty());
    }
    w.update(2, remote(B, &[(0, "PCMU")]), false);
    w.pass(20);
    let after = w.say(AT_A, A, 60).remove(0);
    assert_eq!(after.sequence, before.sequence.wrapping_add(1));
    assert_eq!(after.timestamp, before.timestamp.wrapping_add(50 * 160));
    assert!(after.marker);
}

#[test]
fn bridging_anew_keeps_one_coherent_stream_to_each_receiver() {
    let mut w = World::bridged();
    w.leg(3, 20_004, remote("192.0.2.3:6000", &[(0, "PCMU")]));
    let first = w.say(AT_B, B, 100).remove(0);
    w.pass(20);
    w.command(Command::Bridge(id(1), id(3)));
    assert!(w.say(AT_B, B, 101).is_empty(), "B is nobody's peer now");
    w.pass(20);
    let second = w.rtp(20_004, "192.0.2.3:6000", 0, 9, 999_999, 5, &[2; 160]).remove(0);
    assert_eq!((second.ssrc, second.to), (first.ssrc, at(A)));
    assert_eq!(second.sequence, first.sequence.wrapping_add(1));
    assert_eq!(second.timestamp, first.timestamp.wrapping_add(320));
    assert!(second.marker);
    let third = w
        .rtp(20_004, "192.0.2.3:6000", 0, 10, 1_000_159, 5, &[2; 160])
        .remove(0);
    assert!(!third.marker && third.timestamp == second.timestamp.wrapping_add(160));
    w.command(Command::Unbridge(id(3)));
    assert!(w.rtp(20_004, "192.0.2.3:6000", 0, 11, 0, 5, &[2; 160]).is_empty() && w.say(AT_A, A, 1).is_empty());
}

#[test]
fn payload_numbers_are_those_of_each_leg() {
    let mut w = World::new();
    w.leg(1, AT_A, remote(A, &[(96, "OPUS"), (97, "TELEPHONE-EVENT"), (13, "CN")]));
    let mut b = remote(B, &[(111, "OPUS"), (101, "TELEPHONE-EVENT")]);
    b.send_payloads[1].number = 110;
    w.leg(2, AT_B, b);
    w.command(Command::Bridge(id(1), id(2)));
    assert_eq!(w.rtp(AT_A, A, 96, 1, 0, 7, &[1; 20])[0].number, 111);
    assert_eq!(
        w.rtp(AT_A, A, 97, 2, 0, 7, &[1, 10, 0, 160])[0].number,
        110,
        "what B receives, not what it sends"
    );
    assert!(w.rtp(AT_A, A, 13, 3, 0, 7, &[1]).is_empty(), "B has no comfort noise");
    assert_eq!(w.rtp(AT_B, B, 101, 1, 0, 8, &[1, 10, 0, 160])[0].number, 97);
}

#[test]
fn the_laws_are_transcoded_where_the_legs_differ() {
    let mut w = World::new();
    w.leg(1, AT_A, remote(A, &[(0, "PCMU")]));
    w.leg(2, AT_B, remote(B, &[(8, "PCMA")]));
    w.command(Command::Bridge(id(1), id(2)));
    let to_b = w.rtp(AT_A, A, 0, 1, 0, 7, &[0xff, 0x00, 0x80]).remove(0);
    assert_eq!(
        (to_b.number, to_b.payload),
        (
            8,
            [0xff, 0x00, 0x80]
                .map(|b: u8| Law::Pcmu.to_other()[usize::from(b)])
                .to_vec()
        )
    );
    let to_a = w.rtp(AT_B, B, 8, 1, 0, 8, &[0xd5]).remove(0);
    assert_eq!((to_a.number, to_a.payload), (0, vec![0xfe]));
}

#[test]
fn nothing_but_the_payload_crosses() {
    let mut w = World::bridged();
    let mut packet = RtpPacketBuilder::new()
        .payload_type(0)
        .payload(&[9; 160])
        .extension(1, &[1, 2, 3, 4])
        .add_csrc(42)
        .build()
        .unwrap();
    packet[0] |= 0x20;
    packet.extend([0, 0, 0, 4]);
    w.raw(AT_A, A, &packet);
    assert_eq!(w.sent[0].payload, [9; 160]);
    w.raw(AT_A, A, &rtp(0, 2, 0, 7, &[]));
    assert_eq!(w.sent.len(), 1, "an empty packet keeps a NAT open, no more");
}

#[test]
fn digits_pass_and_are_reported_once_a_press() {
    let mut w = World::bridged();
    w.say(AT_A, A, 1);
    w.events();
    let mut passed = Vec::new();
    for (n, duration) in [160u16, 320, 480].into_iter().enumerate() {
        let [high, low] = duration.to_be_bytes();
        passed.extend(w.rtp(AT_A, A, 101, 2 + n as u16, 320, 77, &[5, 10, high, low]));
    }
    for n in 0..3 {
        passed.extend(w.rtp(AT_A, A, 101, 5 + n, 320, 77, &[5, 0x8a, 1, 0xe0]));
    }
    assert_eq!(passed.len(), 6);
    assert!(
        passed
            .iter()
            .all(|p| p.timestamp == passed[0].timestamp && p.number == 101)
    );
    assert_eq!(
        w.events(),
        [Event::Dtmf {
            media: id(1),
            digit: '5'
        }]
    );
}

#[test]
fn a_digit_tandem_sends_takes_the_line_and_gives_it_back() {
    let mut w = World::bridged();
    let before = w.say(AT_A, A, 1).remove(0);
    w.command(Command::Dtmf {
        media: id(2),
        digit: '#',
        millis: 60,
    });
    let mut events = Vec::new();
    for n in 2..12 {
        events.extend(w.pass(20));
        events.extend(w.say(AT_A, A, n));
    }
    let (digits, audio): (Vec<_>, Vec<_>) = events.into_iter().partition(|s| s.number == 101);
    assert_eq!(
        digits.iter().map(|d| d.payload.clone()).collect::<Vec<_>>(),
        [
            [11, 10, 0, 160],
            [11, 10, 1, 64],
            [11, 0x8a, 1, 0xe0],
            [11, 0x8a, 1, 0xe0],
            [11, 0x8a, 1, 0xe0]
        ]
    );
    assert!(digits[0].marker && !digits[1].marker && digits.iter().all(|d| d.timestamp == digits[0].timestamp));
    let numbers: Vec<u16> = digits
        .iter()
        .chain(&audio)
        .map(|s| s.sequence.wrapping_sub(before.sequence))
        .collect();
    assert_eq!(numbers, (1..=numbers.len() as u16).collect::<Vec<_>>());
    // The voice's clock went on meanwhile.
    assert_eq!(audio.last().unwrap().timestamp, before.timestamp.wrapping_add(10 * 160));
}

#[test]
fn a_peer_without_events_keeps_its_voice() {
    let mut w = World::bridged();
    w.update(2, remote(B, &[(0, "PCMU")]), false);
    w.command(Command::Dtmf {
        media: id(2),
        digit: '1',
        millis: 100,
    });
    w.pass(20);
    assert_eq!(w.say(AT_A, A, 1).len(), 1);
}

#[test]
fn a_tone_is_paced_by_the_tick_and_ends() {
    let mut w = World::bridged();
    w.command(Command::Unbridge(id(1)));
    w.command(Command::Play {
        media: id(1),
        source: Source::Tone("425/200".into()),
        repeat: false,
        token: 9,
    });
    let sent = w.pass(300);
    assert_eq!(sent.len(), 10);
    for pair in sent.windows(2) {
        assert_eq!(pair[1].sequence, pair[0].sequence.wrapping_add(1));
        assert_eq!(pair[1].timestamp, pair[0].timestamp.wrapping_add(160));
    }
    assert!(sent[0].marker && !sent[1].marker && sent.iter().all(|s| s.payload.len() == 160 && s.number == 0));
    assert_eq!(
        w.events(),
        [Event::Played {
            media: id(1),
            token: 9,
            fault: None
        }]
    );
    w.command(Command::Play {
        media: id(1),
        source: Source::Tone("busy".into()),
        repeat: true,
        token: 10,
    });
    assert_eq!(w.pass(5000).len(), 251);
    w.command(Command::Stop(id(1)));
    assert!(w.pass(100).is_empty() && w.events().is_empty());
}

#[test]
fn the_peers_packet_length_is_kept() {
    let mut w = World::new();
    w.leg(
        1,
        AT_A,
        Remote {
            ptime: 30,
            ..remote(A, &[(8, "PCMA")])
        },
    );
    w.command(Command::Play {
        media: id(1),
        source: Source::Silence(Duration::from_millis(300)),
        repeat: false,
        token: 1,
    });
    let sent = w.pass(400);
    assert_eq!((sent.len(), sent[0].payload.clone()), (10, vec![0xd5; 240]));
}

#[test]
fn from_a_tone_to_the_bridge_the_stream_goes_on() {
    let mut w = World::bridged();
    w.command(Command::Play {
        media: id(2),
        source: Source::Tone("ringback".into()),
        repeat: true,
        token: 1,
    });
    let tone = w.pass(100);
    assert!(w.say(AT_A, A, 1).is_empty(), "the tone has the line");
    w.command(Command::Bridge(id(1), id(2)));
    w.pass(10);
    let voice = w.say(AT_A, A, 2).remove(0);
    let last = tone.last().unwrap();
    assert_eq!((voice.ssrc, voice.sequence), (last.ssrc, last.sequence.wrapping_add(1)));
    assert!(voice.marker && voice.timestamp.wrapping_sub(last.timestamp) < 400);
    assert!(w.pass(100).is_empty(), "the tone is over");
}

#[test]
fn prompts_are_read_once_and_played_one_after_the_other() {
    let mut w = World::bridged();
    let names = |list: &[&str]| Source::Prompts(list.iter().map(|n| (*n).to_owned()).collect());
    for slot in [1, 2] {
        w.command(Command::Play {
            media: id(slot),
            source: names(&["a", "", "b", "a"]),
            repeat: false,
            token: 3,
        });
    }
    let wanted: Vec<_> = std::iter::from_fn(|| w.relay.poll_wanted()).collect();
    assert_eq!(wanted, ["a", "b"]);
    assert!(w.pass(100).is_empty());
    w.relay
        .loaded(w.now, "a", Ok(Clip::from_law(Law::Pcmu, &[1; 160]).into()));
    w.relay
        .loaded(w.now, "b", Ok(Clip::from_law(Law::Pcmu, &[2; 160]).into()));
    let sent: Vec<u8> = w
        .pass(100)
        .iter()
        .filter(|s| s.to == at(A))
        .map(|s| s.payload[0])
        .collect();
    assert_eq!(sent, [1, 2, 1]);
    assert_eq!(w.events().len(), 2);
    w.command(Command::Play {
        media: id(1),
        source: names(&["b"]),
        repeat: false,
        token: 4,
    });
    // The file may be another one by now, which the relay cannot see: it asks each time.
    assert_eq!(w.relay.poll_wanted().as_deref(), Some("b"));
    w.relay
        .loaded(w.now, "b", Ok(Clip::from_law(Law::Pcmu, &[3; 160]).into()));
    assert_eq!(w.pass(1)[0].payload[0], 3);
}

#[test]
fn what_cannot_be_played_is_told() {
    let mut w = World::bridged();
    w.leg(3, 20_004, remote("192.0.2.3:4000", &[(96, "OPUS")]));
    let cases = [
        (1, Source::Prompts(vec!["gone".into()]), "prompt \"gone\": no such file"),
        (
            1,
            Source::Prompts(vec!["../etc/passwd".into()]),
            "\"../etc/passwd\" is no prompt name",
        ),
        (
            1,
            Source::Tone("nonsense".into()),
            "tone \"nonsense\": a step is FREQUENCIES/MILLISECONDS",
        ),
        (3, Source::Tone("busy".into()), "the leg has no G.711 codec"),
        (1, Source::Prompts(vec!["x".into(); 200]), "more than 128 prompts"),
    ];
    for (slot, source, told) in cases {
        w.command(Command::Play {
            media: id(slot),
            source,
            repeat: true,
            token: 5,
        });
        while let Some(name) = w.relay.poll_wanted() {
            w.relay.loaded(w.now, &name, Err("no such file".into()));
        }
        assert_eq!(
            w.events(),
            [Event::Played {
                media: id(slot),
                token: 5,
                fault: Some(told.into())
            }]
        );
    }
    w.command(Command::Play {
        media: id(1),
        source: Source::Prompts(vec![]),
        repeat: true,
        token: 6,
    });
    w.pass(1);
    assert_eq!(
        w.events(),
        [Event::Played {
            media: id(1),
            token: 6,
            fault: None
        }]
    );
}

#[test]
fn a_stalled_thread_does_not_make_up_for_it_in_a_burst() {
    let mut w = World::bridged();
    w.command(Command::Play {
        media: id(1),
        source: Source::Tone("dial".into()),
        repeat: true,
        token: 1,
    });
    w.pass(100);
    w.now += Duration::from_secs(3);
    assert!(w.pass(20).len() <= 2);
}

#[test]
fn echo_returns_what_is_said() {
    let mut w = World::bridged();
    w.command(Command::Echo(id(1)));
    let echoed = w.say(AT_A, A, 1);
    assert_eq!((echoed[0].to, echoed[0].local), (at(A), AT_A));
    assert!(w.say(AT_B, B, 1).is_empty());
    w.command(Command::Stop(id(1)));
    assert!(w.say(AT_A, A, 2).is_empty());
}

#[test]
fn a_peer_that_falls_silent_is_reported() {
    let mut w = World::bridged();
    let watch = |timeout| Command::Watch { media: id(1), timeout };
    w.command(watch(Some(Duration::from_millis(500))));
    w.pass(400);
    w.say(AT_A, A, 1);
    w.events();
    w.pass(499);
    assert!(w.events().is_empty());
    w.pass(1);
    assert_eq!(w.events(), [Event::Silent(id(1))]);
    w.command(watch(Some(Duration::from_millis(500))));
    w.command(watch(None));
    w.pass(1000);
    assert!(w.events().is_empty());
}

#[test]
fn absurd_times_and_ports_harm_nobody() {
    let mut w = World::bridged();
    w.command(Command::Watch {
        media: id(1),
        timeout: Some(Duration::MAX),
    });
    w.command(Command::Play {
        media: id(1),
        source: Source::Silence(Duration::MAX),
        repeat: true,
        token: 1,
    });
    assert_eq!(w.pass(100).len(), 6);
    for local_port in [0, 20_001, 65_535] {
        w.command(Command::Open {
            media: id(9),
            local_port,
            expected: Default::default(),
        });
        assert!(matches!(w.events()[..], [Event::Failed { .. }]));
    }
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

fn words(bytes: &[u8]) -> Vec<u32> {
    bytes
        .chunks(4)
        .map(|c| u32::from_be_bytes(c.try_into().unwrap()))
        .collect()
}

#[test]
fn reports_cross_in_the_receivers_own_terms_and_without_names() {
    let mut w = World::bridged();
    let to_b = w.rtp(AT_A, A, 0, 500, 1000, 77, &[1; 160]).remove(0);
    let to_a = w.rtp(AT_B, B, 0, 900, 5000, 88, &[1; 160]).remove(0);
    let highest = 0x0003_0000 | u32::from(to_a.sequence);
    w.raw(
        AT_A + 1,
        "192.0.2.1:4001",
        &report(Some((1000, 1)), 77, Some((to_a.ssrc, highest))),
    );
    let (local, to, bytes) = w.rtcp.remove(0);
    assert_eq!((local, to), (AT_B + 1, at("192.0.2.2:5001")));
    let got = words(&bytes);
    assert_eq!(got[1], to_b.ssrc);
    assert_eq!(got[2..7], [0xe000_1111, 0x2222_0000, to_b.timestamp, 1, 160]);
    assert_eq!(
        got[7..13],
        [88, 0x0100_0005, 0x0003_0000 | 900, 12, 0x1111_2222, 65_536]
    );
    assert_eq!(got[14], to_b.ssrc, "our own name for it");
    assert!(!bytes.windows(5).any(|w| w == b"alice"));
    // A report on another stream, and by a sender that is not on the line, loses what means nothing to B.
    w.raw(AT_A + 1, "192.0.2.1:4001", &report(Some((1000, 1)), 99, Some((123, 4))));
    assert_eq!(w.rtcp.remove(0).2[..4], [0x80, 201, 0, 1]);
}

#[test]
fn rtcp_of_strangers_is_dropped_and_that_of_nat_is_known_by_its_stream() {
    let mut w = World::bridged();
    let packet = report(None, 77, None);
    w.raw(AT_A + 1, "203.0.113.66:4001", &packet);
    w.raw(AT_A + 1, "192.0.2.1:7777", &packet);
    assert!(w.rtcp.is_empty(), "nobody speaks with that SSRC");
    w.say(AT_A, A, 1);
    w.raw(AT_A + 1, "203.0.113.66:4001", &packet);
    assert!(w.rtcp.is_empty());
    w.raw(AT_A + 1, "192.0.2.1:7777", &packet);
    assert_eq!(w.rtcp.len(), 1);
    for cut in 0..packet.len() {
        w.raw(AT_A + 1, "192.0.2.1:7777", &packet[..cut]);
    }
    w.raw(AT_A + 1, "192.0.2.1:7777", &[0x80, 203, 0, 0]);
    assert!(w.rtcp.len() <= 2, "only whole compound packets");
    assert_eq!(w.close(1).injected, 3);
}

#[test]
fn tandem_reports_on_what_it_plays() {
    let mut w = World::bridged();
    w.command(Command::Play {
        media: id(1),
        source: Source::Tone("dial".into()),
        repeat: true,
        token: 1,
    });
    let sent = w.pass(5010);
    w.say(AT_A, A, 7);
    assert_eq!(w.rtcp.len(), 1);
    let (local, to, bytes) = w.rtcp.remove(0);
    assert_eq!((local, to, bytes[1]), (AT_A + 1, at("192.0.2.1:4001"), 200));
    let got = words(&bytes);
    assert_eq!(
        (got[1], got[2]),
        (sent[0].ssrc, (1_800_000_005u64 + 2_208_988_800) as u32)
    );
    assert_eq!(got[5], 251, "packets");
    let played = got[4].wrapping_sub(sent[0].timestamp);
    assert!((39_000..41_000).contains(&played), "{played}");
    w.pass(5000);
    let got = words(&w.rtcp[0].2);
    assert_eq!(
        (got[7], got[8] & 0xff_ffff, got[9] as u16),
        (77, 0, 7),
        "and on what it hears"
    );
    w.command(Command::Stop(id(1)));
    w.rtcp.clear();
    w.pass(20_000);
    assert!(w.rtcp.is_empty());
}

#[test]
fn closing_always_frees_and_stale_handles_are_nobody() {
    let mut w = World::bridged();
    let old = MediaId {
        engine: 0,
        slot: 1,
        generation: 0,
    };
    for command in [
        Command::Close(old),
        Command::Echo(old),
        Command::Unbridge(old),
        Command::Bridge(old, id(2)),
        Command::Stop(old),
    ] {
        w.command(command);
    }
    assert_eq!(w.say(AT_A, A, 1).len(), 1, "a stale handle changes nothing");
    w.close(1);
    assert!(w.say(AT_A, A, 2).is_empty() && w.say(AT_B, B, 1).is_empty());
    w.command(Command::Open {
        media: MediaId {
            engine: 0,
            slot: 2,
            generation: 2,
        },
        local_port: 20_010,
        expected: Default::default(),
    });
    let closed = w.events();
    assert!(
        matches!(closed.last(), Some(Event::Closed { media: port, .. }) if *port == id(2)),
        "{closed:?}"
    );
    w.command(Command::Open {
        media: id(70_000),
        local_port: 20_010,
        expected: Default::default(),
    });
    assert!(matches!(w.events()[..], [Event::Failed { .. }]));
}

#[test]
fn a_hundred_thousand_legs_leave_nothing_behind() {
    let mut w = World::new();
    for i in 0..100_000u32 {
        let (slot, from) = (i % 7, format!("192.0.2.{}:4000", i % 250));
        w.leg(slot, AT_A, remote(&from, &[(0, "PCMU")]));
        w.command(Command::Watch {
            media: id(slot),
            timeout: Some(Duration::from_secs(3600)),
        });
        w.command(Command::Play {
            media: id(slot),
            source: Source::Prompts(vec!["a".into()]),
            repeat: true,
            token: 1,
        });
        w.command(Command::Dtmf {
            media: id(slot),
            digit: '1',
            millis: 100,
        });
        w.say(AT_A, &from, i as u16);
        w.raw(AT_A + 1, &from.replace(":4000", ":4001"), &report(None, 77, None));
        if i % 7 == 6 {
            (0..7).for_each(|slot| w.command(Command::Close(id(slot))));
            w.relay.loaded(w.now, "a", Err("none".into()));
            w.events();
            while w.relay.poll_wanted().is_some() {}
        }
        w.now += Duration::from_millis(100);
    }
    (0..7).for_each(|slot| w.command(Command::Close(id(slot))));
    w.relay.loaded(w.now, "a", Err("none".into()));
    w.now += Duration::from_secs(10);
    w.relay.directory.unbind(w.now, 1, at(A), None);
    assert_eq!(
        (
            w.relay.legs(),
            w.relay.timers.len(),
            w.relay.ports.len(),
            w.relay.waiting.len()
        ),
        (0, 0, 0, 0)
    );
    assert_eq!(w.relay.directory.sizes(), [0, 0, 0, 0, 0, 1, 0]);
    assert!(w.relay.legs.len() <= 7);
}

#[test]
fn a_leg_is_small() {
    let table = std::mem::size_of::<leg::Table>();
    assert!(
        std::mem::size_of::<Leg>() + table < 4096,
        "{} + {table}",
        std::mem::size_of::<Leg>()
    );
}

proptest! {
    #[test]
    fn no_datagram_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200), odd: bool) {
        let mut w = World::bridged();
        w.say(AT_A, A, 1);
        let from = if odd { "192.0.2.1:4001" } else { A };
        w.raw(AT_A + u16::from(odd), from, &bytes);
        let mut packet = rtp(101, 2, 3, 77, &bytes);
        w.raw(AT_A, A, &packet);
        packet[0] |= 0x3f;
        w.raw(AT_A, A, &packet);
    }

    /// Whatever is asked in whatever order, each receiver hears one stream whose numbers only go forward by one.
    #[test]
    fn any_order_of_commands_keeps_the_streams_coherent(steps in proptest::collection::vec((0u8..12, 0u32..3), 1..80)) {
        let mut w = World::bridged();
        let c = "192.0.2.3:6000";
        w.leg(0, 20_004, remote(c, &[(8, "PCMA")]));
        let mut last: HashMap<SocketAddr, (u16, u32)> = HashMap::new();
        for (n, (step, slot)) in steps.into_iter().enumerate() {
            let other = id((slot + 1) % 3);
            match step {
                0 => w.command(Command::Bridge(id(slot), other)),
                1 => w.command(Command::Unbridge(id(slot))),
                2 => w.command(Command::Echo(id(slot))),
                3 => w.command(Command::Play { media: id(slot), source: Source::Tone("busy".into()), repeat: true, token: 0 }),
                4 => w.command(Command::Stop(id(slot))),
                5 => w.command(Command::Dtmf { media: id(slot), digit: '5', millis: 80 }),
                _ => {}
            }
            let mut sent = w.pass(20);
            for (local, from, number) in [(AT_A, A, 0), (AT_B, B, 0), (20_004, c, 8)] {
                sent.extend(w.rtp(local, from, number, n as u16, n as u32 * 160, 77, &[1; 160]));
            }
            for s in sent {
                if let Some((sequence, ssrc)) = last.insert(s.to, (s.sequence, s.ssrc)) {
                    prop_assert_eq!((s.sequence, s.ssrc), (sequence.wrapping_add(1), ssrc));
                }
            }
        }
    }
}

#[test]
fn expected_addresses_in_ipv6_clothes_are_the_same() {
    let mut w = World::bridged();
    w.raw(AT_A, "[::ffff:192.0.2.1]:4000", &rtp(0, 1, 1, 77, &[1; 160]));
    assert_eq!(w.sent.len(), 1);
    let _: IpAddr = at(A).ip();
}
