//! Phones with one codec each: all pairs of them, and keys between two that share none.

use std::time::Duration;

use tests::wait::{throughout, until};

use crate::{
    phones::{
        baresip::{Baresip, Setup},
        linphone::Linphone,
    },
    support::tandem::Tandem,
};

const SOON: Duration = Duration::from_secs(10);

/// As `baresip` writes a codec, and as a list of calls does.
const CODECS: [(&str, &str); 4] = [
    ("pcmu", "PCMU"),
    ("pcma", "PCMA"),
    ("g722/16000/1", "G722"),
    ("opus/48000/2", "OPUS"),
];
const CALLERS: [(&str, f64); 4] = [("101", 440.0), ("102", 540.0), ("103", 640.0), ("104", 740.0)];
const CALLEES: [(&str, f64); 4] = [("201", 1000.0), ("202", 1140.0), ("203", 1280.0), ("204", 1420.0)];

/// A phone for each codec.
fn phones(pbx: &Tandem, numbers: [(&'static str, f64); 4]) -> Vec<Baresip> {
    let with = numbers.into_iter().zip(CODECS);
    with.map(|((number, tone), (codecs, _))| {
        pbx.has(number);
        let phone = Setup {
            codecs,
            ..Setup::new(number, tone)
        };
        phone.registers(pbx)
    })
    .collect()
}

/// The codecs of the two legs of a caller's call.
fn codecs(pbx: &Tandem, caller: &str) -> Option<[String; 2]> {
    let calls = pbx.calls();
    let call = calls.iter().find(|call| call["from"] == caller)?;
    let of = |leg: usize| Some(call["legs"][leg]["codec"].as_str()?.to_uppercase());
    Some([of(0)?, of(1)?])
}

/// Sixteen calls in four rounds, so that each caller calls each callee.
#[test]
fn every_pair_of_codecs_is_heard_both_ways() {
    let pbx = Tandem::start();
    let (mut callers, mut callees) = (phones(&pbx, CALLERS), phones(&pbx, CALLEES));
    for round in 0..4 {
        let pairs: Vec<(usize, usize)> = (0..4).map(|at| (at, (at + round) % 4)).collect();
        for &(caller, callee) in &pairs {
            callers[caller].command("dial", CALLEES[callee].0);
        }
        for &(caller, callee) in &pairs {
            callers[caller].expect("CALL_ESTABLISHED");
            callees[callee].expect("CALL_ESTABLISHED");
        }
        let marks: Vec<_> = pairs
            .iter()
            .map(|&(caller, callee)| (callers[caller].mark(), callees[callee].mark()))
            .collect();
        for (&(caller, callee), (one, two)) in pairs.iter().zip(&marks) {
            eprintln!("{} calls {}", CODECS[caller].1, CODECS[callee].1);
            callers[caller].hears_since(one, CALLEES[callee].1);
            callees[callee].hears_since(two, CALLERS[caller].1);
            let expected = [CODECS[caller].1, CODECS[callee].1].map(str::to_owned);
            assert_eq!(codecs(&pbx, CALLERS[caller].0), Some(expected));
        }
        for &(caller, callee) in &pairs {
            callers[caller].hangs_up();
            callees[callee].expect("CALL_CLOSED");
        }
        pbx.expect_nothing_left(SOON);
    }
    assert_eq!(pbx.metric("tandem_panics_total"), 0);
}

/// As linphonec writes the codecs of [`CODECS`], and the samples a second of its recordings.
const OF_LINPHONE: [(&str, usize); 4] = [
    ("PCMU (8000)", 8_000),
    ("PCMA (8000)", 8_000),
    ("G722 (8000)", 16_000),
    ("opus (48000)", 48_000),
];

#[test]
fn another_make_of_phone_is_heard_both_ways_with_every_pair_of_codecs() {
    let pbx = Tandem::start();
    let mut callees = phones(&pbx, CALLEES);
    let mut callers: Vec<Linphone> = CALLERS
        .iter()
        .zip(OF_LINPHONE)
        .map(|(&(number, hertz), (codec, rate))| {
            pbx.has(number);
            let mut phone = Linphone::registers(&pbx, number, hertz);
            phone.has_only(codec, rate);
            phone
        })
        .collect();
    for round in 0..4 {
        let pairs = [0, 1, 2, 3].map(|caller| (caller, (caller + round) % 4));
        for (caller, callee) in pairs {
            callers[caller].says(&format!("call sip:{}@{}", CALLEES[callee].0, pbx.sip));
        }
        for (caller, callee) in pairs {
            callees[callee].expect("CALL_ESTABLISHED");
            callers[caller].expect("Media streams established", round + 1);
        }
        for (caller, callee) in pairs {
            eprintln!("{} calls {}", OF_LINPHONE[caller].0, CODECS[callee].1);
            callers[caller].hears(CALLEES[callee].1);
            callees[callee].hears(CALLERS[caller].1);
            let expected = [CODECS[caller].1, CODECS[callee].1].map(str::to_owned);
            assert_eq!(codecs(&pbx, CALLERS[caller].0), Some(expected));
        }
        for (caller, callee) in pairs {
            callers[caller].says("terminate");
            callees[callee].expect("CALL_CLOSED");
        }
        pbx.expect_nothing_left(SOON);
    }
}

#[test]
fn two_phones_with_several_codecs_agree_on_one_that_both_have() {
    let pbx = Tandem::start();
    pbx.has("101").has("102");
    let phone = |number, tone, codecs| {
        let setup = Setup::new(number, tone);
        Setup { codecs, ..setup }.registers(&pbx)
    };
    let (mut alice, mut bob) = (
        phone("101", 440.0, "opus/48000/2,g722/16000/1,pcma"),
        phone("102", 1000.0, "pcmu,g722/16000/1,pcma"),
    );
    alice.talks_to("102");
    bob.expect("CALL_ESTABLISHED");
    alice.hears(1000.0);
    bob.hears(440.0);
    let [one, two] = codecs(&pbx, "101").unwrap();
    assert!(
        one == two && ["G722", "PCMA"].contains(&one.as_str()),
        "{one} and {two}"
    );
    alice.hangs_up();
    bob.expect("CALL_CLOSED");
    pbx.expect_nothing_left(SOON);
}

#[test]
fn all_keys_cross_every_pair_of_codecs_once() {
    const KEYS: &str = "0123456789*#AD";
    let pbx = Tandem::start();
    let (mut callers, mut callees) = (phones(&pbx, CALLERS), phones(&pbx, CALLEES));
    let wanted: Vec<String> = KEYS.chars().map(String::from).collect();
    // Each caller calls each callee that has another codec.
    for round in 1..4 {
        let pairs = [0, 1, 2, 3].map(|caller| (caller, (caller + round) % 4));
        for (caller, callee) in pairs {
            callers[caller].talks_to(CALLEES[callee].0);
            callees[callee].expect("CALL_ESTABLISHED");
        }
        for (at, key) in KEYS.chars().enumerate() {
            for (caller, _) in pairs {
                callers[caller].command("sndcode", &key.to_string());
            }
            for (_, callee) in pairs {
                let callee = &mut callees[callee];
                until(&format!("key {key}"), SOON, || {
                    (callee.told("CALL_DTMF_END").len() > at).then_some(())
                });
            }
        }
        throughout(Duration::from_millis(300), || {});
        for (caller, callee) in pairs {
            let told = callees[callee].told("CALL_DTMF_START");
            assert_eq!(told, wanted, "{} to {}", CODECS[caller].1, CODECS[callee].1);
        }
        for (caller, callee) in pairs {
            callers[caller].hangs_up();
            callees[callee].expect("CALL_CLOSED");
        }
    }
    pbx.expect_nothing_left(SOON);
}
