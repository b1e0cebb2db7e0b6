//! Calls between real phones that Tandem passes on as a proxy: their sound goes past Tandem.

use std::time::Duration;

use crate::{
    phones::{
        baresip::{Baresip, Setup},
        linphone::Linphone,
    },
    support::tandem::{self, Tandem},
};

const SOON: Duration = Duration::from_secs(10);

/// What each phone says, in hertz.
const ALICE: f64 = 440.0;
const BOB: f64 = 1000.0;

/// The digits after 7 are the port of a phone of this machine.
fn started() -> Tandem {
    let pbx = tandem::Setup::new()
        .plan(r#"fn on_call(caller) { caller.proxy("sip:102@127.0.0.1:" + caller.dialed.sub_string(1)); }"#)
        .start();
    pbx.has("101").has("102");
    pbx
}

/// The number to dial for the phone of 102.
fn number(pbx: &Tandem) -> String {
    let phones = pbx.registrations();
    let phone = phones.iter().find(|phone| phone["number"] == "102").unwrap();
    let (_, port) = phone["source"].as_str().unwrap().rsplit_once(':').unwrap();
    format!("7{port}")
}

fn is_over(pbx: &Tandem, by: &str) {
    let cdr = pbx.expect_cdrs(1).remove(0);
    let ended = (&cdr["disposition"], &cdr["ended_by"]);
    assert_eq!(ended, (&"answered".into(), &by.into()), "{cdr:#}");
    assert_eq!(pbx.metric("tandem_media_ports"), 0, "the sound goes past Tandem");
    pbx.expect_nothing_left(SOON);
}

fn talking(pbx: &Tandem) -> (Baresip, Baresip) {
    let mut alice = Setup::new("101", ALICE).registers(pbx);
    let mut bob = Setup::new("102", BOB).registers(pbx);
    alice.talks_to(&number(pbx));
    bob.expect("CALL_ESTABLISHED");
    alice.hears(BOB);
    bob.hears(ALICE);
    (alice, bob)
}

#[test]
fn the_caller_hangs_up_a_call_that_was_passed_on() {
    let pbx = started();
    let (mut alice, mut bob) = talking(&pbx);
    alice.hangs_up();
    bob.expect("CALL_CLOSED");
    is_over(&pbx, "caller");
}

#[test]
fn the_callee_hangs_up_a_call_that_was_passed_on() {
    let pbx = started();
    let (mut alice, mut bob) = talking(&pbx);
    bob.hangs_up();
    alice.expect("CALL_CLOSED");
    is_over(&pbx, "callee");
}

#[test]
fn another_make_of_phone_holds_and_resumes_a_call_that_was_passed_on() {
    let pbx = started();
    let mut bob = Setup::new("102", BOB).registers(&pbx);
    let mut alice = Linphone::registers(&pbx, "101", ALICE);
    alice.says(&format!("call sip:{}@{}", number(&pbx), pbx.sip));
    bob.expect("CALL_ESTABLISHED");
    alice.expect("Media streams established", 1);
    bob.hears(ALICE);
    alice.says("pause");
    alice.expect("is now paused", 1);
    alice.says("resume");
    alice.expect("Media streams established", 2);
    alice.hears(BOB);
    alice.says("terminate");
    bob.expect("CALL_CLOSED");
    is_over(&pbx, "caller");
}
