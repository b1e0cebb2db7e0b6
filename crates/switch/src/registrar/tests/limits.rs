//! How many contacts the registrar takes, and how long they may be.

use super::*;

#[test]
fn a_contact_longer_than_the_setting_is_refused() {
    // RFC 8599 4: the Contact holds tokens of push services.
    let long = |length: usize| format!("sip:101@10.0.0.5;pn-prid={}", "A".repeat(length - 25));
    let register = |world: &mut World, cseq, length| {
        let (old, new) = (long(length).replace("10.0.0.5", "10.0.0.6"), long(length));
        let both = format!("Contact: <{old}>;expires=0, <{new}>;expires=300");
        world.send("a", cseq, &[&both]).status.code()
    };
    let mut world = World::new(|_| {});
    assert_eq!(
        (register(&mut world, 1, 2_048), register(&mut world, 2, 2_049)),
        (200, 400)
    );
    assert_eq!(world.newest().contact, long(2_048));
    let mut world = World::new(|config| config.text = 4_000);
    assert_eq!(
        (register(&mut world, 1, 4_000), register(&mut world, 2, 4_001)),
        (200, 400)
    );
}

#[test]
fn a_device_that_has_too_many_contacts_loses_its_oldest() {
    let mut world = World::new(|config| {
        config.contacts_per_device = 2;
        config.contacts_per_extension = 3;
    });
    for host in 1..=3 {
        world.wait(1);
        assert_eq!(
            world.status(
                &format!("call{host}"),
                1,
                &[&format!("Contact: <sip:101@10.0.0.{host}>")]
            ),
            200
        );
    }
    assert_eq!(
        world.fetch(),
        ["<sip:101@10.0.0.3>;expires=3600", "<sip:101@10.0.0.2>;expires=3599"]
    );
    let desk = identity("101", "desk");
    let text = |host: u32| {
        register(
            &format!("desk{host}"),
            1,
            &[&format!("Contact: <sip:101@10.0.1.{host}>")],
        )
    };
    assert_eq!(world.send_as(&text(1), udp(), &desk).status.code(), 200);
    assert_eq!(
        world.send_as(&text(2), udp(), &desk).status.code(),
        200,
        "replaces its own"
    );
    assert_eq!(world.registrar.len(), 3);
    let lines = ["Contact: <sip:101@10.0.2.1>, <sip:101@10.0.2.2>, <sip:101@10.0.2.3>"];
    assert_eq!(world.status("many", 1, &lines), 403);
    world.agrees_with_disk();
}

#[test]
fn other_devices_contacts_are_not_pushed_out() {
    let mut world = World::new(|config| config.contacts_per_extension = 1);
    world.send("a", 1, &[PHONE]);
    let text = register("b", 1, &["Contact: <sip:101@10.0.1.1>"]);
    assert_eq!(world.send_as(&text, udp(), &identity("101", "desk")).status.code(), 403);
    assert_eq!(world.fetch().len(), 1);
}

#[test]
fn all_contacts_together_have_a_limit() {
    let mut world = World::new(|config| config.contacts = 1);
    assert_eq!(world.status("a", 1, &[PHONE]), 200);
    let answer = world.send("a", 2, &["Contact: <sip:101@10.0.0.6>"]);
    assert_eq!(
        (answer.status.code(), answer.header(HeaderName::RetryAfter)),
        (503, Some("60"))
    );
    assert_eq!(world.status("a", 3, &[PHONE]), 200, "a refresh takes no room");
}
