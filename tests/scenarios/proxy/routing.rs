//! The way of what is passed on: Record-Route, loose and strict routers, transports, NAT (RFC 3261 16.4, 16.6, RFC 5658).

use sip::{Builder, HeaderName, Method, StatusCode, Transport};
use tests::Stage;

use super::{
    OUTSIDE, phones,
    raw::{Raw, routes, within, written},
    settings,
};

const ONE: &str = r#"caller.proxy("sip:bob@198.51.7.1");"#;

fn ends(raw: &Raw, invite: &sip::Message, answer: &sip::Message) {
    raw.caller.sends(within(invite, answer, &Method::Bye, 9, |bye| bye));
    let bye = raw.one.takes_request(Method::Bye);
    raw.one.replies(&bye, 200, "callee", |reply| reply);
    raw.caller.takes_response(200);
    raw.clears();
}

#[test]
fn a_request_from_a_strict_router_is_put_right() {
    // RFC 3261 16.4: our own URI stands in the Request-URI, and the target at the end of the Routes.
    let raw = Raw::plan(ONE);
    let (invite, _, answer) = raw.talks(|reply| reply);
    let ours = routes(&answer)[0].trim_matches(['<', '>']).to_owned();
    let last = ["<sip:wire@198.51.7.1:5060>".to_owned()];
    raw.caller
        .sends(written(&invite, &answer, &Method::Info, 2, &ours, &last, |info| info));
    let info = raw.one.takes_request(Method::Info);
    assert_eq!(info.uri(), "sip:wire@198.51.7.1:5060");
    assert_eq!(info.headers(HeaderName::Route).count(), 0);
    raw.one.replies(&info, 200, "callee", |reply| reply);
    raw.caller.takes_response(200);
    // The same without a target.
    raw.caller
        .sends(written(&invite, &answer, &Method::Info, 3, &ours, &[], |info| info));
    raw.caller.takes_response(400);
    ends(&raw, &invite, &answer);
}

#[test]
fn a_strict_router_behind_tandem_finds_itself_in_the_request_uri() {
    // RFC 3261 16.6 step 6.
    let raw = Raw::plan(ONE);
    let invite = raw.invites(|invite| invite);
    let passed = raw.one.takes_request(Method::Invite);
    let ok = Builder::reply(&passed, StatusCode::OK, Some("callee"))
        .header(HeaderName::RecordRoute, "<sip:198.51.7.2>")
        .copy(&passed, HeaderName::RecordRoute)
        .header(HeaderName::Contact, "<sip:wire@198.51.7.1:5060>");
    raw.one.sends(ok.finish());
    let answer = raw.caller.takes_response(200);
    raw.caller.sends(within(&invite, &answer, &Method::Ack, 1, |ack| ack));
    assert_eq!(raw.other.takes_request(Method::Ack).uri(), "sip:198.51.7.2");
    raw.caller.sends(within(&invite, &answer, &Method::Bye, 9, |bye| bye));
    let bye = raw.other.takes_request(Method::Bye);
    assert_eq!(bye.uri(), "sip:198.51.7.2");
    let left: Vec<&str> = bye.values(HeaderName::Route).collect();
    assert_eq!(left, ["<sip:wire@198.51.7.1:5060>"]);
    raw.other.replies(&bye, 200, "callee", |reply| reply);
    raw.caller.takes_response(200);
    raw.clears();
}

#[test]
fn a_route_to_tandem_is_removed_and_a_route_to_another_is_refused() {
    let raw = Raw::plan(ONE);
    raw.invites(|invite| invite.header(HeaderName::Route, "<sip:192.0.2.1:5060;lr>"));
    let invite = raw.one.takes_request(Method::Invite);
    assert_eq!(invite.headers(HeaderName::Route).count(), 0);
    raw.one.replies(&invite, 486, "one", |reply| reply);
    raw.caller.takes_response(486);
    raw.clears();

    let raw = Raw::plan(ONE);
    raw.invites(|invite| {
        invite
            .header(HeaderName::Route, "<sip:192.0.2.1:5060;lr>")
            .header(HeaderName::Route, "<sip:198.51.7.2;lr>")
    });
    raw.caller.takes_response(403);
    assert!(raw.one.collects(1.0).is_empty() && raw.other.collects(0.0).is_empty());
    raw.clears();
}

