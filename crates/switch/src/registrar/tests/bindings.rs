//! What a REGISTER binds, refreshes, removes and refuses (RFC 3261 section 10.3).

use super::*;

#[test]
fn a_contact_is_bound_listed_refreshed_and_removed() {
    let mut world = World::new(|_| {});
    let answer = world.send("a", 1, &[PHONE, "User-Agent: Desk 1.0"]);
    assert_eq!(contacts(&answer), ["<sip:101@10.0.0.5:5062>;expires=3600"]);
    assert_eq!(answer.header(HeaderName::Date), Some("Tue, 14 Nov 2023 22:13:21 GMT"));
    assert_eq!(world.events(), (1, 0));
    let shown = &world.registrar.registrations()[0];
    assert_eq!(
        (shown.number.as_str(), shown.source.as_str(), shown.transport.as_str()),
        ("101", "203.0.113.9:40000", "udp")
    );
    assert_eq!(shown.user_agent, "Desk 1.0");

    world.wait(600);
    assert_eq!(world.fetch(), ["<sip:101@10.0.0.5:5062>;expires=3000"]);
    assert_eq!(
        contacts(&world.send("a", 2, &[PHONE, "Expires: 120"])),
        ["<sip:101@10.0.0.5:5062>;expires=120"]
    );
    assert_eq!(world.events(), (0, 0), "a refresh is no news");
    world.agrees_with_disk();

    assert!(contacts(&world.send("a", 3, &["Contact: <sip:101@10.0.0.5:5062>;expires=0"])).is_empty());
    assert_eq!(world.events(), (0, 1));
    assert!(world.disk.is_empty() && world.registrar.is_empty());
}

#[test]
fn intervals_are_chosen_in_the_order_of_step_7() {
    for (lines, expires) in [
        (&[PHONE][..], Some(3_600)),
        (&[PHONE, "Expires: 300"], Some(300)),
        (&["Contact: <sip:101@10.0.0.5>;expires=200", "Expires: 300"], Some(200)),
        (&[PHONE, "Expires: 86400"], Some(3_600)),
        (&[PHONE, "Expires: 60"], Some(60)),
        (&[PHONE, "Expires: 59"], None),
        (&["Contact: <sip:101@10.0.0.5>;expires=1", "Expires: 300"], None),
        (&["Contact: <sip:101@10.0.0.5>;expires=soon"], Some(3_600)),
        (&["Contact: <sip:101@10.0.0.5>;expires=99999999999"], Some(3_600)),
    ] {
        let mut world = World::new(|_| {});
        let answer = world.send("a", 1, lines);
        match expires {
            Some(expires) => {
                assert!(
                    contacts(&answer)[0].ends_with(&format!(";expires={expires}")),
                    "{lines:?}"
                );
            }
            None => {
                assert_eq!(answer.status, StatusCode::INTERVAL_TOO_BRIEF, "{lines:?}");
                assert_eq!(answer.header(HeaderName::MinExpires), Some("60"));
                assert!(world.registrar.is_empty());
            }
        }
    }
}

