//! Requests of peers through the whole layer.

use super::{super::*, support::*};

#[test]
fn a_dismissed_request_is_answered_once_and_leaves_nothing() {
    let mut world = World::new();
    for request in [invite(), options()] {
        let id = world.arrives(udp(), request.clone());
        assert_eq!(
            world.layer.dismiss(id, &answer(&request, 100)),
            Err(LayerError::WrongKind)
        );
        assert_eq!(world.layer.dismiss(id, &answer(&request, 404)), Ok(()));
        assert_eq!(world.said(), ["404", "ServerGone"]);
        world.is_empty();
        assert_eq!(world.layer.dismiss(id, &answer(&request, 404)), Err(LayerError::Gone));
        assert!(world.run(ms(60_000)).is_empty(), "nothing is repeated");
        // Its repetition is a request like the first.
        let again = world.arrives(udp(), request.clone());
        assert_ne!(again, id);
        assert_eq!(world.layer.dismiss(again, &answer(&request, 404)), Ok(()));
        assert_eq!(world.said(), ["404", "ServerGone"]);
    }
    let id = world.arrives(udp(), invite());
    world.respond(id, 404);
    assert_eq!(
        world.layer.dismiss(id, &answer(&invite(), 404)),
        Err(LayerError::Answered)
    );
    world.run(ms(60_000));
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
    assert!(world.receive(invite()).is_empty(), "it was acknowledged");
    assert_eq!(world.run(ms(40_000)), ["5300 ServerGone"]);
    let late = world.layer.respond(world.now, id, answer(&invite(), 200));
    assert_eq!(late, Err(LayerError::Gone));
    world.is_empty();
}

#[test]
fn a_refusal_without_ack_is_repeated_and_given_up() {
    let mut world = World::new();
    let id = world.arrives(udp(), invite());
    assert_eq!(world.respond(id, 486), ["486"]);
    let mut times: Vec<_> = [500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500]
        .map(|at| format!("{at} 486"))
        .into();
    times.extend(["32000 AckTimeout".into(), "32000 ServerGone".into()]);
    assert_eq!(world.run(ms(60_000)), times);
    assert_eq!(world.receive(ack()), ["Ack"], "a stray one, for the user to ignore");
    world.is_empty();
}

#[test]
fn over_tcp_a_refusal_is_not_repeated_but_awaits_its_ack() {
    let mut world = World::new();
    let id = world.arrives(tcp(), invite());
    assert_eq!(world.respond(id, 486), ["486"]);
    assert_eq!(world.run(ms(60_000)), ["32000 AckTimeout", "32000 ServerGone"]);
    world.is_empty();
}

#[test]
fn an_answered_call_leaves_2xx_and_ack_to_the_user() {
    let mut world = World::new();
    let id = world.arrives(udp(), invite());
    assert_eq!(world.respond(id, 200), ["200"]);
    assert!(world.receive(invite()).is_empty(), "absorbed: the user repeats the 2xx");
    assert_eq!(world.respond(id, 200), ["200"]);
    let own_branch = Ask {
        method: "ACK",
        branch: "z9hG4bK2",
        to_tag: "b",
        ..Ask::default()
    };
    assert_eq!(world.receive(own_branch.message()), ["Ack"]);
    assert_eq!(world.receive(ack()), ["Ack"], "even with the INVITE's branch");
    let refused = world.layer.respond(world.now, id, answer(&invite(), 500));
    assert_eq!(refused, Err(LayerError::Answered));
    assert!(world.said().is_empty());
    assert_eq!(world.run(ms(60_000)), ["32000 ServerGone"]);
    world.is_empty();
}

#[test]
fn a_request_that_waits_gets_100_when_its_timer_e_is_at_t2() {
    for flow in [udp(), tcp()] {
        let mut world = World::new();
        let id = world.arrives(flow, options());
        assert_eq!(world.run(ms(6_000)), ["3500 100"]);
        assert_eq!(world.receive_on(flow, options()), ["100"], "it is repeated on demand");
        let said = world.respond(id, 200);
        assert_eq!(said.first().map(String::as_str), Some("200"));
        assert!(!world.run(ms(60_000)).iter().any(|word| word.ends_with("100")));
        world.is_empty();
    }
    // Whoever is answered in time hears no 100, and costs no timer that stays.
    let mut world = World::new();
    let id = world.arrives(udp(), options());
    assert_eq!(world.run(ms(3_400)), [""; 0]);
    assert_eq!(world.respond(id, 200), ["200"]);
    assert_eq!(world.run(ms(60_000)), ["35400 ServerGone"]);
    world.is_empty();
}

#[test]
fn no_provisional_response_but_100_goes_to_anything_but_an_invite() {
    // RFC 4320 4.1.
    let mut world = World::new();
    let id = world.arrives(udp(), options());
    let answer = answer(&options(), 180);
    assert_eq!(world.layer.respond(world.now, id, answer), Err(LayerError::WrongKind));
    assert_eq!(world.respond(id, 100), ["100"]);
    assert_eq!(world.respond(id, 200), ["200"]);
}

#[test]
fn a_request_that_nobody_decides_goes_without_an_answer_when_its_sender_gives_up() {
    // RFC 4320 4.2: at 32 s the sender's timer F fires.
    for flow in [udp(), tcp()] {
        let mut world = World::new();
        let id = world.arrives(flow, options());
        assert_eq!(world.run(ms(31_900)), ["3500 100"]);
        assert_eq!(world.run(ms(200)), ["32000 ServerGone"]);
        let late = answer(&options(), 200);
        assert_eq!(world.layer.respond(world.now, id, late), Err(LayerError::Gone));
        world.is_empty();
    }
}
