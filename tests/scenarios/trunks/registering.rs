use switch::Event;

use super::*;

fn registering() -> Trunk {
    Trunk {
        register: true,
        ..trunk()
    }
}

/// The states that were told, the latest last.
fn told(stage: &Stage) -> Vec<TrunkState> {
    stage.with(|world| {
        let states = world.events.iter().filter_map(|event| match event {
            Event::TrunkChanged(status) => Some(status.state),
            _ => None,
        });
        states.collect()
    })
}

#[test]
fn a_trunk_registers_answers_the_challenge_and_refreshes_in_time() {
    let scene = Scene::new("fn on_call(caller) { }", &registering());
    let register = scene.one.takes_request(Method::Register);
    assert_eq!(register.uri(), "sip:198.51.7.1");
    let to = register.to().unwrap().uri().unwrap().to_string();
    assert_eq!(to, "sip:5550100@198.51.7.1");
    assert_eq!(register.header(HeaderName::Expires), Some("600"));
    let again = challenges(&scene.one, &register, 401);
    accepts(&scene.one, &again, 300);
    scene.stage.pass(0.1);
    scene.is(TrunkState::Registered);
    assert_eq!(told(&scene.stage), [TrunkState::Registered]);
    // RFC 3261 10.2.4: well before the 300 s that were granted.
    assert!(scene.one.collects(140.0).is_empty());
    let refresh = scene.one.takes_request(Method::Register);
    assert_eq!(
        (refresh.call_id(), refresh.from_tag()),
        (again.call_id(), again.from_tag())
    );
    assert!(refresh.cseq().unwrap().number > again.cseq().unwrap().number);
    assert_eq!(refresh.header(HeaderName::Contact), again.header(HeaderName::Contact));
    let refresh = challenges(&scene.one, &refresh, 407);
    accepts(&scene.one, &refresh, 300);
    assert_eq!(told(&scene.stage), [TrunkState::Registered], "a refresh is no news");
    // The contact is taken away with the trunk.
    let one = scene.one.clone();
    scene.stage.tells(Input::Trunk(TrunkChange::Remove("provider".into())));
    let leaving = one.takes_request(Method::Register);
    assert_eq!(leaving.header(HeaderName::Expires), Some("0"));
    let leaving = challenges(&one, &leaving, 401);
    accepts(&one, &leaving, 0);
    scene.stage.pass(70.0);
    scene.stage.clears();
}

#[test]
fn a_wrong_password_is_told_in_words_and_not_tried_again_soon() {
    let scene = Scene::new("fn on_call(caller) { }", &registering());
    let register = scene.one.takes_request(Method::Register);
    let again = challenges(&scene.one, &register, 401);
    let value = challenge("n2", false);
    scene.one.replies(&again, 401, "p", |reply| {
        reply.header(HeaderName::WwwAuthenticate, &value)
    });
    scene.stage.pass(0.1);
    let status = scene.status();
    assert_eq!(
        (status.state, status.last_error.as_deref()),
        (
            TrunkState::Down,
            Some("the provider refuses the user name or the password (401 Unauthorized)")
        )
    );
    // The first wait is between 150 and 300 s, the second twice as long.
    assert!(scene.one.collects(149.0).is_empty(), "an account can be locked by that");
    let register = scene.one.takes_request(Method::Register);
    scene.one.replies(&register, 403, "p", |reply| reply);
    assert!(scene.one.collects(299.0).is_empty());
    let register = scene.one.takes_request(Method::Register);
    accepts(&scene.one, &register, 600);
    scene.stage.pass(0.1);
    scene.is(TrunkState::Registered);
    assert_eq!(scene.status().last_error, None);
    scene.clears();
}

#[test]
fn a_registrar_that_challenges_for_ever_is_answered_twice() {
    let scene = Scene::new("fn on_call(caller) { }", &registering());
    let mut count = 0;
    let mut next = Some(scene.one.takes_request(Method::Register));
    while let Some(register) = next {
        count += 1;
        let value = challenge(&format!("n{count}"), true);
        scene.one.replies(&register, 401, "p", |reply| {
            reply.header(HeaderName::WwwAuthenticate, &value)
        });
        let more = scene.one.collects(5.0);
        next = more.into_iter().find(Message::is_request);
    }
    assert_eq!(count, 3, "the first, and two with credentials");
    scene.is(TrunkState::Down);
    scene.clears();
}

