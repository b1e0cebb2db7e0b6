//! The package `reg` (RFC 3680).

use tests::Stage;

#[test]
fn an_extension_hears_of_its_own_contacts_and_of_no_other_s() {
    let stage = Stage::default();
    let (bob, carol) = (stage.phone("102"), stage.phone("103"));
    let other = carol.subscribes("reg", "102", 3_600, |it| it);
    assert_eq!(carol.lamp(other, |lamp| lamp.code), Some(403));
    let lamp = bob.watches("reg", "102");
    let contacts = || bob.lamp(lamp, |lamp| lamp.document().matches("<contact ").count());
    assert_eq!(contacts(), 1);
    let address = bob.with(|phone| phone.address.to_string());
    bob.lamp(lamp, |lamp| {
        let document = lamp.document();
        assert!(document.contains("<registration aor=\"sip:102@tandem.local\" id=\"102\" state=\"active\">"));
        assert!(
            document.contains(&format!("<uri>sip:102@{address}</uri>")),
            "{document}"
        );
    });
    stage.pass(2.0);
    let mobile = stage.phone("102");
    stage.pass(2.0);
    assert_eq!(contacts(), 2);
    mobile.registers(0);
    bob.registers(0);
    stage.pass(4.0);
    assert_eq!(contacts(), 0);
    assert!(bob.lamp(lamp, |lamp| lamp.document().contains("state=\"terminated\"")));
    bob.is_content();
    stage.clears();
}

#[test]
fn a_contact_is_shown_with_its_flow_and_its_gruu() {
    // RFC 5628 section 5.
    let stage = Stage::default();
    let bob = stage.unregistered("102");
    bob.feels(|mood| {
        mood.contact_adds = ";+sip.instance=\"<urn:uuid:1>\";reg-id=2;q=0.5".into();
        mood.register_adds = vec![("Supported", "outbound, gruu".into())];
    });
    bob.registers(3_600);
    let lamp = bob.watches("reg", "102");
    let document = bob.lamp(lamp, |lamp| lamp.document().to_owned());
    for part in [
        "q=\"0.500\"",
        "<unknown-param name=\"+sip.instance\">&quot;&lt;urn:uuid:1&gt;&quot;</unknown-param>",
        "<unknown-param name=\"reg-id\">2</unknown-param>",
        "<gr:pub-gruu uri=\"sip:102@tandem.local;gr=urn:uuid:1\"/>",
    ] {
        assert!(document.contains(part), "{part}\n{document}");
    }
    stage.clears();
}
