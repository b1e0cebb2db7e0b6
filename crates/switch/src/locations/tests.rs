use sip::{ConnectionId, Flow, HeaderName, Transport};

use super::*;
use crate::{
    NatPolicy,
    registrar::tests::{OUTBOUND, PHONE, UNIX, World, device, identity, register, tcp, udp},
};

/// The locations, as the registrar has told them.
fn places(world: &mut World, number: &str) -> Vec<Location> {
    world.drain();
    let mut locations = Locations::default();
    for change in &world.told {
        locations.apply(change.clone());
    }
    locations.ways(&Peer::extension(number), &world.accounts)
}

/// The ways to 101.
fn ways(world: &mut World) -> Vec<Way> {
    places(world, "101").into_iter().map(|place| place.way).collect()
}

fn look(uri: &str) -> Way {
    Way::Look(Look::at(uri).unwrap())
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
    let targets = places(&mut world, "101");
    let uris: Vec<&str> = targets.iter().map(|target| target.uri.as_str()).collect();
    assert_eq!(uris, ["sip:101@10.0.0.7", "sip:101@10.0.0.6", "sip:101@10.0.0.5"]);
    assert_eq!(targets[0].way, look("sip:101@10.0.0.7"), "the desk phone's policy");
    assert_eq!(targets[1].way, Way::Flow(udp()));
    assert!(places(&mut world, "102").is_empty());
}

#[test]
fn a_path_is_returned_in_the_200_and_leads_to_the_phone() {
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
    let target = &places(&mut world, "101")[0];
    assert_eq!(
        (&target.routes[0], &target.way),
        (&"<sip:edge.example.org;lr>".to_owned(), &Way::Flow(udp()))
    );
    world.accounts.apply(device("101", "101", NatPolicy::Contact));
    let target = &places(&mut world, "101")[0];
    assert_eq!(target.way, look("sip:edge.example.org;lr"));
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
    // With the policy that sends requests to the source address, such a contact does no harm.
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
    assert_eq!(ways(&mut world), [Way::Flow(near)]);
    let mut after = World::new(|_| {});
    for binding in world.disk.values() {
        after.registrar.restore(after.now, UNIX, binding.clone());
    }
    assert_eq!((after.registrar.len(), ways(&mut after)), (1, vec![]));
    world.registrar.connection_closed(ConnectionId(1));
    assert_eq!(ways(&mut world), []);
    world.accounts.apply(device("101", "101", NatPolicy::Contact));
    assert_eq!(ways(&mut world), []);
}

#[test]
fn a_closed_connection_is_no_longer_a_way_to_the_phone() {
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
        ways(&mut world),
        [Way::Flow(tcp(2)), Way::Flow(tcp(1)), Way::Flow(tcp(1))]
    );
    world.registrar.connection_closed(ConnectionId(1));
    world.registrar.connection_closed(ConnectionId(2));
    world.registrar.connection_closed(ConnectionId(3));
    assert_eq!(
        ways(&mut world),
        [look("sip:101@203.0.113.9:5066;transport=tcp")],
        "the one without NAT"
    );
    assert_eq!(world.registrar.len(), 3);
    world.send_as(&at("10.0.0.5").replace("CSeq: 1", "CSeq: 2"), tcp(4), &own);
    assert!(ways(&mut world).contains(&Way::Flow(tcp(4))), "it has come back");
    world.send_as(&at("10.0.0.5").replace("CSeq: 1", "CSeq: 3"), tcp(5), &own);
    world.registrar.connection_closed(ConnectionId(4));
    assert!(
        ways(&mut world).contains(&Way::Flow(tcp(5))),
        "the one it had before is of no matter"
    );
    world.agrees_with_disk();
}

#[test]
fn after_its_connection_closed_a_phone_is_sought_at_its_source_address_only() {
    // A phone whose connection has closed is sought only at its source address, whatever its Path says.
    for (path, reach) in [
        ("203.0.113.9:5070", Some("sip:203.0.113.9:5070;transport=tcp;lr")),
        ("198.51.100.1:25", None),
        ("edge.example.org", None),
    ] {
        let mut world = World::new(|_| {});
        let path = format!("Path: <sip:{path};transport=tcp;lr>");
        let text = register("a", 1, &[PHONE, "Supported: path", &path]);
        world.send_as(&text, tcp(1), &identity("101", "101"));
        assert_eq!(ways(&mut world), [Way::Flow(tcp(1))], "{path}");
        world.registrar.connection_closed(ConnectionId(1));
        let expected: Vec<Way> = reach.map(look).into_iter().collect();
        assert_eq!(ways(&mut world), expected, "{path}");
    }
}

