//! Calls between real phones, judged by what they hear.

use crate::{
    baresip::Setup,
    tandem::{self, Tandem},
};

/// 101 says 440 Hz, 102 says 1000 Hz.
fn both_hear_each_other(pbx: &Tandem, transport: &'static str) {
    pbx.has("101").has("102");
    let mut bob = Setup {
        transport,
        ..Setup::new("102", 1000.0)
    }
    .registers(pbx);
    let mut alice = Setup {
        transport,
        ..Setup::new("101", 440.0)
    }
    .registers(pbx);
    alice.talks_to("102");
    bob.expect("CALL_ESTABLISHED");
    alice.hears(1000.0);
    bob.hears(440.0);
    alice.hangs_up();
    bob.expect("CALL_CLOSED");

    let cdr = pbx.expect_cdrs(1).remove(0);
    for (field, value) in [
        ("from", "101"),
        ("to", "102"),
        ("dialed", "102"),
        ("disposition", "answered"),
    ] {
        assert_eq!(cdr[field], value, "{cdr:#}");
    }
    let talked = cdr["talk_seconds"].as_f64().unwrap();
    assert!((1.0..60.0).contains(&talked), "{cdr:#}");
    pbx.expect_nothing_left(std::time::Duration::from_secs(10));
}

#[test]
fn two_phones_over_udp_hear_each_other() {
    both_hear_each_other(&Tandem::start(), "udp");
}

#[test]
fn two_phones_over_tcp_hear_each_other() {
    both_hear_each_other(&Tandem::start(), "tcp");
}

#[test]
fn two_phones_over_ipv6_hear_each_other() {
    both_hear_each_other(&tandem::Setup::new().on("::1".parse().unwrap()).start(), "udp");
}
