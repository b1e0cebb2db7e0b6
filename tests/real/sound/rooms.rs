//! A conference of real phones.

use std::time::Duration;

use tests::wait::throughout;

use crate::{
    phones::baresip::Setup,
    support::{tandem, tone},
};

const SOON: Duration = Duration::from_secs(10);

/// With a codec each, and a tone each, in hertz.
const MEMBERS: [(&str, f64, &str); 4] = [
    ("101", 440.0, "pcmu"),
    ("102", 640.0, "pcma"),
    ("103", 1000.0, "g722/16000/1"),
    ("104", 1420.0, "opus/48000/2"),
];

#[test]
fn four_members_of_a_conference_hear_three_each_and_not_themselves() {
    let pbx = tandem::Setup::new()
        .plan("fn on_call(caller) { caller.conference(\"1\", #{ tones: false }); }")
        .start();
    let mut phones = MEMBERS.map(|(number, tone, codecs)| {
        pbx.has(number);
        let setup = Setup::new(number, tone);
        Setup { codecs, ..setup }.registers(&pbx)
    });
    for phone in &mut phones {
        phone.talks_to("1");
    }
    let members = pbx.get("/conferences/1")["members"].clone();
    assert_eq!(members.as_array().unwrap().len(), 4, "{members:#}");
    // Voices that have just begun are let in.
    throughout(Duration::from_millis(500), || {});
    let marks: Vec<_> = phones.iter().map(|phone| phone.mark()).collect();
    for (at, (phone, mark)) in phones.iter().zip(&marks).enumerate() {
        let heard = phone.heard_since(mark);
        let shares = MEMBERS.map(|(_, hertz, _)| tone::share(&heard, hertz));
        let level = tone::level(&heard);
        eprintln!("{} hears {shares:.3?}, level {level:.0}", MEMBERS[at].0);
        let others: f64 = (0..4).filter(|&other| other != at).map(|other| shares[other]).sum();
        assert!(shares[at] < 0.01, "{} hears itself: {shares:.3?}", MEMBERS[at].0);
        assert!(others > 0.9 && level > 1000.0, "{shares:.3?}, level {level:.0}");
        let each = (0..4).filter(|&other| other != at).all(|other| shares[other] > 0.1);
        assert!(each, "{} does not hear all: {shares:.3?}", MEMBERS[at].0);
    }
    for phone in &mut phones {
        phone.hangs_up();
        phone.expect("CALL_CLOSED");
    }
    pbx.expect_nothing_left(SOON);
    assert_eq!(pbx.metric("tandem_panics_total"), 0);
}
