//! Where a registered phone is reached: source address, Path, connection.

use super::*;

#[test]
fn a_path_without_support_is_taken_or_by_setting_refused_with_420() {
    let path = "Path: <sip:edge.example.org;lr>";
    let mut world = World::new(|_| {});
    assert_eq!(
        world.send("a", 1, &[PHONE, path]).header(HeaderName::Path),
        Some("<sip:edge.example.org;lr>")
    );
    assert_eq!(world.newest().path, ["<sip:edge.example.org;lr>"]);
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
    assert_eq!(world.flows(), [other_home, udp()]);
    world.send("c", 1, &[&contact("C")]);
    assert_eq!(
        world.registrar.len(),
        2,
        "another phone that has taken the place of the first"
    );
    let text = register("b", 2, &[&format!("{};expires=0", contact("B"))]);
    world.send_as(&text, other_home, &own);
    assert_eq!(world.flows(), [udp()]);
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
