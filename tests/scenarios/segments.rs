//! The segments of a call's record, and its links to the records of other calls.

use switch::{Began, LinkKind, Segment};
use tests::Settings;

use crate::causes::{left, transferred};

#[test]
fn a_record_says_who_talked_with_whom_and_which_calls_belong_together() {
    let told = |segments: &[Segment]| -> Vec<_> {
        let told = segments
            .iter()
            .map(|segment| (segment.party.clone(), segment.with.clone(), segment.why));
        told.collect()
    };
    let one = |party: &str, with: &str, why| (party.to_owned(), with.to_owned(), why);
    let [first, second] = transferred();
    assert_eq!(
        told(&first.segments),
        [
            one("101", "", Began::Started),
            one("101", "102", Began::Answered),
            one("102", "", Began::Transferred)
        ]
    );
    assert_eq!(
        told(&second.segments),
        [
            one("101", "", Began::Started),
            one("101", "103", Began::Answered),
            // The call lasts until its script has ended.
            one("101", "", Began::Left)
        ]
    );
    for (record, other, how) in [
        (&first, &second, LinkKind::TransferredTo),
        (&second, &first, LinkKind::TransferredFrom),
    ] {
        assert!(record.is_tiled(), "{record:?}");
        let links: Vec<_> = record.links.iter().map(|link| (link.call, link.how)).collect();
        assert_eq!(links, [(other.open.call_id, how)]);
    }
}

#[test]
fn an_answer_by_tandem_and_the_next_party_each_begin_a_segment() {
    let settings = Settings {
        plan: "fn on_call(caller) { caller.answer(); caller.wait(2); caller.dial(\"102\"); caller.wait(2); }".into(),
        ..Settings::default()
    };
    let cdr = left(settings, |stage, alice, bob| {
        alice.calls("900").talks();
        bob.rings().answers().talks();
        stage.pass(1.0);
        bob.hangs_up();
        alice.ends_with(200);
    });
    let told: Vec<_> = cdr
        .segments
        .iter()
        .map(|segment| (segment.with.as_str(), segment.why))
        .collect();
    let expected = [
        ("", Began::Started),
        ("", Began::Answered),
        ("102", Began::Answered),
        ("", Began::Left),
    ];
    assert_eq!(told, expected);
}

#[test]
fn the_segments_of_a_record_are_limited() {
    let mut settings = Settings {
        plan: "fn on_call(caller) { for n in 0..5 { caller.dial(\"102\"); } }".into(),
        ..Settings::default()
    };
    settings.config.limits.record_parts = 4;
    let cdr = left(settings, |stage, alice, bob| {
        alice.calls("102");
        for _ in 0..5 {
            bob.rings().answers().talks();
            stage.pass(1.0);
            bob.hangs_up();
        }
        alice.ends_with(200);
    });
    assert_eq!(cdr.segments.len(), 4, "{cdr:?}");
}
