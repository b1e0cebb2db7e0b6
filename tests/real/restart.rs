//! The state after a kill and after a stop of Tandem.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use crate::{
    phones::{
        phone::Phone,
        sipp::Setup as Sipp,
        watcher::{Lamp, Watcher, all_lamps},
    },
    support::{
        talk::{Side, Talk},
        tandem::{Setup, Tandem},
    },
};

const SOON: Duration = Duration::from_secs(10);

#[test]
fn a_kill_in_mid_call_costs_the_call_and_nothing_else() {
    let mut pbx = Tandem::start();
    pbx.has("101").has("102");
    let (mut alice, mut bob) = (Phone::registered(&pbx, "101"), Phone::registered(&pbx, "102"));
    let (dialog, branch) = alice.begins("102");
    bob.answers();
    alice.is_answered(dialog, &branch);
    tests::wait::until("the call", SOON, || (pbx.calls().len() == 1).then_some(()));
    // That it was answered is handed to the store before the phone hears of it, and soon on the disk.
    tests::wait::until("the disk", SOON, || {
        (pbx.metric("tandem_store_queued") == 0).then_some(())
    });

    pbx.dies_and_comes_back();
    let cdr = pbx.expect_cdrs(1).remove(0);
    for (field, value) in [
        ("from", "101"),
        ("to", "102"),
        ("dialed", "102"),
        ("disposition", "answered"),
        ("ended_by", "system"),
    ] {
        assert_eq!(cdr[field], value, "{cdr:#}");
    }
    assert!(pbx.calls().is_empty());

    // No phone has to register again.
    assert_eq!(pbx.registrations().len(), 2);
    let (dialog, branch) = alice.begins("102");
    bob.answers();
    let mut dialog = alice.is_answered(dialog, &branch);
    alice.hangs_up(&mut dialog);
    bob.is_hung_up();
    let cdrs = pbx.expect_cdrs(2);
    assert_eq!(
        cdrs.iter().filter(|cdr| cdr["ended_by"] == "caller").count(),
        1,
        "{cdrs:#?}"
    );
    pbx.expect_nothing_left(SOON);
}

#[test]
fn sigterm_lets_calls_finish_then_ends_them_with_bye() {
    let mut pbx = Tandem::start();
    pbx.has("101").has("102").has("103");
    let (mut alice, mut bob) = (Phone::registered(&pbx, "101"), Phone::registered(&pbx, "102"));
    let (dialog, branch) = alice.begins("102");
    let bobs = bob.answers();
    let dialog = alice.is_answered(dialog, &branch);
    let side = |phone: &Phone, to, fill| Side {
        socket: phone.rtp.clone(),
        to,
        payload: 0,
        fill,
    };
    let talk = Talk::between(side(&alice, dialog.audio, 17), side(&bob, bobs.audio, 34));
    talk.is_heard(25);

    pbx.process.signal("-TERM");
    tests::wait::until("the end to begin", SOON, || (pbx.health() == "draining").then_some(()));
    // New calls are refused (RFC 3261 21.5.4), the one in progress goes on.
    let mut carol = Phone::new(&pbx, "103");
    assert_eq!(carol.is_refused("101").status(), 503);
    talk.is_heard(25);
    alice.is_hung_up();
    bob.is_hung_up();
    assert_eq!(pbx.ends(SOON).code(), Some(0));
    drop(talk);

    pbx.comes_back();
    // Each has its record, the refused one too.
    let cdrs = pbx.expect_cdrs(2);
    let of = |from: &str| {
        let cdr = cdrs.iter().find(|cdr| cdr["from"] == from).unwrap();
        ["disposition", "ended_by"].map(|field| cdr[field].as_str().unwrap())
    };
    assert_eq!(of("101"), ["answered", "system"]);
    assert_eq!(of("103"), ["failed", "system"]);
    assert_eq!(pbx.registrations().len(), 2);
}

