//! Hold, and the end of it. They are chosen by a chance of their own.

use media::SdpDirection::{Inactive, SendOnly, SendRecv};
use sip::Method;
use tests::{Phase, phone::PhoneCall};

use crate::life::Life;

/// Of a hundred events of a world with holds, this many belong to them.
const OFTEN: u64 = 8;

/// Perhaps the next event is a hold, or the end of a hold; true where it is.
pub fn act(life: &mut Life) -> bool {
    let Some(mut chance) = life.chances.holds.take() else {
        return false;
    };
    let acts = chance.percent(OFTEN);
    if acts {
        let resumes = chance.percent(35);
        let (direction, method) = match chance.below(10) {
            _ if resumes => (SendRecv, Method::Invite),
            0..=6 => (SendOnly, Method::Invite),
            7 => (SendOnly, Method::Update),
            _ => (Inactive, Method::Invite),
        };
        let calls = calls(life, resumes);
        let at = usize::try_from(chance.below(calls.len() as u64)).unwrap();
        if let Some((phone, call)) = calls.get(at).copied() {
            life.with(phone, |phone| phone.change(call, &method, Some(direction)));
        }
    }
    life.chances.holds = Some(chance);
    acts
}

/// The calls that may change now, those on hold or the others: phone and call.
fn calls(life: &Life, on_hold: bool) -> Vec<(usize, usize)> {
    let phones = life.world.phones.iter().enumerate();
    let such = |call: &PhoneCall| {
        let may = call.phase == Phase::Up && call.may_change();
        may && matches!(call.said(), SendOnly | Inactive) == on_hold
    };
    phones
        .filter(|(_, phone)| !phone.mood.dead)
        .flat_map(|(at, phone)| phone.calls.iter().enumerate().map(move |(call, seen)| (at, call, seen)))
        .filter(|(_, _, call)| such(call))
        .map(|(phone, call, _)| (phone, call))
        .collect()
}
