//! Legs on one port: no leg gets another leg's packets, and a leg that the pool has placed well is heard at once.

use super::*;
use crate::{PeerAddress, Pool, pool::LINGER};

/// Where a peer is: how its description names it, and from where it sends.
#[derive(Copy, Clone, Debug)]
enum Home {
    /// At a public address.
    Plain,
    /// Behind a NAT at the signalling address.
    Natted,
    /// It sends from another port than it names.
    Asymmetric,
    /// Its media is at another public address.
    Elsewhere,
}

#[derive(Clone, Debug)]
struct Peer {
    home: Home,
    signalling: IpAddr,
    described: SocketAddr,
    /// Which generation of the slot, and how often it has moved: no two legs have a stream in common.
    stream: u32,
}

impl Peer {
    fn new(home: Home, host: u8, phone: u8) -> Peer {
        // The last host's addresses are those that phones behind a NAT have at home.
        let signalling: IpAddr = if host == 3 { [10, 0, 0, 5] } else { [198, 51, 100, host] }.into();
        let port = 4000 + 2 * u16::from(phone % 3);
        let described = match home {
            Home::Plain => SocketAddr::new(signalling, port),
            // It names a socket that no phone has: a peer that names another phone's socket is taken for that phone.
            Home::Asymmetric => SocketAddr::new(signalling, port + 3000),
            Home::Natted => SocketAddr::new([10, 0, 0, 5 + phone / 3].into(), port),
            Home::Elsewhere => SocketAddr::new([203, 0, 113, 9].into(), port),
        };
        Peer {
            home,
            signalling,
            described,
            stream: 0,
        }
    }

    /// Peers share a socket only where they are described alike.
    fn source(&self, leg: usize) -> SocketAddr {
        match self.home {
            Home::Plain | Home::Elsewhere => self.described,
            Home::Natted if self.described.ip() == self.signalling => self.described,
            Home::Natted => {
                let IpAddr::V4(inside) = self.described.ip() else {
                    panic!()
                };
                SocketAddr::new(
                    self.signalling,
                    40_000 + self.described.port() + 100 * u16::from(inside.octets()[3]),
                )
            }
            Home::Asymmetric => SocketAddr::new(self.signalling, 60_000 + leg as u16),
        }
    }

    fn remote(&self) -> Remote {
        let mut remote = remote(&self.described.to_string(), &[(0, "PCMU")]);
        remote.signalling = Some(self.signalling);
        if !remote.expected.contains(&self.signalling) {
            remote.expected.push(self.signalling);
        }
        remote
    }

    fn address(&self) -> PeerAddress {
        PeerAddress::described(self.signalling, &self.remote())
    }
}

/// Packets that a peer may still be sending from where it was.
#[derive(Clone, Debug)]
struct Late {
    leg: MediaId,
    local: u16,
    source: SocketAddr,
    ssrc: u32,
    until: Duration,
}

#[derive(Default)]
struct Tried {
    /// By slot: the peer, whether it is described, its port.
    legs: HashMap<usize, (MediaId, Peer, bool, u16)>,
    late: Vec<Late>,
    made: u32,
    given: usize,
}

impl Tried {
    fn open(&mut self, w: &mut World, slot: usize, peer: Peer, local: u16) {
        self.made += 1;
        let port = MediaId {
            engine: 0,
            slot: slot as u32,
            generation: self.made,
        };
        w.command(Command::Open {
            media: port,
            local_port: local,
            expected: [peer.signalling].into_iter().collect(),
        });
        let peer = Peer {
            stream: self.made << 8,
            ..peer
        };
        self.legs.insert(slot, (port, peer, false, local));
    }

    fn describe(&mut self, w: &mut World, slot: usize) {
        let Some((port, peer, described, _)) = self.legs.get_mut(&slot) else {
            return;
        };
        *described = true;
        let (port, remote) = (*port, peer.remote());
        w.command(Command::Update {
            media: port,
            remote,
            relearn: false,
        });
    }

