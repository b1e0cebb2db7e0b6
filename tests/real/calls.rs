//! Calls between real phones, judged by what they hear.

use std::time::{Duration, Instant};

use serde_json::Value;
use tests::wait::until;

use crate::{
    phones::{baresip::Setup, linphone::Linphone},
    support::{
        tandem::{self, Tandem},
        tone,
    },
};

const SOON: Duration = Duration::from_secs(10);

fn expect_answered(cdr: &Value, from: &str, to: &str) {
    for (field, value) in [("from", from), ("to", to), ("dialed", to), ("disposition", "answered")] {
        assert_eq!(cdr[field], value, "{cdr:#}");
    }
    let talked = cdr["talk_seconds"].as_f64().unwrap();
    assert!((1.0..60.0).contains(&talked), "{cdr:#}");
}

/// 101 says 440 Hz, 102 says 1000 Hz.
fn both_hear_each_other(pbx: &Tandem, alice: &Setup, bob: &Setup) {
    pbx.has("101").has("102");
    let (mut alice, mut bob) = (alice.registers(pbx), bob.registers(pbx));
    alice.talks_to("102");
    bob.expect("CALL_ESTABLISHED");
    let since = Instant::now();
    alice.hears(1000.0);
    bob.hears(440.0);
    let talked = since.elapsed().as_secs_f64();
    alice.hangs_up();
    bob.expect("CALL_CLOSED");
    let cdr = pbx.expect_cdrs(1).remove(0);
    expect_answered(&cdr, "101", "102");
    // From the 200 to the BYE; the phones tell of both a little later.
    let recorded = cdr["talk_seconds"].as_f64().unwrap();
    assert!(
        (talked - 0.1..talked + 5.0).contains(&recorded),
        "{recorded} recorded, {talked} measured"
    );
    pbx.expect_nothing_left(SOON);
}

fn alice() -> Setup {
    Setup::new("101", 440.0)
}

fn bob() -> Setup {
    Setup::new("102", 1000.0)
}

#[test]
fn two_phones_over_udp_hear_each_other() {
    both_hear_each_other(&Tandem::start(), &alice(), &bob());
}

#[test]
fn two_phones_over_tcp_hear_each_other() {
    let tcp = |setup| Setup {
        transport: "tcp",
        ..setup
    };
    both_hear_each_other(&Tandem::start(), &tcp(alice()), &tcp(bob()));
}

#[test]
fn two_phones_over_tls_that_check_our_certificate_hear_each_other() {
    let tls = |setup| Setup {
        transport: "tls",
        ..setup
    };
    let pbx = tandem::Setup::new().secure().start();
    both_hear_each_other(&pbx, &tls(alice()), &tls(bob()));
}

#[test]
fn a_new_certificate_is_taken_while_phones_talk() {
    let tls = |setup| Setup {
        transport: "tls",
        ..setup
    };
    let pbx = tandem::Setup::new().secure().start();
    pbx.has("101").has("102").has("103");
    let (mut alice, mut bob) = (tls(alice()).registers(&pbx), tls(bob()).registers(&pbx));
    alice.talks_to("102");
    bob.expect("CALL_ESTABLISHED");
    let other = tandem::Setup::new().secure().start();
    for name in ["tls-key.pem", "tls-cert.pem"] {
        std::fs::copy(other.data(name), pbx.data(name)).unwrap();
    }
    until("the new certificate to be taken", SOON, || {
        pbx.log().contains("certificate taken anew").then_some(())
    });
    // A phone that trusts the new certificate alone comes in, and the others talk on and hang up over their connections.
    tls(Setup::new("103", 700.0)).registers(&pbx);
    alice.hears(1000.0);
    bob.hears(440.0);
    alice.hangs_up();
    bob.expect("CALL_CLOSED");
    expect_answered(&pbx.expect_cdrs(1)[0], "101", "102");
    pbx.expect_nothing_left(SOON);
}

#[test]
fn a_phone_over_tls_hears_one_over_udp() {
    let alice = Setup {
        transport: "tls",
        ..alice()
    };
    both_hear_each_other(&tandem::Setup::new().secure().start(), &alice, &bob());
}

#[test]
fn two_phones_over_ipv6_hear_each_other() {
    let pbx = tandem::Setup::new().on("::1".parse().unwrap()).start();
    both_hear_each_other(&pbx, &alice(), &bob());
}

#[test]
fn a_phone_over_tcp_with_one_codec_hears_one_over_udp_with_another() {
    let alice = Setup {
        transport: "tcp",
        codecs: "pcma",
        ..alice()
    };
    both_hear_each_other(&Tandem::start(), &alice, &bob());
}

/// Checks one direction of a leg of a call on loopback.
fn expect_flawless(way: &Value) {
    assert!(way["packets"].as_u64().unwrap() > 300, "{way}");
    assert_eq!(way["lost"], 0, "{way}");
    assert!(way["mos"].as_f64().unwrap() > 4.0, "{way}");
    assert!(way["jitter_ms"].as_f64().unwrap() < 20.0, "{way}");
}

