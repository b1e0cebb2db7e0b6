//! Outbound flows (RFC 5626): a request goes to one flow of a phone at a time.

use sip::{Flow, HeaderName, Message, Method, Transport};
use switch::{Binding, Command, Input, Registration, Reply};
use tests::{Actor, Phase, Settings, Stage, net::Faults, world::EPOCH};

use super::named;

/// One phone of 102 with two flows, each an actor of its own. The second is tried first: it is newer.
fn stage() -> (Stage, Actor, Actor, Actor) {
    let stage = Stage::default();
    let alice = stage.phone("101");
    let (first, second) = (
        named(&stage, "102", 1, ";reg-id=1"),
        named(&stage, "102", 1, ";reg-id=2"),
    );
    (stage, alice, first, second)
}

fn registrations(stage: &Stage) -> Vec<Registration> {
    match stage.commands(Command::ListRegistrations) {
        Ok(Reply::Registrations(list)) => list.into_iter().filter(|shown| shown.number == "102").collect(),
        other => panic!("{other:?}"),
    }
}

/// A flow of 102 that a proxy keeps.
fn through_edge(stage: &Stage, id: u32, edge: &str) {
    stage.tells(Input::Restored(Binding {
        id: id.into(),
        number: "102".into(),
        username: "102".into(),
        contact: format!("sip:102@10.0.0.{id}"),
        flow: Flow {
            transport: Transport::Udp,
            local: "192.0.2.1:5060".parse().unwrap(),
            remote: edge.parse().unwrap(),
            connection: None,
        },
        path: vec![format!("<sip:token{id}@{edge};lr;ob>")],
        instance: Some("<urn:uuid:7>".into()),
        reg_id: Some(id),
        q: 1_000,
        call_id: format!("flow{id}"),
        cseq: 1,
        user_agent: String::new(),
        registered_at: EPOCH,
        expires_at: EPOCH + 3_600_000_000,
    }));
}

#[test]
fn a_phone_with_two_flows_rings_by_one() {
    let (stage, alice, first, second) = stage();
    alice.calls("102");
    second.rings().answers().talks();
    alice.talks().hangs_up().ends_with(200);
    assert_eq!(first.got(Method::Invite), 0);
    let shown: Vec<(Option<u32>, bool)> = registrations(&stage)
        .iter()
        .map(|shown| (shown.reg_id, shown.flow_lost))
        .collect();
    assert_eq!(shown, [(Some(1), false), (Some(2), false)]);
    // The answer of the person counts, whatever flow it comes by.
    alice.calls("102");
    second.rings().rejects(486);
    alice.ends_with(486);
    assert_eq!(first.got(Method::Invite), 0);
    stage.clears();
}

#[test]
fn two_phones_ring_together_each_by_one_flow() {
    let (stage, alice, first, second) = stage();
    let other = named(&stage, "102", 2, ";reg-id=1");
    alice.calls("102");
    second.rings();
    other.rings();
    assert_eq!(first.got(Method::Invite), 0);
    other.answers().talks();
    alice.talks();
    second.ends_with(487);
    stage.ends(&alice, &other);
}

#[test]
fn a_flow_that_is_silent_is_followed_by_the_next() {
    let (stage, alice, first, second) = stage();
    second.feels(|mood| mood.dead = true);
    alice.calls("102");
    stage.pass(3.0);
    assert_eq!(first.got(Method::Invite), 0);
    first.rings().answers().talks();
    alice.talks();
    // It comes back, and hears that the call is no longer for it.
    second.feels(|mood| mood.dead = false);
    second.stays_silent(40.0);
    stage.ends(&alice, &first);
}

#[test]
fn a_message_goes_to_a_phone_with_two_flows_once() {
    let (stage, alice, first, second) = stage();
    let sends = || {
        alice.with(|phone| phone.text("102", "lunch?"));
        stage.pass(20.0);
        assert_eq!(alice.with(|phone| phone.message_code), Some(200));
    };
    sends();
    assert_eq!((first.got(Method::Message), second.got(Method::Message)), (0, 1));
    second.feels(|mood| mood.dead = true);
    sends();
    assert_eq!((first.got(Method::Message), second.got(Method::Message)), (1, 1));
    second.feels(|mood| mood.dead = false);
    stage.clears();
}

