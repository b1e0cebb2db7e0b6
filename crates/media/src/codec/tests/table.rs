//! The rows.

use super::*;

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
