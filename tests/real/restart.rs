//! What a killed and a stopping Tandem leaves behind.

use std::time::Duration;

use crate::{
    phone::Phone,
    talk::{Side, Talk},
    tandem::Tandem,
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

    pbx.dies_and_comes_back();
    let cdr = pbx.expect_cdrs(1).remove(0);
    for (field, value) in [
        ("from", "101"),
        ("dialed", "102"),
        ("disposition", "failed"),
        ("ended_by", "system"),
    ] {
        assert_eq!(cdr[field], value, "{cdr:#}");
    }
    assert!(pbx.calls().is_empty());

    // Nobody has to register again.
    assert_eq!(pbx.registrations().len(), 2);
    let (dialog, branch) = alice.begins("102");
    bob.answers();
    let mut dialog = alice.is_answered(dialog, &branch);
    alice.hangs_up(&mut dialog);
    bob.is_hung_up();
    let cdrs = pbx.expect_cdrs(2);
    assert_eq!(
        cdrs.iter().filter(|cdr| cdr["disposition"] == "answered").count(),
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
        socket: phone.rtp.try_clone().unwrap(),
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
