use switch::{CallerIn, CauseCode, TrunkNumbers};

use super::*;

/// A dialplan that calls the number over the trunk, and says what became of that.
const OUT: &str = r#"fn on_call(caller) {
    let r = caller.dial("provider/" + caller.dialed, #{ timeout: 40 });
    if r.status != "answered" { caller.reject(487, "" + r.status + " " + r.code + " " + r.reason); }
}"#;

/// A phone hangs up, and the provider takes that.
fn hangs_up(phone: &Actor, provider: &Wire) {
    phone.hangs_up();
    let bye = provider.takes_request(Method::Bye);
    provider.replies(&bye, 200, "far", |reply| reply);
}

#[test]
fn a_call_goes_out_with_the_account_s_credentials_and_comes_to_its_end() {
    let scene = Scene::new(OUT, &trunk());
    scene.is(TrunkState::Reachable);
    let alice = scene.stage.phone("101");
    alice.calls("0301234");
    let invite = scene.one.takes_request(Method::Invite);
    assert_eq!(invite.uri(), "sip:0301234@198.51.7.1");
    let from = invite.from().unwrap().uri().unwrap().to_string();
    assert_eq!(from, "sip:101@198.51.7.1", "an identity of the provider's domain");
    let invite = challenges(&scene.one, &invite, 407);
    answers(&scene.one, &invite);
    alice.talks();
    assert_eq!(scene.status().calls, 1);
    // The provider may challenge requests within the call, too.
    alice.hangs_up();
    let bye = scene.one.takes_request(Method::Bye);
    let value = challenge("n9", false);
    scene.one.replies(&bye, 407, "far", |reply| {
        reply.header(HeaderName::ProxyAuthenticate, &value)
    });
    let bye = scene.one.takes_request(Method::Bye);
    assert!(is_signed(&bye));
    scene.one.replies(&bye, 200, "far", |reply| reply);
    let record = scene.stage.record();
    assert_eq!(
        (record.open.from.as_str(), record.open.dialed.as_str()),
        ("101", "0301234")
    );
    assert_eq!(scene.status().calls, 0);
    scene.clears();
}

#[test]
fn the_provider_hangs_up() {
    let scene = Scene::new(OUT, &trunk());
    let alice = scene.stage.phone("101");
    alice.calls("0301234");
    let invite = scene.one.takes_request(Method::Invite);
    answers(&scene.one, &invite);
    alice.talks();
    let bye = Builder::request(&Method::Bye, "sip:x@192.0.2.1")
        .header(HeaderName::Via, "SIP/2.0/UDP 198.51.7.1:5060;branch=z9hG4bKbye")
        .header(HeaderName::MaxForwards, 70)
        .header(
            HeaderName::From,
            format!("{};tag=far", invite.header(HeaderName::To).unwrap()),
        )
        .header(HeaderName::To, invite.header(HeaderName::From).unwrap())
        .header(HeaderName::CallId, invite.call_id())
        .header(HeaderName::CSeq, "1 BYE")
        .finish();
    scene.one.sends(bye);
    scene.one.takes_response(200);
    alice.ends_with_any();
    scene.clears();
}

#[test]
fn numbers_are_written_as_the_provider_wants_them() {
    let numbers = TrunkNumbers {
        strip: 1,
        add: "+49".into(),
        caller_id: "+49305550100".into(),
        caller_in: CallerIn::AssertedIdentity,
    };
    let scene = Scene::new(OUT, &Trunk { numbers, ..trunk() });
    let alice = scene.stage.phone("101");
    alice.calls("0301234");
    let invite = scene.one.takes_request(Method::Invite);
    assert_eq!(invite.uri(), "sip:+49301234@198.51.7.1");
    let from = invite.from().unwrap().uri().unwrap().to_string();
    assert_eq!(from, "sip:5550100@198.51.7.1", "the account");
    let asserted = invite.header(HeaderName::PAssertedIdentity).unwrap();
    assert!(asserted.contains("<sip:+49305550100@198.51.7.1>"), "{asserted}");
    scene.one.replies(&invite, 486, "p", |reply| reply);
    scene.one.takes_request(Method::Ack);
    alice.ends_with(487);
    scene.clears();
}