#[test]
fn the_port_of_a_contact_is_used_where_its_host_is_the_source_address() {
    for (contact, port) in [
        ("203.0.113.9:5062", 5062),  // no sign of a NAT: another socket of the phone
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
        assert_eq!(ways(&mut world), [Way::Flow(Flow { remote, ..flow })], "{contact}");
    }
}

#[test]
fn a_connection_that_closes_while_its_binding_is_stored_is_lost_too() {
    let mut world = World::new(|_| {});
    let own = identity("101", "101");
    let at = |cseq| {
        let contact = "Contact: <sip:101@203.0.113.9:5066;transport=tcp>";
        register("a", cseq, &[contact])
    };
    let (first, second) = (world.begin(&at(1), tcp(1), &own), world.begin(&at(2), tcp(1), &own));
    world.registrar.connection_closed(ConnectionId(1));
    world.store(first, true);
    world.store(second, true);
    assert_eq!(ways(&mut world), [look("sip:101@203.0.113.9:5066;transport=tcp")]);
}

#[test]
fn a_question_mark_in_the_user_part_is_no_header() {
    let mut world = World::new(|_| {});
    world.send("a", 1, &["Contact: <sip:what?@10.0.0.5>"]);
    world.send("b", 1, &["Contact: <sip:10.0.0.6?Subject=x>;q=0.5"]);
    let targets = places(&mut world, "101");
    let uris: Vec<&str> = targets.iter().map(|target| target.uri.as_str()).collect();
    assert_eq!(uris, ["sip:what?@10.0.0.5", "sip:10.0.0.6"]);
}

#[test]
fn a_removed_contact_is_forgotten() {
    let mut world = World::new(|_| {});
    world.send("a", 1, &[PHONE, "Contact: <sip:101@10.0.0.6>"]);
    let mut locations = Locations::default();
    for change in &world.told {
        locations.apply(change.clone());
    }
    let own = Peer::extension("101");
    let accounts = Accounts::default();
    assert!(locations.has_phone("101", &accounts) && !locations.has_phone("102", &accounts));
    assert!(locations.is_registered_from(&own, udp().remote.ip()));
    assert!(!locations.is_registered_from(&own, udp().local.ip()));
    assert!(!locations.is_registered_from(&Peer::Uri("101".into()), udp().remote.ip()));
    let told = world.told.len();
    world.registrar.remove_extension("101");
    world.drain();
    for change in &world.told[told..] {
        locations.apply(change.clone());
    }
    assert!(locations.by_number.is_empty());
    assert!(!locations.is_registered_from(&own, udp().remote.ip()));
}

#[test]
fn a_uri_leads_to_a_look_up_and_a_trunk_to_nothing() {
    let accounts = Accounts::default();
    let locations = Locations::default();
    for (uri, host, port, transport) in [
        ("sip:bob@example.org", "example.org", None, None),
        ("sips:bob@example.org", "example.org", None, None),
        (
            "sips:bob@example.org;transport=tcp",
            "example.org",
            None,
            Some(Transport::Tls),
        ),
        (
            "sip:192.0.2.4:5070;transport=tcp",
            "192.0.2.4",
            Some(5070),
            Some(Transport::Tcp),
        ),
    ] {
        let places = locations.ways(&Peer::Uri(uri.into()), &accounts);
        let [place] = &places[..] else {
            panic!("{uri}: {places:?}")
        };
        let Way::Look(look) = &place.way else {
            panic!("{place:?}")
        };
        let query = crate::Query::Resolve {
            host: host.into(),
            port,
            transport,
            secure: uri.starts_with("sips:"),
        };
        assert_eq!((place.uri.as_str(), look.query()), (uri, query));
    }
    assert_eq!(locations.ways(&Peer::Uri("nonsense".into()), &accounts), []);
    let trunk = Peer::Trunk {
        name: "provider".into(),
        number: "1".into(),
    };
    assert_eq!(locations.ways(&trunk, &accounts), []);
}
