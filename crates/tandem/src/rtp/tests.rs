#![allow(clippy::wildcard_enum_match_arm)]

use std::{
    collections::HashSet,
    net::{SocketAddr, UdpSocket},
    sync::Mutex,
};

use media::{Direction, MediaId, Payload, Remote, Source};

use super::*;

const WAIT: Duration = Duration::from_secs(20);

/// Ranges other tests of this process have.
static TAKEN: Mutex<Option<HashSet<u16>>> = Mutex::new(None);

/// An even port with the seven above it free.
fn free_range(host: &str) -> u16 {
    loop {
        let probe = UdpSocket::bind((host, 0)).unwrap();
        let first = probe.local_addr().unwrap().port() & !7;
        drop(probe);
        let mut taken = TAKEN.lock().unwrap();
        if first > 1024 && first < 65_000 && taken.get_or_insert_default().insert(first) {
            let free = (first..first + 8)
                .map(|p| UdpSocket::bind((host, p)))
                .collect::<Result<Vec<_>, _>>();
            if free.is_ok() {
                return first;
            }
        }
    }
}

struct Phone(UdpSocket);

impl Phone {
    fn new(host: &str) -> Phone {
        let socket = UdpSocket::bind((host, 0)).unwrap();
        socket.set_read_timeout(Some(WAIT)).unwrap();
        Phone(socket)
    }

    fn address(&self) -> SocketAddr {
        self.0.local_addr().unwrap()
    }

    fn say(&self, to: SocketAddr, sequence: u16) {
        let mut packet = vec![0x80, 0];
        packet.extend(sequence.to_be_bytes());
        packet.extend((u32::from(sequence) * 160).to_be_bytes());
        packet.extend(77u32.to_be_bytes());
        packet.extend([sequence as u8; 160]);
        self.0.send_to(&packet, to).unwrap();
    }

    /// The next datagram: payload type and octets of payload.
    fn hear(&self) -> (SocketAddr, u8, Vec<u8>) {
        let mut buffer = [0; 2000];
        let (length, from) = self.0.recv_from(&mut buffer).unwrap();
        (from, buffer[1] & 0x7f, buffer[12..length].to_vec())
    }
}

struct Bench {
    engine: Engine,
    events: mpsc::Receiver<Event>,
    first: u16,
    host: IpAddr,
    _prompts: tempfile::TempDir,
}

impl Bench {
    fn new(host: &str, adjust: impl FnOnce(&mut EngineConfig)) -> Bench {
        let first = free_range(host);
        let prompts = tempfile::tempdir().unwrap();
        let mut config = EngineConfig::new(host.parse().unwrap(), first, first + 7, prompts.path().into(), [1; 32]);
        adjust(&mut config);
        let (sender, events) = mpsc::channel();
        let sender = Mutex::new(sender);
        let engine = Engine::start(config, move |event| drop(sender.lock().unwrap().send(event))).unwrap();
        Bench {
            engine,
            events,
            first,
            host: host.parse().unwrap(),
            _prompts: prompts,
        }
    }

    fn event(&self) -> Event {
        self.events.recv_timeout(WAIT).unwrap()
    }

    fn at(&self, offset: u16) -> SocketAddr {
        SocketAddr::new(self.host, self.first + offset)
    }

    fn leg(&self, slot: u32, offset: u16, phone: &Phone) {
        let payloads = vec![Payload {
            number: 0,
            codec: "PCMU".into(),
            clock_rate: 8000,
            channels: 1,
            fmtp: None,
        }];
        let remote = Remote {
            rtp: Some(phone.address()),
            rtcp: None,
            rtcp_mux: false,
            raw: false,
            expected: [phone.address().ip()].into_iter().collect(),
            signalling: Some(phone.address().ip()),
            send_payloads: payloads.clone(),
            receive_payloads: payloads,
            direction: Direction {
                send: true,
                receive: true,
            },
            ptime: 20,
        };
        let expected = remote.expected.clone();
        self.engine.send(Command::Open {
            media: id(slot),
            local_port: self.first + offset,
            expected,
        });
        self.engine.send(Command::Update {
            media: id(slot),
            remote,
            relearn: false,
        });
    }
}

fn id(slot: u32) -> MediaId {
    MediaId {
        engine: 0,
        slot,
        generation: 0,
    }
}

