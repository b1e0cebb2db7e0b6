//! Transfers, blind and attended; calls with Replaces. They are chosen by a chance of their own.

use sip::HeaderName;
use switch::{Command, Party};
use tests::{Phase, phone::PhoneCall};

use crate::{life::Life, scripts::pick};

/// Of a hundred events of a world with transfers, this many belong to a transfer.
const OFTEN: u64 = 22;

/// Perhaps the next event is one of a transfer; true where it is.
pub fn act(life: &mut Life) -> bool {
    let Some(mut chance) = life.chances.transfers.take() else {
        return false;
    };
    let acts = chance.percent(OFTEN);
    if acts {
        match chance.below(100) {
            0..=34 => blind(life, &mut chance),
            35..=69 => attended(life, &mut chance),
            70..=91 => replaces(life, &mut chance),
            92..=94 => leaves(life, &mut chance),
            95 => malformed(life, &mut chance),
            96 => moves(life, &mut chance),
            97 => joins(life, &mut chance),
            _ => mood(life, &mut chance),
        }
    }
    life.chances.transfers = Some(chance);
    acts
}

type Chance = tests::net::Chance;

fn one<T: Copy>(chance: &mut Chance, of: &[T]) -> Option<T> {
    let at = usize::try_from(chance.below(of.len() as u64)).unwrap();
    of.get(at).copied()
}

/// The calls for which `so` holds: phone and call.
fn calls(life: &Life, so: impl Fn(&PhoneCall) -> bool) -> Vec<(usize, usize)> {
    let phones = life.world.phones.iter().enumerate();
    let alive = phones.filter(|(_, phone)| !phone.mood.dead);
    alive
        .flat_map(|(at, phone)| phone.calls.iter().enumerate().map(move |(call, seen)| (at, call, seen)))
        .filter(|(_, _, call)| so(call))
        .map(|(phone, call, _)| (phone, call))
        .collect()
}

fn number(life: &Life, chance: &mut Chance) -> String {
    match chance.below(12) {
        0 => "999".into(),
        1 if life.real => "700".into(),
        2 if life.real => "705".into(),
        _ => pick(chance, &life.numbers),
    }
}

/// A phone in a call sends the other party on, and sometimes hangs up at once.
fn blind(life: &mut Life, chance: &mut Chance) {
    let up = calls(life, |call| call.phase == Phase::Up);
    let Some((phone, call)) = one(chance, &up) else { return };
    let (to, leaves) = (number(life, chance), chance.percent(15));
    let silent = chance.percent(20);
    life.with(phone, |phone| {
        if silent {
            phone.refer_silently(call, &phone.uri_of(&to));
        } else {
            phone.transfer(call, &to);
        }
        if leaves {
            phone.hang_up(call);
        }
    });
}

/// A phone with two calls joins them. A phone with one call makes a second.
fn attended(life: &mut Life, chance: &mut Chance) {
    let named = |call: &PhoneCall| match call.phase {
        Phase::Up => true,
        Phase::Ringing => !call.incoming,
        Phase::Trying | Phase::Ending | Phase::Over(_) => false,
    };
    let up = calls(life, |call| call.phase == Phase::Up);
    let candidates = calls(life, named);
    let pairs: Vec<((usize, usize), usize)> = up
        .iter()
        .flat_map(|first| {
            let others = candidates
                .iter()
                .filter(move |second| second.0 == first.0 && second.1 != first.1);
            others.map(|second| (*first, second.1))
        })
        .collect();
    if let Some(((phone, first), second)) = one(chance, &pairs)
        && chance.percent(70)
    {
        life.with(phone, |phone| phone.join(first, second));
        return;
    }
    let Some((phone, call)) = one(chance, &up) else { return };
    let (to, holds) = (number(life, chance), chance.percent(60));
    life.with(phone, |phone| {
        if holds && phone.calls[call].may_change() {
            phone.change(call, &sip::Method::Invite, Some(media::SdpDirection::SendOnly));
        }
        phone.mood.late_offer = false;
        phone.mood.offers_with = None;
        phone.call(&to);
    });
}

