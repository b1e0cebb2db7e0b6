//! Phones that sleep, and are woken by their push service (RFC 8599).

use sip::{Builder, HeaderName, Message, Method, Transport};
use switch::{CauseCode, Config, WakeFor};
use tests::{Actor, Phase, Settings, Stage, net::Faults};

fn settings() -> Settings {
    let mut settings = Settings::default();
    settings.config.registrar.push.on = true;
    settings.config.registrar.push.providers = vec!["apns".into(), "fcm".into()];
    settings
}

/// A phone that sleeps after it has registered.
fn sleeper(stage: &Stage, number: &str) -> Actor {
    let actor = stage.unregistered(number);
    actor.with(|phone| {
        let host = phone.address.to_string();
        phone.believes = Some(format!("{host};pn-provider=apns;pn-prid=prid-{host};pn-param=app"));
    });
    actor.registers(3_600);
    actor
}

fn wakes(stage: &Stage) -> Vec<(String, WakeFor)> {
    stage.with(|world| {
        let wakes = std::mem::take(&mut world.wakes);
        wakes.into_iter().map(|wake| (wake.number, wake.why)).collect()
    })
}

fn caps(answer: &Message) -> Vec<&str> {
    answer.headers(HeaderName::FeatureCaps).collect()
}

/// The answer to a REGISTER with this Contact.
fn registering(actor: &Actor, params: &str, header: &str) -> Message {
    let (number, address) = actor.with(|phone| (phone.number.clone(), phone.address));
    actor.asks(
        Method::Register,
        &format!("sip:{number}@tandem.local"),
        |register: Builder| {
            register
                .header(
                    HeaderName::Contact,
                    format_args!("<sip:{number}@{address}{params}>{header}"),
                )
                .header(HeaderName::Expires, 60)
        },
    )
}

#[test]
fn a_call_wakes_the_phone_and_rings_when_it_has_registered() {
    let stage = Stage::new(settings());
    let (alice, mobile) = (stage.phone("101"), sleeper(&stage, "102"));
    for _ in 0..2 {
        alice.calls("102");
        mobile.stays_silent(3.0);
        assert_eq!(wakes(&stage), [("102".to_owned(), WakeFor::Call)]);
        mobile.registers(3_600);
        mobile.rings().answers().talks();
        alice.talks();
        stage.pass(1.0);
        mobile.hangs_up().ends_with(200);
        alice.ends_with(200);
    }
    stage.clears();
}

#[test]
fn a_phone_that_has_another_address_when_it_wakes_is_called_there() {
    let stage = Stage::new(settings());
    let (alice, mobile) = (stage.phone("101"), sleeper(&stage, "102"));
    alice.calls("102");
    stage.pass(1.0);
    // In another network, over TCP, with a Call-ID of its own: the push service knows it by the same name.
    let awake = stage.unregistered("102");
    let believes = mobile.with(|phone| phone.believes.clone());
    awake.with(|phone| {
        phone.transport = Transport::Tcp;
        phone.believes = believes;
    });
    awake.registers(3_600);
    awake.rings().answers().talks();
    alice.talks();
    assert_eq!(mobile.got(Method::Invite), 0);
    stage.ends(&alice, &awake);
}

#[test]
fn a_phone_that_does_not_wake_is_given_up() {
    let mut settings = settings();
    settings.config.registrar.push.wait = std::time::Duration::from_secs(5);
    let stage = Stage::new(settings);
    let (alice, mobile) = (stage.phone("101"), sleeper(&stage, "102"));
    alice.calls("102");
    stage.pass(4.0);
    assert!(
        alice
            .phase()
            .is_some_and(|phase| !matches!(phase, tests::Phase::Over(_)))
    );
    alice.ends_with(480);
    assert_eq!(stage.record().cause, CauseCode::PhoneUnreachable);
    // Too late.
    mobile.registers(3_600);
    mobile.stays_silent(2.0);
    // The push service says at once that it cannot.
    stage.with(|world| world.push_works = false);
    alice.calls("102");
    stage.pass(1.0);
    alice.ends_with(480);
    stage.clears();
}

