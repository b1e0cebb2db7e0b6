//! Scenarios through the whole layer.

use super::{super::*, support::*};

#[test]
fn a_call_is_made_from_this_side() {
    let mut world = World::new();
    let id = world.sends(udp(), invite());
    assert_eq!(world.receive(answer(&invite(), 100)), ["Response 100"]);
    assert_eq!(world.receive(answer(&invite(), 180)), ["Response 180"]);
    assert_eq!(world.receive(answer(&invite(), 200)), ["Response 200"]);
    assert_eq!(
        world.receive(answer(&invite(), 200)),
        ["Response 200"],
        "a repeated or forked 2xx"
    );
    assert_eq!(world.run(ms(40_000)), ["32000 ClientGone"]);
    assert_eq!(world.layer.cancel(world.now, id, None), Err(LayerError::Gone));
    assert_eq!(world.receive(answer(&invite(), 200)), ["StrayResponse"]);
    world.is_empty();
}

#[test]
fn a_call_comes_in_and_is_refused() {
    let mut world = World::new();
    let id = world.arrives(udp(), invite());
    assert_eq!(world.run(ms(300)), ["200 100"]);
    assert_eq!(world.receive(invite()), ["100"]);
    assert_eq!(world.respond(id, 180), ["180"]);
    assert_eq!(world.receive(invite()), ["180"]);
    assert_eq!(world.respond(id, 486), ["486"]);
    assert_eq!(world.receive(invite()), ["486"]);
    assert!(world.receive(ack()).is_empty());
    assert!(world.receive(ack()).is_empty());
    assert_eq!(world.run(ms(40_000)), ["5300 ServerGone"]);
    assert_eq!(
        world.layer.respond(world.now, id, answer(&invite(), 200)),
        Err(LayerError::Gone)
    );
    world.is_empty();
}