#[test]
fn a_script_learns_the_provider_s_code_and_can_try_another_way() {
    let plan = r#"fn on_call(caller) {
        let r = caller.dial("provider/" + caller.dialed);
        if r.code == 603 && r.reason == "Call Barred" { caller.dial("102"); }
    }"#;
    let scene = Scene::new(plan, &trunk());
    let (alice, bob) = (scene.stage.phone("101"), scene.stage.phone("102"));
    alice.calls("0301234");
    let invite = scene.one.takes_request(Method::Invite);
    let refusal =
        Builder::reply_with_reason(&invite, sip::StatusCode::new(603).unwrap(), "Call Barred", Some("p")).finish();
    scene.one.sends(refusal);
    scene.one.takes_request(Method::Ack);
    bob.rings().answers().talks();
    alice.talks();
    alice.hangs_up();
    bob.ends_with_any();
    scene.clears();
}

#[test]
fn the_next_gateway_is_tried_after_silence_after_a_fault_and_where_one_is_not_reached() {
    for code in [None, Some(500), Some(503)] {
        let trunk = Trunk {
            gateways: vec!["sip:198.51.7.2:5060".into()],
            ..trunk()
        };
        let scene = Scene::new(OUT, &trunk);
        let alice = scene.stage.phone("101");
        alice.calls("0301234");
        let invite = scene.one.takes_request(Method::Invite);
        if let Some(code) = code {
            scene.one.replies(&invite, code, "p", |reply| reply);
        }
        let invite = scene.other.takes_request(Method::Invite);
        assert_eq!(invite.uri(), "sip:0301234@198.51.7.2:5060", "{code:?}");
        answers(&scene.other, &invite);
        alice.talks();
        hangs_up(&alice, &scene.other);
        scene.clears();
    }
}

#[test]
fn the_last_gateway_s_refusal_is_the_result() {
    let scene = Scene::new(OUT, &trunk());
    let alice = scene.stage.phone("101");
    alice.calls("0301234");
    let invite = scene.one.takes_request(Method::Invite);
    scene.one.replies(&invite, 503, "p", |reply| reply);
    alice.ends_with(487);
    scene.clears();
}

#[test]
fn a_trunk_takes_no_more_calls_than_its_channels_nor_than_its_rate() {
    let limits = TrunkLimits {
        channels: Some(1),
        calls_per_second: None,
    };
    let plan = r#"fn on_call(caller) { caller.dial("provider/" + caller.dialed); }"#;
    let scene = Scene::new(plan, &Trunk { limits, ..trunk() });
    let (alice, bob) = (scene.stage.phone("101"), scene.stage.phone("102"));
    alice.calls("0301234");
    let invite = scene.one.takes_request(Method::Invite);
    answers(&scene.one, &invite);
    alice.talks();
    bob.calls("0305678").ends_with(480);
    assert_eq!(scene.stage.record().cause, CauseCode::TrunkFull);
    hangs_up(&alice, &scene.one);
    scene.stage.pass(1.0);
    bob.calls("0305678");
    let invite = scene.one.takes_request(Method::Invite);
    scene.one.replies(&invite, 486, "p", |reply| reply);
    bob.ends_with(486);
    scene.clears();

    let limits = TrunkLimits {
        channels: None,
        calls_per_second: Some(1),
    };
    let scene = Scene::new(plan, &Trunk { limits, ..trunk() });
    let (alice, bob) = (scene.stage.phone("101"), scene.stage.phone("102"));
    // Both within one second of the clock.
    scene.stage.with(|world| {
        let micros = world.now.as_micros() % 1_000_000;
        world.pass(std::time::Duration::from_micros(1_000_000 - micros));
    });
    alice.calls("0301234");
    bob.calls("0305678").ends_with(480);
    let invite = scene.one.takes_request(Method::Invite);
    scene.one.replies(&invite, 486, "p", |reply| reply);
    alice.ends_with(486);
    scene.clears();
}

#[test]
fn a_trunk_that_does_not_answer_takes_no_call() {
    let plan = r#"fn on_call(caller) { caller.dial("provider/" + caller.dialed); }"#;
    let trunk = Trunk {
        options_interval: 60,
        ..trunk()
    };
    let scene = Scene::new(plan, &trunk);
    let alice = scene.stage.phone("101");
    scene.one.takes_request(Method::Options);
    scene.stage.pass(40.0);
    alice.calls("0301234").ends_with(480);
    assert_eq!(scene.stage.record().cause, CauseCode::TrunkDown);
    scene.clears();
}

#[test]
fn a_trunk_that_is_removed_in_a_call_does_not_end_the_call() {
    let scene = Scene::new(OUT, &trunk());
    let alice = scene.stage.phone("101");
    alice.calls("0301234");
    let invite = scene.one.takes_request(Method::Invite);
    answers(&scene.one, &invite);
    alice.talks();
    scene.stage.tells(Input::Trunk(TrunkChange::Remove("provider".into())));
    scene.stage.pass(5.0);
    alice.talks();
    hangs_up(&alice, &scene.one);
    scene.clears();
}
