//! The numbers of a stream tell nothing of another stream's numbers (RFC 3550 sections 5.1 and 9).

use super::*;

/// The first packet that a leg's peer gets: SSRC, sequence number, time stamp.
fn first(w: &mut World, slot: u32) -> (u32, u16, u32) {
    w.leg(slot, 20_000 + 2 * slot as u16, remote(A, &[(0, "PCMU")]));
    w.command(Command::Play {
        media: id(slot),
        source: Source::Tone("dial".into()),
        repeat: false,
        token: 0,
    });
    let sent = w.pass(1);
    w.command(Command::Stop(id(slot)));
    (sent[0].ssrc, sent[0].sequence, sent[0].timestamp)
}

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// The finisher of splitmix64. Numbers of streams were once drawn with it.
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The inverse of [`mix`].
fn unmix(mut z: u64) -> u64 {
    let inverse = |odd: u64| (0..6).fold(odd, |x, _| x.wrapping_mul(2u64.wrapping_sub(odd.wrapping_mul(x))));
    z = z ^ (z >> 31) ^ (z >> 62);
    z = z.wrapping_mul(inverse(0x94d0_49bb_1331_11eb));
    z = z ^ (z >> 27) ^ (z >> 54);
    z = z.wrapping_mul(inverse(0xbf58_476d_1ce4_e5b9));
    z ^ (z >> 30) ^ (z >> 60)
}

#[test]
fn the_next_legs_numbers_do_not_follow_from_one_packet() {
    assert_eq!(unmix(mix(0x0123_4567_89ab_cdef)), 0x0123_4567_89ab_cdef);
    let mut w = World::new();
    let (ssrc, sequence, timestamp) = first(&mut w, 1);
    let next = first(&mut w, 2);
    // One output of 64 bits was cut into all three; a single bit of it was not sent.
    for hidden in [0, 0x8000] {
        let output = u64::from(ssrc) << 32 | u64::from(timestamp as u16) << 16 | hidden | u64::from(sequence);
        let guess = mix(unmix(output).wrapping_add(GOLDEN));
        let guessed = ((guess >> 32) as u32, guess as u16 & 0x7fff, (guess >> 16) as u32);
        assert_ne!(guessed.0, next.0, "the SSRC of the next leg");
        assert_ne!(guessed, next);
    }
    assert_ne!(timestamp >> 16, ssrc & 0xffff, "the numbers of one leg do not overlap");
}

#[test]
fn numbers_follow_from_the_seed_alone_and_the_seed_is_not_shown() {
    let numbers = |seed| {
        let config = Config {
            seed: Seed([seed; 32]),
            ..Config::default()
        };
        assert!(format!("{config:?}").contains("Seed(..)"));
        let mut w = World::new();
        w.relay = Relay::new(config);
        [first(&mut w, 1), first(&mut w, 2)]
    };
    assert_eq!(numbers(1), numbers(1));
    assert_ne!(numbers(1), numbers(2));
    let [one, other] = numbers(1);
    assert!(one.0 != other.0 && one.1 != other.1 && one.2 != other.2);
    assert!(
        one.1 < 0x8000 && other.1 < 0x8000,
        "room before the number wraps (RFC 3711 section 3.3.1)"
    );
}

#[test]
fn a_leg_of_another_engine_is_refused_and_reaches_no_leg_of_this_one() {
    let mut w = World::bridged();
    let foreign = MediaId { engine: 1, ..id(1) };
    w.command(Command::Open {
        media: foreign,
        local_port: 20_004,
        expected: Default::default(),
    });
    assert!(matches!(w.events().as_slice(), [Event::Failed { media, .. }] if *media == foreign));
    w.command(Command::Close(foreign));
    w.command(Command::Unbridge(foreign));
    w.command(Command::Bridge(foreign, id(2)));
    assert_eq!(w.say(AT_A, A, 1).len(), 1, "still bridged");
    assert_eq!(w.relay.legs(), 2);
}
