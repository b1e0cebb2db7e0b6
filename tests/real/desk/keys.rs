//! Keys between phones that send them in different ways: each arrives once, in the form that the other side takes.

use std::{collections::BTreeSet, time::Duration};

use tests::wait::until;

use crate::{
    phones::{baresip::Setup, linphone::Linphone, phone::Phone, sipp::Setup as Sipp},
    support::tandem::Tandem,
};

const SOON: Duration = Duration::from_secs(15);
const ALICE: f64 = 440.0;
const BOB: f64 = 1000.0;
/// linphonec sends its keys by SIP INFO and not as RFC 4733 events.
const BY_INFO: &str = "use_info=1\nuse_rfc2833=0";
/// The payload number and the clock of events.
const EVENTS: (u8, u32) = (101, 8_000);

/// The keys among the packets that a phone got: the event and the start of each.
fn keys(phone: &Phone) -> BTreeSet<(u8, u32)> {
    let mut keys = BTreeSet::new();
    let mut packet = [0; 2_048];
    while let Ok(length) = phone.rtp.recv(&mut packet) {
        if length == 16 && packet[1] & 0x7f == EVENTS.0 {
            let start = u32::from_be_bytes([packet[4], packet[5], packet[6], packet[7]]);
            keys.insert((packet[12], start));
        }
    }
    keys
}

#[test]
fn an_event_of_one_real_phone_is_heard_once_by_another_make() {
    let pbx = Tandem::start();
    pbx.has("101").has("102");
    let mut alice = Setup::new("101", ALICE).registers(&pbx);
    let mut bob = Linphone::registers(&pbx, "102", BOB);
    bob.says("autoanswer enable");
    alice.talks_to("102");
    bob.hears(ALICE);
    alice.command("sndcode", "5");
    bob.expect("Receiving tone 5", 1);
    bob.says("terminate");
    alice.expect("CALL_CLOSED");
    assert_eq!(bob.has_said("Receiving tone"), 1);
    pbx.expect_nothing_left(SOON);
}

#[test]
fn a_key_by_info_of_a_real_phone_is_an_event_for_another_make() {
    let pbx = Tandem::start();
    pbx.has("101").has("102");
    let mut alice = Setup::new("101", ALICE).registers(&pbx);
    let mut bob = Linphone::registers_with(&pbx, "102", BOB, BY_INFO);
    bob.says(&format!("call sip:101@{}", pbx.sip));
    alice.expect("CALL_ESTABLISHED");
    alice.hears(BOB);
    bob.says("7");
    let key = alice.expect("CALL_DTMF_START");
    assert_eq!(key["param"], "7", "{key}");
    bob.says("terminate");
    let closed = alice.expect_all("CALL_CLOSED");
    assert!(
        closed.iter().all(|event| event["type"] != "CALL_DTMF_START"),
        "{closed:?}"
    );
    pbx.expect_nothing_left(SOON);
}

#[test]
fn a_key_by_info_is_one_event_or_one_info_as_the_other_phone_takes() {
    for takes_events in [true, false] {
        let pbx = Tandem::start();
        pbx.has("101").has("102");
        let mut alice = Phone::registered(&pbx, "101");
        alice.keys = takes_events.then_some(EVENTS);
        let mut bob = Linphone::registers_with(&pbx, "102", BOB, BY_INFO);
        bob.says(&format!("call sip:101@{}", pbx.sip));
        let mut dialog = alice.answers();
        bob.expect("Media streams established", 1);
        bob.says("7");
        if takes_events {
            until("an event", SOON, || Some(keys(&alice)).filter(|keys| !keys.is_empty()));
        } else {
            let info = alice.expect_request("INFO");
            assert!(info.body().contains("Signal=7"), "{}", info.0);
            alice.send(&info.response("200 OK", "", "", ""));
        }
        alice.hangs_up(&mut dialog);
        assert_eq!(alice.unread("INFO"), 0);
        pbx.expect_nothing_left(SOON);
    }
}

#[test]
fn a_key_by_info_of_sipp_is_heard_once_by_a_real_phone() {
    let pbx = Tandem::start();
    pbx.has("101").has("102");
    let mut alice = Setup::new("102", ALICE).registers(&pbx);
    let bob = Sipp::new("keys.xml", 1)
        .by(["101"])
        .to(pbx.sip, "102", 1)
        .key("key", "9")
        .start();
    alice.expect("CALL_ESTABLISHED");
    let key = alice.expect("CALL_DTMF_START");
    assert_eq!(key["param"], "9", "{key}");
    alice.hangs_up();
    bob.succeeds();
    assert_eq!(alice.told("CALL_DTMF_START").len(), 0);
    pbx.expect_nothing_left(SOON);
}
