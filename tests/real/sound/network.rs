//! Bad networks and bad packets, towards a leg whose sound is converted.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use super::voice::{Came, KEYS, Line, Voice, is_said, packet, sound};
use crate::support::{message::OPUS, tandem::Tandem, tone};

const SOON: Duration = Duration::from_secs(10);
const G722: u8 = 9;

/// So many packets without a fault.
fn talk(line: &mut Line, voice: &mut Voice, packets: usize) -> [Vec<Came>; 2] {
    let mut all = [Vec::new(), Vec::new()];
    for _ in 0..packets {
        line.sends(voice.next(), Duration::ZERO);
        for (all, new) in all.iter_mut().zip(line.goes_on()) {
            all.extend(new);
        }
    }
    all
}

/// The callee hears the tone for the last half of a second of this, and the caller hears something.
///
/// The sound is judged packet by packet: where the machine is busy, packets are late as in any network, and a piece of sound that
/// is put in or left out changes the phase. Three packets of 25 may suffer by that.
fn is_heard(heard: &[Vec<Came>; 2], share: f64) {
    let sound = sound(&heard[1]);
    let last = &sound[sound.len().saturating_sub(tone::RATE / 2)..];
    let spans = last.chunks_exact(tone::RATE / 50);
    let clean = spans.filter(|span| is_said(span, share)).count();
    assert!(
        clean >= 22,
        "{} samples, {clean} of 25 packets are clean, level {:.0}",
        last.len(),
        tone::level(last)
    );
    assert!(heard[0].len() > 20, "the caller hears {} packets", heard[0].len());
}

fn is_heard_in_a_bad_network(pbx: &Tandem, numbers: [&str; 2], codec: u8) {
    let (mut line, mut voice) = (Line::new(pbx, numbers, codec), Voice::new(codec));
    is_heard(&talk(&mut line, &mut voice, 50), 0.98);
    // One packet in twenty is lost, the others take up to 40 ms, and come in another order.
    let mut heard = [Vec::new(), Vec::new()];
    for at in 0..150_u64 {
        let packet = voice.next();
        if at % 20 != 7 {
            line.sends(packet, Duration::from_millis(at * 17 % 41));
        }
        for (all, new) in heard.iter_mut().zip(line.goes_on()) {
            all.extend(new);
        }
    }
    // What is concealed may have another phase, so the packets are judged one by one: up to three suffer by one that is
    // lost. After that, Opus takes some more to come back to the exact level and form.
    let share = if codec == OPUS { 0.75 } else { 0.99 };
    let sound = sound(&heard[1]);
    let spans = sound[sound.len() - 2 * tone::RATE..].chunks_exact(tone::RATE / 50);
    let clean = spans.filter(|span| is_said(span, share)).count();
    eprintln!("payload {codec}: {clean} of 100 packets are clean");
    assert!(clean >= 85, "{clean} of 100 packets are clean");
    for _ in 0..400 {
        voice.next();
        line.goes_on();
    }
    let back = Instant::now();
    let heard = talk(&mut line, &mut voice, 50);
    let first = heard[1].iter().find(|came| is_said(&super::voice::sound([*came]), 0.9));
    let after = first.unwrap().at - back;
    eprintln!("payload {codec}: heard {after:?} after the blackout");
    assert!(after < Duration::from_millis(200), "{after:?}");
    is_heard(&heard, 0.98);
    line.ends();
}

#[test]
fn loss_and_jitter_are_concealed_and_a_blackout_is_over_at_once() {
    let pbx = Tandem::start();
    std::thread::scope(|scope| {
        scope.spawn(|| is_heard_in_a_bad_network(&pbx, ["101", "102"], OPUS));
        scope.spawn(|| is_heard_in_a_bad_network(&pbx, ["103", "104"], G722));
    });
    pbx.expect_nothing_left(SOON);
    assert_eq!(pbx.metric("tandem_panics_total"), 0);
}

/// An Opus packet of so many frames of 20 ms each, each with a length of its own (RFC 6716 3.2.5).
fn frames(voice: &mut Voice, count: u8) -> Vec<u8> {
    let single: Vec<Vec<u8>> = (0..count).map(|_| voice.says()).collect();
    let mut packet = vec![single[0][0] | 3, 0x80 | count];
    for frame in &single[..single.len() - 1] {
        let length = frame.len() - 1;
        assert!(frame[0] & 3 == 0 && length < 252, "{} octets", frame.len());
        packet.push(length as u8);
    }
    for frame in &single {
        packet.extend(&frame[1..]);
    }
    packet
}

