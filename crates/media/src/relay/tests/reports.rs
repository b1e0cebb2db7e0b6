//! RTCP.

use super::*;

fn words(bytes: &[u8]) -> Vec<u32> {
    bytes
        .chunks(4)
        .map(|c| u32::from_be_bytes(c.try_into().unwrap()))
        .collect()
}

#[test]
fn reports_cross_in_the_receivers_own_terms_and_without_names() {
    let mut w = World::bridged();
    let to_b = w.rtp(AT_A, A, 0, 500, 1000, 77, &[1; 160]).remove(0);
    let to_a = w.rtp(AT_B, B, 0, 900, 5000, 88, &[1; 160]).remove(0);
    let highest = 0x0003_0000 | u32::from(to_a.sequence);
    w.raw(
        AT_A + 1,
        "192.0.2.1:4001",
        &report(Some((1000, 1)), 77, Some((to_a.ssrc, highest))),
    );
    let (local, to, bytes) = w.rtcp.remove(0);
    assert_eq!((local, to), (AT_B + 1, at("192.0.2.2:5001")));
    let got = words(&bytes);
    assert_eq!(got[1], to_b.ssrc);
    assert_eq!(got[2..7], [0xe000_1111, 0x2222_0000, to_b.timestamp, 1, 160]);
    assert_eq!(
        got[7..13],
        [88, 0x0100_0005, 0x0003_0000 | 900, 12, 0x1111_2222, 65_536]
    );
    assert_eq!(got[14], to_b.ssrc, "our own name for it");
    assert!(!bytes.windows(5).any(|w| w == b"alice"));
    // A report on another stream, and by a sender that is not on the line, loses what means nothing to B.
    w.raw(AT_A + 1, "192.0.2.1:4001", &report(Some((1000, 1)), 99, Some((123, 4))));
    assert_eq!(w.rtcp.remove(0).2[..4], [0x80, 201, 0, 1]);
}

#[test]
fn rtcp_of_strangers_is_dropped_and_that_of_nat_is_known_by_its_stream() {
    let mut w = World::bridged();
    let packet = report(None, 77, None);
    w.raw(AT_A + 1, "203.0.113.66:4001", &packet);
    w.raw(AT_A + 1, "192.0.2.1:7777", &packet);
    assert!(w.rtcp.is_empty(), "no peer speaks with that SSRC");
    w.say(AT_A, A, 1);
    w.raw(AT_A + 1, "203.0.113.66:4001", &packet);
    assert!(w.rtcp.is_empty());
    w.raw(AT_A + 1, "192.0.2.1:7777", &packet);
    assert_eq!(w.rtcp.len(), 1);
    for cut in 0..packet.len() {
        w.raw(AT_A + 1, "192.0.2.1:7777", &packet[..cut]);
    }
    w.raw(AT_A + 1, "192.0.2.1:7777", &[0x80, 203, 0, 0]);
    assert!(w.rtcp.len() <= 2, "only whole compound packets");
    assert_eq!(w.close(1).injected, 3);
}

#[test]
fn tandem_reports_on_what_it_plays() {
    let mut w = World::bridged();
    w.command(Command::Play {
        media: id(1),
        source: Source::Tone("dial".into()),
        repeat: true,
        token: 1,
    });
    let sent = w.pass(5010);
    w.say(AT_A, A, 7);
    assert_eq!(w.rtcp.len(), 1);
    let (local, to, bytes) = w.rtcp.remove(0);
    assert_eq!((local, to, bytes[1]), (AT_A + 1, at("192.0.2.1:4001"), 200));
    let got = words(&bytes);
    assert_eq!(
        (got[1], got[2]),
        (sent[0].ssrc, (1_800_000_005u64 + 2_208_988_800) as u32)
    );
    assert_eq!(got[5], 251, "packets");
    let played = got[4].wrapping_sub(sent[0].timestamp);
    assert!((39_000..41_000).contains(&played), "{played}");
    w.pass(5000);
    let got = words(&w.rtcp[0].2);
    assert_eq!(
        (got[7], got[8] & 0xff_ffff, got[9] as u16),
        (77, 0, 7),
        "and on what it hears"
    );
    w.command(Command::Stop(id(1)));
    w.rtcp.clear();
    w.pass(20_000);
    assert!(w.rtcp.is_empty());
}
