//! The addresses of an extension: the same for calls, for calls made over the API, and for MESSAGE.

use sip::{Flow, HeaderName, Message, Method, Transport};
use switch::{
    AccountChange, Binding, Command, CommandError, Device, Disposition, Dtmf, Ha1, Input, NatPolicy, Reply, Transcode,
};
use tests::{Actor, Stage, Wire, world::EPOCH};

/// The address that the phone registered from.
const SOURCE: &str = "198.51.200.1:40000";

/// A phone of 102 as it has registered.
struct Registered {
    nat: NatPolicy,
    /// The host part of its Contact.
    host: &'static str,
    path: &'static [&'static str],
}

fn device(stage: &Stage, nat: NatPolicy) {
    let pair = sip::digest::Ha1Pair::new("102", "tandem.local", "102102");
    let device = Device {
        username: "102".into(),
        extension: "102".into(),
        ha1: Ha1 {
            md5: pair.md5,
            sha256: pair.sha256,
        },
        codecs: Vec::new(),
        nat,
        transport: None,
        require_qop: false,
        transcode: Transcode::Auto,
        dtmf: Dtmf::Auto,
    };
    stage.tells(Input::Account(AccountChange::Device(device)));
}

fn binds(stage: &Stage, id: u64, registered: &Registered) {
    device(stage, registered.nat);
    let binding = Binding {
        id,
        number: "102".into(),
        username: "102".into(),
        contact: format!("sip:102@{}", registered.host),
        flow: Flow {
            transport: Transport::Udp,
            local: "192.0.2.1:5060".parse().unwrap(),
            remote: SOURCE.parse().unwrap(),
            connection: None,
        },
        path: registered.path.iter().map(|&value| value.to_owned()).collect(),
        instance: None,
        reg_id: None,
        q: 1_000,
        call_id: format!("register{id}"),
        cseq: 1,
        user_agent: String::new(),
        registered_at: EPOCH,
        expires_at: EPOCH + 3_600_000_000,
    };
    stage.tells(Input::Restored(binding));
}

fn originates(stage: &Stage) -> Result<Reply, CommandError> {
    stage.commands(Command::Originate {
        from: "102".into(),
        to: "101".into(),
    })
}

/// The way of a request: its Request-URI and its Route values.
fn way_of(request: &Message) -> (String, Vec<String>) {
    let routes = request.values(HeaderName::Route).map(|value| value.trim().to_owned());
    (request.uri().to_owned(), routes.collect())
}

/// The ways that an INVITE of `dial`, one of a call made over the API, and a MESSAGE take to the phone at `wire`.
fn reached(stage: &Stage, alice: &Actor, wire: &Wire) -> [(String, Vec<String>); 3] {
    let refuses = |invite: Message| {
        wire.replies(&invite, 486, "far", |reply| reply);
        wire.takes_request(Method::Ack);
        way_of(&invite)
    };
    alice.calls("102");
    let dialed = refuses(wire.takes_request(Method::Invite));
    alice.ends_with(486);
    assert!(matches!(originates(stage), Ok(Reply::Started(_))));
    let originated = refuses(wire.takes_request(Method::Invite));
    alice.with(|phone| phone.text("102", "lunch?"));
    let message = wire.takes_request(Method::Message);
    wire.replies(&message, 200, "far", |reply| reply);
    stage.pass(1.0);
    assert_eq!(alice.with(|phone| phone.message_code), Some(200));
    [dialed, originated, way_of(&message)]
}

#[test]
fn calls_and_messages_reach_the_same_phone_whatever_its_policy_and_path() {
    use NatPolicy::{Contact, Source};
    let edge: &[&str] = &["<sip:edge.example;lr>", "<sip:198.51.200.8;lr>"];
    for (nat, host, path, address) in [
        // Behind a NAT: the source address of the REGISTER.
        (Source, "10.0.0.7:5062", &[][..], SOURCE),
        (Source, "phone.example", &[], SOURCE),
        (Source, "10.0.0.7:5062", edge, SOURCE),
        // Its own host: the port of its Contact.
        (Source, "198.51.200.1:5062", &[], "198.51.200.1:5062"),
        (Contact, "198.51.200.5:5062", &[], "198.51.200.5:5062"),
        (Contact, "phone.example", &[], "198.51.200.6:5060"),
        (Contact, "phone.example", edge, "198.51.200.7:5060"),
    ] {
        let stage = Stage::default();
        let (alice, _) = (stage.phone("101"), stage.unregistered("102"));
        stage.with(|world| {
            for (name, address) in [
                ("phone.example", "198.51.200.6:5060"),
                ("edge.example", "198.51.200.7:5060"),
            ] {
                world.hosts.insert(name.into(), address.parse().unwrap());
            }
        });
        let wire = stage.wire(address);
        binds(&stage, 1, &Registered { nat, host, path });
        let routes: Vec<String> = path.iter().map(|&value| value.to_owned()).collect();
        let expected = (format!("sip:102@{host}"), routes);
        for way in reached(&stage, &alice, &wire) {
            assert_eq!(way, expected, "{nat:?} {host} {path:?}");
        }
        stage.clears();
    }
}

