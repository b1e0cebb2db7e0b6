//! Texts for phones that are away, between different makes.

use std::time::Duration;

use tests::wait::until;

use crate::{
    phones::{baresip::Setup, linphone::Linphone, phone::Phone, sipp::Setup as Sipp},
    support::tandem::Tandem,
};

const SOON: Duration = Duration::from_secs(15);

/// Waits until so many texts are kept.
fn kept(pbx: &Tandem, count: u64) {
    let what = format!("{count} kept texts");
    until(&what, SOON, || {
        (pbx.metric("tandem_kept_messages") == count).then_some(())
    });
}

/// SIPp sends a text as this extension, and is told that it is kept.
fn sipp_writes(pbx: &Tandem, from: &str, to: &str, text: &str) {
    let setup = Sipp::new("message.xml", 1).by([from]).to(pbx.sip, to, 1);
    setup.key("text", text).start().succeeds();
}

#[test]
fn texts_of_three_makes_reach_our_own_phone_in_order_when_it_comes() {
    let pbx = Tandem::start();
    pbx.has("101").has("102").has("103").has("104");
    let mut alice = Linphone::registers(&pbx, "101", 440.0);
    alice.says(&format!("chat sip:103@{} the first text", pbx.sip));
    kept(&pbx, 1);
    sipp_writes(&pbx, "102", "103", "the second text");
    kept(&pbx, 2);
    let setup = Setup {
        app: "contact",
        friend: "103",
        ..Setup::new("104", 700.0)
    };
    let mut dave = setup.registers(&pbx);
    dave.command("message", "the third text");
    kept(&pbx, 3);
    let mut carol = Phone::registered(&pbx, "103");
    for text in ["the first text", "the second text", "the third text"] {
        let message = carol.expect_request("MESSAGE");
        assert_eq!(message.body(), text);
        carol.send(&message.response("200 OK", "", "", ""));
    }
    kept(&pbx, 0);
    assert_eq!(carol.unread("MESSAGE"), 0);
}

#[test]
fn a_text_of_sipp_reaches_linphone_once_when_it_comes() {
    let pbx = Tandem::start();
    pbx.has("101").has("102");
    sipp_writes(&pbx, "101", "102", "a text for later");
    kept(&pbx, 1);
    let bob = Linphone::registers(&pbx, "102", 1000.0);
    bob.expect("a text for later", 1);
    kept(&pbx, 0);
    assert_eq!(bob.has_said("a text for later"), 1);
}
