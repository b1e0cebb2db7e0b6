//! Feedback (RFC 4585) that crosses a bridge.

use super::*;

/// A feedback packet alone, as RFC 5506 allows.
fn message(kind: u8, format: u8, media: u32, control: &[u32]) -> Vec<u8> {
    let mut packet = vec![0x80 | format, kind, 0, 2 + control.len() as u8];
    let words = [99, media].into_iter().chain(control.iter().copied());
    words.for_each(|word: u32| packet.extend(word.to_be_bytes()));
    packet
}

/// Both talk; the last packet that B got, and our SSRC on A's leg.
fn talking() -> (World, Sent, u32) {
    let mut w = World::bridged();
    let sent = w.talk(1, 5, |_| false);
    let to_b = sent.iter().rfind(|sent| sent.to == at(B)).unwrap().clone();
    let to_a = sent.iter().rfind(|sent| sent.to == at(A)).unwrap().ssrc;
    (w, to_b, to_a)
}

/// What A gets when B sends this: all words after the report and the name.
fn crossed(w: &mut World, packet: &[u8]) -> Option<Vec<u32>> {
    w.raw(AT_B + 1, B_RTCP, packet);
    let got = w.reports_to(A_RTCP).pop()?;
    assert_eq!(kinds(&got)[..2], [201, 202], "RFC 4585 3.1: a whole compound packet");
    assert!(w.rtcp.is_empty());
    Some(words(&got[28..]))
}

#[test]
fn a_lost_packet_is_asked_for_by_the_number_its_source_gave_it() {
    let (mut w, heard, own) = talking();
    let asked = u32::from(heard.sequence.wrapping_sub(2)) << 16 | 0x8001;
    let got = crossed(&mut w, &message(205, 1, heard.ssrc, &[asked, asked + 0x1_0000]));
    assert_eq!(got.unwrap(), [0x81cd_0004, own, 77, 3 << 16 | 0x8001, 4 << 16 | 0x8001]);
}

#[test]
fn a_new_picture_is_asked_of_the_source() {
    let (mut w, heard, own) = talking();
    let got = crossed(&mut w, &message(206, 1, heard.ssrc, &[]));
    assert_eq!(got.unwrap(), [0x81ce_0002, own, 77], "PLI");
    let got = crossed(&mut w, &message(206, 2, heard.ssrc, &[5]));
    assert_eq!(got.unwrap(), [0x82ce_0003, own, 77, 5], "SLI");
    let got = crossed(&mut w, &message(206, 4, 0, &[1, 2, heard.ssrc, 0x0700_0000]));
    assert_eq!(got.unwrap(), [0x84ce_0004, own, 0, 77, 0x0700_0000], "FIR");
}

#[test]
fn limits_of_the_rate_name_the_source() {
    let (mut w, heard, own) = talking();
    let got = crossed(&mut w, &message(205, 3, 0, &[heard.ssrc, 5]));
    assert_eq!(got.unwrap(), [0x83cd_0004, own, 0, 77, 5], "TMMBR");
    let remb = u32::from_be_bytes(*b"REMB");
    let got = crossed(&mut w, &message(206, 15, 0, &[remb, 0x0212_3456, 1, heard.ssrc]));
    assert_eq!(got.unwrap(), [0x8fce_0005, own, 0, remb, 0x0112_3456, 77], "REMB");
}

#[test]
fn a_report_may_come_before_the_feedback() {
    let (mut w, heard, own) = talking();
    let mut packet = report(None, 88, None);
    packet.extend(message(206, 1, heard.ssrc, &[]));
    assert_eq!(crossed(&mut w, &packet).unwrap(), [0x81ce_0002, own, 77]);
}

#[test]
fn what_is_not_known_or_not_about_the_stream_ends_here() {
    let (mut w, heard, _) = talking();
    let remb = u32::from_be_bytes(*b"REMB");
    for packet in [
        message(205, 1, 5, &[7]),
        message(205, 1, heard.ssrc, &[]),
        // Congestion control by numbers of a header extension that is not relayed.
        message(205, 15, heard.ssrc, &[1, 2]),
        message(206, 1, 5, &[]),
        // A picture selection names a payload type.
        message(206, 3, heard.ssrc, &[0x0860_0000]),
        message(206, 4, 0, &[5, 7]),
        message(206, 4, heard.ssrc, &[]),
        message(206, 15, 0, &[remb, 0x0112_3456, 5]),
        message(206, 15, 0, &[remb]),
        message(206, 15, 0, &[1, 2, heard.ssrc]),
        // APP and an unknown type.
        [0x80, 204, 0, 2, 0, 0, 0, 88, b'a', b'b', b'c', b'd'].to_vec(),
        report(None, 88, None),
    ] {
        assert_eq!(crossed(&mut w, &packet), None, "{packet:?}");
    }
    assert_eq!(w.close(2).malformed, 0);
}

#[test]
fn feedback_on_what_tandem_plays_ends_here() {
    let (mut w, heard, _) = talking();
    w.command(Command::Play {
        media: id(2),
        source: Source::Tone("dial".into()),
        repeat: true,
        token: 1,
    });
    w.pass(40);
    assert_eq!(crossed(&mut w, &message(206, 1, heard.ssrc, &[])), None);
    w.command(Command::Stop(id(2)));
    w.command(Command::Unbridge(id(2)));
    assert_eq!(crossed(&mut w, &message(206, 1, heard.ssrc, &[])), None);
}

#[test]
fn feedback_crosses_to_the_rtp_port_where_the_source_shares_it() {
    let (mut w, heard, _) = talking();
    let a = Remote {
        rtcp_mux: true,
        ..remote(A, &[(0, "PCMU")])
    };
    w.update(1, a, false);
    w.raw(AT_B + 1, B_RTCP, &message(206, 1, heard.ssrc, &[]));
    let (local, to, _) = w.rtcp.pop().unwrap();
    assert_eq!((local, to), (AT_A, at(A)));
}
