//! Session timers (RFC 4028): a phone that vanishes ends its call.

use sip::{HeaderName, Method};
use switch::{Config, Disposition, EndedBy};
use tests::{Actor, Phase, Settings, Stage};

fn stage() -> Stage {
    let config = Config {
        session_expires: std::time::Duration::from_secs(120),
        media_timeout: None,
        ..Settings::default().config
    };
    Stage::new(Settings {
        config,
        ..Settings::default()
    })
}

fn call(stage: &Stage, alice: &Actor, bob: &Actor) {
    alice.calls("102");
    bob.rings().answers().talks();
    alice.talks();
    stage.pass(1.0);
}

#[test]
fn tandem_refreshes_the_session_where_the_phones_do_not() {
    let stage = stage();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    alice.feels(|mood| mood.timer = false);
    call(&stage, &alice, &bob);
    stage.pass(600.0);
    assert_eq!((alice.phase(), bob.phase()), (Some(Phase::Up), Some(Phase::Up)));
    // RFC 4028 7.4: half of 120 s apart, by UPDATE without a body.
    for phone in [&alice, &bob] {
        assert!(
            (9..=11).contains(&phone.got(Method::Update)),
            "{}",
            phone.got(Method::Update)
        );
        phone.with(|phone| {
            let update = phone
                .received
                .iter()
                .find(|message| *message.method() == Method::Update)
                .unwrap();
            assert!(update.body().is_empty());
            assert_eq!(update.header(HeaderName::SessionExpires), Some("120;refresher=uac"));
        });
    }
    alice.hangs_up();
    bob.ends_with(200);
    stage.clears();
}

#[test]
fn a_phone_without_update_is_refreshed_by_a_re_invite_that_changes_nothing() {
    let stage = stage();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    bob.feels(|mood| mood.allow = "INVITE, ACK, CANCEL, BYE");
    call(&stage, &alice, &bob);
    let first = bob.with(|phone| phone.calls[0].invite.body().to_vec());
    stage.pass(300.0);
    assert!(bob.got(Method::Invite) >= 4, "{}", stage.ladder());
    bob.with(|phone| {
        let last = phone
            .received
            .iter()
            .rev()
            .find(|message| *message.method() == Method::Invite)
            .unwrap();
        assert_eq!(
            last.body(),
            first,
            "RFC 4028 7.4: the same description, version and all"
        );
    });
    assert_eq!(alice.got(Method::Invite), 0, "the other side hears nothing of it");
    alice.hangs_up();
    bob.ends_with(200);
    stage.clears();
}

#[test]
fn a_phone_that_vanishes_ends_its_call_at_the_next_refresh() {
    for caller_dies in [true, false] {
        let stage = stage();
        let (alice, bob) = (stage.phone("101"), stage.phone("102"));
        call(&stage, &alice, &bob);
        let (dead, alive) = if caller_dies { (&alice, &bob) } else { (&bob, &alice) };
        dead.feels(|mood| mood.dead = true);
        alive.ends_with(200);
        let cdr = stage.record();
        assert_eq!(
            (cdr.disposition, cdr.ended_by),
            (Disposition::Answered, EndedBy::System),
            "{}",
            cdr.detail
        );
        assert!((cdr.ended_at - cdr.answered_at.unwrap()) < 130_000_000);
        stage.clears();
    }
}

#[test]
fn a_phone_that_promised_to_refresh_and_does_not_loses_its_call() {
    let stage = stage();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    alice.feels(|mood| mood.asks_timer = Some("120;refresher=uac"));
    call(&stage, &alice, &bob);
    let granted = alice.call(|call| {
        let last = &call.last;
        (
            last.header(HeaderName::SessionExpires).unwrap().to_owned(),
            last.lists(HeaderName::Require, "timer"),
        )
    });
    assert_eq!(granted, ("120;refresher=uac".into(), true), "RFC 4028 9");
    alice.ends_with(200);
    bob.ends_with(200);
    let cdr = stage.record();
    let lasted = (cdr.ended_at - cdr.answered_at.unwrap()) / 1_000_000;
    assert!(
        (87..=89).contains(&lasted),
        "RFC 4028 10: 32 s before it expires; {lasted}"
    );
    assert_eq!(cdr.detail, "caller: the session was not refreshed in time");
    stage.clears();
}