#[test]
fn a_kill_under_load_loses_no_record_and_doubles_none() {
    let mut pbx = Setup::new().flag("--trust", "127.0.0.1/32=101").start();
    pbx.has("101").has("102");
    let port = Phone::registered(&pbx, "102").address().port();
    let callee = Sipp::new("callee.xml", 10_000).port(port).start();
    let caller = Sipp::new("trusted.xml", 10_000)
        .by(["101"])
        .to(pbx.sip, "102", 100)
        .start();
    // Calls that are over, calls that are up and calls that just begin.
    tests::wait::until("200 records", SOON, || {
        (pbx.metric("tandem_calls_answered_total") >= 200).then_some(())
    });
    pbx.dies_and_comes_back();
    drop((caller, callee));

    pbx.expect_nothing_left(SOON);
    // One record for each answered call: also for calls in progress, which no party ended.
    let cdrs = pbx.cdrs();
    assert!(cdrs.len() >= 200, "{}", cdrs.len());
    for field in ["call_id", "sip_call_id"] {
        let ids: BTreeSet<&str> = cdrs.iter().map(|cdr| cdr[field].as_str().unwrap()).collect();
        assert_eq!(ids.len(), cdrs.len(), "two records of one call");
    }
    let mut failed = cdrs.iter().filter(|cdr| cdr["disposition"] == "failed");
    assert!(failed.all(|cdr| cdr["ended_by"] == "system"));
    let interrupted = cdrs
        .iter()
        .filter(|cdr| cdr["detail"].as_str().unwrap().contains("interrupted"));
    assert!(interrupted.clone().all(|cdr| cdr["ended_by"] == "system"));
    assert!(interrupted.count() > 0, "no call was interrupted");
}

#[test]
fn a_registration_that_was_confirmed_survives_a_kill_at_once() {
    let mut pbx = Tandem::start();
    let numbers: Vec<String> = (0..50).map(|number| format!("{}", 1_000 + number)).collect();
    pbx.has_all(&numbers);
    let users = numbers.iter().map(String::as_str);
    Sipp::new("register.xml", 50)
        .by(users)
        .to(pbx.sip, "", 200)
        .start()
        .succeeds();
    pbx.dies_and_comes_back();
    assert_eq!(pbx.registrations().len(), 50);
}

/// So many phones watch so many extensions each; some of these have calls, some none, some no phone.
const WATCHERS: usize = 10;
const LAMPS: usize = 50;
const IN_CALLS: usize = 40;
const WITH_PHONE: usize = 45;
const CALLS: usize = 50;

#[test]
fn every_lamp_is_right_within_ten_seconds_of_a_kill() {
    let mut pbx = Setup::new().rtp_ports(400).start();
    let numbers: Vec<String> = (200..200 + WATCHERS + LAMPS + CALLS)
        .map(|number| number.to_string())
        .collect();
    pbx.has_all(&numbers);
    let (watching, others) = numbers.split_at(WATCHERS);
    let (watched, calling) = others.split_at(LAMPS);
    let mut callees: Vec<Phone> = watched[..WITH_PHONE]
        .iter()
        .map(|number| Phone::registered(&pbx, number))
        .collect();
    let mut callers: Vec<Phone> = calling.iter().map(|number| Phone::new(&pbx, number)).collect();
    let mut watchers: Vec<Watcher> = watching.iter().map(|number| Watcher::new(&pbx, number)).collect();
    for watcher in &mut watchers {
        watched.iter().for_each(|number| watcher.watches("dialog", number));
    }
    let is_at_rest = |lamp: &Lamp| {
        lamp.shows()
            == if watched[WITH_PHONE..].contains(&lamp.number) {
                "nothing"
            } else {
                "idle"
            }
    };
    all_lamps(&mut watchers, "500 lamps", SOON, |lamp| {
        lamp.status == 200 && lamp.notified > 0 && is_at_rest(lamp)
    });

    // Some have two calls.
    let callee = |call: usize| call % IN_CALLS;
    let begun: Vec<_> = callers
        .iter_mut()
        .enumerate()
        .map(|(call, caller)| caller.begins(&watched[callee(call)]))
        .collect();
    (0..CALLS).for_each(|call| drop(callees[callee(call)].answers()));
    for (caller, (dialog, branch)) in callers.iter_mut().zip(begun) {
        caller.is_answered(dialog, &branch);
    }
    all_lamps(&mut watchers, "the lamps of 50 calls", SOON, |lamp| {
        let is_called = watched[..IN_CALLS].contains(&lamp.number);
        if is_called {
            lamp.shows() == "confirmed"
        } else {
            is_at_rest(lamp)
        }
    });

    pbx.dies_and_comes_back();
    let since = Instant::now();
    assert!(pbx.calls().is_empty());
    let limit = Duration::from_secs(10).saturating_sub(since.elapsed());
    all_lamps(&mut watchers, "500 lamps that are right again", limit, is_at_rest);
    eprintln!("500 lamps were right {:?} after the start", since.elapsed());

    // They go on: a new call lights the lamp of its callee at all of them.
    let (dialog, branch) = callers[0].begins(&watched[0]);
    callees[0].answers();
    callers[0].is_answered(dialog, &branch);
    all_lamps(&mut watchers, "the lamp of a new call", SOON, |lamp| {
        if lamp.number == watched[0] {
            lamp.shows() == "confirmed"
        } else {
            is_at_rest(lamp)
        }
    });
}
