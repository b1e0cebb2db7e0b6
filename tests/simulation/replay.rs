//! A recording of a world replays to the same outputs, byte for byte.

use serde::{Deserialize, Serialize};
use sip::Instant;
use switch::{Input, Output, Switch};
use tests::{
    Settings,
    world::{seed_of, switch_of},
};

use crate::life::Life;

#[derive(Serialize, Deserialize)]
struct Line {
    at: Instant,
    input: Input,
}

/// The outputs of a fresh switch that is given these lines.
fn replayed(mut switch: Switch, lines: &str) -> Vec<String> {
    let mut outputs = Vec::new();
    for line in lines.lines() {
        let Line { at, input } = serde_json::from_str(line).expect("what was written can be read");
        switch.handle(at, input);
        loop {
            let output = switch.poll_output();
            if matches!(output, Output::Timeout(_)) {
                break;
            }
            outputs.push(serde_json::to_string(&output).unwrap());
        }
    }
    outputs
}

/// The nonces in the credentials of a recording: all that the recording knows of the key that signed them.
fn nonces(recording: &[(Instant, Input)]) -> Vec<String> {
    let received = recording.iter().filter_map(|(_, input)| match input {
        Input::Received { bytes, .. } => Some(String::from_utf8_lossy(bytes).into_owned()),
        _ => None,
    });
    let fields = received.flat_map(|text| {
        let parts = text.split("nonce=\"").skip(1).map(str::to_owned);
        parts.collect::<Vec<_>>()
    });
    fields
        .filter_map(|part| Some(part.split_once('"')?.0.to_owned()))
        .collect()
}

/// An output without its nonce.
fn masked(output: &str) -> Output {
    let mut output: Output = serde_json::from_str(output).unwrap();
    if let Output::Transmit(transmit) = &mut output {
        let text = String::from_utf8_lossy(&transmit.bytes).into_owned();
        let parts = text.split("nonce=\"").enumerate();
        let masked: String = parts
            .map(|(at, part)| {
                if at == 0 {
                    part
                } else {
                    part.split_once('"').map_or(part, |(_, rest)| rest)
                }
            })
            .collect();
        transmit.bytes = masked.into();
    }
    output
}

// Each switch has hash maps of its own, which keep their entries in an order of their own: were it ever seen, two
// switches of one process would not say the same.
#[test]
fn a_recording_replays_to_the_same_outputs_in_any_switch() {
    let _shared = crate::memory::ALONE.read();
    for seed in (0..40).map(|seed| seed * 7 + 3) {
        let mut life = Life::recorded(seed);
        life.run();
        let recording = life.world.recording.take().expect("it was recorded");
        let recorded = life.world.outputs.take().expect("it was recorded");
        let lines: String = recording
            .iter()
            .cloned()
            .map(|(at, input)| serde_json::to_string(&Line { at, input }).unwrap() + "\n")
            .collect();
        let settings = Settings {
            seed,
            config: life.config.clone(),
            ..Settings::default()
        };
        let again = replayed(switch_of(&settings), &lines);
        let nonces = nonces(&recording);
        let nonces = nonces.iter().map(String::as_str);
        let other = replayed(Switch::replaying(life.config.clone(), seed_of(seed), nonces), &lines);
        let differs = recorded.iter().zip(&other).find(|(was, is)| masked(was) != masked(is));
        assert_eq!(differs, None, "world {seed}, with another key");
        assert_eq!(recorded.len(), other.len(), "world {seed}, with another key");
        let differs = recorded.iter().zip(&again).find(|(was, is)| was != is);
        assert_eq!(differs, None, "world {seed}");
        assert_eq!(recorded.len(), again.len(), "world {seed}");
    }
}