#[test]
fn each_step_refuses_what_it_must() {
    let own = identity("101", "101");
    let message = |from: &str, to: &str| register("a", 1, &[PHONE]).replace(from, to);
    let contact = |value: &str| register("a", 1, &[&format!("Contact: {value}")]);
    let lines = |lines: &[&str]| register("a", 1, lines);
    for (text, status) in [
        (message("REGISTER sip:tandem.local", "REGISTER sip:example.org"), 404),
        (message("REGISTER sip:tandem.local", "REGISTER tel:+123"), 416),
        (
            message("REGISTER sip:tandem.local", "REGISTER sip:192.0.2.1:5060;transport=udp"),
            200,
        ),
        (lines(&[PHONE, "Require: path, x-magic"]), 420),
        (lines(&[PHONE, "Require: path"]), 200),
        (message("To: <sip:101@", "To: <sip:102@"), 403),
        (message("To: <sip:101@", "To: \"Me\" <sip:1%301@"), 200),
        (
            message("To: <sip:101@tandem.local>", "To: <sip:101@tandem.local;user=phone>"),
            200,
        ),
        (message("To: <sip:101@tandem.local>", "To: <sip:101@example.org>"), 404),
        (contact("<tel:+123>"), 400),
        (contact("<mailto:a@b>"), 400),
        (contact("<sip:1|1@10.0.0.5>"), 400),
        (contact("<sip:101@10.0.0.5>;q=2"), 400),
        (contact(&format!("<sip:{}@10.0.0.5>", "1".repeat(2_100))), 400),
        (lines(&["Contact: *", "Expires: 0"]), 200),
        (lines(&["Contact: *"]), 400),
        (lines(&["Contact: *", "Expires: 60"]), 400),
        (lines(&["Contact: *", PHONE, "Expires: 0"]), 400),
        (lines(&[PHONE, "Contact: *", "Expires: 0"]), 400),
        (lines(&[PHONE, PHONE]), 400),
        (lines(&[PHONE, "Contact: <sip:101@10.0.0.5:5062;x=y>"]), 400),
        // RFC 3327 5.3 leaves it to the registrar.
        (lines(&[PHONE, "Path: <sip:edge.example.org;lr>"]), 200),
        (
            lines(&[PHONE, "Path: <sip:edge.example.org;lr>", "Supported: path"]),
            200,
        ),
        (lines(&[PHONE, "Path: <tel:1>", "Supported: path"]), 400),
        (lines(&[PHONE, "Record-Route: <sip:edge.example.org;lr>"]), 200),
    ] {
        let mut world = World::new(|_| {});
        let answer = world.send_as(&text, udp(), &own);
        assert_eq!(answer.status.code(), status, "{text}");
        if status != 200 {
            assert!(world.registrar.is_empty() && world.disk.is_empty());
        }
    }
    let mut world = World::new(|_| {});
    let answer = world.send("a", 1, &[PHONE, "Require: path, x-magic, Outbound, x-two"]);
    assert_eq!(answer.header(HeaderName::Unsupported), Some("x-magic, x-two"));
    let stranger = Identity {
        device: None,
        ..identity("101", "")
    };
    assert_eq!(
        world.send_as(&lines(&[PHONE]), udp(), &stranger).status.code(),
        403,
        "a trusted network registers nothing"
    );
    let nobody = identity("103", "103");
    let text = message("<sip:101@", "<sip:103@");
    assert_eq!(world.send_as(&text, udp(), &nobody).status.code(), 404);
}

#[test]
fn a_device_registers_by_its_user_name_too() {
    let mut world = World::new(|_| {});
    let text = register("a", 1, &[PHONE]).replace("To: <sip:101@", "To: <sip:desk@");
    assert_eq!(
        world.send_as(&text, udp(), &identity("101", "desk")).status,
        StatusCode::OK
    );
    assert_eq!(world.newest().number, "101");
}

#[test]
fn requests_out_of_order_change_nothing() {
    let mut world = World::new(|_| {});
    assert_eq!(world.status("a", 5, &[PHONE]), 200);
    let before = world.disk.clone();
    assert_eq!(world.status("a", 5, &[PHONE]), 500);
    assert_eq!(world.status("a", 4, &[PHONE, "Expires: 0"]), 500);
    assert_eq!(world.status("a", 4, &["Contact: *", "Expires: 0"]), 500);
    assert_eq!(
        world.status("a", 4, &["Contact: <sip:101@10.0.0.6>", PHONE]),
        500,
        "all or nothing"
    );
    assert_eq!(world.disk, before);
    assert_eq!(world.status("b", 1, &[PHONE]), 200, "another Call-ID has its own count");
    assert_eq!(world.status("b", 2, &["Contact: *", "Expires: 0"]), 200);
    assert!(world.registrar.is_empty());
}

#[test]
fn star_removes_every_contact_of_every_device() {
    let mut world = World::new(|_| {});
    world.send("a", 1, &[PHONE]);
    world.send_as(
        &register("b", 1, &["Contact: <sip:101@10.0.0.7>"]),
        udp(),
        &identity("101", "desk"),
    );
    assert_eq!(world.registrar.len(), 2);
    assert_eq!(world.status("c", 1, &["m: *", "Expires: 0"]), 200);
    assert_eq!((world.registrar.len(), world.disk.len()), (0, 0));
}

