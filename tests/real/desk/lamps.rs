//! Lamps and waiting messages, seen by real programs.

use std::time::Duration;

use tests::wait::until;

use crate::{
    phones::{
        baresip::Setup,
        sipp::Setup as Sipp,
        watcher::{Watcher, all_lamps},
    },
    support::tandem::Tandem,
};

const SOON: Duration = Duration::from_secs(15);

#[test]
fn sipp_and_our_own_phone_see_the_lamp_of_a_real_phone() {
    let pbx = Tandem::start();
    pbx.has("101").has("102").has("103").has("104");
    let mut alice = Setup::new("101", 440.0).registers(&pbx);
    let mut bob = Setup::new("102", 1000.0).registers(&pbx);
    let lamp = Sipp::new("lamp.xml", 1)
        .by(["103"])
        .to(pbx.sip, "102", 1)
        .key("event", "dialog")
        .start();
    let mut own = [Watcher::new(&pbx, "104")];
    own[0].watches("dialog", "102");
    lamp.expect("step 1 terminated");
    all_lamps(&mut own, "a lamp", SOON, |lamp| {
        lamp.notified > 0 && lamp.shows() == "idle"
    });
    alice.talks_to("102");
    bob.expect("CALL_ESTABLISHED");
    lamp.expect("step 2 confirmed");
    all_lamps(&mut own, "a call", SOON, |lamp| lamp.shows() == "confirmed");
    assert!(
        own[0].lamps[0].document.contains("sip:101@"),
        "{}",
        own[0].lamps[0].document
    );
    alice.hangs_up();
    bob.expect("CALL_CLOSED");
    lamp.succeeds();
    all_lamps(&mut own, "the end of the call", SOON, |lamp| lamp.shows() == "idle");
    // SIPp has ended its subscription.
    until("one subscription", SOON, || {
        (pbx.get("/subscriptions")["items"].as_array()?.len() == 1).then_some(())
    });
}

#[test]
fn a_real_phone_and_sipp_are_told_that_no_message_waits() {
    let pbx = Tandem::start();
    pbx.has("101").has("102");
    Sipp::new("summary.xml", 1)
        .by(["102"])
        .to(pbx.sip, "102", 1)
        .key("event", "message-summary")
        .start()
        .succeeds();
    let watching = Setup {
        app: "mwi",
        ..Setup::new("101", 440.0)
    };
    watching.registers(&pbx).expect_printed("Messages-Waiting: no");
}