#[test]
fn an_unknown_refresher_is_ignored_and_the_interval_holds() {
    let stage = stage();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    alice.feels(|mood| mood.asks_timer = Some("100;refresher=me"));
    call(&stage, &alice, &bob);
    let granted = alice.call(|call| call.last.header(HeaderName::SessionExpires).map(str::to_owned));
    assert_eq!(
        granted.as_deref(),
        Some("100;refresher=uac"),
        "RFC 4028 4, 9: ours to choose"
    );
    alice.hangs_up();
    bob.ends_with(200);
    stage.clears();
}

#[test]
fn a_phone_that_refreshes_as_it_promised_keeps_its_call() {
    let stage = stage();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    alice.feels(|mood| mood.asks_timer = Some("120;refresher=uac"));
    bob.feels(|mood| {
        mood.grants_timer = Some("120;refresher=uas");
        mood.asks_timer = Some("120;refresher=uac");
    });
    call(&stage, &alice, &bob);
    for _ in 0..6 {
        stage.pass(60.0);
        alice.begins_change(Method::Update, None).is_answered(200);
        bob.begins_change(Method::Update, None).is_answered(200);
    }
    assert_eq!((alice.phase(), bob.phase()), (Some(Phase::Up), Some(Phase::Up)));
    assert_eq!(
        (alice.got(Method::Update), bob.got(Method::Update)),
        (0, 0),
        "we need not"
    );
    bob.hangs_up();
    alice.ends_with(200);
    stage.clears();
}

#[test]
fn a_phone_that_no_longer_speaks_of_a_timer_is_not_expected_to_refresh() {
    // RFC 4028 7.2: a 2xx without Session-Expires is a session that does not expire.
    let stage = stage();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    bob.feels(|mood| mood.grants_timer = Some("120;refresher=uas"));
    call(&stage, &alice, &bob);
    bob.feels(|mood| mood.grants_timer = None);
    alice.holds().resumes();
    stage.pass(300.0);
    assert_eq!((alice.phase(), bob.phase()), (Some(Phase::Up), Some(Phase::Up)));
    assert!(bob.got(Method::Update) >= 3, "but asked whether it is there");
    bob.feels(|mood| mood.dead = true);
    alice.ends_with(200);
    stage.clears();
}

#[test]
fn a_phone_that_refuses_every_refresh_keeps_its_call() {
    // A phone without session timers (RFC 4028 7.2) has no session that expires: any answer shows that it is there.
    let stage = stage();
    let (alice, door) = (stage.phone("101"), stage.phone("102"));
    door.feels(|mood| {
        mood.allow = "INVITE, ACK, CANCEL, BYE";
        mood.refuses_changes = Some(488);
    });
    call(&stage, &alice, &door);
    stage.pass(600.0);
    assert_eq!((alice.phase(), door.phase()), (Some(Phase::Up), Some(Phase::Up)));
    let asked = door.got(Method::Invite) - 1;
    assert!((8..=12).contains(&asked), "asked {asked} times");
    door.feels(|mood| mood.dead = true);
    alice.ends_with(200);
    stage.clears();
}

#[test]
fn an_interval_that_is_too_short_gets_422_with_the_least_allowed() {
    let stage = stage();
    let (alice, _bob) = (stage.phone("101"), stage.phone("102"));
    alice
        .feels(|mood| mood.asks_timer = Some("30"))
        .calls("102")
        .ends_with(422);
    let min = alice.call(|call| call.last.header(HeaderName::MinSe).unwrap().to_owned());
    assert_eq!(min, "90");
    assert_eq!(stage.record().sip_code, 422);
    stage.clears();
}

#[test]
fn a_phone_that_wants_a_longer_interval_gets_it() {
    let stage = stage();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    bob.feels(|mood| mood.min_se = Some(600));
    alice.calls("102");
    bob.rings().answers().talks();
    let (asked, cseq) = bob.call(|call| {
        let invite = &call.invite;
        (
            invite.header(HeaderName::SessionExpires).unwrap().to_owned(),
            invite.cseq().unwrap().number,
        )
    });
    assert_eq!((asked.as_str(), cseq), ("600", 2));
    alice.talks().hangs_up();
    bob.ends_with(200);
    stage.clears();
}