#[test]
fn two_phones_tell_and_are_told_how_their_call_sounds() {
    let pbx = tandem::Setup::new().flag("--quality-interval", 1).start();
    pbx.has("101").has("102");
    let (mut alice, mut bob) = (alice().registers(&pbx), bob().registers(&pbx));
    alice.talks_to("102");
    bob.expect("CALL_ESTABLISHED");
    // The phones report every few seconds.
    tests::wait::until("the quality of a call in progress", Duration::from_secs(30), || {
        let legs = pbx.calls()[0]["legs"].as_array().unwrap().clone();
        let is_whole = |leg: &Value| {
            let quality = &leg["quality"];
            let sent = quality["sent"]["packets"].as_u64().is_some_and(|packets| packets > 300);
            sent && quality["round_trip_ms"].is_u64()
        };
        (legs.len() == 2 && legs.iter().all(is_whole)).then_some(())
    });
    alice.hears(1000.0);
    bob.hears(440.0);
    alice.hangs_up();
    bob.expect("CALL_CLOSED");
    let legs = tests::wait::until("the quality of both legs", SOON, || {
        let cdr = pbx.expect_cdrs(1).remove(0);
        let legs = cdr["quality"].as_array().unwrap().clone();
        (legs.len() == 2).then_some(legs)
    });
    for leg in legs {
        let quality = &leg["quality"];
        expect_flawless(&quality["received"]);
        expect_flawless(&quality["sent"]);
        assert!(quality["round_trip_ms"].as_u64().unwrap() < 100, "{quality}");
        assert!(["101", "102"].contains(&leg["party"].as_str().unwrap()));
    }
    for direction in ["received", "sent"] {
        let of = |name: &str| pbx.metric(&format!("{name}{{direction=\"{direction}\"}}"));
        assert_eq!(
            (of("tandem_call_mos_count"), of("tandem_rtp_lost_packets_total")),
            (2, 0)
        );
        assert!(of("tandem_rtp_received_packets_total") > 600);
    }
    pbx.expect_nothing_left(SOON);
}

#[test]
fn the_holder_hears_nothing() {
    let pbx = Tandem::start();
    pbx.has("101").has("102");
    let (mut alice, mut bob) = (alice().registers(&pbx), bob().registers(&pbx));
    alice.talks_to("102");
    alice.hears(1000.0);
    alice.command("hold", "");
    // What had been said before is heard out first.
    tests::wait::until("silence", SOON, || alice.is_silent().then_some(()));
    alice.hears_nothing();
    // What comes after resuming is measured packet by packet (`audio.rs`): this recorder does not start again.
    alice.command("resume", "");
    bob.hangs_up();
    alice.expect("CALL_CLOSED");
    let cdr = pbx.expect_cdrs(1).remove(0);
    expect_answered(&cdr, "101", "102");
    assert_eq!(cdr["ended_by"], "callee", "{cdr:#}");
    pbx.expect_nothing_left(SOON);
}

#[test]
fn a_held_phone_hears_music_and_the_voice_again_after_resuming() {
    let prompts = tempfile::tempdir().unwrap();
    tone::write(&prompts.path().join("default.wav"), 600.0);
    let setup = tandem::Setup::new().flag("--prompts", prompts.path().display());
    let pbx = setup.start();
    pbx.has("101").has("102");
    let (mut alice, mut bob) = (alice().registers(&pbx), bob().registers(&pbx));
    alice.talks_to("102");
    bob.hears(440.0);
    for _ in 0..2 {
        alice.command("hold", "");
        bob.hears(600.0);
        alice.command("resume", "");
        bob.hears(440.0);
    }
    bob.hangs_up();
    alice.expect("CALL_CLOSED");
    expect_answered(&pbx.expect_cdrs(1)[0], "101", "102");
    pbx.expect_nothing_left(SOON);
}

#[test]
fn all_phones_of_an_extension_ring_and_one_gets_the_call() {
    let pbx = Tandem::start();
    pbx.has("101").has("102");
    let by_hand = || Setup {
        answers_by_itself: false,
        ..bob()
    };
    let (mut desk, mut kitchen) = (by_hand().registers(&pbx), by_hand().registers(&pbx));
    let mut alice = alice().registers(&pbx);
    alice.command("dial", "102");
    desk.expect("CALL_INCOMING");
    kitchen.expect("CALL_INCOMING");
    alice.expect("CALL_RINGING");
    kitchen.command("accept", "");
    kitchen.expect("CALL_ESTABLISHED");
    desk.expect("CALL_CLOSED");
    alice.expect("CALL_ESTABLISHED");
    alice.hears(1000.0);
    kitchen.hears(440.0);
    kitchen.hangs_up();
    alice.expect("CALL_CLOSED");
    expect_answered(&pbx.expect_cdrs(1)[0], "101", "102");
    pbx.expect_nothing_left(SOON);
}

