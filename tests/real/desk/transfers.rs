//! Transfers between real phones, judged by what they hear afterwards.

use std::time::Duration;

use serde_json::Value;

use crate::{
    phones::{
        baresip::{Baresip, Setup},
        linphone::Linphone,
        phone::Phone,
        sipp::Setup as Sipp,
    },
    support::{
        tandem::{self, Tandem},
        tone,
    },
};

const SOON: Duration = Duration::from_secs(10);

/// What each phone says, in hertz.
const ALICE: f64 = 440.0;
const BOB: f64 = 1000.0;
const CAROL: f64 = 700.0;
/// The music of held phones.
const MUSIC: f64 = 600.0;

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
    let prompts = tempfile::tempdir().unwrap();
    tone::write(&prompts.path().join("default.wav"), MUSIC);
    let setup = tandem::Setup::new().flag("--prompts", prompts.path().display());
    let pbx = setup.start();
    pbx.has("101").has("102").has("103");
    let mut alice = Setup::new("101", ALICE).registers(&pbx);
    let mut carol = Setup::new("103", CAROL).registers(&pbx);
    let mut bob = Linphone::registers(&pbx, "102", BOB);
    bob.says(&format!("call sip:101@{}", pbx.sip));
    alice.expect("CALL_ESTABLISHED");
    bob.expect("Media streams established", 1);
    alice.hears(BOB);
    bob.hears(ALICE);
    bob.says("pause");
    bob.expect("is now paused", 1);
    // Held, she hears music, also while Bob talks with Carol.
    alice.hears(MUSIC);
    bob.says(&format!("call sip:103@{}", pbx.sip));
    carol.expect("CALL_ESTABLISHED");
    bob.expect("Media streams established", 2);
    carol.hears(BOB);
    bob.hears(CAROL);
    alice.hears(MUSIC);
    bob.says("transfer 1 --to-call 2");
    bob.expect("ended (No error)", 2);
    carol.hears(ALICE);
    alice.hears(CAROL);
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

#[test]
fn another_make_of_phone_transfers_its_party() {
    let pbx = Tandem::start();
    pbx.has("101").has("102").has("103");
    let mut alice = Setup::new("101", ALICE).registers(&pbx);
    let mut carol = Setup::new("103", CAROL).registers(&pbx);
    let mut bob = Linphone::registers(&pbx, "102", BOB);
    bob.says(&format!("call sip:101@{}", pbx.sip));
    alice.expect("CALL_ESTABLISHED");
    alice.hears(BOB);
    bob.hears(ALICE);
    bob.says(&format!("transfer 1 sip:103@{}", pbx.sip));
    moved(&pbx, (&mut alice, ALICE), &mut carol);
}

/// The party of a call that was transferred hears Carol, Carol hears the party, and the end of their call is the end of
/// everything.
fn moved(pbx: &Tandem, (party, says): (&mut Baresip, f64), carol: &mut Baresip) {
    carol.expect("CALL_ESTABLISHED");
    party.hears(CAROL);
    carol.hears(says);
    party.hangs_up();
    carol.expect("CALL_CLOSED");
    pbx.expect_nothing_left(SOON);
}

/// SIPp calls Alice, who hears herself, and sends her to `target` once she presses a key.
fn by_sipp(pbx: &Tandem, alice: &mut Baresip, target: &str) {
    let bob = Sipp::new("transfer.xml", 1)
        .by(["102"])
        .to(pbx.sip, "101", 1)
        .key("target", target)
        .echoes()
        .start();
    alice.expect("CALL_ESTABLISHED");
    alice.hears(ALICE);
    alice.command("sndcode", "5");
    bob.succeeds();
}

#[test]
fn sipp_transfers_its_party_once_a_key_has_come_by_info() {
    let pbx = Tandem::start();
    pbx.has("101").has("102").has("103");
    let mut alice = Setup::new("101", ALICE).registers(&pbx);
    let mut carol = Setup::new("103", CAROL).registers(&pbx);
    by_sipp(&pbx, &mut alice, &format!("<sip:103@{}>", pbx.sip));
    moved(&pbx, (&mut alice, ALICE), &mut carol);
}

#[test]
fn sipp_joins_its_party_and_that_of_another_call() {
    let pbx = Tandem::start();
    pbx.has("101").has("102").has("103");
    let mut alice = Setup::new("101", ALICE).registers(&pbx);
    let mut carol = Setup::new("103", CAROL).registers(&pbx);
    // The other call of 102. SIPp knows MD5 only, so neither call shows Tandem that this extension knows more.
    let mut bob = Phone::new(&pbx, "102");
    bob.sha256 = false;
    let (dialog, branch) = bob.begins("103");
    let asked = bob.is_answered(dialog, &branch);
    let named = asked.name().replace(';', "%3B").replace('=', "%3D").replace('@', "%40");
    by_sipp(&pbx, &mut alice, &format!("<sip:103@{}?Replaces={named}>", pbx.sip));
    bob.is_hung_up();
    moved(&pbx, (&mut alice, ALICE), &mut carol);
}

#[test]
fn sipp_takes_the_place_of_a_phone_by_replaces() {
    let pbx = Tandem::start();
    pbx.has("101").has("102").has("103");
    let mut alice = Setup::new("101", ALICE).registers(&pbx);
    let mut bob = Phone::new(&pbx, "102");
    let (dialog, branch) = bob.begins("101");
    let dialog = bob.is_answered(dialog, &branch);
    alice.expect("CALL_ESTABLISHED");
    let carol = Sipp::new("replaces.xml", 1)
        .by(["103"])
        .to(pbx.sip, "101", 1)
        .key("replaces", &dialog.name());
    let carol = carol.echoes().start();
    bob.is_hung_up();
    alice.hears(ALICE);
    alice.hangs_up();
    carol.succeeds();
    pbx.expect_nothing_left(SOON);
}