#[test]
fn a_flow_whose_connection_has_closed_is_not_used_until_it_registers_again() {
    let stage = Stage::default();
    let alice = stage.phone("101");
    let first = named(&stage, "102", 1, ";reg-id=1");
    let second = stage.unregistered("102");
    second.with(|phone| phone.transport = Transport::Tcp);
    super::names(&second, 1, ";reg-id=2");
    second.registers(3_600);
    alice.calls("102");
    second.rings().rejects(486);
    alice.ends_with(486);
    // Closed before the call, and while the INVITE is under way.
    let address = second.with(|phone| phone.address);
    stage.with(|world| world.cuts(address));
    assert_eq!(
        registrations(&stage)
            .iter()
            .map(|shown| shown.flow_lost)
            .collect::<Vec<_>>(),
        [false, true]
    );
    alice.calls("102");
    first.rings().rejects(486);
    alice.ends_with(486);
    second.registers(3_600);
    alice.calls("102");
    stage.pass(0.01);
    stage.with(|world| world.cuts(address));
    first.rings().answers().talks();
    stage.ends(&alice, &first);
}

#[test]
fn a_flow_that_its_proxy_reports_as_failed_ends_and_the_next_is_tried() {
    for code in [430, 408] {
        let stage = Stage::default();
        let (alice, _) = (stage.phone("101"), stage.unregistered("102"));
        let edges = ["198.51.200.1:5060", "198.51.200.2:5060"];
        let wires = edges.map(|edge| stage.wire(edge));
        for (id, edge) in (1..).zip(edges) {
            through_edge(&stage, id, edge);
        }
        alice.calls("102");
        let invite = wires[1].takes_request(Method::Invite);
        assert_eq!(
            way_of(&invite),
            ("sip:102@10.0.0.2", "<sip:token2@198.51.200.2:5060;lr;ob>")
        );
        wires[1].replies(&invite, code, "edge", |reply| reply);
        let again = wires[0].takes_request(Method::Invite);
        assert_eq!(
            way_of(&again),
            ("sip:102@10.0.0.1", "<sip:token1@198.51.200.1:5060;lr;ob>")
        );
        assert_eq!(
            (again.call_id(), again.from_tag()),
            (invite.call_id(), invite.from_tag())
        );
        wires[0].replies(&again, 486, "phone", |reply| reply);
        alice.ends_with(486);
        for wire in &wires {
            wire.collects(1.0);
        }
        let left = registrations(&stage);
        // RFC 5626 section 5.3.1: 430 alone says that the flow is no more.
        assert_eq!(left.len(), if code == 430 { 1 } else { 2 }, "{left:?}");
        stage.clears();
    }
}

fn way_of(request: &Message) -> (&str, &str) {
    (request.uri(), request.header(HeaderName::Route).unwrap())
}

#[test]
fn flows_that_all_fail_leave_the_phone_unreachable() {
    let stage = Stage::default();
    let (alice, _) = (stage.phone("101"), stage.unregistered("102"));
    let edges = ["198.51.200.1:5060", "198.51.200.2:5060"];
    let wires = edges.map(|edge| stage.wire(edge));
    for (id, edge) in (1..).zip(edges) {
        through_edge(&stage, id, edge);
    }
    alice.calls("102");
    for wire in wires.iter().rev() {
        let invite = wire.takes_request(Method::Invite);
        wire.replies(&invite, 430, "edge", |reply| reply);
    }
    alice.ends_with(480);
    assert_eq!(registrations(&stage), []);
    alice.calls("102").ends_with(480);
    stage.clears();
}

#[test]
fn after_a_restart_the_flows_of_datagrams_are_there() {
    let (stage, alice, first, second) = stage();
    stage.with(|world| world.restart(&Settings::default()));
    alice.calls("102");
    second.rings().answers().talks();
    assert_eq!(first.got(Method::Invite), 0);
    stage.ends(&alice, &second);
}

#[test]
fn a_call_to_a_phone_with_two_flows_comes_through_a_bad_network() {
    let mut rang = 0;
    for seed in 1..=10 {
        let stage = Stage::new(Settings {
            seed,
            ..Settings::default()
        });
        let alice = stage.phone("101");
        let flows = [
            named(&stage, "102", 1, ";reg-id=1"),
            named(&stage, "102", 1, ";reg-id=2"),
        ];
        let faults = |loss| {
            stage.with(|world| {
                world.net.faults = Faults {
                    loss,
                    ..Faults::default()
                };
            });
        };
        faults(20);
        alice.calls("102");
        stage.pass(15.0);
        let ringing = flows.iter().find(|flow| flow.phase() == Some(Phase::Ringing));
        faults(0);
        match ringing {
            Some(flow) => {
                rang += 1;
                flow.answers().talks();
                alice.talks();
                stage.ends(&alice, flow);
            }
            None => {
                alice.ends_or_hangs_up();
                stage.clears();
            }
        }
    }
    assert!(rang >= 8, "{rang} of 10 calls rang");
}
