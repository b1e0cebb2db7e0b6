//! What happens in a world.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use media::SdpDirection;
use sip::{Builder, Flow, HeaderName, Limits, Message, Method, StatusCode, Transport};
use switch::{AccountChange, Command, Input};
use tests::{Phase, phone::PhoneCall, sdp, world::EPOCH};

use crate::{
    life::Life,
    odd,
    scripts::{SERVICES, pick},
};

/// Calls in progress at once.
const BUSY: usize = 8;

/// Does one thing, by chance.
pub fn act(life: &mut Life) {
    match life.chance.below(100) {
        0..=21 => calls(life),
        22..=48 => called(life),
        49..=53 => gives_up(life),
        54..=79 => talks(life),
        80 => spoofs(life),
        81..=86 => media_event(life),
        87..=89 => admin(life),
        90..=91 => outside(life),
        92..=93 => mood(life),
        94 => account(life),
        95 if life.chance.percent(20) => clock(life),
        _ if life.orderly => {}
        95 => network(life),
        96 => power(life),
        97 => store(life),
        _ => wire(life),
    }
}

fn phone(life: &mut Life) -> usize {
    let count = life.world.phones.len() as u64;
    usize::try_from(life.chance.below(count)).unwrap()
}

/// A call of some phone that is so.
fn call(life: &mut Life, so: impl Fn(&PhoneCall) -> bool) -> Option<(usize, usize)> {
    let phones = life.world.phones.iter().enumerate();
    let found: Vec<_> = phones
        .filter(|(_, phone)| !phone.mood.dead)
        .flat_map(|(index, phone)| {
            let calls = phone.calls.iter().enumerate();
            calls
                .filter(|(_, call)| so(call))
                .map(move |(call, _)| (index, call))
                .collect::<Vec<_>>()
        })
        .collect();
    let at = life.chance.below(found.len() as u64);
    found.get(usize::try_from(at).unwrap()).copied()
}

fn calls(life: &mut Life) {
    let index = phone(life);
    let open = |call: &&PhoneCall| !matches!(call.phase, Phase::Over(_));
    let busy: usize = life
        .world
        .phones
        .iter()
        .map(|phone| phone.calls.iter().filter(open).count())
        .sum();
    if busy >= BUSY * 2 || life.world.phones[index].mood.dead {
        return;
    }
    let number = match life.chance.below(20) {
        0 => "999".into(),
        1..=6 if life.real => SERVICES[usize::try_from(life.chance.below(10)).unwrap()].to_owned(),
        _ => pick(&mut life.chance, &life.numbers),
    };
    let number = odd::written(&mut life.chance, &number);
    let late = life.chance.percent(12);
    let direction = life.chance.percent(15).then(|| direction(life));
    life.with(index, |phone| {
        phone.mood.late_offer = late;
        phone.mood.offers_with = direction;
        phone.call(&number);
    });
}

fn direction(life: &mut Life) -> SdpDirection {
    let directions = [
        SdpDirection::SendOnly,
        SdpDirection::SendRecv,
        SdpDirection::Inactive,
        SdpDirection::RecvOnly,
    ];
    directions[usize::try_from(life.chance.below(4)).unwrap()]
}

fn called(life: &mut Life) {
    let Some((index, call)) = call(life, |call| call.incoming && call.phase == Phase::Ringing) else {
        return;
    };
    let code = [486, 603, 480, 404, 500, 488, 600, 302][usize::try_from(life.chance.below(8)).unwrap()];
    let to = format!("sip:{}@tandem.local", pick(&mut life.chance, &life.numbers));
    let what = life.chance.below(100);
    let state = [181, 182, 199, 183, 188, 182][usize::try_from(life.chance.below(6)).unwrap()];
    let described = life.chance.percent(30);
    life.with(index, |phone| match what {
        0..=51 => phone.answer(call),
        52..=64 => phone.ring(call, true),
        65..=68 => phone.ring(call, false),
        69..=78 => {
            phone.mood.sends_to = Some(to);
            phone.reject(call, code);
        }
        79..=94 => phone.says(call, state, described),
        95..=97 => phone.leaves(call),
        _ => {}
    });
}

fn gives_up(life: &mut Life) {
    if let Some((index, call)) = call(life, |call| {
        !call.incoming && matches!(call.phase, Phase::Trying | Phase::Ringing)
    }) {
        life.with(index, |phone| phone.hang_up(call));
    }
}