    fn move_to(&mut self, w: &mut World, slot: usize, peer: Peer) {
        let Some((port, before, true, local)) = self.legs.get(&slot).cloned() else {
            return;
        };
        if before.described == peer.described {
            return;
        }
        self.leaves(w.now, port, &before, local);
        let stream = before.stream + 1;
        w.command(Command::Update {
            media: port,
            remote: peer.remote(),
            relearn: true,
        });
        self.legs.insert(slot, (port, Peer { stream, ..peer }, true, local));
    }

    fn close(&mut self, w: &mut World, slot: usize) {
        let Some((port, peer, described, local)) = self.legs.remove(&slot) else {
            return;
        };
        w.command(Command::Close(port));
        if described {
            self.leaves(w.now, port, &peer, local);
        }
    }

    fn leaves(&mut self, now: Duration, leg: MediaId, peer: &Peer, local: u16) {
        self.late.push(Late {
            leg,
            local,
            source: peer.source(leg.slot as usize),
            ssrc: peer.stream,
            until: now + LINGER,
        });
    }

    /// A packet of the leg's own peer; returns to which leg it was given.
    fn say(&mut self, w: &mut World, slot: usize) -> Option<MediaId> {
        let (_, peer, described, local) = self.legs.get(&slot)?;
        // Peers that share a socket send only once they are described.
        if !*described && self.shares(slot) {
            return None;
        }
        self.packet(w, *local, peer.source(slot), peer.stream)
    }

    fn shares(&self, slot: usize) -> bool {
        let own = self.legs.get(&slot).map(|(_, peer, ..)| peer.source(slot));
        let late = self.late.iter().any(|late| Some(late.source) == own);
        let mut others = self.legs.iter().filter(|(other, _)| **other != slot);
        late || others.any(|(other, (_, peer, ..))| Some(peer.source(*other)) == own)
    }

    fn packet(&self, w: &mut World, local: u16, from: SocketAddr, ssrc: u32) -> Option<MediaId> {
        let count = |w: &World| -> Vec<(MediaId, u64)> {
            let legs = w.relay.streams.all();
            legs.map(|leg| (leg.id, leg.counters.received)).collect()
        };
        let before = count(w);
        w.raw(local, &from.to_string(), &rtp(0, 1, 160, ssrc, &[1; 160]));
        let given = before
            .iter()
            .zip(count(w))
            .filter(|(before, after)| before.1 != after.1);
        let given: Vec<MediaId> = given.map(|(before, _)| before.0).collect();
        assert!(given.len() <= 1);
        given.first().copied()
    }
}

fn home() -> impl Strategy<Value = Home> {
    prop_oneof![
        3 => Just(Home::Plain),
        3 => Just(Home::Natted),
        1 => Just(Home::Asymmetric),
        1 => Just(Home::Elsewhere),
    ]
}

