//! Random networks: what always holds.

use proptest::prelude::*;

use super::*;

/// What becomes of one packet.
#[derive(Copy, Clone, Debug)]
enum Fate {
    Arrives(u16),
    Twice(u16),
    Lost,
    /// The payload has a wrong length, or no decoder.
    Broken,
    /// A comfort noise packet in place of sound.
    Noise,
    Event,
    /// The sender pauses for so many packets.
    Pause(u16),
    /// Nothing comes for so long; all comes then.
    Stall(u16),
    /// Time stamps or numbers go on elsewhere.
    Jump(u32),
    Restart(u16),
    Reset,
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        60 => (0u16..30).prop_map(Fate::Arrives),
        10 => (0u16..300).prop_map(Fate::Arrives),
        3 => (0u16..500).prop_map(Fate::Twice),
        10 => Just(Fate::Lost),
        2 => Just(Fate::Broken),
        2 => Just(Fate::Noise),
        3 => Just(Fate::Event),
        2 => (0u16..200).prop_map(Fate::Pause),
        2 => (0u16..9000).prop_map(Fate::Stall),
        1 => any::<u32>().prop_map(Fate::Jump),
        1 => any::<u16>().prop_map(Fate::Restart),
        1 => Just(Fate::Reset),
    ]
}

/// What is on its way.
#[derive(Clone, Debug)]
enum Flying {
    Packet(Packet),
    Event(u16, u32),
    Reset,
}

/// The packets of a random network, by their arrival in microseconds.
fn fly(fates: &[Fate], ptime: u32, ppm: i64) -> BTreeMap<(i64, usize), Flying> {
    let mut wire = BTreeMap::new();
    let (mut sequence, mut timestamp, mut stalled) = (0u16, 0u32, 0);
    let mut sent = 0;
    for (n, fate) in fates.iter().enumerate() {
        let mut fly = |at: i64, what: Flying| {
            wire.insert((at.max(stalled), wire.len()), what);
        };
        let mut packet = alaw(sequence, timestamp, ptime, tone);
        match *fate {
            Fate::Arrives(delay) => fly(sent + i64::from(delay) * 1000, Flying::Packet(packet)),
            Fate::Twice(delay) => {
                fly(sent, Flying::Packet(packet.clone()));
                fly(sent + i64::from(delay) * 1000, Flying::Packet(packet));
            }
            Fate::Lost => {}
            Fate::Broken => {
                match n % 2 {
                    0 => packet.payload.clear(),
                    _ => packet.number = 77,
                }
                fly(sent, Flying::Packet(packet));
            }
            Fate::Noise => {
                (packet.number, packet.payload) = (CN, vec![n as u8, 3, 250]);
                fly(sent, Flying::Packet(packet));
            }
            Fate::Event => fly(sent, Flying::Event(sequence, timestamp)),
            Fate::Pause(packets) => {
                timestamp = timestamp.wrapping_add(u32::from(packets) * ptime * 8);
                sent += i64::from(packets) * i64::from(ptime) * 1000;
            }
            Fate::Stall(millis) => stalled = sent + i64::from(millis) * 1000,
            Fate::Jump(to) => timestamp = to,
            Fate::Restart(to) => sequence = to,
            Fate::Reset => {
                fly(sent, Flying::Reset);
                (sequence, timestamp) = (n as u16 * 77, n as u32 * 7777);
            }
        }
        sequence = sequence.wrapping_add(1);
        timestamp = timestamp.wrapping_add(ptime * 8);
        sent += i64::from(ptime) * (1000 + ppm / 1000);
    }
    wire
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 250, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_a_network_does(
        fates in proptest::collection::vec(fate(), 1..400),
        ptime in prop_oneof![Just(10u32), Just(20), Just(30), Just(60)],
        ppm in -20_000i64..20_000,
        phase in 0i64..60_000,
        wide: bool,
        pulls in proptest::collection::vec(prop_oneof![Just(10u32), Just(20)], 1..9),
    ) {
        let rate = if wide { Rate::Wide } else { Rate::Narrow };
        let config = Config::default();
        let mut ear = Ear::with(config, &payloads(), rate);
        let mut wire = fly(&fates, ptime, ppm);
        let mut now = phase;
        let mut out = Vec::new();
        let mut above = 0;
        let mut put = 0;
        for millis in pulls.iter().cycle() {
            while let Some(first) = wire.first_entry() {
                let at = first.key().0;
                if at > now {
                    break;
                }
                match first.remove() {
                    Flying::Packet(packet) => {
                        ear.put(micros(at), heard(&packet));
                        put += 1;
                    }
                    Flying::Event(sequence, timestamp) => ear.put_event(micros(at), sequence, timestamp),
                    Flying::Reset => ear.reset(),
                }
            }
            out.clear();
            let kind = ear.pull(micros(now), *millis, &mut out);
            prop_assert_eq!(out.len(), rate.samples(*millis));
            let counters = ear.counters();
            let sum = counters.played + counters.late + counters.doubled + counters.malformed + counters.waiting;
            prop_assert_eq!(sum, counters.packets);
            prop_assert_eq!(put, counters.packets);
            prop_assert!(counters.waiting <= config.packets as u64);
            prop_assert!(ear.octets() <= 96 * 1024, "{}", ear.octets());
            // What a jump of the time stamps makes of the delay is mended within some pulls.
            above = if kind == Kind::Speech && counters.delay > 200 + 20 + 2 * ptime { above + millis } else { 0 };
            prop_assert!(above <= 200, "{counters:?}");
            now += i64::from(*millis) * 1000;
            if wire.is_empty() && now > 1_000_000 {
                break;
            }
        }
    }
}
