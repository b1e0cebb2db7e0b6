//! Bindings and the disk: order, restarts, failures.

use super::*;

#[test]
fn nothing_is_visible_before_it_is_stored() {
    let mut world = World::new(|_| {});
    let query = world.begin(&register("a", 1, &[PHONE]), udp(), &identity("101", "101"));
    assert!(world.registrar.is_empty() && world.answer(query).is_none());
    world.store(query, false);
    assert_eq!(world.answer(query).unwrap().status, StatusCode::SERVER_INTERNAL_ERROR);
    assert!(world.registrar.is_empty() && world.events() == (0, 0));
    assert_eq!(
        world.status("a", 1, &[PHONE]),
        200,
        "so the phone may try the same again"
    );
    assert!(!world.registrar.stored(world.now, UNIX, QueryId(999), true), "not ours");
}

#[test]
fn registers_of_one_extension_wait_in_order_and_others_do_not() {
    let mut world = World::new(|config| config.waiting = 2);
    let own = identity("101", "101");
    let first = world.begin(&register("a", 1, &[PHONE]), udp(), &own);
    let second = world.begin(&register("a", 2, &["Contact: <sip:101@10.0.0.6>", PHONE]), udp(), &own);
    let fetch = world.begin(&register("b", 1, &[]), udp(), &own);
    let late = world.begin(&register("a", 3, &[PHONE]), udp(), &own);
    let refused = world.answer(late).unwrap();
    assert_eq!(
        (refused.status.code(), refused.header(HeaderName::RetryAfter)),
        (503, Some("2"))
    );
    let other = register("c", 1, &["Contact: <sip:102@10.0.0.9>"]).replace("sip:101@tandem", "sip:102@tandem");
    let other = world.begin(&other, udp(), &identity("102", "102"));
    world.store(other, true);
    assert_eq!(world.answer(other).unwrap().status, StatusCode::OK);

    world.store(first, true);
    assert_eq!(contacts(&world.answer(first).unwrap()).len(), 1);
    assert!(world.answer(second).is_none() && world.answer(fetch).is_none());
    world.store(second, true);
    assert_eq!(contacts(&world.answer(second).unwrap()).len(), 2);
    assert_eq!(contacts(&world.answer(fetch).unwrap()).len(), 2, "answered in its turn");
    assert!(world.registrar.busy.is_empty() && world.registrar.queries.is_empty());
    world.agrees_with_disk();
}

#[test]
fn a_wall_clock_that_was_ahead_makes_no_binding_last_for_years() {
    let day = 86_400;
    for (max_expires, longest) in [(3_600, day), (7 * 86_400, 7 * day)] {
        let mut world = World::new(|config| config.max_expires = max_expires);
        world.send("a", 1, &[PHONE]);
        let mut binding = world.disk.values().next().unwrap().clone();
        let unix = world.unix();
        binding.expires_at = unix + 365 * 86_400 * 1_000_000;
        let mut after = World::new(|config| config.max_expires = max_expires);
        after.registrar.restore(after.now, unix, binding);
        let ends = after.now + std::time::Duration::from_secs(longest);
        assert_eq!(after.registrar.next_timeout(), Some(ends));
        let shown = after.registrar.registrations()[0].expires_at;
        assert_eq!(shown, unix + i64::try_from(longest).unwrap() * 1_000_000);
    }
}

#[test]
fn a_restart_keeps_bindings_that_have_not_expired() {
    let mut world = World::new(|_| {});
    world.send(
        "a",
        1,
        &["Contact: <sip:101@10.0.0.5>;expires=100, <sip:101@10.0.0.6>;expires=300"],
    );
    world.send_as(
        &register("t", 1, &["Contact: <sip:101@10.0.0.7>"]),
        tcp(1),
        &identity("101", "101"),
    );
    let ids: Vec<u64> = world.disk.keys().copied().collect();
    let mut after = World::new(|_| {});
    after.disk = world.disk.clone();
    after.now = Instant::from_micros(7);
    let unix = world.unix() + 200_000_000;
    for binding in world.disk.into_values() {
        after.registrar.restore(after.now, unix, binding);
    }
    after.drain();
    assert_eq!(after.disk.keys().copied().collect::<Vec<_>>(), ids[1..]);
    let lost: Vec<bool> = after.located().values().map(|contact| contact.lost).collect();
    assert_eq!(lost, [false, true], "the connection of its TCP phone has gone");
    assert_eq!(
        after.registrar.next_timeout(),
        Some(after.now + std::time::Duration::from_secs(100))
    );
    assert_eq!(
        after.status("a", 1, &["Contact: <sip:101@10.0.0.6>"]),
        500,
        "its CSeq was kept"
    );
    assert_eq!(after.status("a", 2, &["Contact: <sip:101@10.0.0.8>"]), 200);
    assert!(after.registrar.registrations().iter().all(|shown| shown.id >= ids[1]));
    after.agrees_with_disk();
}

#[test]
fn a_binding_removed_while_it_is_stored_stays_removed() {
    type Action = fn(&mut World);
    let actions: [(&str, Action, usize); 4] = [
        (
            "admin",
            |world| assert!(world.registrar.remove(*world.disk.keys().next().unwrap())),
            1,
        ),
        ("device", |world| world.registrar.remove_device("101", "101"), 0),
        ("extension", |world| world.registrar.remove_extension("101"), 0),
        ("end", |world| world.wait(60), 2),
    ];
    for (name, action, left) in actions {
        for ok in [true, false] {
            let mut world = World::new(|_| {});
            let own = identity("101", "101");
            world.send("a", 1, &[PHONE, "Expires: 60"]);
            let query = world.begin(&register("a", 2, &[PHONE, "Contact: <sip:101@10.0.0.6>"]), udp(), &own);
            let waiting = world.begin(&register("b", 1, &[]), udp(), &own);
            if ok {
                world.write(query);
            }
            action(&mut world);
            world.drain();
            world.report(query, ok);
            world.wait(0);
            assert_eq!(world.registrar.len(), if ok { left } else { 0 }, "{name} {ok}");
            world.agrees_with_disk();
            assert!(world.answer(query).is_some() && world.answer(waiting).is_some());
            assert!(world.registrar.busy.is_empty());
        }
    }
}