/// A phone takes the place of another: of a ringing one, of one that talks, of a caller.
fn replaces(life: &mut Life, chance: &mut Chance) {
    let ringing = calls(life, |call| call.phase == Phase::Ringing && call.incoming);
    let any = calls(life, |call| matches!(call.phase, Phase::Up | Phase::Ringing));
    let among = if chance.percent(60) { &ringing } else { &any };
    let Some((phone, call)) = one(chance, among) else {
        return;
    };
    let Some(named) = life.world.phones[phone].replaces(call) else {
        return;
    };
    let named = match chance.below(20) {
        0..=3 => format!("{named};early-only"),
        4 => named.replace("from-tag=", "from-tag=x"),
        _ => named,
    };
    let picker = usize::try_from(chance.below(life.world.phones.len() as u64)).unwrap();
    if life.world.phones[picker].mood.dead {
        return;
    }
    let (to, late) = (number(life, chance), chance.percent(10));
    life.world.phones[phone].calls[call].given = true;
    life.with(picker, |phone| {
        phone.mood.late_offer = late;
        phone.mood.offers_with = None;
        phone.call_replacing(&to, &named);
    });
}

/// A phone that waits for the end of its transfer hangs up.
fn leaves(life: &mut Life, chance: &mut Chance) {
    let waiting = calls(life, |call| call.phase == Phase::Up && call.transfer.is_open());
    if let Some((phone, call)) = one(chance, &waiting) {
        life.with(phone, |phone| phone.hang_up(call));
    }
}

/// Another phone of an extension, or a stranger, joins a call.
fn joins(life: &mut Life, chance: &mut Chance) {
    let up = calls(life, |call| call.phase == Phase::Up);
    let Some((phone, call)) = one(chance, &up) else { return };
    let Some(named) = life.world.phones[phone].replaces(call) else {
        return;
    };
    let (number, any) = (life.world.phones[phone].number.clone(), chance.percent(20));
    let phones = life.world.phones.iter().enumerate();
    let mates: Vec<usize> = phones
        .filter(|(at, mate)| *at != phone && !mate.mood.dead && (any || mate.number == number))
        .map(|(at, _)| at)
        .collect();
    let Some(mate) = one(chance, &mates) else { return };
    let late = chance.percent(10);
    life.with(mate, |phone| {
        phone.mood.late_offer = late;
        phone.mood.offers_with = None;
        phone.call_joining("100", &named);
    });
}

/// The admin API moves a party.
fn moves(life: &mut Life, chance: &mut Chance) {
    let calls: Vec<_> = life.world.opened.iter().copied().collect();
    let Some(call) = one(chance, &calls) else { return };
    let to = number(life, chance);
    let party = if chance.percent(50) {
        Party::Caller
    } else {
        Party::Callee
    };
    let command = Command::Transfer { call, party, to };
    life.note(|| format!("{command:?}"));
    life.command(command);
}

fn malformed(life: &mut Life, chance: &mut Chance) {
    let up = calls(life, |call| call.phase == Phase::Up);
    let Some((phone, call)) = one(chance, &up) else { return };
    let to = [
        "<http://a.example>",
        "<sip:a@b;method=BYE>",
        "sip:",
        "<sip:100@tandem.local?Replaces=x>",
    ];
    let to = one(chance, &to).unwrap_or_default();
    life.with(phone, |phone| {
        phone.refer(call, |builder| builder.header(HeaderName::ReferTo, to));
    });
}

fn mood(life: &mut Life, chance: &mut Chance) {
    let phone = usize::try_from(chance.below(life.world.phones.len() as u64)).unwrap();
    let code = one(chance, &[481, 405, 500]).filter(|_| chance.percent(40));
    life.with(phone, |phone| phone.mood.refuses_notices = code);
}