#[test]
fn other_phones_ring_while_one_is_woken() {
    let stage = Stage::new(settings());
    let (alice, desk, mobile) = (stage.phone("101"), stage.phone("102"), sleeper(&stage, "102"));
    alice.calls("102");
    desk.rings();
    stage.pass(1.0);
    mobile.registers(3_600);
    mobile.rings();
    desk.answers().talks();
    mobile.ends_with(487);
    stage.ends(&alice, &desk);
    // The one that answers first is not waited for.
    alice.calls("102");
    desk.rings().answers().talks();
    mobile.registers(3_600);
    mobile.stays_silent(1.0);
    stage.ends(&alice, &desk);
}

#[test]
fn a_caller_that_hangs_up_leaves_no_wait_behind() {
    let stage = Stage::new(settings());
    let (alice, mobile) = (stage.phone("101"), sleeper(&stage, "102"));
    alice.calls("102");
    stage.pass(1.0);
    alice.hangs_up().ends_with(487);
    mobile.registers(3_600);
    mobile.stays_silent(1.0);
    stage.clears();
}

#[test]
fn two_callers_wait_for_one_phone() {
    let stage = Stage::new(settings());
    let (alice, carol) = (stage.phone("101"), stage.phone("103"));
    let mobile = sleeper(&stage, "102");
    alice.calls("102");
    carol.calls("102");
    stage.pass(2.0);
    mobile.registers(3_600);
    stage.pass(1.0);
    assert_eq!(mobile.got(Method::Invite), 2);
    for caller in [&alice, &carol] {
        caller.hangs_up().ends_with(487);
    }
    stage.clears();
}

#[test]
fn a_message_wakes_the_phone_and_is_delivered_when_it_registers() {
    let stage = Stage::new(settings());
    let (alice, mobile) = (stage.phone("101"), sleeper(&stage, "102"));
    alice.with(|phone| phone.text("102", "lunch?"));
    stage.pass(2.0);
    assert_eq!(alice.with(|phone| phone.message_code), Some(202));
    assert_eq!(wakes(&stage), [("102".to_owned(), WakeFor::Message)]);
    assert_eq!(mobile.got(Method::Message), 0);
    stage.clears();
}

#[test]
fn a_phone_is_woken_before_its_registration_ends() {
    let stage = Stage::new(settings());
    let _ = sleeper(&stage, "102");
    stage.pass(3_400.0);
    assert_eq!(wakes(&stage), []);
    stage.pass(100.0);
    assert_eq!(wakes(&stage), [("102".to_owned(), WakeFor::Register)]);
    stage.pass(90.0);
    assert_eq!(wakes(&stage), [], "once");
    stage.clears();
}

#[test]
fn a_phone_is_told_which_push_service_is_served() {
    let stage = Stage::new(settings());
    let bob = stage.unregistered("102");
    let answer = registering(&bob, ";pn-provider=fcm;pn-prid=x", "");
    assert_eq!(caps(&answer), ["*;+sip.pns=\"fcm\""]);
    let answer = registering(&bob, ";pn-provider=apns;pn-prid=x", ";+sip.pnsreg");
    assert_eq!(caps(&answer), ["*;+sip.pns=\"apns\";+sip.pnsreg=\"130\""]);
    let answer = registering(&bob, ";pn-provider", "");
    assert_eq!(caps(&answer), ["*;+sip.pns=\"apns\"", "*;+sip.pns=\"fcm\""]);
    let answer = registering(&bob, ";pn-provider=webpush;pn-prid=x", "");
    assert_eq!(answer.status().unwrap().code(), 555);
    let answer = registering(&bob, ";pn-provider=%22%3Bx;pn-prid=x", "");
    assert_eq!(answer.status().unwrap().code(), 555);
    stage.clears();
}

