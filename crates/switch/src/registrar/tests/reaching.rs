//! Where a registered phone is reached: source address, Path, connection.

use super::*;

#[test]
fn a_path_that_the_phone_does_not_know_of_is_taken_or_by_setting_refused_with_420() {
    let path = "Path: <sip:edge.example.org;lr>";
    let mut world = World::new(|_| {});
    assert_eq!(
        world.send("a", 1, &[PHONE, path]).header(HeaderName::Path),
        Some("<sip:edge.example.org;lr>")
    );
    assert_eq!(
        world.registrar.lookup("101", &world.accounts)[0].path,
        ["<sip:edge.example.org;lr>"]
    );
    let mut world = World::new(|config| config.require_path_support = true);
    let answer = world.send("a", 1, &[PHONE, path]);
    assert_eq!(
        (answer.status, answer.header(HeaderName::Unsupported)),
        (StatusCode::BAD_EXTENSION, Some("path"))
    );
    assert!(world.registrar.is_empty());
    assert_eq!(
        world.send("a", 2, &[PHONE, path, "Supported: path"]).status,
        StatusCode::OK
    );
}

#[test]
fn phones_are_found_by_q_then_newest_first_at_their_source_address() {
    let mut world = World::new(|_| {});
    world.send("a", 1, &["Contact: <sip:101@10.0.0.5?Subject=x>;q=0.5"]);
    world.send("b", 1, &["Contact: <sip:101@10.0.0.6>"]);
    world.send_as(
        &register("c", 1, &["Contact: <sip:101@10.0.0.7>"]),
        udp(),
        &identity("101", "desk"),
    );
    let targets = world.registrar.lookup("101", &world.accounts);
    let uris: Vec<&str> = targets.iter().map(|target| target.uri.as_str()).collect();
    assert_eq!(uris, ["sip:101@10.0.0.7", "sip:101@10.0.0.6", "sip:101@10.0.0.5"]);
    assert_eq!(
        targets[0].reach,
        Reach::Uri("sip:101@10.0.0.7".into()),
        "the desk phone's policy"
    );
    assert_eq!(targets[1].reach, Reach::Flow(udp()));
    assert!(world.registrar.lookup("102", &world.accounts).is_empty());
}

#[test]
fn a_path_is_kept_and_given_back() {
    let mut world = World::new(|_| {});
    let lines = [
        PHONE,
        "Supported: path",
        "Path: <sip:edge.example.org;lr>, <sip:core.example.org;lr>",
    ];
    let answer = world.send("a", 1, &lines);
    let path: Vec<&str> = answer
        .headers
        .iter()
        .filter(|(name, _)| *name == HeaderName::Path)
        .map(|(_, value)| value.as_str())
        .collect();
    assert_eq!(path, ["<sip:edge.example.org;lr>", "<sip:core.example.org;lr>"]);
    let target = &world.registrar.lookup("101", &world.accounts)[0];
    assert_eq!(
        (&target.path[0], &target.reach),
        (&"<sip:edge.example.org;lr>".to_owned(), &Reach::Flow(udp()))
    );
    world.accounts.apply(device("101", "101", NatPolicy::Contact));
    let target = &world.registrar.lookup("101", &world.accounts)[0];
    assert_eq!(target.reach, Reach::Uri("sip:edge.example.org;lr".into()));
}

#[test]
fn a_contact_that_leads_back_here_is_never_called() {
    let lines = |host: &str| register("a", 1, &[&format!("Contact: <sip:101@{host}>")]);
    let desk = identity("101", "desk");
    let mut world = World::new(|_| {});
    for host in ["192.0.2.1:5060", "192.0.2.1", "127.0.0.1", "tandem.local"] {
        assert_eq!(world.send_as(&lines(host), udp(), &desk).status.code(), 403, "{host}");
    }
    assert_eq!(world.send_as(&lines("192.0.2.1:5070"), udp(), &desk).status.code(), 200);
    // Where requests go to the source anyway, it does no harm.
    let mut world = World::new(|_| {});
    let near = Flow {
        remote: "192.0.2.1:40000".parse().unwrap(),
        ..tcp(1)
    };
    assert_eq!(
        world
            .send_as(&lines("192.0.2.1:5060"), near, &identity("101", "101"))
            .status
            .code(),
        200
    );
    assert_eq!(world.reaches(), [Reach::Flow(near)]);
    let mut after = World::new(|_| {});
    for binding in world.disk.values() {
        after.registrar.restore(after.now, UNIX, binding.clone());
    }
    assert_eq!((after.registrar.len(), after.reaches()), (1, vec![]));
    world.registrar.connection_closed(ConnectionId(1));
    assert_eq!(world.reaches(), []);
    world.accounts.apply(device("101", "101", NatPolicy::Contact));
    assert_eq!(world.reaches(), []);
}