fn peer() -> impl Strategy<Value = Peer> {
    (home(), 1u8..4, 0u8..6).prop_map(|(home, host, phone)| Peer::new(home, host, phone))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Whatever legs share two ports, whatever comes and goes: no leg gets what another's peer, or a stranger, has
    /// sent.
    #[test]
    fn no_leg_gets_what_anothers_peer_has_sent(
        steps in proptest::collection::vec((0u8..16, 0usize..6, peer(), any::<bool>(), 0u64..900), 1..120)
    ) {
        let (mut w, mut tried) = (World::new(), Tried::default());
        for (step, slot, peer, other, millis) in steps {
            match step {
                0..=2 if !tried.legs.contains_key(&slot) => {
                    tried.open(&mut w, slot, peer, if other { AT_A } else { AT_B });
                }
                0..=2 => tried.close(&mut w, slot),
                3..=4 => tried.describe(&mut w, slot),
                5 => tried.move_to(&mut w, slot, peer),
                6 => {
                    // Another stream of the same peer, as after a hold.
                    if let Some((owner, peer, ..)) = tried.legs.get_mut(&slot) {
                        peer.stream += 1;
                        let owner = *owner;
                        prop_assert!(tried.say(&mut w, slot).is_none_or(|given| given == owner));
                    }
                }
                7 => {
                    let stranger = SocketAddr::new([192, 0, 2, 66].into(), peer.described.port());
                    prop_assert_eq!(tried.packet(&mut w, AT_A, stranger, 1), None);
                }
                8 => drop(w.pass(millis)),
                9..=10 => {
                    tried.late.retain(|late| late.until > w.now);
                    if let Some(late) = tried.late.get(millis as usize % tried.late.len().max(1)).cloned() {
                        let given = tried.packet(&mut w, late.local, late.source, late.ssrc);
                        prop_assert!(given.is_none_or(|given| given == late.leg), "{:?} to {:?}", late, given);
                    }
                }
                _ => {
                    let owner = tried.legs.get(&slot).map(|(port, ..)| *port);
                    if let Some(given) = tried.say(&mut w, slot) {
                        prop_assert_eq!(Some(given), owner);
                        tried.given += 1;
                    }
                }
            }
        }
    }

    /// Legs that the pool has placed without a conflict are heard with their first packet, whichever legs are on the
    /// port too.
    #[test]
    fn a_leg_that_is_in_no_doubt_is_heard_at_once(
        peers in proptest::collection::vec((peer(), any::<bool>(), any::<bool>()), 1..60)
    ) {
        let (mut w, mut tried) = (World::new(), Tried::default());
        let mut pool = Pool::new(20_000, 20_999);
        for (slot, (peer, asked, heard)) in peers.into_iter().enumerate() {
            let port = pool.open();
            let guess = matches!(peer.home, Home::Natted);
            let first = if asked { PeerAddress::undescribed(peer.signalling, guess) } else { peer.address() };
            let local = pool.take(w.now, port, &first).unwrap();
            tried.open(&mut w, slot, peer.clone(), local);
            let conflict = pool.expect(w.now, port, &peer.address(), false);
            tried.describe(&mut w, slot);
            prop_assert_eq!(conflict.is_err(), pool.is_in_doubt(port));
            if heard && conflict.is_ok() && !matches!(peer.home, Home::Asymmetric) {
                let given = tried.say(&mut w, slot);
                prop_assert_eq!(given, Some(tried.legs[&slot].0), "{:?}", peer);
                pool.learned(port, peer.source(slot));
            }
        }
    }
}

/// The phones of a call centre, each in its own call: its packets reach its own peer, and no other phone.
#[test]
fn two_hundred_streams_of_one_address_on_a_handful_of_ports() {
    let mut w = World::new();
    let mut pool = Pool::new(20_000, 20_999);
    let phone = |n: u32| SocketAddr::new([192, 0, 2, 1].into(), 10_000 + 2 * n as u16);
    let mut ports = Vec::new();
    for n in 0..400 {
        let port = pool.open();
        let remote = remote(&phone(n).to_string(), &[(0, "PCMU")]);
        let peer = PeerAddress::described(phone(n).ip(), &remote);
        ports.push(pool.take(w.now, port, &peer).unwrap());
        w.leg(n, ports[n as usize], remote);
        if n % 2 == 1 {
            w.command(Command::Bridge(id(n - 1), id(n)));
        }
    }
    for n in 0..400 {
        let sent = w.rtp(ports[n as usize], &phone(n).to_string(), 0, 1, 0, n, &[n as u8; 160]);
        let to: Vec<SocketAddr> = sent.iter().map(|sent| sent.to).collect();
        assert_eq!((to, sent[0].payload[0]), (vec![phone(n ^ 1)], n as u8));
    }
    ports.sort_unstable();
    ports.dedup();
    assert_eq!(ports.len(), crate::pool::SPREAD);
}

