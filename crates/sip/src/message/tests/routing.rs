//! Where an answer goes (RFC 3261 section 18.2, RFC 3581).

use super::*;

#[test]
fn received_and_rport_are_what_the_source_was() {
    let via = |text: &str| {
        read(&INVITE.replace("SIP/2.0/UDP pc33.atlanta.com;branch=z9hG4bK776asdhds", text)).with_received(source())
    };
    let top = |message: &Message| message.header(HeaderName::Via).unwrap().to_owned();
    // RFC 3261 18.2.1: nothing is added where the address is the one in sent-by.
    let message = via("SIP/2.0/UDP 192.0.2.9:5070;branch=b");
    assert_eq!(top(&message), "SIP/2.0/UDP 192.0.2.9:5070;branch=b");
    assert_eq!(
        top(&via("SIP/2.0/UDP pc33.atlanta.com;branch=b")),
        "SIP/2.0/UDP pc33.atlanta.com;branch=b;received=192.0.2.9"
    );
    // RFC 3581 4: with rport, received is always added.
    let message = via("SIP/2.0/UDP 192.0.2.9;rport;branch=b");
    assert_eq!(
        top(&message),
        "SIP/2.0/UDP 192.0.2.9;rport=5062;branch=b;received=192.0.2.9"
    );
    assert_eq!(message.top_via().unwrap().rport(), Some(Some(5062)));
    assert_eq!(
        (message.body(), message.call_id()),
        (&b"v=0\n"[..], "a84b4c76e66710@pc33.atlanta.com")
    );
    assert_eq!(message.method(), &Method::Invite);
    assert_eq!(
        Message::parse(message.bytes().clone(), &Limits::default())
            .unwrap()
            .fields()
            .count(),
        message.fields().count()
    );
    // What the sender claims about itself is overwritten.
    let message = via("SIP/2.0/UDP h;received=198.51.100.1;rport=9;branch=b, SIP/2.0/UDP two;rport");
    assert_eq!(
        top(&message),
        "SIP/2.0/UDP h;rport=5062;branch=b;received=192.0.2.9, SIP/2.0/UDP two;rport"
    );
    assert_eq!(
        top(&via("SIP/2.0/UDP 192.0.2.9;received=198.51.100.1")),
        "SIP/2.0/UDP 192.0.2.9"
    );
    let six = "[2001:db8::9]:5062".parse().unwrap();
    let message = read(INVITE).with_received(six);
    assert_eq!(message.top_via().unwrap().received(), Some(six.ip()));
    assert!(message.check().is_ok());
}

#[test]
fn answers_go_where_the_rules_say() {
    let flow = |transport| Flow {
        transport,
        local: "192.0.2.1:5060".parse().unwrap(),
        remote: source(),
        connection: None,
    };
    let to = |via: &str, transport| {
        let text = INVITE.replace("SIP/2.0/UDP pc33.atlanta.com;branch=z9hG4bK776asdhds", via);
        reply_address(&read(&text).with_received(source()), &flow(transport))
            .remote
            .to_string()
    };
    assert_eq!(to("SIP/2.0/UDP h:5070;branch=b", Transport::Udp), "192.0.2.9:5070");
    assert_eq!(to("SIP/2.0/UDP h;branch=b", Transport::Udp), "192.0.2.9:5060");
    assert_eq!(to("SIP/2.0/UDP h:5070;rport", Transport::Udp), "192.0.2.9:5062");
    assert_eq!(
        to("SIP/2.0/UDP h:5070;maddr=239.255.255.1;rport", Transport::Udp),
        "192.0.2.9:5062"
    );
    assert_eq!(
        to("SIP/2.0/UDP h:5070;maddr=198.51.100.1;branch=b", Transport::Udp),
        "192.0.2.9:5070",
        "nobody is sent what he did not ask for"
    );
    assert_eq!(to("SIP/2.0/TCP h;rport", Transport::Tcp), "192.0.2.9:5060");
    assert_eq!(to("SIP/2.0/TLS h", Transport::Tls), "192.0.2.9:5061");
    let link_local = Flow {
        remote: "[fe80::9%3]:5062".parse().unwrap(),
        ..flow(Transport::Udp)
    };
    let answered = reply_address(&read(INVITE).with_received(link_local.remote), &link_local);
    assert_eq!(answered.remote.to_string(), "[fe80::9%3]:5060");
}