#[test]
fn malformed_packets_and_wrong_payload_numbers_end_no_call() {
    let pbx = Tandem::start();
    let (mut line, mut voice) = (Line::new(&pbx, ["101", "102"], OPUS), Voice::new(OPUS));
    is_heard(&talk(&mut line, &mut voice, 50), 0.98);
    // Six frames in a packet are 120 ms, as long as Opus allows.
    let mut heard = [Vec::new(), Vec::new()];
    for _ in 0..12 {
        let said = frames(&mut voice, 6);
        let mut whole = packet(OPUS, voice.sequence, voice.timestamp, &said);
        voice.sequence = voice.sequence.wrapping_add(1);
        voice.timestamp += 6 * 960;
        for _ in 0..6 {
            if !whole.is_empty() {
                line.sends(std::mem::take(&mut whole), Duration::ZERO);
            }
            for (all, new) in heard.iter_mut().zip(line.goes_on()) {
                all.extend(new);
            }
        }
    }
    is_heard(&heard, 0.9);
    // 63 frames, no frame, lengths beyond the packet, none at all; PCMU, which only the callee has, and an unknown number.
    let many = frames(&mut voice, 63);
    let odd: [(u8, &[u8]); 8] = [
        (OPUS, &many),
        (OPUS, &[0x7b, 0]),
        (OPUS, &[0x7b, 0xbf]),
        (OPUS, &[0x7a, 251]),
        (OPUS, &[]),
        (OPUS, &[0xff; 1_400]),
        (0, &[0; 160]),
        (77, &[0; 160]),
    ];
    for (at, (number, payload)) in odd.iter().cycle().take(64).enumerate() {
        let odd = packet(*number, voice.sequence, voice.timestamp, payload);
        voice.steps();
        line.sends(odd, Duration::ZERO);
        // The callee too: no octet, one, too many, and the caller's payload number.
        let (number, length) = [(0, 0), (0, 1), (0, 1_400), (OPUS, 160)][at % 4];
        line.answers(&packet(number, 9_000 + at as u16, at as u32 * 160, &vec![0xff; length]));
        line.goes_on();
    }
    is_heard(&talk(&mut line, &mut voice, 75), 0.98);
    line.ends();
    pbx.expect_nothing_left(SOON);
    assert_eq!(pbx.metric("tandem_panics_total"), 0);
    assert!(!pbx.log().contains("panic"), "{}", pbx.log());
    // 48 of Opus, and 16 empty ones of the callee at least.
    let malformed = pbx.metric("tandem_rtp_malformed_total");
    assert!(malformed >= 64, "{malformed} are counted");
}

#[test]
fn each_key_crosses_clocks_once_and_as_long_as_it_was_pressed() {
    const PACKETS: u32 = 6;
    let pbx = Tandem::start();
    let (mut line, mut voice) = (Line::new(&pbx, ["101", "102"], OPUS), Voice::new(OPUS));
    talk(&mut line, &mut voice, 25);
    let mut keys: BTreeMap<u32, (u8, u16, u32)> = BTreeMap::new();
    let mut starts = Vec::new();
    for code in 0..14_u8 {
        let timestamp = voice.timestamp;
        let mut came = Vec::new();
        // The end is sent three times (RFC 4733 2.5.1.4).
        for at in 1..=PACKETS + 2 {
            let length = 960 * at.min(PACKETS) as u16;
            let end = if at >= PACKETS { 0x80 } else { 0 };
            let [high, low] = length.to_be_bytes();
            let mut event = packet(KEYS[0], voice.sequence, timestamp, &[code, end | 10, high, low]);
            if at == 1 {
                event[1] |= 0x80;
            }
            line.sends(event, Duration::ZERO);
            voice.steps();
            came.append(&mut line.goes_on()[1]);
        }
        let [_, more] = talk(&mut line, &mut voice, 5);
        came.extend(more);
        for event in came.iter().filter(|came| came.number == KEYS[1]) {
            let (code, length) = (
                event.payload[0],
                u16::from_be_bytes([event.payload[2], event.payload[3]]),
            );
            let key = keys.entry(event.timestamp).or_insert((code, 0, 0));
            if key.1 == 0 {
                starts.push(code);
            }
            assert_eq!(key.0, code, "another key at the same time stamp");
            key.1 = key.1.max(length);
            key.2 += u32::from(event.payload[1] >> 7);
        }
    }
    is_heard(&talk(&mut line, &mut voice, 50), 0.98);
    line.ends();
    assert_eq!(starts, (0..14).collect::<Vec<u8>>());
    for (code, length, ends) in keys.values() {
        let millis = length / 8;
        assert!((100..=140).contains(&millis), "key {code} is {millis} ms long");
        assert_eq!(*ends, 3, "key {code}");
    }
    pbx.expect_nothing_left(SOON);
}