/// Two phones behind one NAT that call one another, with the addresses they have at home.
#[test]
fn two_phones_behind_one_nat_hear_one_another() {
    for home in [Home::Plain, Home::Natted, Home::Asymmetric] {
        let (mut w, mut tried) = (World::new(), Tried::default());
        let mut pool = Pool::new(20_000, 20_999);
        for slot in 0..2 {
            let peer = Peer::new(home, 1, slot as u8);
            let port = pool.open();
            // The caller's description is known, the other phone's is not.
            let known = if slot == 0 {
                peer.address()
            } else {
                PeerAddress::undescribed(peer.signalling, false)
            };
            let local = pool.take(w.now, port, &known).unwrap();
            tried.open(&mut w, slot, peer, local);
        }
        for slot in 0..2 {
            tried.describe(&mut w, slot);
        }
        let ids = [0, 1].map(|slot| tried.legs[&slot].0);
        w.command(Command::Bridge(ids[0], ids[1]));
        for slot in [0, 1, 0] {
            assert_eq!(tried.say(&mut w, slot), Some(ids[slot]), "{home:?}");
        }
        assert_eq!(w.sent.last().unwrap().to, tried.legs[&1].1.source(1), "{home:?}");
    }
}

#[test]
fn calls_that_announce_one_socket_get_only_their_first_stream() {
    let mut w = World::new();
    w.leg(1, AT_A, remote(A, &[(0, "PCMU")]));
    w.command(Command::Echo(id(1)));
    assert_eq!(w.rtp(AT_A, A, 0, 1, 0, 77, &[1; 160]).len(), 1);
    w.leg(2, AT_A, remote(A, &[(0, "PCMU")]));
    w.command(Command::Echo(id(2)));
    assert!(
        w.rtp(AT_A, A, 0, 1, 0, 88, &[2; 160]).is_empty(),
        "it may be the second one's"
    );
    assert_eq!(w.rtp(AT_A, A, 0, 2, 160, 77, &[1; 160]).len(), 1, "the first goes on");
    w.close(2);
    w.pass(2001);
    assert_eq!(w.rtp(AT_A, A, 0, 1, 0, 88, &[1; 160]).len(), 1, "no other leg is there");
    assert_eq!(w.close(1).injected, 1);
}

#[test]
fn packets_of_a_socket_that_four_thousand_silent_calls_announce_reach_no_leg() {
    let mut w = World::new();
    for n in 0..8000 {
        w.leg(n, AT_A, remote(A, &[(0, "PCMU")]));
    }
    assert!(w.say(AT_A, A, 1).is_empty() && w.events().is_empty());
    for n in 1..8000 {
        w.command(Command::Close(id(n)));
    }
    w.events();
    w.say(AT_A, A, 2);
    assert!(w.events().is_empty(), "the others may still be sending");
    w.pass(2001);
    w.say(AT_A, A, 3);
    assert!(matches!(w.events()[..], [Event::Learned { media: port, .. }] if port == id(0)));
}

#[test]
fn reports_of_two_streams_with_one_number_reach_no_leg() {
    let mut w = World::bridged();
    let (one, other) = ("192.0.2.9:4000", "192.0.2.9:5000");
    w.leg(3, AT_A, remote(one, &[(0, "PCMU")]));
    w.leg(4, AT_A, remote(other, &[(0, "PCMU")]));
    w.command(Command::Bridge(id(3), id(4)));
    w.say(AT_A, one, 1);
    let packet = report(None, 77, None);
    w.raw(AT_A + 1, "192.0.2.9:7777", &packet);
    let signalled = at("192.0.2.9:4001");
    assert_eq!(
        w.reports_go_to(3),
        signalled,
        "the other phone there may have the same number"
    );
    w.say(AT_A, other, 1);
    w.raw(AT_A + 1, "192.0.2.9:7777", &packet);
    assert_eq!(w.reports_go_to(3), signalled, "and has");
    w.close(4);
    w.pass(2001);
    w.raw(AT_A + 1, "192.0.2.9:7777", &packet);
    assert_eq!(w.reports_go_to(3), at("192.0.2.9:7777"));
}
