//! Network, power, store, clock, strangers, old messages that come again.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use sip::{Builder, Flow, HeaderName, Limits, Message, Method, StatusCode, Transport};
use switch::Input;
use tests::{sdp, world::EPOCH};

use super::phone;
use crate::{ending, life::Life, weather::Weather};

pub fn network(life: &mut Life) {
    let at = phone(life);
    let address = life.world.phones[at].address;
    if life.world.streams.has(address) {
        life.note(|| format!("the connections of phone {at} end"));
        life.world.cuts(address);
    }
    if life.outage.is_none() && life.chance.percent(30) {
        life.note(|| "the network is gone for 8 s".into());
        life.outage = Some(life.world.now + Duration::from_secs(8));
        life.world.net.faults.loss = 100;
    }
}

pub fn power(life: &mut Life) {
    match life.chance.below(100) {
        0..=1 => return ending::killed(life),
        2..=6 => return sleeps(life),
        _ => {}
    }
    let index = phone(life);
    let dead = life.world.phones[index].mood.dead;
    match (dead, life.chance.below(10)) {
        (true, 0..=6) => {
            life.note(|| format!("phone {index} is there again"));
            life.with(index, |phone| {
                phone.reboots();
                phone.register(3_600);
            });
        }
        (false, 0..=2) => {
            life.note(|| format!("phone {index} dies"));
            life.with(index, |phone| phone.mood.dead = true);
        }
        (false, 3) if life.world.phones[index].transport == Transport::Udp => {
            let address = life.world.phones[index].address;
            let port = 5_060 + u16::try_from(life.chance.below(9)).unwrap();
            life.note(|| format!("phone {index} has port {port} from now on"));
            life.world.phones[index].moves(&SocketAddr::new(address.ip(), port).to_string());
        }
        (false, wrong @ 4..=5) => {
            let number = life.world.phones[index].number.clone();
            let password = if wrong == 4 { "guessed" } else { number.as_str() };
            life.note(|| format!("phone {index} signs in with {password:?}"));
            life.with(index, |phone| phone.set_password(&format!("{password}{number}")));
        }
        (true | false, _) => {}
    }
}

/// The machine does nothing for a while; then everything that came in that time is there at once.
fn sleeps(life: &mut Life) {
    let asleep = Duration::from_millis(life.chance.below(40_000));
    life.note(|| format!("the machine sleeps for {asleep:?}"));
    life.world.now += asleep;
    life.world.pass(Duration::ZERO);
}

pub fn store(life: &mut Life) {
    life.world.store_works = life.chance.percent(60);
    life.world.store_delay = Duration::from_millis([0, 5, 200, 3_000][usize::try_from(life.chance.below(4)).unwrap()]);
    let (works, delay) = (life.world.store_works, life.world.store_delay);
    life.note(|| format!("the store works: {works}, in {delay:?}"));
}

pub fn wire(life: &mut Life) {
    if life.weather == Weather::Hostile && life.chance.percent(80) {
        return damages(life);
    }
    match life.chance.below(4) {
        0 => {
            let index = phone(life);
            let remote = life.world.phones[index].address;
            let flow = Flow {
                transport: Transport::Udp,
                local: life.world.address_for(remote),
                remote,
                connection: None,
            };
            life.note(|| format!("phone {index} cannot be reached just now"));
            life.incidents.cut_off.insert(remote.ip());
            life.world.handle(Input::TransmitFailed { flow });
        }
        1 => {
            let from = "203.0.113.9:5060".parse().unwrap();
            life.world
                .throw(from, Bytes::from_static(b"INVITE sip:100@tandem.local SIP/2.0\r\n\r\n"));
        }
        _ => {
            if let Some((from, to, bytes)) = kept(life) {
                let now = life.world.now;
                life.note(|| "something comes again, late".into());
                life.world.net.send(now, from, to, bytes);
            }
        }
    }
}

/// The address of a stranger, which answers and cancels requests it has no part in.
pub const SPOOFER: &str = "203.0.113.66:5060";

/// The stranger has seen an INVITE, and answers or cancels it from its own address.
pub fn spoofs(life: &mut Life) {
    let kept = life.world.net.kept.iter().flatten();
    let invites: Vec<(SocketAddr, Message)> = kept
        .filter_map(|(from, _, bytes)| Some((*from, Message::parse(bytes.clone(), &Limits::default()).ok()?)))
        .filter(|(_, message)| *message.method() == Method::Invite && message.is_request() && message.check().is_ok())
        .collect();
    let at = life.chance.below(invites.len() as u64);
    let Some((from, invite)) = invites.get(usize::try_from(at).unwrap()) else {
        return;
    };
    let message = if *from == life.world.address_for(*from) {
        let code = [180, 200, 302, 486, 603][usize::try_from(life.chance.below(5)).unwrap()];
        Builder::reply(invite, StatusCode::new(code).unwrap(), Some("spoofed"))
            .header(HeaderName::Contact, format_args!("<sip:spoofed@{SPOOFER}>"))
            .body("application/sdp", sdp("203.0.113.66", 9_000).as_bytes())
            .finish()
    } else {
        Builder::request(&Method::Cancel, invite.uri())
            .copy(invite, HeaderName::Via)
            .copy(invite, HeaderName::From)
            .copy(invite, HeaderName::To)
            .copy(invite, HeaderName::CallId)
            .header(
                HeaderName::CSeq,
                format_args!("{} CANCEL", invite.cseq().unwrap().number),
            )
            .finish()
    };
    life.note(|| format!("somebody else says {}", message.start_line()));
    life.counts.spoofed += 1;
    life.world.throw(SPOOFER.parse().unwrap(), message.bytes().clone());
}

/// A message that was sent a while ago.
fn kept(life: &mut Life) -> Option<(SocketAddr, SocketAddr, Bytes)> {
    let kept = life.world.net.kept.as_ref()?;
    let at = usize::try_from(life.chance.below(kept.len() as u64)).unwrap();
    kept.get(at).cloned()
}

/// An old message of a phone comes again, cut off or with a wrong character.
fn damages(life: &mut Life) {
    let Some((from, to, bytes)) = kept(life) else { return };
    if to != life.world.address_for(from) {
        return;
    }
    let mut bytes = bytes.to_vec();
    let at = usize::try_from(life.chance.below(bytes.len() as u64)).unwrap();
    let other = b"019;,<>\"@: \r\n\0\xffzZ";
    match life.chance.below(4) {
        0 => bytes.truncate(at),
        1 => bytes[at] ^= 1 << life.chance.below(8),
        _ => bytes[at] = other[usize::try_from(life.chance.below(other.len() as u64)).unwrap()],
    }
    life.note(|| format!("something comes again with a fault at {at}"));
    life.world.throw(from, bytes.into());
}

pub fn clock(life: &mut Life) {
    let most = [5, 5, 4_000, 400_000][usize::try_from(life.chance.below(4)).unwrap()] * 1_000_000;
    let ahead = i64::try_from(life.chance.below(most)).unwrap() - i64::try_from(most / 2).unwrap();
    let unix_micros = EPOCH + i64::try_from(life.world.now.as_micros()).unwrap() + ahead;
    life.note(|| format!("the wall clock is set to {unix_micros}"));
    life.incidents.clock_set = true;
    life.world.handle(Input::Clock { unix_micros });
}