fn two_phones_talk(host: &str) {
    let bench = Bench::new(host, |_| {});
    let (alice, bob) = (Phone::new(host), Phone::new(host));
    bench.leg(1, 0, &alice);
    bench.leg(2, 2, &bob);
    bench.engine.send(Command::Bridge(id(1), id(2)));
    // The commands are carried out in order before this packet can be asked for: the tone proves it.
    bench.engine.send(Command::Play {
        media: id(1),
        source: Source::Tone("425/20".into()),
        repeat: false,
        token: 1,
    });
    assert_eq!(alice.hear().0, bench.at(0));
    assert_eq!(
        bench.event(),
        Event::Played {
            media: id(1),
            token: 1,
            fault: None,
            millis: 20
        }
    );
    for n in 1..200 {
        alice.say(bench.at(0), n);
        bob.say(bench.at(2), n);
    }
    for n in 1..200u16 {
        assert_eq!(bob.hear(), (bench.at(2), 0, vec![n as u8; 160]));
        assert_eq!(alice.hear(), (bench.at(0), 0, vec![n as u8; 160]));
    }
    bench.engine.send(Command::Close(id(1)));
    let mut learned = 0;
    let counters = loop {
        match bench.event() {
            Event::Learned { .. } => learned += 1,
            Event::Closed {
                media: port, counters, ..
            } if port == id(1) => break counters,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(
        (learned, counters.received, counters.sent, counters.injected),
        (2, 199, 200, 0)
    );
    bench.engine.shutdown();
}

#[test]
fn two_phones_talk_over_ipv4() {
    two_phones_talk("127.0.0.1");
}

#[test]
fn two_phones_talk_over_ipv6() {
    if UdpSocket::bind("[::1]:0").is_ok() {
        two_phones_talk("::1");
    }
}

#[test]
fn a_dual_stack_socket_serves_both_families() {
    if UdpSocket::bind("[::1]:0").is_err() {
        return;
    }
    let bench = Bench::new("::", |_| {});
    let (alice, bob) = (Phone::new("127.0.0.1"), Phone::new("::1"));
    bench.leg(1, 0, &alice);
    bench.leg(2, 0, &bob);
    bench.engine.send(Command::Bridge(id(1), id(2)));
    alice.say(SocketAddr::new("127.0.0.1".parse().unwrap(), bench.first), 1);
    assert_eq!(bob.hear().2, vec![1; 160]);
    bob.say(SocketAddr::new("::1".parse().unwrap(), bench.first), 2);
    assert_eq!(alice.hear().2, vec![2; 160]);
}

#[test]
fn a_port_is_heard_while_it_is_busy_and_when_it_is_quiet_again() {
    let bench = Bench::new("127.0.0.1", |_| {});
    let (alice, bob) = (Phone::new("127.0.0.1"), Phone::new("127.0.0.1"));
    bench.leg(1, 0, &alice);
    bench.leg(2, 0, &bob);
    bench.engine.send(Command::Bridge(id(1), id(2)));
    let exchange = |n: u16| {
        alice.say(bench.at(0), n);
        bob.say(bench.at(0), n);
        assert_eq!((alice.hear().2, bob.hear().2), (vec![n as u8; 160], vec![n as u8; 160]));
    };
    // Two packets a tick, for many more ticks than it takes until the port is no longer watched.
    (1..300).for_each(exchange);
    // Long enough for the port to be watched again.
    bench.engine.send(Command::Watch {
        media: id(1),
        timeout: Some(Duration::from_millis(300)),
    });
    let silent = |event: &Event| *event == Event::Silent(id(1));
    assert!((0..3).any(|_| silent(&bench.event())), "after two that were learned");
    exchange(300);
}

#[test]
fn prompts_are_read_from_the_folder() {
    let bench = Bench::new("127.0.0.1", |config| {
        let spec = hound::WavSpec {
            channels: 1,
            sample_rate: 8000,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut writer = hound::WavWriter::create(config.prompts.join("welcome.wav"), spec).unwrap();
        (0..320).for_each(|_| writer.write_sample(0i16).unwrap());
        writer.finalize().unwrap();
    });
    let alice = Phone::new("127.0.0.1");
    bench.leg(1, 0, &alice);
    let play = |token, name: &str| {
        let source = Source::Prompts(vec![name.into()]);
        bench.engine.send(Command::Play {
            media: id(1),
            source,
            repeat: false,
            token,
        });
        bench.event()
    };
    assert_eq!(
        play(1, "welcome"),
        Event::Played {
            media: id(1),
            token: 1,
            fault: None,
            millis: 40
        }
    );
    assert_eq!((alice.hear().2, alice.hear().2), (vec![0xff; 160], vec![0xff; 160]));
    match play(2, "missing") {
        Event::Played {
            token: 2,
            fault: Some(fault),
            ..
        } => assert!(fault.contains("\"missing\": No such file"), "{fault}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_port_that_cannot_be_bound_fails_its_leg_alone() {
    let bench = Bench::new("127.0.0.1", |_| {});
    let _squatter = UdpSocket::bind(bench.at(3)).unwrap();
    let alice = Phone::new("127.0.0.1");
    bench.leg(1, 2, &alice);
    match bench.event() {
        Event::Failed { media: port, reason } => assert!(port == id(1) && reason.contains("in use"), "{reason}"),
        other => panic!("{other:?}"),
    }
    bench.leg(2, 100, &alice);
    assert!(matches!(bench.event(), Event::Failed { .. }), "outside the range");
    bench.engine.send(Command::Close(id(1)));
    assert!(matches!(bench.event(), Event::Closed { .. }));
    bench.leg(3, 0, &alice);
    alice.say(bench.at(0), 1);
    assert!(matches!(bench.event(), Event::Learned { media: port, .. } if port == id(3)));
}

#[test]
fn starting_on_a_taken_port_is_an_error_and_so_is_an_empty_range() {
    let first = free_range("127.0.0.1");
    let _squatter = UdpSocket::bind(("127.0.0.1", first)).unwrap();
    let config = |last| EngineConfig::new("127.0.0.1".parse().unwrap(), first, last, "x".into(), [1; 32]);
    assert!(Engine::start(config(first + 7), |_| {}).is_err());
    assert!(Engine::start(config(first), |_| {}).is_err());
}

#[test]
fn ports_without_legs_are_closed_again() {
    let bench = Bench::new("127.0.0.1", |config| config.linger = Duration::from_millis(20));
    let alice = Phone::new("127.0.0.1");
    bench.leg(1, 4, &alice);
    bench.engine.send(Command::Close(id(1)));
    assert!(matches!(bench.event(), Event::Closed { .. }));
    let deadline = Instant::now() + WAIT;
    while UdpSocket::bind(bench.at(4)).is_err() {
        assert!(Instant::now() < deadline);
        std::thread::yield_now();
    }
    bench.leg(2, 4, &alice);
    bench.engine.send(Command::Watch {
        media: id(2),
        timeout: Some(Duration::from_millis(1)),
    });
    assert_eq!(bench.event(), Event::Silent(id(2)));
}