fn talks(life: &mut Life) {
    if let Some((index, call)) = call(life, PhoneCall::is_asked)
        && life.chance.percent(60)
    {
        let code = [200, 200, 488, 491][usize::try_from(life.chance.below(4)).unwrap()];
        return life.with(index, |phone| phone.decide(call, code));
    }
    let Some((index, call)) = call(life, |call| call.phase == Phase::Up) else {
        return;
    };
    let direction = direction(life);
    let what = life.chance.below(100);
    let port = 30_000 + 2 * u16::try_from(life.chance.below(1_000)).unwrap();
    life.texts += 1;
    let text = format!("text {}", life.texts);
    let (kind, key) = odd::key(&mut life.chance);
    life.with(index, |phone| {
        let may = phone.calls[call].may_change();
        match what {
            0..=29 => phone.hang_up(call),
            30..=49 if may => phone.change(call, &Method::Invite, Some(direction)),
            50..=55 if may => phone.change(call, &Method::Invite, None),
            56..=67 if may => phone.change(call, &Method::Update, Some(direction)),
            68..=71 if may => phone.change(call, &Method::Update, None),
            72..=76 if may => {
                phone.moves_media(call, port);
                phone.change(call, &Method::Invite, Some(direction));
            }
            77..=81 if !may => phone.cancel_change(call),
            82..=91 => phone.pass(call, &Method::Info, kind, key),
            92..=95 => phone.pass(call, &Method::Message, "text/plain", &text),
            96..=97 => phone.within(call, &Method::Options, |builder| builder),
            _ => {}
        }
    });
}

fn media_event(life: &mut Life) {
    let at = life.chance.below(life.world.ports.len() as u64 + 1);
    let Some(port) = life.world.ports.iter().nth(usize::try_from(at).unwrap()).copied() else {
        return;
    };
    let event = match life.chance.below(12) {
        0..=3 => media::Event::Learned {
            port,
            remote: "198.51.100.77:4000".parse().unwrap(),
        },
        4..=8 => media::Event::Dtmf {
            port,
            digit: ['1', '#', '*'][usize::try_from(life.chance.below(3)).unwrap()],
        },
        9 => media::Event::Played {
            port,
            token: 0,
            fault: None,
        },
        _ if life.orderly => return,
        10 => {
            if life.world.engine.ports[&port].watched {
                // Time for an ACK that does not come and a BYE that nobody answers.
                life.silent.push((port, life.world.now + Duration::from_secs(65)));
            }
            media::Event::Silent(port)
        }
        _ => media::Event::Failed {
            port,
            reason: "as a test".into(),
        },
    };
    life.note(|| format!("{event:?}"));
    life.world.handle(Input::Media(event));
}

fn admin(life: &mut Life) {
    let calls: Vec<_> = life.world.opened.iter().copied().collect();
    let at = usize::try_from(life.chance.below(calls.len() as u64 + 1)).unwrap();
    let command = match life.chance.below(10) {
        0..=2 => match calls.get(at) {
            Some(call) => Command::HangUp(*call),
            None => Command::ListCalls,
        },
        3..=6 => Command::Originate {
            from: pick(&mut life.chance, &life.numbers),
            to: pick(&mut life.chance, &life.numbers),
        },
        7 => match calls.get(at) {
            Some(call) => Command::GetCall(*call),
            None => Command::Stats,
        },
        8 => Command::ListRegistrations,
        _ => match life.world.bindings.keys().nth(at) {
            Some(id) if !life.orderly => Command::RemoveRegistration(*id),
            Some(_) | None => Command::ListCalls,
        },
    };
    life.note(|| format!("{command:?}"));
    life.command(command);
}

fn outside(life: &mut Life) {
    let index = phone(life);
    if life.world.phones[index].mood.dead {
        return;
    }
    let seconds = [3_600, 60, 600, 0][usize::try_from(life.chance.below(4)).unwrap()];
    let to = pick(&mut life.chance, &life.numbers);
    let texts = life.chance.percent(40);
    life.texts += 1;
    let text = format!("text {}", life.texts);
    life.with(index, |phone| {
        if texts {
            phone.text(&to, &text);
        } else {
            phone.register(seconds);
        }
    });
}