#[test]
fn a_phone_that_is_looked_up_makes_a_call_over_the_api() {
    let stage = Stage::default();
    let (alice, bob) = (stage.phone("101"), stage.unregistered("102"));
    device(&stage, NatPolicy::Contact);
    let address = bob.with(|phone| phone.address);
    stage.with(|world| world.hosts.insert("phone.example".into(), address));
    bob.with(|phone| phone.believes = Some("phone.example".into()));
    bob.registers(3_600);
    assert!(matches!(originates(&stage), Ok(Reply::Started(_))));
    assert_eq!(stage.calls()[0].legs.len(), 0, "it is not yet known where the phone is");
    bob.rings().answers().talks();
    alice.rings().answers().talks();
    stage.pass(2.0);
    bob.hangs_up();
    alice.ends_with(200);
    let cdr = stage.record();
    assert_eq!(
        (cdr.disposition, cdr.open.from.as_str()),
        (Disposition::Answered, "102")
    );
    assert_eq!(cdr.to, "101");
    stage.clears();
}

#[test]
fn a_phone_whose_host_is_unknown_is_unavailable_for_calls_api_calls_and_messages() {
    let stage = Stage::default();
    let (alice, _) = (stage.phone("101"), stage.unregistered("102"));
    let nowhere = Registered {
        nat: NatPolicy::Contact,
        host: "nowhere.example",
        path: &[],
    };
    binds(&stage, 1, &nowhere);
    alice.calls("102").ends_with(480);
    assert!(matches!(originates(&stage), Ok(Reply::Started(_))));
    alice.with(|phone| phone.text("102", "?"));
    stage.pass(1.0);
    assert_eq!(alice.with(|phone| phone.message_code), Some(202));
    let records = stage.with(|world| world.cdrs.clone());
    let ends: Vec<_> = records.iter().map(|cdr| (cdr.disposition, cdr.sip_code)).collect();
    assert_eq!(ends, [(Disposition::NoAnswer, 480), (Disposition::NoAnswer, 480)]);
    stage.clears();
}

#[test]
fn a_call_over_the_api_that_waits_for_a_name_can_be_ended() {
    let stage = Stage::default();
    let _ = (stage.phone("101"), stage.unregistered("102"));
    let phone = Registered {
        nat: NatPolicy::Contact,
        host: "phone.example",
        path: &[],
    };
    binds(&stage, 1, &phone);
    let Ok(Reply::Started(id)) = originates(&stage) else {
        panic!("not started")
    };
    assert_eq!(stage.commands(Command::HangUp(id)), Ok(Reply::Done));
    stage.clears();
    assert!(stage.calls().is_empty());
}

#[test]
fn the_phone_that_is_known_rings_while_another_is_looked_up() {
    let stage = Stage::default();
    let (alice, desk) = (stage.phone("101"), stage.phone("102"));
    let (found, wire) = ("198.51.200.6:5060", stage.wire("198.51.200.6:5060"));
    stage.with(|world| world.hosts.insert("phone.example".into(), found.parse().unwrap()));
    let soft = Registered {
        nat: NatPolicy::Contact,
        host: "phone.example",
        path: &[],
    };
    binds(&stage, 1, &soft);
    originates(&stage).unwrap();
    let invite = wire.takes_request(Method::Invite);
    wire.replies(&invite, 180, "far", |reply| reply);
    desk.rings().answers().talks();
    let cancel = wire.takes_request(Method::Cancel);
    let reason = cancel.header(HeaderName::Reason).unwrap();
    assert!(reason.contains("cause=200"), "RFC 3326: answered elsewhere: {reason}");
    wire.replies(&cancel, 200, "far", |reply| reply);
    wire.replies(&invite, 487, "far", |reply| reply);
    alice.rings().answers().talks();
    desk.hangs_up();
    alice.ends_with(200);
    stage.clears();
}
