//! The media port of each leg, as the phones see it. The rule is in `crates/media/src/pool/mod.rs`.

use sip::{Builder, HeaderName, Message, Method, dialog::Dialog};
use switch::{Config, Trusted};
use tests::{Settings, Stage, sdp};

/// All hosts in 198.51.200.0/24 may call, and are connected with the peer at 198.51.200.2.
fn stage() -> Stage {
    let trusted = Trusted {
        network: "198.51.200.0".parse().unwrap(),
        prefix: 24,
        extension: "101".into(),
    };
    let stage = Stage::new(Settings {
        plan: r#"fn on_call(caller) { caller.dial("sip:far@198.51.200.2:5060"); }"#.into(),
        config: Config {
            trusted: vec![trusted],
            ..Config::default()
        },
        ..Settings::default()
    });
    stage.unregistered("101");
    stage
}

fn audio_port(message: &Message) -> u16 {
    let text = message.body_text().into_owned();
    let line = text.lines().find_map(|line| line.strip_prefix("m=audio ")).unwrap();
    line.split(' ').next().unwrap().parse().unwrap()
}

/// A call from `from` with one description, answered with the other: the ports that caller and callee are given.
fn connect(stage: &Stage, number: u32, from: &str, offer: &str, answer: &str) -> (u16, u16) {
    let (near, far) = (stage.wire(&format!("{from}:5060")), stage.wire("198.51.200.2:5060"));
    let invite = Builder::request(&Method::Invite, "sip:900@tandem.local")
        .header(
            HeaderName::Via,
            format!("SIP/2.0/UDP {from}:5060;branch=z9hG4bKi{number}"),
        )
        .header(HeaderName::MaxForwards, 70)
        .header(HeaderName::From, "<sip:101@tandem.local>;tag=near")
        .header(HeaderName::To, "<sip:900@tandem.local>")
        .header(HeaderName::CallId, format!("c{number}"))
        .header(HeaderName::CSeq, "1 INVITE")
        .header(HeaderName::Contact, format!("<sip:101@{from}>"))
        .body("application/sdp", offer.as_bytes())
        .finish();
    near.sends(invite.clone());
    let asked = far.takes_request(Method::Invite);
    far.replies(&asked, 200, "far", |reply| {
        reply.body("application/sdp", answer.as_bytes())
    });
    far.takes_request(Method::Ack);
    let ok = near.takes_response(200);
    let ack = Dialog::uac(&invite, &ok)
        .unwrap()
        .ack(1, format!("SIP/2.0/UDP {from}:5060;branch=z9hG4bKa{number}"));
    near.sends(ack.finish());
    stage.pass(0.1);
    (audio_port(&ok), audio_port(&asked))
}

const ONE: &str = "198.51.200.1";
const FAR: &str = "198.51.200.2";

#[test]
fn silent_calls_of_one_address_share_ports_where_their_descriptions_tell_them_apart() {
    let stage = stage();
    let mut told = std::collections::BTreeSet::new();
    for n in 0..30 {
        let port = 4000 + 2 * n as u16;
        let (near, far) = connect(&stage, n, ONE, &sdp(ONE, port), &sdp(FAR, port));
        told.extend([near, far]);
    }
    assert_eq!(told.len(), media::pool::SPREAD, "{told:?}");
}

#[test]
fn one_address_and_port_announced_twice_and_a_phone_behind_nat_have_ports_of_their_own() {
    let stage = stage();
    let first = connect(&stage, 1, ONE, &sdp(ONE, 4000), &sdp(FAR, 4000)).0;
    let again = connect(&stage, 2, ONE, &sdp(ONE, 4000), &sdp(FAR, 4002)).0;
    let behind = connect(&stage, 3, ONE, &sdp("10.0.0.5", 4000), &sdp(FAR, 4004)).0;
    let other = connect(&stage, 4, ONE, &sdp("10.0.0.6", 4000), &sdp(FAR, 4006)).0;
    assert_eq!([again, behind, other], [first + 2, first + 4, first + 6]);
}

#[test]
fn the_media_address_in_an_answer_keeps_other_legs_off_its_port() {
    let stage = stage();
    // The callee's media is at another address than its signalling.
    let elsewhere = "198.51.200.77";
    let (_, callee) = connect(&stage, 1, ONE, &sdp(ONE, 4000), &sdp(elsewhere, 4000));
    // A phone behind a NAT at that address calls: its packets may come from any port there.
    let (caller, _) = connect(&stage, 2, elsewhere, &sdp("10.0.0.5", 4000), &sdp(FAR, 4000));
    assert_ne!(caller, callee);
}
