//! The events of a world: one after the other, by chance.
//!
//! | file | events |
//! |---|---|
//! | `mod.rs` | calls are made, answered, given up |
//! | `talk.rs` | within calls: changes, keys, texts, hang-ups; reports of the media engine |
//! | `transfer.rs` | transfers, blind and attended; calls with Replaces |
//! | `desk.rs` | the admin API, registrations and texts outside of calls, habits of phones, accounts |
//! | `holds.rs` | holds |
//! | `lamps.rs` | subscriptions, and keys of phones that set what the extension wants |
//! | `texts.rs` | texts for phones that are away |
//! | `restarts.rs` | restarts of the switch |
//! | `trouble.rs` | network, power, store, clock, strangers, old messages that come again |

mod desk;
mod holds;
mod lamps;
mod restarts;
mod talk;
mod texts;
mod transfer;
mod trouble;

use media::SdpDirection;
use tests::{Phase, phone::PhoneCall};

pub use self::trouble::SPOOFER;
use crate::{
    life::Life,
    odd,
    scripts::{SERVICES, pick},
};

/// The most calls in progress at once; each has two legs at most.
const BUSY: usize = 8;

/// The next event.
pub fn act(life: &mut Life) {
    let acts = transfer::act(life) || holds::act(life) || lamps::act(life) || texts::act(life);
    if acts || restarts::act(life) {
        return;
    }
    match life.chance.below(100) {
        0..=21 => calls(life),
        22..=46 => called(life),
        47..=48 => updates_early(life),
        49..=53 => gives_up(life),
        54..=79 => talk::talks(life),
        80 => trouble::spoofs(life),
        81..=86 => talk::media_event(life),
        87..=89 => desk::admin(life),
        90..=91 => desk::outside(life),
        92..=93 => desk::mood(life),
        94 => desk::account(life),
        95 if life.chance.percent(20) => trouble::clock(life),
        _ if life.weather.is_orderly() => {}
        95 => trouble::network(life),
        96 => trouble::power(life),
        97 => trouble::store(life),
        _ => trouble::wire(life),
    }
}

/// One of the phones.
fn phone(life: &mut Life) -> usize {
    let count = life.world.phones.len() as u64;
    usize::try_from(life.chance.below(count)).unwrap()
}

/// One of the calls for which `so` holds: phone and call.
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
        1..=6 if life.real => pick(&mut life.chance, &SERVICES.map(str::to_owned)),
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
        0..=50 => phone.answer(call),
        51..=60 => phone.ring(call, true),
        61..=63 => phone.ring(call, false),
        64..=73 => {
            phone.mood.sends_to = Some(to);
            phone.reject(call, code);
        }
        74..=94 => phone.says(call, state, described),
        95..=97 => phone.leaves(call),
        _ => {}
    });
}

/// A phone changes its session before the call is answered, where it may.
fn updates_early(life: &mut Life) {
    let direction = direction(life);
    if let Some((index, call)) = call(life, PhoneCall::may_update_early) {
        life.with(index, |phone| phone.change(call, &sip::Method::Update, Some(direction)));
    }
}

fn gives_up(life: &mut Life) {
    if let Some((index, call)) = call(life, |call| {
        !call.incoming && matches!(call.phase, Phase::Trying | Phase::Ringing)
    }) {
        life.with(index, |phone| phone.hang_up(call));
    }
}
