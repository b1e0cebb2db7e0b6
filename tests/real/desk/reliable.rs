//! Reliable provisional responses (RFC 3262) with real programs, on either leg and on both.

use std::time::Duration;

use crate::{
    phones::{
        baresip::Setup,
        linphone::Linphone,
        phone::Phone,
        sipp::{Setup as Sipp, Sipp as Running},
    },
    support::tandem::{self, Tandem},
};

const SOON: Duration = Duration::from_secs(15);

/// 102 is a SIPp that answers early and reliably, waits for the PRACK, and then answers for good.
fn callee(pbx: &Tandem) -> Running {
    pbx.has("101").has("102");
    // The phone that has registered makes room for it.
    let port = Phone::registered(pbx, "102").address().port();
    Sipp::new("reliable-callee.xml", 1).port(port).start()
}

#[test]
fn sipp_acknowledges_the_early_media_of_sipp() {
    let pbx = Tandem::start();
    let callee = callee(&pbx);
    let caller = Sipp::new("reliable-caller.xml", 1).by(["101"]).to(pbx.sip, "102", 1);
    caller.start().succeeds();
    callee.succeeds();
    pbx.expect_nothing_left(SOON);
}

#[test]
fn linphone_acknowledges_the_early_media_of_sipp() {
    let pbx = Tandem::start();
    let callee = callee(&pbx);
    let mut alice = Linphone::registers(&pbx, "101", 440.0);
    alice.says(&format!("call sip:102@{}", pbx.sip));
    alice.expect("early media", 1);
    // Without its PRACK the 200 would not come: it waits for that of a description.
    alice.expect("Media streams established", 1);
    alice.says("terminate");
    callee.succeeds();
    pbx.expect_nothing_left(SOON);
}

#[test]
fn baresip_knows_nothing_of_it_and_talks_with_sipp_all_the_same() {
    let pbx = Tandem::start();
    let callee = callee(&pbx);
    let mut alice = Setup::new("101", 440.0).registers(&pbx);
    alice.talks_to("102");
    alice.hangs_up();
    callee.succeeds();
    pbx.expect_nothing_left(SOON);
}

#[test]
fn linphone_acknowledges_that_a_phone_rings_which_knows_nothing_of_it() {
    let setup = tandem::Setup::new().flag("--reliable-provisional", "always");
    let pbx = setup.start();
    pbx.has("101").has("102");
    let mut bob = Setup::new("102", 1000.0).registers(&pbx);
    let mut alice = Linphone::registers(&pbx, "101", 440.0);
    alice.says(&format!("call sip:102@{}", pbx.sip));
    bob.expect("CALL_ESTABLISHED");
    alice.expect("Media streams established", 1);
    alice.hears(1000.0);
    bob.hears(440.0);
    alice.says("terminate");
    bob.expect("CALL_CLOSED");
    pbx.expect_nothing_left(SOON);
}