#[test]
fn a_registrar_that_wants_a_longer_time_gets_it() {
    let trunk = Trunk {
        expires: 60,
        ..registering()
    };
    let scene = Scene::new("fn on_call(caller) { }", &trunk);
    let register = scene.one.takes_request(Method::Register);
    assert_eq!(register.header(HeaderName::Expires), Some("60"));
    scene
        .one
        .replies(&register, 423, "p", |reply| reply.header(HeaderName::MinExpires, 900));
    let register = scene.one.takes_request(Method::Register);
    assert_eq!(register.header(HeaderName::Expires), Some("900"));
    // RFC 3261 10.3 step 7: one that is never content is not asked again and again.
    scene
        .one
        .replies(&register, 423, "p", |reply| reply.header(HeaderName::MinExpires, 900));
    assert!(scene.one.collects(100.0).is_empty());
    scene.is(TrunkState::Down);
    scene.clears();
}

#[test]
fn a_silent_registrar_is_tried_again_later_and_later_and_its_second_server_at_once() {
    let trunk = Trunk {
        gateways: vec!["sip:198.51.7.2".into()],
        ..registering()
    };
    let scene = Scene::new("fn on_call(caller) { }", &trunk);
    scene.one.takes_request(Method::Register);
    // RFC 3263 4.3: the next server after a few seconds of silence.
    let register = scene.other.takes_request(Method::Register);
    accepts(&scene.other, &register, 600);
    scene.stage.pass(0.1);
    scene.is(TrunkState::Registered);
    scene.stage.pass(300.0);
    // Now none answers.
    scene.stage.pass(300.0);
    scene.is(TrunkState::Down);
    let words = scene.status().last_error.unwrap();
    assert!(words.contains("did not answer"), "{words}");
    scene.one.collects(0.0);
    let tries = |seconds: f64| {
        let came = scene.one.collects(seconds);
        let mut numbers: Vec<u32> = came.iter().map(|register| register.cseq().unwrap().number).collect();
        numbers.dedup();
        numbers.len()
    };
    let (early, late) = (tries(600.0), tries(3_600.0));
    assert!(early >= 2 && late <= 6, "{early} {late}");
    scene.clears();
}

#[test]
fn a_name_that_cannot_be_found_is_looked_up_again() {
    let trunk = Trunk {
        uri: "sip:provider.example".into(),
        ..registering()
    };
    let scene = Scene::new("fn on_call(caller) { }", &trunk);
    scene.stage.pass(1.0);
    let status = scene.status();
    assert_eq!(
        (status.state, status.last_error.as_deref()),
        (TrunkState::Down, Some("Destination Not Found"))
    );
    let one = scene.one.address;
    scene
        .stage
        .with(|world| world.hosts.insert("provider.example".into(), one));
    let register = scene.one.takes_request(Method::Register);
    assert_eq!(register.uri(), "sip:provider.example");
    accepts(&scene.one, &register, 600);
    scene.stage.pass(0.1);
    scene.is(TrunkState::Registered);
    scene.clears();
}

#[test]
fn a_trunk_without_registration_is_asked_whether_it_is_there() {
    let trunk = Trunk {
        options_interval: 60,
        ..trunk()
    };
    let scene = Scene::new("fn on_call(caller) { }", &trunk);
    scene.is(TrunkState::Down);
    let options = scene.one.takes_request(Method::Options);
    // RFC 3261 11: any answer shows that it is there.
    scene.one.replies(&options, 404, "p", |reply| reply);
    scene.stage.pass(0.1);
    scene.is(TrunkState::Reachable);
    let options = scene.one.takes_request(Method::Options);
    scene.one.replies(&options, 503, "p", |reply| reply);
    scene.stage.pass(0.1);
    scene.is(TrunkState::Down);
    assert_eq!(
        scene.status().last_error.as_deref(),
        Some("it answers OPTIONS with 503 Service Unavailable")
    );
    // Then it says nothing at all.
    scene.one.takes_request(Method::Options);
    scene.stage.pass(33.0);
    let words = scene.status().last_error.unwrap();
    assert!(words.contains("does not answer OPTIONS"), "{words}");
    assert_eq!(
        told(&scene.stage),
        [TrunkState::Reachable, TrunkState::Down, TrunkState::Down]
    );
    scene.clears();
}