#[test]
fn several_contacts_of_one_request_are_taken_together() {
    let mut world = World::new(|_| {});
    let lines = [
        "Contact: <sip:101@10.0.0.5>;q=0.5, <sip:101@10.0.0.6>;q=0.25;expires=100",
        "Contact: <sip:101@10.0.0.7>",
    ];
    let listed = contacts(&world.send("a", 1, &lines));
    let expected = [
        "<sip:101@10.0.0.7>;expires=3600",
        "<sip:101@10.0.0.5>;expires=3600;q=0.5",
        "<sip:101@10.0.0.6>;expires=100;q=0.25",
    ];
    assert_eq!(listed, expected, "best first");
    let lines = [
        "Contact: <sip:101@10.0.0.5>;expires=0",
        "Contact: <sip:101@10.0.0.8>;q=0",
    ];
    assert_eq!(contacts(&world.send("a", 2, &lines)).len(), 3);
    assert_eq!(world.fetch()[2], "<sip:101@10.0.0.8>;expires=3600;q=0.0");
    world.agrees_with_disk();
}

#[test]
fn contacts_are_compared_as_uris() {
    let mut world = World::new(|_| {});
    world.send("a", 1, &["Contact: <sip:101@Phone.Example.org;transport=tcp>"]);
    world.send("a", 2, &["Contact: <sip:1%301@phone.example.ORG;Transport=TCP>"]);
    assert_eq!(world.registrar.len(), 1);
    world.send("a", 3, &["Contact: <sip:101@phone.example.org>"]);
    world.send("a", 4, &["Contact: <sip:101@phone.example.org:5060>"]);
    assert_eq!(world.registrar.len(), 3, "transport and port make a difference");
}

#[test]
fn contacts_end_when_their_time_is_over() {
    let mut world = World::new(|_| {});
    world.send(
        "a",
        1,
        &["Contact: <sip:101@10.0.0.5>;expires=100, <sip:101@10.0.0.6>;expires=200"],
    );
    assert_eq!(
        world.registrar.next_timeout(),
        Some(world.now + std::time::Duration::from_secs(100))
    );
    world.effects.clear();
    world.wait(99);
    assert_eq!((world.registrar.len(), world.events()), (2, (0, 0)));
    world.wait(1);
    assert_eq!((world.registrar.len(), world.events()), (1, (0, 1)));
    world.agrees_with_disk();
    world.wait(100);
    assert_eq!(
        (world.registrar.len(), world.registrar.next_timeout(), world.disk.len()),
        (0, None, 0)
    );
}

#[test]
fn a_phone_that_restarts_replaces_its_contact() {
    let mut world = World::new(|_| {});
    let contact = |port: u32| format!("Contact: <sip:101@10.0.0.5:{port}>;+sip.instance=\"<urn:uuid:A>\"");
    world.send("a", 1, &[&contact(5000)]);
    world.send("b", 1, &[&contact(5001).replace("uuid:A", "uuid:a")]);
    assert_eq!(
        world.fetch(),
        ["<sip:101@10.0.0.5:5001>;expires=3600;+sip.instance=\"<urn:uuid:a>\""]
    );
    world.send("b", 2, &[&contact(5002)]);
    assert_eq!(world.registrar.len(), 2, "the same run may have several");
    let text = register("c", 1, &[&contact(5003)]);
    world.send_as(&text, udp(), &identity("101", "desk"));
    assert_eq!(world.registrar.len(), 3, "another device is another phone");
}

#[test]
fn removing_an_unknown_binding_is_an_error() {
    let mut world = World::new(|_| {});
    assert!(!world.registrar.remove(1));
    world.registrar.remove_extension("999");
    world.registrar.remove_device("101", "x");
    world.drain();
    assert!(world.effects.is_empty());
}

#[test]
fn listings_are_sorted() {
    let mut world = World::new(|_| {});
    for (number, host) in [("102", 9), ("101", 1), ("102", 2), ("101", 5)] {
        let text = register(&format!("{host}"), 1, &[&format!("Contact: <sip:x@10.0.0.{host}>")]);
        let text = text.replace("sip:101@tandem", &format!("sip:{number}@tandem"));
        world.send_as(&text, udp(), &identity(number, number));
    }
    let shown: Vec<String> = world
        .registrar
        .registrations()
        .iter()
        .map(|shown| shown.contact.clone())
        .collect();
    assert_eq!(
        shown,
        ["sip:x@10.0.0.1", "sip:x@10.0.0.5", "sip:x@10.0.0.9", "sip:x@10.0.0.2"]
    );
}
