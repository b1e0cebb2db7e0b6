//! Recordings of calls between real phones, as they are fetched over HTTP.

use std::{io::Cursor, time::Duration};

use serde_json::{Value, json};
use tests::wait::{throughout, until};

use crate::{
    phones::baresip::{Baresip, Setup},
    support::{
        tandem::{self, Tandem},
        tone,
    },
};

const SOON: Duration = Duration::from_secs(10);
const SPAN: usize = tone::RATE / 10;

/// 101 says 440 Hz by Opus, 102 says 1000 Hz by PCMU.
fn phones(pbx: &Tandem) -> (Baresip, Baresip) {
    pbx.has("101").has("102");
    let alice = Setup {
        codecs: "opus/48000/2",
        ..Setup::new("101", 440.0)
    };
    (alice.registers(pbx), Setup::new("102", 1000.0).registers(pbx))
}

/// The only recording, once it has ended.
fn ended(pbx: &Tandem) -> Value {
    until("the recording to end", SOON, || {
        let all = pbx.get("/recordings")["items"].clone();
        assert!(all.as_array().unwrap().len() <= 1, "{all:#}");
        let one = all[0].clone();
        (one["state"] == "ended").then_some(one)
    })
}

/// The two channels of a WAV file at 8 kHz.
fn channels(file: &[u8]) -> [Vec<f64>; 2] {
    let mut reader = hound::WavReader::new(Cursor::new(file)).unwrap();
    let spec = reader.spec();
    assert_eq!((spec.channels, spec.bits_per_sample), (2, 16), "{spec:?}");
    let step = spec.sample_rate as usize / tone::RATE;
    let all: Vec<f64> = reader
        .samples::<i16>()
        .map(|sample| f64::from(sample.unwrap()))
        .collect();
    [0, 1].map(|channel| all.iter().skip(channel).step_by(2 * step).copied().collect())
}

/// From its first tenth of a second on, and up to a fifth of a second before the end, it is this tone.
fn expect_tone(channel: &[f64], hertz: f64) {
    for (at, span) in channel[..channel.len() - 2 * SPAN]
        .chunks_exact(SPAN)
        .enumerate()
        .skip(1)
    {
        let (share, level) = (tone::share(span, hertz), tone::level(span));
        assert!(
            share > 0.9 && level > 1000.0,
            "{hertz} Hz has {share:.3} of the power {at} tenths after the begin, level {level:.0}"
        );
    }
}

#[test]
fn a_recorded_call_has_the_caller_left_and_the_callee_right_from_the_answer_on() {
    let pbx = tandem::Setup::new()
        .plan("fn on_call(caller) { caller.dial(caller.dialed, #{ record: true }); }")
        .start();
    let (mut alice, mut bob) = phones(&pbx);
    alice.talks_to("102");
    bob.expect("CALL_ESTABLISHED");
    alice.hears(1000.0);
    bob.hears(440.0);
    alice.hangs_up();
    bob.expect("CALL_CLOSED");
    let recording = ended(&pbx);
    for (field, value) in [("kind", "call"), ("format", "wav"), ("end", "stopped"), ("fault", "")] {
        assert_eq!(recording[field], value, "{recording:#}");
    }
    let talked = pbx.expect_cdrs(1)[0]["talk_seconds"].as_f64().unwrap();
    let seconds = recording["seconds"].as_f64().unwrap();
    assert!(
        (talked - 0.15..talked + 0.15).contains(&seconds),
        "{seconds} of {talked}"
    );
    let path = format!("/recordings/{}/audio", recording["id"].as_str().unwrap());
    let (status, file) = pbx.fetch(&path, None);
    assert_eq!(status, 200);
    assert_eq!(recording["bytes"], file.len(), "{recording:#}");
    let [left, right] = channels(&file);
    expect_tone(&left, 440.0);
    expect_tone(&right, 1000.0);

    let (status, part) = pbx.fetch(&path, Some("bytes=1000-1999"));
    assert_eq!(status, 206);
    assert!(part == file[1000..2000], "{} octets of a range", part.len());
    let (status, _) = pbx.fetch(&path, Some(&format!("bytes={}-", file.len())));
    assert_eq!(status, 416);
    pbx.expect_nothing_left(SOON);
}

#[test]
fn a_call_in_progress_is_recorded_from_start_to_stop() {
    let pbx = Tandem::start();
    let (mut alice, mut bob) = phones(&pbx);
    alice.talks_to("102");
    bob.expect("CALL_ESTABLISHED");
    alice.hears(1000.0);
    let id = pbx.calls()[0]["id"].as_str().unwrap().to_owned();
    let does = |action: &str| {
        let path = format!("/calls/{id}/recording");
        pbx.api("POST", &path, &json!({ "action": action })).status
    };
    assert_eq!(does("stop"), 409);
    assert_eq!(does("start"), 204);
    assert_eq!(does("start"), 409);
    throughout(Duration::from_secs(1), || {});
    assert_eq!(does("stop"), 204);
    let recording = ended(&pbx);
    let seconds = recording["seconds"].as_f64().unwrap();
    assert!((0.95..1.5).contains(&seconds), "{recording:#}");
    let path = format!("/recordings/{}/audio", recording["id"].as_str().unwrap());
    let [left, right] = channels(&pbx.fetch(&path, None).1);
    expect_tone(&left, 440.0);
    expect_tone(&right, 1000.0);
    // The call goes on.
    alice.hears(1000.0);
    bob.hears(440.0);
    alice.hangs_up();
    bob.expect("CALL_CLOSED");
    pbx.expect_nothing_left(SOON);
}
