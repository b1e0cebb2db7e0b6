//! Transfers between real phones, judged by what they hear afterwards.

use std::time::Duration;

use serde_json::Value;

use crate::{
    phones::{
        baresip::{Baresip, Setup},
        linphone::Linphone,
    },
    support::tandem::Tandem,
};

const SOON: Duration = Duration::from_secs(10);

/// What each phone says, in hertz.
const ALICE: f64 = 440.0;
const BOB: f64 = 1000.0;
const CAROL: f64 = 700.0;

/// The party of a call is sent to 103, which answers by itself: the two hear each other, and the transferor is free.
fn blind(pbx: &Tandem, transferor: &mut Baresip, transferee: (&mut Baresip, f64)) {
    let mut carol = Setup::new("103", CAROL).registers(pbx);
    // This phone takes the URI as it is written.
    transferor.command("transfer", &format!("sip:103@{}", pbx.sip));
    carol.expect("CALL_ESTABLISHED");
    transferor.expect("CALL_CLOSED");
    let (transferee, says) = transferee;
    transferee.hears(CAROL);
    carol.hears(says);
    transferee.hangs_up();
    carol.expect("CALL_CLOSED");
    let cdrs = pbx.expect_cdrs(2);
    assert!(cdrs.iter().any(|cdr| cdr["dialed"] == "103"), "{cdrs:#?}");
    pbx.expect_nothing_left(SOON);
}

fn talking(pbx: &Tandem) -> (Baresip, Baresip) {
    pbx.has("101").has("102").has("103");
    let mut alice = Setup::new("101", ALICE).registers(pbx);
    let mut bob = Setup::new("102", BOB).registers(pbx);
    alice.talks_to("102");
    bob.expect("CALL_ESTABLISHED");
    alice.hears(BOB);
    (alice, bob)
}

#[test]
fn the_callee_of_two_real_phones_transfers_the_caller() {
    let pbx = Tandem::start();
    let (mut alice, mut bob) = talking(&pbx);
    blind(&pbx, &mut bob, (&mut alice, ALICE));
}

#[test]
fn the_caller_of_two_real_phones_transfers_the_callee() {
    let pbx = Tandem::start();
    let (mut alice, mut bob) = talking(&pbx);
    blind(&pbx, &mut alice, (&mut bob, BOB));
}

#[test]
fn a_real_phone_that_hangs_up_after_a_failed_transfer_leaves_nothing() {
    let pbx = Tandem::start();
    let (mut alice, mut bob) = talking(&pbx);
    bob.command("transfer", &format!("sip:999@{}", pbx.sip));
    bob.expect("TRANSFER_FAILED");
    // This phone sends BYE as soon as it hears that the target was not reached; its party was on its way back.
    alice.expect("CALL_CLOSED");
    let cdrs = pbx.expect_cdrs(2);
    let links = |cdr: &Value| cdr["links"].as_array().map_or(0, Vec::len);
    assert!(cdrs.iter().all(|cdr| links(cdr) > 0), "{cdrs:#?}");
    pbx.expect_nothing_left(SOON);
}

#[test]
fn a_real_phone_calls_the_target_first_and_then_joins_its_two_calls() {
    let pbx = Tandem::start();
    pbx.has("101").has("102").has("103");
    let mut alice = Setup::new("101", ALICE).registers(&pbx);
    let mut carol = Setup::new("103", CAROL).registers(&pbx);
    let mut bob = Linphone::registers(&pbx, "102", BOB);
    bob.says(&format!("call sip:101@{}", pbx.sip));
    alice.expect("CALL_ESTABLISHED");
    bob.expect("Media streams established", 1);
    alice.hears(BOB);
    bob.says("pause");
    bob.expect("is now paused", 1);
    bob.says(&format!("call sip:103@{}", pbx.sip));
    carol.expect("CALL_ESTABLISHED");
    bob.expect("Media streams established", 2);
    carol.hears(BOB);
    bob.says("transfer 1 --to-call 2");
    // What a baresip hears after it was held is in no recording: the other one is judged, and that both may speak.
    carol.hears(ALICE);
    let [call] = &pbx.calls()[..] else {
        panic!("one call is left")
    };
    let up = |leg: &Value| leg["state"] == "up";
    let parties = call["legs"].as_array().unwrap();
    assert!(parties.iter().filter(|leg| up(leg)).count() == 2, "{call:#}");
    alice.hangs_up();
    carol.expect("CALL_CLOSED");
    let cdrs = pbx.expect_cdrs(2);
    let answered = |cdr: &Value| cdr["disposition"] == "answered";
    assert!(cdrs.iter().all(answered), "{cdrs:#?}");
    pbx.expect_nothing_left(SOON);
}