#[test]
fn without_a_webhook_no_phone_is_told_that_it_may_sleep() {
    let stage = Stage::new(Settings {
        config: Config::default(),
        ..Settings::default()
    });
    let (alice, mobile) = (stage.phone("101"), sleeper(&stage, "102"));
    let answer = registering(&mobile, ";pn-provider=webpush;pn-prid=x", "");
    assert_eq!((answer.status().unwrap().code(), caps(&answer)), (200, vec![]));
    alice.calls("102");
    mobile.rings().rejects(486);
    alice.ends_with(486);
    assert_eq!(wakes(&stage), []);
    stage.clears();
}

#[test]
fn after_a_restart_the_phone_is_woken() {
    let stage = Stage::new(settings());
    let (alice, mobile) = (stage.phone("101"), sleeper(&stage, "102"));
    stage.with(|world| world.restart(&settings()));
    alice.calls("102");
    stage.pass(1.0);
    assert_eq!(wakes(&stage), [("102".to_owned(), WakeFor::Call)]);
    mobile.registers(3_600);
    mobile.rings().answers().talks();
    stage.ends(&alice, &mobile);
}

#[test]
fn a_page_wakes_the_phones_that_sleep_and_waits_no_longer_than_it_may() {
    let mut settings = settings();
    settings.plan = r#"fn on_call(caller) {
        let it = caller.page(["102", "103"], #{ timeout: 8 });
        caller.hangup();
        log.info(`${it.status} ${it.phones}`);
    }"#
    .into();
    let stage = Stage::new(settings);
    let (alice, mobile, other) = (stage.phone("101"), sleeper(&stage, "102"), sleeper(&stage, "103"));
    for phone in [&mobile, &other] {
        phone.feels(|mood| mood.answers = true);
    }
    alice.calls("900").talks();
    stage.pass(2.0);
    let woken = [("102".to_owned(), WakeFor::Call), ("103".to_owned(), WakeFor::Call)];
    assert_eq!((wakes(&stage).as_slice(), mobile.got(Method::Invite)), (&woken[..], 0));
    mobile.registers(3_600);
    mobile.talks();
    // The other phone registers after the time of the page, and is not asked.
    stage.pass(8.0);
    other.registers(3_600);
    stage.pass(2.0);
    assert_eq!(other.got(Method::Invite), 0);
    alice.hangs_up().ends_with(200);
    mobile.ends_with(200);
    // Nobody comes: the page ends with its time, or at once where no push service takes the wake.
    alice.calls("900").talks();
    stage.pass(7.0);
    alice.talks();
    alice.ends_with(200);
    stage.with(|world| world.push_works = false);
    alice.calls("900").talks();
    stage.pass(1.0);
    alice.ends_with(200);
    let stats = stage.with(|world| world.stats().services.wakes);
    assert_eq!((stats.call, stats.failed, stats.message, stats.register), (6, 2, 0, 0));
    stage.clears();
}

#[test]
fn a_call_that_wakes_a_phone_comes_through_a_bad_network() {
    let mut rang = 0;
    for seed in 1..=10 {
        let stage = Stage::new(Settings { seed, ..settings() });
        let (alice, mobile) = (stage.phone("101"), sleeper(&stage, "102"));
        bad(&stage, 20);
        alice.calls("102");
        stage.pass(4.0);
        mobile.with(|phone| phone.register(3_600));
        stage.pass(15.0);
        assert!(wakes(&stage).len() <= 1, "one call wakes a phone once, seed {seed}");
        rang += u32::from(mobile.phase() == Some(Phase::Ringing));
        bad(&stage, 0);
        alice.ends_or_hangs_up();
        stage.clears();
    }
    assert!(rang >= 8, "{rang} of 10 calls rang");
}

fn bad(stage: &Stage, loss: u64) {
    stage.with(|world| {
        world.net.faults = Faults {
            loss,
            ..Faults::default()
        };
    });
}