fn mood(life: &mut Life) {
    let index = phone(life);
    let orderly = life.orderly;
    let code = [486, 603, 480, 404, 302, 500][usize::try_from(life.chance.below(6)).unwrap()];
    let change = [488, 491, 500, 603, 408, 481][usize::try_from(life.chance.below(6)).unwrap()];
    let (what, yes) = (life.chance.below(7), life.chance.percent(30));
    let to = format!("sip:{}@tandem.local", pick(&mut life.chance, &life.numbers));
    life.with(index, |phone| {
        let mood = &mut phone.mood;
        match what {
            0 => {
                mood.refuses = yes.then_some(code);
                mood.sends_to = Some(to);
            }
            1 => mood.answers = yes,
            2 => mood.refuses_changes = yes.then_some(change),
            3 => mood.waits_with_changes = yes,
            4 => mood.refuses_updates = yes.then_some(change),
            5 => mood.ponders = yes,
            _ => mood.forgets_ack = yes && !orderly,
        }
    });
}

fn account(life: &mut Life) {
    let number = pick(&mut life.chance, &life.numbers);
    let to = match life.chance.below(6) {
        0 => "999".into(),
        1 => "sip:far@198.51.100.250".into(),
        _ => pick(&mut life.chance, &life.numbers),
    };
    let what = life.chance.below(10);
    life.note(|| format!("account {number}: {what} {to}"));
    if what == 9 {
        let change = if life.chance.percent(50) {
            AccountChange::RemoveExtension(number.clone())
        } else {
            AccountChange::RemoveDevice(number.clone())
        };
        life.world.handle(Input::Account(change));
        life.world.pass(Duration::from_millis(50));
        life.locked_out.insert(number.clone());
        return life.world.extension(&number);
    }
    life.world.account(&number, |extension| match what {
        0 => extension.dnd = true,
        1 => extension.forward_always = Some(to),
        2 => extension.forward_busy = Some(to),
        3 => extension.forward_no_answer = Some(to),
        _ => {}
    });
}

fn network(life: &mut Life) {
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

fn power(life: &mut Life) {
    match life.chance.below(100) {
        0..=1 => return life.killed(),
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

/// The machine does nothing for a while; then all that came meanwhile is there at once.
fn sleeps(life: &mut Life) {
    let asleep = Duration::from_millis(life.chance.below(40_000));
    life.note(|| format!("the machine sleeps for {asleep:?}"));
    life.world.now += asleep;
    life.world.pass(Duration::ZERO);
}

fn store(life: &mut Life) {
    life.world.store_works = life.chance.percent(60);
    life.world.store_delay = Duration::from_millis([0, 5, 200, 3_000][usize::try_from(life.chance.below(4)).unwrap()]);
    let (works, delay) = (life.world.store_works, life.world.store_delay);
    life.note(|| format!("the store works: {works}, in {delay:?}"));
}

fn wire(life: &mut Life) {
    if life.hostile && life.chance.percent(80) {
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
            life.cut_off.insert(remote.ip());
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

/// Who answers what he was not asked, and cancels what is not his.
pub const SPOOFER: &str = "203.0.113.66:5060";

/// Somebody has seen an INVITE, and answers or cancels it from his own address.
fn spoofs(life: &mut Life) {
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
    life.spoofed += 1;
    life.world.throw(SPOOFER.parse().unwrap(), message.bytes().clone());
}

/// Something that was sent a while ago.
fn kept(life: &mut Life) -> Option<(SocketAddr, SocketAddr, Bytes)> {
    let kept = life.world.net.kept.as_ref()?;
    let at = usize::try_from(life.chance.below(kept.len() as u64)).unwrap();
    kept.get(at).cloned()
}

/// What a phone said comes again, cut off or with a character that is not its own.
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

fn clock(life: &mut Life) {
    let most = [5, 5, 4_000, 400_000][usize::try_from(life.chance.below(4)).unwrap()] * 1_000_000;
    let ahead = i64::try_from(life.chance.below(most)).unwrap() - i64::try_from(most / 2).unwrap();
    let unix_micros = EPOCH + i64::try_from(life.world.now.as_micros()).unwrap() + ahead;
    life.note(|| format!("the wall clock is set to {unix_micros}"));
    life.clock_set = true;
    life.world.handle(Input::Clock { unix_micros });
}