#[test]
fn a_call_that_changes_the_transport_is_recorded_on_both_sides() {
    for (one, other) in [
        (Transport::Tcp, Transport::Udp),
        (Transport::Udp, Transport::Tcp),
        (Transport::Tcp, Transport::Tcp),
    ] {
        let target = match other {
            Transport::Tcp => "sip:bob@198.51.7.7:5060;transport=tcp",
            Transport::Udp | Transport::Tls | Transport::Ws | Transport::Wss => "sip:bob@198.51.7.7:5060",
        };
        let stage = Stage::new(settings(&format!("caller.proxy(\"{target}\");")));
        let alice = stage.phone_at("101", "198.51.100.11:5060", one);
        let bob = stage.unregistered("102");
        bob.with(|phone| {
            phone.moves(OUTSIDE);
            phone.transport = other;
        });
        stage.with(|world| world.streams.listening.insert(OUTSIDE.parse().unwrap()));
        alice.calls("900");
        bob.rings();
        alice.hears_ringing();
        let invite = bob.call(|call| call.invite.clone());
        let records: Vec<bool> = invite
            .values(HeaderName::RecordRoute)
            .map(|value| value.contains("transport=tcp"))
            .collect();
        // RFC 5658 section 5: the side of the callee is on top.
        let expected: &[bool] = match (one, other) {
            (Transport::Tcp, Transport::Tcp) => &[true],
            (_, Transport::Tcp) => &[true, false],
            (_, _) => &[false, true],
        };
        assert_eq!(records, expected);
        bob.answers().talks();
        alice.talks();
        stage.pass(1.0);
        assert_eq!(bob.got(Method::Ack), 1, "{}", stage.ladder());
        bob.hangs_up().ends_with(200);
        alice.ends_with(200);
        stage.clears();
    }
}

#[test]
fn a_call_is_passed_on_over_ipv6_and_between_the_families() {
    let six = "[2001:db8:1::77]:5060";
    for (caller, callee) in [
        ("[2001:db8:1::76]:5060", six),
        ("198.51.100.11:5060", six),
        ("[2001:db8:1::76]:5060", OUTSIDE),
    ] {
        let stage = Stage::new(settings(&format!("caller.proxy(\"sip:bob@{callee}\");")));
        let alice = stage.phone_at("101", caller, Transport::Udp);
        let bob = stage.unregistered("102");
        bob.with(|phone| {
            phone.moves(callee);
            phone.server = tests::world::server_for(phone.address);
        });
        alice.calls("900");
        bob.rings().answers().talks();
        alice.talks();
        stage.pass(1.0);
        let records = bob.call(|call| call.invite.values(HeaderName::RecordRoute).count());
        let same = caller.starts_with('[') == callee.starts_with('[');
        assert_eq!(records, if same { 1 } else { 2 });
        bob.hangs_up().ends_with(200);
        alice.ends_with(200);
        stage.clears();
    }
}

#[test]
fn a_caller_behind_a_nat_is_reached_where_it_speaks_from() {
    let stage = super::stage();
    let (alice, bob) = phones(&stage);
    alice.with(|phone| phone.believes = Some("10.0.0.7:5062".into()));
    alice.calls("900");
    bob.rings().answers().talks();
    alice.talks();
    stage.pass(1.0);
    bob.hangs_up().ends_with(200);
    alice.ends_with(200);
    stage.clears();
}

#[test]
fn a_large_request_goes_over_tcp() {
    let stage = super::stage();
    let (alice, bob) = phones(&stage);
    alice.feels(|mood| mood.adds = vec![("X-Long", "x".repeat(1_400))]);
    bob.with(|phone| phone.transport = Transport::Tcp);
    stage.with(|world| world.streams.listening.insert(OUTSIDE.parse().unwrap()));
    alice.calls("900");
    bob.rings();
    let invite = bob.call(|call| call.invite.clone());
    assert!(invite.top_via().unwrap().transport() == Some(Transport::Tcp));
    bob.answers().talks();
    alice.talks();
    alice.hangs_up().ends_with(200);
    bob.ends_with(200);
    stage.clears();
}

#[test]
fn the_next_address_of_a_name_is_tried() {
    // RFC 3263 section 4.3.
    let raw = Raw::plan(r#"caller.proxy("sip:bob@bob.example");"#);
    raw.stage.with(|world| {
        world
            .hosts
            .insert("bob.example".into(), super::raw::ONE.parse().unwrap());
        world
            .others
            .insert("bob.example".into(), vec![super::raw::OTHER.parse().unwrap()]);
    });
    raw.invites(|invite| invite);
    let one = raw.one.takes_request(Method::Invite);
    raw.one.replies(&one, 503, "one", |reply| reply);
    let other = raw.other.takes_request(Method::Invite);
    assert_ne!(one.top_via().unwrap().branch(), other.top_via().unwrap().branch());
    raw.other.replies(&other, 486, "other", |reply| reply);
    raw.caller.takes_response(486);
    raw.clears();

    let raw = Raw::plan(r#"caller.proxy("sip:bob@nowhere.example");"#);
    raw.invites(|invite| invite);
    raw.caller.takes_response(480);
    raw.clears();
}

#[test]
fn a_target_that_refuses_the_connection_draws_500() {
    // RFC 3261 16.9 and 16.7 step 6.
    let raw = Raw::plan(r#"caller.proxy("sip:bob@198.51.7.1;transport=tcp");"#);
    raw.invites(|invite| invite);
    raw.caller.takes_response(500);
    assert_eq!(raw.stage.record().sip_code, 503);
    raw.clears();
}