#[test]
fn a_caller_who_gives_up_stops_the_ringing() {
    let pbx = Tandem::start();
    pbx.has("101").has("102");
    let mut bob = Setup {
        answers_by_itself: false,
        ..bob()
    }
    .registers(&pbx);
    let mut alice = alice().registers(&pbx);
    alice.command("dial", "102");
    bob.expect("CALL_INCOMING");
    alice.expect("CALL_RINGING");
    alice.hangs_up();
    bob.expect("CALL_CLOSED");
    assert_eq!(pbx.expect_cdrs(1)[0]["disposition"], "cancelled");
    pbx.expect_nothing_left(SOON);
}

#[test]
fn a_declined_an_absent_and_an_unknown_callee_are_told_apart() {
    let pbx = Tandem::start();
    pbx.has("101").has("102").has("103");
    let mut bob = Setup {
        answers_by_itself: false,
        ..bob()
    }
    .registers(&pbx);
    let mut alice = alice().registers(&pbx);
    // Declined by hand, an extension without a phone, a number nobody has.
    for (number, code, disposition) in [("102", 486, "busy"), ("103", 480, "no_answer"), ("999", 404, "failed")] {
        alice.command("dial", number);
        if number == "102" {
            bob.expect("CALL_INCOMING");
            bob.hangs_up();
        }
        let closed = alice.expect("CALL_CLOSED");
        assert!(
            closed["param"].as_str().unwrap().contains(&code.to_string()),
            "{number}: {closed}"
        );
        let cdr = tests::wait::until("the record", SOON, || {
            pbx.cdrs().into_iter().find(|cdr| cdr["dialed"] == number)
        });
        assert_eq!(
            (&cdr["disposition"], &cdr["sip_code"]),
            (&disposition.into(), &code.into()),
            "{cdr:#}"
        );
    }
    pbx.expect_cdrs(3);
    pbx.expect_nothing_left(SOON);
}

#[test]
fn a_call_made_over_http_connects_two_phones_and_ends_over_http() {
    let pbx = Tandem::start();
    pbx.has("101").has("102");
    let (mut alice, mut bob) = (alice().registers(&pbx), bob().registers(&pbx));
    let made = pbx.api("POST", "/calls", &serde_json::json!({ "from": "101", "to": "102" }));
    assert!((200..300).contains(&made.status), "{} {}", made.status, made.body);
    alice.expect("CALL_ESTABLISHED");
    bob.expect("CALL_ESTABLISHED");
    alice.hears(1000.0);
    bob.hears(440.0);
    let id = pbx.calls()[0]["id"].as_str().unwrap().to_owned();
    let ended = pbx.api("DELETE", &format!("/calls/{id}"), &Value::Null);
    assert!((200..300).contains(&ended.status), "{} {}", ended.status, ended.body);
    alice.expect("CALL_CLOSED");
    bob.expect("CALL_CLOSED");
    pbx.expect_cdrs(1);
    pbx.expect_nothing_left(SOON);
}

#[test]
fn keys_pass_through() {
    let pbx = Tandem::start();
    pbx.has("101").has("102");
    let (mut alice, mut bob) = (alice().registers(&pbx), bob().registers(&pbx));
    alice.talks_to("102");
    bob.expect("CALL_ESTABLISHED");
    bob.hears(440.0);
    alice.command("sndcode", "5");
    let key = bob.expect("CALL_DTMF_START");
    assert_eq!(key["param"], "5", "{key}");
    alice.hangs_up();
    bob.expect("CALL_CLOSED");
    pbx.expect_nothing_left(SOON);
}

#[test]
fn the_echo_and_the_dial_tone_are_heard() {
    let pbx = Tandem::start();
    pbx.has("101");
    let mut alice = alice().registers(&pbx);
    alice.talks_to("*43");
    alice.hears(440.0);
    alice.hangs_up();
    alice.expect("CALL_CLOSED");
    alice.talks_to("*60");
    alice.hears(tone::DIAL);
    alice.hangs_up();
    alice.expect("CALL_CLOSED");
    pbx.expect_cdrs(2);
    pbx.expect_nothing_left(SOON);
}

#[test]
fn another_make_of_phone_calls_holds_and_resumes() {
    let pbx = Tandem::start();
    pbx.has("101").has("102");
    let mut bob = bob().registers(&pbx);
    let mut alice = Linphone::registers(&pbx, "101", 440.0);
    alice.says(&format!("call sip:102@{}", pbx.sip));
    bob.expect("CALL_ESTABLISHED");
    alice.expect("Media streams established", 1);
    alice.hears(1000.0);
    bob.hears(440.0);
    alice.says("pause");
    alice.expect("is now paused", 1);
    alice.says("resume");
    alice.expect("Media streams established", 2);
    alice.hears(1000.0);
    alice.says("terminate");
    bob.expect("CALL_CLOSED");
    expect_answered(&pbx.expect_cdrs(1)[0], "101", "102");
    pbx.expect_nothing_left(SOON);
}
