//! Requests too large for a datagram, and phones that accept datagrams only (RFC 3261 18.1.1).

use switch::Config;
use tests::{Settings, Stage};

fn stage() -> Stage {
    let mut config = Config::default();
    config.limits.datagram_bytes = 300;
    Stage::new(Settings {
        config,
        ..Settings::default()
    })
}

#[test]
fn a_phone_that_refuses_streams_is_called_by_datagram() {
    let stage = stage();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    alice.calls("102");
    bob.rings().answers().talks();
    alice.talks().hangs_up().ends_with(200);
    bob.ends_with(200);
    stage.clears();
}

#[test]
fn a_call_that_was_given_up_does_not_ring_when_its_stream_is_refused() {
    let stage = stage();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    alice.calls("102");
    // The INVITE is out on a stream at 23 ms, and refused at 28 ms; the CANCEL comes in between.
    stage.pass(0.019);
    alice.hangs_up();
    bob.stays_silent(5.0);
    alice.ends_with(487);
    stage.clears();
}
