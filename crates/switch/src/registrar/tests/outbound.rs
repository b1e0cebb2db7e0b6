//! RFC 5626: several flows of one phone.

use super::*;

#[test]
fn outbound_flows_are_told_apart_by_instance_and_reg_id() {
    let mut world = World::new(|_| {});
    let answer = world.send("a", 1, &[OUTBOUND, "Supported: outbound, path"]);
    assert_eq!(answer.header(HeaderName::Require), Some("outbound"));
    assert_eq!(answer.header(HeaderName::FlowTimer), Some("120"));
    assert_eq!(
        contacts(&answer),
        ["<sip:101@10.0.0.5;ob>;expires=3600;+sip.instance=\"<urn:uuid:1>\";reg-id=1"]
    );
    let second = OUTBOUND.replace("reg-id=1", "reg-id=2");
    world.send("b", 1, &[&second, "Supported: outbound"]);
    assert_eq!(
        world.registrar.len(),
        2,
        "two flows of one phone, though the URI is the same"
    );
    let moved = OUTBOUND.replace("10.0.0.5", "10.0.0.6");
    world.send("c", 1, &[&moved, "Supported: outbound"]);
    assert_eq!(world.registrar.len(), 2, "the first flow again, from elsewhere");
    assert_eq!(world.events(), (1, 1));
    world.agrees_with_disk();
}

#[test]
fn outbound_phones_in_two_homes_may_have_the_same_address() {
    let mut world = World::new(|_| {});
    let other = OUTBOUND.replace("uuid:1", "uuid:2");
    world.send("a", 1, &[OUTBOUND, "Supported: outbound"]);
    world.send("b", 1, &[&other, "Supported: outbound"]);
    assert_eq!(
        world.registrar.len(),
        2,
        "RFC 5626 section 6: the URI is not used for comparing"
    );
    world.send("b", 2, &[&format!("{other};expires=0"), "Supported: outbound"]);
    assert_eq!(
        world.fetch(),
        ["<sip:101@10.0.0.5;ob>;expires=3600;+sip.instance=\"<urn:uuid:1>\";reg-id=1"]
    );
    world.agrees_with_disk();
}

#[test]
fn outbound_asks_for_what_it_needs() {
    let both = [OUTBOUND, "Contact: <sip:101@10.0.0.9>", "Supported: outbound"];
    let gone = [OUTBOUND, "Contact: <sip:101@10.0.0.9>;expires=0", "Supported: outbound"];
    let zero = OUTBOUND.replace("reg-id=1", "reg-id=0");
    let hop = "Via: SIP/2.0/UDP edge.example.org;branch=z9hG4bKe";
    let path = "Path: <sip:edge.example.org;lr>";
    let kept = "Path: <sip:edge.example.org;lr;ob>";
    for (lines, status) in [
        (&both[..], 400),
        (&gone[..], 200),
        (&[zero.as_str(), "Supported: outbound"], 400),
        (&[OUTBOUND, "Supported: outbound, path", hop, path], 439),
        (&[OUTBOUND, "Supported: outbound, path", hop, kept], 200),
        (&[OUTBOUND, "Supported: path", hop, path], 200),
    ] {
        assert_eq!(World::new(|_| {}).status("a", 1, lines), status, "{lines:?}");
    }
    let mut world = World::new(|_| {});
    let answer = world.send("a", 1, &[OUTBOUND]);
    assert_eq!(
        answer.header(HeaderName::Require),
        None,
        "not where the phone does not speak it"
    );
    assert!(!contacts(&answer)[0].contains("reg-id"));
}

#[test]
fn a_phone_is_told_by_which_proxies_to_send_its_requests() {
    // RFC 3608 section 6.4.
    let routes = ["<sip:edge.example;lr>", "<sip:core.example;lr>"];
    let told = |world: &mut World| {
        let answer = world.send("a", 1, &[PHONE]);
        let values = answer
            .headers
            .iter()
            .filter(|(name, _)| *name == HeaderName::ServiceRoute);
        values.map(|(_, value)| value.clone()).collect::<Vec<_>>()
    };
    assert_eq!(told(&mut World::new(|_| {})), [""; 0]);
    let mut world = World::new(|config| config.service_route = routes.map(str::to_owned).into());
    assert_eq!(told(&mut world), routes);
}