#[test]
fn a_refresh_that_meets_a_change_is_made_later() {
    let stage = stage();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    call(&stage, &alice, &bob);
    bob.feels(|mood| mood.waits_with_changes = true);
    stage.pass(57.0);
    alice.begins_change(Method::Invite, Some(media::SdpDirection::SendOnly));
    stage.pass(10.0);
    assert_eq!(alice.got(Method::Update), 0, "not while a change is under way");
    bob.decides(200);
    alice.is_answered(200);
    stage.pass(75.0);
    assert!(alice.got(Method::Update) >= 1);
    assert_eq!(alice.phase(), Some(Phase::Up));
    alice.hangs_up();
    bob.ends_with(200);
    stage.clears();
}

#[test]
fn a_refresh_that_is_refused_is_tried_another_way() {
    let stage = stage();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    bob.feels(|mood| mood.refuses_updates = Some(491));
    call(&stage, &alice, &bob);
    stage.pass(70.0);
    assert!(bob.got(Method::Update) > 1, "491: the same again, soon");
    bob.feels(|mood| mood.refuses_updates = Some(501));
    stage.pass(120.0);
    assert!(bob.got(Method::Invite) > 1, "501: by re-INVITE");
    assert_eq!(bob.phase(), Some(Phase::Up));
    alice.hangs_up();
    bob.ends_with(200);
    stage.clears();
}

#[test]
fn a_phone_that_is_not_heard_for_too_long_ends_its_call() {
    for caller in [true, false] {
        let stage = Stage::default();
        let (alice, bob) = (stage.phone("101"), stage.phone("102"));
        call(&stage, &alice, &bob);
        let watched: Vec<media::MediaId> = stage.with(|world| {
            let watches = world.media.iter().filter_map(|command| match command {
                media::Command::Watch {
                    media: port,
                    timeout: Some(_),
                } => Some(*port),
                _ => None,
            });
            watches.collect()
        });
        assert_eq!(watched.len(), 2, "both legs are watched");
        let port = stage.with(|world| {
            let mut ports = world.ports.iter().copied().collect::<Vec<_>>();
            ports.sort_unstable();
            if caller { ports[0] } else { ports[1] }
        });
        stage.tells(switch::Input::Media(media::Event::Silent(port)));
        alice.ends_with(200);
        bob.ends_with(200);
        assert_eq!(stage.record().ended_by, EndedBy::System);
        stage.clears();
    }
}

#[test]
fn a_phone_on_hold_is_not_expected_to_speak() {
    let stage = Stage::default();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    call(&stage, &alice, &bob);
    alice.holds();
    let last = stage.with(|world| {
        let mut watches = world.media.iter().filter_map(|command| match command {
            media::Command::Watch { timeout, .. } => Some(*timeout),
            _ => None,
        });
        watches.next_back().unwrap()
    });
    assert_eq!(last, None, "the held phone's watch is off");
    alice.hangs_up();
    bob.ends_with(200);
    stage.clears();
}

#[test]
fn a_phone_that_answers_a_refresh_otherwise_than_before_changes_the_session() {
    let stage = stage();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    bob.feels(|mood| mood.allow = "INVITE, ACK, CANCEL, BYE");
    call(&stage, &alice, &bob);
    bob.feels(|mood| mood.answers_with = Some(media::SdpDirection::SendOnly));
    stage.pass(65.0);
    alice.hears(media::SdpDirection::SendOnly);
    bob.feels(|mood| mood.answers_with = None);
    alice.hangs_up();
    bob.ends_with(200);
    stage.clears();
}

#[test]
fn an_invite_that_was_made_again_for_422_does_not_end_with_the_first_one() {
    let stage = Stage::default();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    bob.feels(|mood| mood.min_se = Some(7_200));
    alice.calls("102");
    stage.pass(1.0);
    bob.feels(|mood| mood.min_se = None).rings();
    // The ACK to the 422 can no longer be sent.
    let flow = sip::Flow {
        transport: sip::Transport::Udp,
        local: "192.0.2.1:5060".parse().unwrap(),
        remote: bob.with(|phone| phone.address),
        connection: None,
    };
    stage.tells(switch::Input::TransmitFailed { flow });
    stage.pass(1.0);
    bob.answers().talks();
    alice.talks().hangs_up().ends_with(200);
    bob.ends_with(200);
    stage.clears();
}
