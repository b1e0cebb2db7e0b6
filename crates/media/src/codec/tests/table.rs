//! The rows.

use super::*;
use crate::Codec;

#[test]
fn each_row_is_found_by_name_and_by_its_static_number() {
    for info in &KNOWN {
        let found = named(info.name).map(|first| first.name);
        assert_eq!(found, Some(info.name));
        assert_eq!(info.name, info.spelling.to_ascii_uppercase());
        match info.number {
            Number::Static(number) => {
                let found = numbered(number).map(|row| (row.name, row.clock_rate));
                assert_eq!(found, Some((info.name, info.clock_rate)), "no number stands twice");
                assert!(number < 96);
            }
            Number::Dynamic(number) => {
                assert!((96..128).contains(&number));
                assert!(numbered(number).is_none());
            }
        }
    }
}

#[test]
fn a_law_is_a_name_with_the_clock_and_channels_of_g711() {
    assert_eq!(law_of("PCMA", 8000, 1), Some(Law::Pcma));
    for (name, clock_rate, channels) in [
        ("PCMA", 16_000, 1),
        ("PCMU", 8000, 2),
        ("G722", 8000, 1),
        ("X", 8000, 1),
    ] {
        assert_eq!(
            law_of(name, clock_rate, channels),
            None,
            "{name}/{clock_rate}/{channels}"
        );
    }
}

#[test]
fn tandem_converts_what_it_has_a_decoder_and_an_encoder_for() {
    let mut converted = Vec::new();
    for info in &KNOWN {
        let payload = Payload {
            channels: info.channels,
            ..payload(info.name, info.clock_rate)
        };
        let codec = Codec {
            name: info.name.into(),
            clock_rate: info.clock_rate,
            channels: info.channels,
            fmtp: None,
            number: 96,
            feedback: Vec::new(),
        };
        let converts = codec.converts();
        assert_eq!(Decoder::new(&payload).is_some(), converts, "{info:?}");
        assert_eq!(Encoder::new(&payload, 20).is_some(), converts, "{info:?}");
        assert_eq!(
            rate(&payload),
            Decoder::new(&payload).map(|decoder| decoder.rate()),
            "{info:?}"
        );
        assert_eq!(info.cost > 0, converts, "{info:?}");
        if converts {
            converted.push((info.name, info.clock_rate));
        }
    }
    let expected = [
        ("PCMU", 8000),
        ("PCMA", 8000),
        ("G722", 8000),
        ("L16", 16_000),
        ("L16", 8000),
        ("L16", 48_000),
        ("OPUS", 48_000),
    ];
    assert_eq!(converted, expected);
}

#[test]
fn passed_codecs_have_their_spelling_frame_and_clock() {
    for (name, clock_rate, spelling, frame) in [
        ("ILBC", 8000, "iLBC", Some(30_000)),
        ("SPEEX", 32_000, "speex", Some(20_000)),
        ("G729", 8000, "G729", Some(10_000)),
        ("AMR-WB", 16_000, "AMR-WB", Some(20_000)),
        ("G726-32", 8000, "G726-32", None),
        ("TELEPHONE-EVENT", 48_000, "telephone-event", None),
    ] {
        let info = row(name, clock_rate, 1).unwrap();
        assert_eq!((info.spelling, info.frame), (spelling, frame));
    }
    assert!(row("AMR-WB", 8000, 1).is_none());
}

#[test]
fn amr_of_another_format_is_told_apart() {
    let same = |one, other| same_format("AMR", 8000, 1, [one, other]);
    assert!(same(None, Some("octet-align=0; mode-set=0,2")));
    assert!(same(Some("Octet-Align=1;crc=0"), Some("mode-set=7;octet-align=1")));
    for (one, other) in [
        (None, Some("octet-align=1")),
        (Some("octet-align=1"), Some("octet-align=1;crc=1")),
        (Some("octet-align=1;interleaving=30"), Some("octet-align=1")),
    ] {
        assert!(!same(one, other) && !same(other, one), "{one:?} {other:?}");
    }
    assert!(same_format("G729", 8000, 1, [Some("annexb=no"), None]));
}

#[test]
fn packets_are_as_long_as_asked_or_as_the_codec_can() {
    for (payload, asked, made) in [
        (payload("PCMU", 8000), 30, 30),
        (payload("PCMU", 8000), 500, 170),
        (payload("G722", 8000), 60, 60),
        (payload("L16", 8000), 60, 60),
        (payload("L16", 16_000), 60, 40),
        (payload("L16", 48_000), 20, 10),
        (opus(""), 10, 10),
        (opus(""), 20, 20),
        (opus(""), 30, 20),
        (opus(""), 60, 60),
        (opus(""), 200, 120),
        (opus("maxptime=40"), 60, 40),
        (opus("maxptime=3"), 20, 10),
        (opus(""), 0, 10),
    ] {
        let mut encoder = Encoder::new(&payload, asked).unwrap();
        let samples = encoder.rate().samples(made);
        assert_eq!(
            plan(&payload, asked, encoder.rate()),
            Some((encoder.rate(), made)),
            "{payload:?} {asked}"
        );
        assert_eq!(
            (encoder.ptime(), encoder.samples()),
            (made, samples),
            "{payload:?} {asked}"
        );
        let mut octets = [0; MAX_OCTETS];
        let length = encoder.encode(&vec![100; samples], &mut octets);
        let decoder = Decoder::new(&payload).unwrap();
        assert_eq!(decoder.samples(&octets[..length]), Some(samples), "{payload:?} {asked}");
    }
}
