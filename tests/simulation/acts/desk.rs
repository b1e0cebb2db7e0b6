//! The admin API, registrations and texts outside of calls, habits of phones, accounts.

use std::time::Duration;

use switch::{AccountChange, Command, Input, RecordAction};

use super::phone;
use crate::{life::Life, scripts::pick};

pub fn admin(life: &mut Life) {
    let calls: Vec<_> = life.world.opened.iter().copied().collect();
    let at = usize::try_from(life.chance.below(calls.len() as u64 + 1)).unwrap();
    let rooms = crate::scripts::CONFERENCES;
    let room = rooms[usize::from(life.chance.percent(50))].to_owned();
    let command = match life.chance.below(14) {
        10 => match calls.get(at) {
            Some(call) => Command::Record {
                call: *call,
                action: [
                    RecordAction::Start,
                    RecordAction::Stop,
                    RecordAction::Pause,
                    RecordAction::Resume,
                ][usize::try_from(life.chance.below(4)).unwrap()],
            },
            None => Command::ListConferences,
        },
        11 => match calls.get(at) {
            Some(member) => Command::MuteMember {
                room,
                member: *member,
                muted: life.chance.percent(50),
            },
            None => Command::ListConferences,
        },
        12 => match calls.get(at) {
            Some(member) => Command::RemoveMember { room, member: *member },
            None => Command::ListConferences,
        },
        13 => Command::ListConferences,
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
            Some(id) if !life.weather.is_orderly() => Command::RemoveRegistration(*id),
            Some(_) | None => Command::ListCalls,
        },
    };
    life.note(|| format!("{command:?}"));
    life.command(command);
}

pub fn outside(life: &mut Life) {
    let index = phone(life);
    if life.world.phones[index].mood.dead {
        return;
    }
    let seconds = [3_600, 60, 600, 0][usize::try_from(life.chance.below(4)).unwrap()];
    let to = pick(&mut life.chance, &life.numbers);
    let texts = life.chance.percent(40);
    life.counts.texts += 1;
    let text = format!("text {}", life.counts.texts);
    life.with(index, |phone| {
        if texts {
            phone.text(&to, &text);
        } else {
            phone.register(seconds);
        }
    });
}

pub fn mood(life: &mut Life) {
    let index = phone(life);
    let orderly = life.weather.is_orderly();
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

pub fn account(life: &mut Life) {
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
        life.incidents.locked_out.insert(number.clone());
        return life.world.extension(&number);
    }
    life.world.account(&number, |extension| match what {
        0 => extension.dnd = true,
        1 => extension.forward_always = Some(to),
        2 => extension.forward_busy = Some(to),
        3 => extension.forward_no_answer = Some(to),
        4 => extension.rules.pickup_group = Some("sales".into()),
        5 => extension.rules.intercom = false,
        _ => {}
    });
}