#[test]
fn phones_behind_two_nats_may_have_the_same_address() {
    let mut world = World::new(|_| {});
    let own = identity("101", "101");
    let other_home = Flow {
        remote: "198.51.100.4:1024".parse().unwrap(),
        ..udp()
    };
    let contact =
        |instance: &str| format!("Contact: <sip:101@192.168.1.20:5060>;+sip.instance=\"<urn:uuid:{instance}>\"");
    world.send("a", 1, &[&contact("A")]);
    world.send_as(&register("b", 1, &[&contact("B")]), other_home, &own);
    assert_eq!(world.reaches(), [Reach::Flow(other_home), Reach::Flow(udp())]);
    world.send("c", 1, &[&contact("C")]);
    assert_eq!(
        world.registrar.len(),
        2,
        "another phone that has taken the place of the first"
    );
    let text = register("b", 2, &[&format!("{};expires=0", contact("B"))]);
    world.send_as(&text, other_home, &own);
    assert_eq!(world.reaches(), [Reach::Flow(udp())]);
    world.send_as(
        &register("d", 1, &["Contact: <sip:101@192.168.1.20:5060>"]),
        other_home,
        &own,
    );
    assert_eq!(
        world.registrar.len(),
        1,
        "who does not say what it is goes by the URI alone"
    );
    world.agrees_with_disk();
}

#[test]
fn a_connection_that_closes_takes_the_way_to_the_phone_with_it() {
    let mut world = World::new(|_| {});
    let own = identity("101", "101");
    let at = |contact: &str| register(contact, 1, &[&format!("Contact: <sip:101@{contact};transport=tcp>")]);
    world.send_as(&at("10.0.0.5"), tcp(1), &own);
    world.send_as(&at("203.0.113.9:5066"), tcp(1), &own);
    world.send_as(
        &register(
            "ob",
            1,
            &[&OUTBOUND.replace("10.0.0.5", "203.0.113.9"), "Supported: outbound"],
        ),
        tcp(2),
        &own,
    );
    assert_eq!(
        world.reaches(),
        [Reach::Flow(tcp(2)), Reach::Flow(tcp(1)), Reach::Flow(tcp(1))]
    );
    world.registrar.connection_closed(ConnectionId(1));
    world.registrar.connection_closed(ConnectionId(2));
    world.registrar.connection_closed(ConnectionId(3));
    assert_eq!(
        world.reaches(),
        [Reach::Uri("sip:101@203.0.113.9:5066;transport=tcp".into())],
        "the one without NAT"
    );
    assert_eq!(world.registrar.len(), 3);
    world.send_as(&at("10.0.0.5").replace("CSeq: 1", "CSeq: 2"), tcp(4), &own);
    assert!(world.reaches().contains(&Reach::Flow(tcp(4))), "it has come back");
    world.send_as(&at("10.0.0.5").replace("CSeq: 1", "CSeq: 3"), tcp(5), &own);
    world.registrar.connection_closed(ConnectionId(4));
    assert!(
        world.reaches().contains(&Reach::Flow(tcp(5))),
        "the one it had before is of no matter"
    );
    world.agrees_with_disk();
}

#[test]
fn after_its_connection_closed_a_phone_is_sought_at_its_source_address_only() {
    // Whose connection has gone is sought where it came from only, whatever Path it brought along.
    for (path, reach) in [
        ("203.0.113.9:5070", Some("sip:203.0.113.9:5070;transport=tcp;lr")),
        ("198.51.100.1:25", None),
        ("edge.example.org", None),
    ] {
        let mut world = World::new(|_| {});
        let path = format!("Path: <sip:{path};transport=tcp;lr>");
        let text = register("a", 1, &[PHONE, "Supported: path", &path]);
        world.send_as(&text, tcp(1), &identity("101", "101"));
        assert_eq!(world.reaches(), [Reach::Flow(tcp(1))], "{path}");
        world.registrar.connection_closed(ConnectionId(1));
        let expected: Vec<Reach> = reach.map(|uri| Reach::Uri(uri.into())).into_iter().collect();
        assert_eq!(world.reaches(), expected, "{path}");
    }
}

#[test]
fn the_port_of_a_contact_is_used_where_its_host_is_the_source_address() {
    for (contact, port) in [
        ("203.0.113.9:5062", 5062),  // no NAT to be seen: another socket of the phone
        ("192.168.1.20:5062", 1024), // behind NAT
    ] {
        let mut world = World::new(|_| {});
        let flow = Flow {
            remote: "203.0.113.9:1024".parse().unwrap(),
            ..udp()
        };
        let text = register("a", 1, &[&format!("Contact: <sip:101@{contact}>")]);
        let answer = world.send_as(&text, flow, &identity("101", "101"));
        assert_eq!(answer.status.code(), 200);
        let remote = (flow.remote.ip(), port).into();
        assert_eq!(world.reaches(), [Reach::Flow(Flow { remote, ..flow })], "{contact}");
    }
}
