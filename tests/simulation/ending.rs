//! The end of a day, and restarts of the switch.

use std::time::Duration;

use switch::{Command, Input};
use tests::{Phase, Settings, net::Faults};

use crate::{
    life::{GRANTED, Life, Seen},
    verdict::{self, Moment, judge},
};

/// How long a NOTIFY may be under way, and its answer be kept by the phone.
const NOTIFIED: Duration = Duration::from_secs(40);

/// All calls end, then all subscriptions; then nothing may be left.
pub fn ends(life: &mut Life, last: bool) {
    life.note(|| "the world comes to its end".into());
    life.world.net.faults = Faults::default();
    life.world.store_works = true;
    life.outage = None;
    // A phone that puts its NOTIFYs off would be told again and again.
    let phones = life.world.phones.iter_mut();
    for lamp in phones.flat_map(|phone| &mut phone.lamps) {
        lamp.answers.1 = None;
    }
    let gap = life.gap();
    life.world.pass(gap);
    if life.chance.percent(40) {
        life.world.pass(verdict::ALL_SETTLED);
        judge(life, Moment::Settled);
    }
    if last && life.chance.percent(20) {
        life.world.handle(Input::Drain);
    }
    if life.chance.percent(50) {
        end_by_themselves(life);
    } else {
        are_ended(life, last);
    }
    // 32 s for an ACK, 32 s for a BYE, and 32 s for the last transaction, with some to spare.
    life.world.pass(Duration::from_secs(120));
    rests(life);
    judge(life, Moment::CallsOver);
    phones_end(life);
    rests(life);
    judge(life, Moment::PhonesOver);
    registers(life);
    judge(life, Moment::Registered);
    subscriptions_end(life);
    judge(life, Moment::SubscriptionsOver);
}

/// Lets time pass until no NOTIFY of a subscription is under way. Phones that are gone get one now and then.
fn rests(life: &mut Life) {
    for _ in 0..20 {
        let since = life.world.now - life.world.notified;
        if since > NOTIFIED {
            return;
        }
        life.world.pass(NOTIFIED - since + Duration::from_millis(1));
    }
}

/// All phones that have power hang up, again and again. The calls of the other phones end by their session timers.
fn end_by_themselves(life: &mut Life) {
    for _ in 0..12 {
        phones_hang_up(life, 100);
        life.world.pass(Duration::from_secs(15));
    }
    let longest = life.config.session_expires.max(GRANTED);
    life.world.pass(longest + life.config.limits.setup);
}

/// Most phones hang up; then the admin API, or a stop of the switch, ends the calls that are left.
fn are_ended(life: &mut Life, last: bool) {
    phones_hang_up(life, 80);
    let wait = life.chance.below(40);
    life.world.pass(Duration::from_secs(wait));
    if last && life.chance.percent(50) {
        return life.world.handle(Input::HangUpAll);
    }
    // The retransmission of a lost INVITE may come for 32 s.
    for _ in 0..2 {
        for call in life.world.opened.clone() {
            life.command(Command::HangUp(call));
        }
        life.world.pass(Duration::from_secs(40));
    }
}

fn phones_hang_up(life: &mut Life, percent: u64) {
    for phone in 0..life.world.phones.len() {
        let goes = life.chance.percent(percent);
        life.with(phone, |phone| {
            for call in 0..phone.calls.len() {
                if goes && !phone.mood.dead {
                    phone.hang_up(call);
                }
            }
        });
    }
}

/// Phones without power come back; the others hang up what they believe to be in.
fn phones_end(life: &mut Life) {
    for phone in 0..life.world.phones.len() {
        life.with(phone, |phone| {
            if phone.mood.dead {
                return phone.reboots();
            }
            for call in 0..phone.calls.len() {
                if phone.calls[call].is_asked() {
                    phone.decide(call, 487);
                }
                if !matches!(phone.calls[call].phase, Phase::Over(_)) {
                    phone.hang_up(call);
                }
            }
        });
    }
    life.world.pass(Duration::from_secs(100));
}

/// Every phone registers, and gets the texts that were kept for it.
fn registers(life: &mut Life) {
    if life.chances.texts.is_none() {
        return;
    }
    for phone in 0..life.world.phones.len() {
        life.with(phone, |phone| phone.register(3_600));
    }
    life.world.pass(Duration::from_secs(60));
}

/// Some phones end their subscriptions; the time of the others passes.
fn subscriptions_end(life: &mut Life) {
    if life.chances.lamps.is_none() {
        return;
    }
    let now = life.world.now;
    for phone in 0..life.world.phones.len() {
        if life.chance.percent(50) {
            life.with(phone, |phone| {
                for lamp in 0..phone.lamps.len() {
                    if phone.lamps[lamp].is_on(now, Duration::ZERO) {
                        phone.subscribe_again(lamp, 0, |it| it);
                    }
                }
            });
        }
    }
    let limits = &life.config.limits.services.subscriptions;
    let longest = limits.max_expires.max(limits.publications.max_expires);
    life.world
        .pass(Duration::from_secs(longest.into()) + Duration::from_secs(40));
}

/// The switch is killed, and started again on what is on disk.
pub fn killed(life: &mut Life) {
    if life.one_switch {
        return;
    }
    life.incidents.killed = true;
    let refused_for_good = life.seen.refused_for_good;
    life.seen = Seen {
        refused_for_good,
        ..Seen::default()
    };
    restarts(life);
    // The ends of those calls were not seen: the store closes their records.
    life.world.interrupted();
    life.world.events.clear();
    is_there_again(life);
}

/// The switch is stopped in order, and started again: calls end, and nothing is under way then.
pub fn stopped(life: &mut Life) {
    life.note(|| "the switch is stopped".into());
    let faults = std::mem::take(&mut life.world.net.faults);
    life.world.handle(Input::HangUpAll);
    life.world.pass(Duration::from_secs(70));
    life.seen.silent.clear();
    restarts(life);
    let interrupted = life.world.interrupted();
    assert!(
        !life.weather.is_orderly() || interrupted == 0,
        "{interrupted} calls had no end"
    );
    is_there_again(life);
    life.world.net.faults = faults;
}

fn restarts(life: &mut Life) {
    let seed = life.chance.next();
    life.counts.restarts += 1;
    life.mailboxes.clear();
    life.world.restart(&Settings {
        seed,
        plan: "fn on_call(caller) { }".into(),
        config: life.config.clone(),
        ..Settings::default()
    });
    life.scripts();
}

/// Ten seconds after a start all lamps are right.
fn is_there_again(life: &mut Life) {
    if life.chances.lamps.is_none() {
        return;
    }
    let faults = std::mem::take(&mut life.world.net.faults);
    life.world.pass(Duration::from_secs(10));
    judge(life, Moment::Started);
    life.world.net.faults = faults;
}
