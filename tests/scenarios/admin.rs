//! What the admin API asks of the switch, and what it shows.

use sip::{HeaderName, Method};
use switch::{
    Command, CommandError, Disposition, EndedBy, Event, Input, LiveRecording, LiveState, RecordAction, RecordingEnd,
    RecordingKind, Reply,
};
use tests::Stage;

fn originate(from: &str, to: &str) -> Command {
    Command::Originate {
        from: from.into(),
        to: to.into(),
    }
}

#[test]
fn a_call_made_over_the_api_rings_its_first_phone_and_then_dials() {
    let stage = Stage::default();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    assert!(matches!(stage.commands(originate("101", "102")), Ok(Reply::Started(_))));
    alice.rings();
    assert_eq!(bob.phase(), None);
    alice.answers().talks();
    bob.rings();
    let from = bob.call(|call| call.invite.header(HeaderName::From).unwrap().to_owned());
    assert!(from.starts_with("\"Person 101\" <sip:101@"), "{from}");
    bob.answers().talks();
    stage.pass(3.0);
    assert_eq!(stage.calls()[0].legs.len(), 2);
    alice.hangs_up();
    bob.ends_with(200);
    let cdr = stage.record();
    assert_eq!(
        (
            cdr.disposition,
            cdr.ended_by,
            cdr.open.from.as_str(),
            cdr.open.dialed.as_str(),
            cdr.to.as_str()
        ),
        (Disposition::Answered, EndedBy::Caller, "101", "102", "102")
    );
    assert_eq!(stage.events(), ["started", "ringing", "answered", "ended"]);
    stage.clears();
}

#[test]
fn an_api_call_rings_all_phones_of_its_first_party_and_the_first_to_answer_is_the_caller() {
    let stage = Stage::default();
    let (desk, mobile, third) = (stage.phone("101"), stage.phone("101"), stage.phone("101"));
    let bob = stage.phone("102");
    desk.feels(|mood| mood.refuses = Some(486));
    stage.commands(originate("101", "102")).unwrap();
    mobile.rings();
    third.rings();
    mobile.answers().talks();
    third.ends_with(487);
    bob.rings().answers().talks();
    mobile.hangs_up();
    bob.ends_with(200);
    stage.clears();
}

#[test]
fn an_api_call_ends_when_its_first_party_refuses_or_does_not_answer() {
    let stage = Stage::default();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    alice.feels(|mood| mood.refuses = Some(603));
    stage.commands(originate("101", "102")).unwrap();
    let cdr = stage.record();
    assert_eq!(
        (cdr.disposition, cdr.sip_code, cdr.ended_by),
        (Disposition::Rejected, 603, EndedBy::Caller)
    );
    alice.feels(|mood| mood.refuses = None);
    stage.commands(originate("101", "102")).unwrap();
    alice.rings();
    stage.pass(65.0);
    alice.ends_with(487);
    assert_eq!(bob.phase(), None);
    stage.clears();
    let last = stage.with(|world| world.cdrs[1].clone());
    assert_eq!(
        (last.disposition, last.ended_by),
        (Disposition::NoAnswer, EndedBy::Caller)
    );
}

#[test]
fn the_best_refusal_of_the_first_party_s_phones_decides_how_an_api_call_ended() {
    // RFC 3261 16.7: a person's refusal goes before a phone that is not there, in whatever order the two come.
    for codes in [[486, 480], [480, 486]] {
        let stage = Stage::default();
        let (desk, mobile) = (stage.phone("101"), stage.phone("101"));
        for (phone, code) in [(&desk, codes[0]), (&mobile, codes[1])] {
            phone.feels(|mood| mood.refuses = Some(code));
        }
        stage.commands(originate("101", "102")).unwrap();
        let cdr = stage.record();
        assert_eq!((cdr.disposition, cdr.sip_code), (Disposition::Busy, 486), "{codes:?}");
        stage.clears();
    }
}

#[test]
fn an_api_call_ignores_the_forwards_of_its_first_party() {
    let stage = Stage::default();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    let carol = stage.phone("103");
    stage.with(|world| {
        world.account("101", |account| {
            account.forward_always = Some("103".into());
            account.forward_busy = Some("103".into());
            account.dnd = true;
        });
    });
    stage.commands(originate("101", "102")).unwrap();
    alice.rings().answers().talks();
    bob.rings().answers().talks();
    stage.pass(1.0);
    stage.ends(&alice, &bob);
    alice.feels(|mood| mood.refuses = Some(486));
    stage.commands(originate("101", "102")).unwrap();
    stage.pass(5.0);
    assert_eq!(carol.phase(), None);
    assert_eq!(stage.with(|world| world.cdrs.last().unwrap().sip_code), 486);
    stage.clears();
}

#[test]
fn an_api_call_from_an_unknown_number_or_one_without_a_phone_is_refused() {
    let stage = Stage::default();
    let _alice = stage.unregistered("101");
    assert_eq!(
        stage.commands(originate("101", "102")),
        Err(CommandError::NoPhone("101".into()))
    );
    assert_eq!(stage.commands(originate("999", "102")), Err(CommandError::NotFound));
    assert!(stage.calls().is_empty());
    stage.clears();
}

#[test]
fn an_administrator_hangs_up_in_every_state() {
    for answered in [true, false] {
        let stage = Stage::default();
        let (alice, bob) = (stage.phone("101"), stage.phone("102"));
        alice.calls("102");
        bob.rings();
        alice.hears_ringing();
        if answered {
            bob.answers().talks();
            alice.talks();
            stage.pass(1.0);
        }
        let id = stage.calls()[0].id;
        assert_eq!(stage.commands(Command::HangUp(id)), Ok(Reply::Done));
        alice.ends_with(if answered { 200 } else { 480 });
        bob.ends_with(if answered { 200 } else { 487 });
        let cdr = stage.record();
        assert_eq!(cdr.ended_by, EndedBy::Admin);
        let expected = if answered {
            Disposition::Answered
        } else {
            Disposition::Rejected
        };
        assert_eq!(cdr.disposition, expected);
        assert_eq!(stage.commands(Command::HangUp(id)), Err(CommandError::NotFound));
        stage.clears();
    }
}

#[test]
fn a_call_that_has_ended_is_not_shown_while_a_dead_phone_is_still_told() {
    for answered in [true, false] {
        let stage = Stage::default();
        let (alice, bob) = (stage.phone("101"), stage.phone("102"));
        alice.calls("102");
        bob.rings();
        alice.hears_ringing();
        if answered {
            bob.answers().talks();
            alice.talks();
        }
        bob.feels(|mood| mood.dead = true);
        let id = stage.calls()[0].id;
        assert_eq!(stage.commands(Command::HangUp(id)), Ok(Reply::Done));
        assert_eq!(stage.record().ended_by, EndedBy::Admin);
        // The BYE or CANCEL to the dead phone is sent for 32 more seconds (RFC 3261 17.1.2.2). The call has ended.
        stage.pass(1.0);
        assert!(stage.calls().is_empty());
        assert_eq!(stage.commands(Command::GetCall(id)), Err(CommandError::NotFound));
        assert_eq!(stage.commands(Command::HangUp(id)), Err(CommandError::NotFound));
    }
}

#[test]
fn an_administrator_hangs_up_a_call_that_is_being_made() {
    let stage = Stage::default();
    let (desk, mobile) = (stage.phone("101"), stage.phone("101"));
    let Ok(Reply::Started(id)) = stage.commands(originate("101", "102")) else {
        panic!()
    };
    desk.rings();
    mobile.rings();
    stage.commands(Command::HangUp(id)).unwrap();
    desk.ends_with(487);
    mobile.ends_with(487);
    assert_eq!(stage.record().ended_by, EndedBy::Admin);
    stage.clears();
}

#[test]
fn the_list_of_calls_shows_the_parties_and_the_state_of_each_leg() {
    let stage = Stage::default();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    alice.calls("102");
    bob.rings();
    alice.hears_ringing();
    let call = &stage.calls()[0];
    assert_eq!(
        (call.from.as_str(), call.from_name.as_str(), call.dialed.as_str()),
        ("101", "Person 101", "102")
    );
    assert_eq!(
        (call.state, call.to.as_str(), call.answered_at),
        (LiveState::Ringing, "102", None)
    );
    assert_eq!(call.doing, "dial (main.rhai:1)");
    let legs: Vec<(&str, bool, &str)> = call
        .legs
        .iter()
        .map(|leg| (leg.party.as_str(), leg.inbound, leg.state.as_str()))
        .collect();
    assert_eq!(legs, [("101", true, "trying"), ("102", false, "ringing")]);
    bob.answers().talks();
    alice.talks();
    stage.pass(1.0);
    let call = &stage.calls()[0];
    assert_eq!(call.state, LiveState::Answered);
    assert!(call.answered_at.unwrap() > call.started_at);
    for leg in &call.legs {
        assert_eq!((leg.state.as_str(), leg.codec.as_deref()), ("up", Some("PCMU")));
    }
    assert_eq!(
        stage.commands(Command::GetCall(call.id)),
        Ok(Reply::Calls(vec![call.clone()]))
    );
    alice.hangs_up();
    bob.ends_with(200);
    stage.pass(1.0);
    assert!(stage.calls().is_empty());
    assert_eq!(stage.commands(Command::GetCall(call.id)), Err(CommandError::NotFound));
    stage.clears();
}

#[test]
fn events_come_in_order_and_once() {
    let stage = Stage::default();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    let second = stage.phone("102");
    alice.calls("102");
    bob.rings();
    second.rings();
    bob.answers().talks();
    alice.talks().hangs_up();
    bob.ends_with(200);
    assert_eq!(stage.events(), ["started", "ringing", "answered", "ended"]);
    let ids = stage.with(|world| {
        let ids = world.events.iter().filter_map(|event| match event {
            Event::CallStarted(call) | Event::CallRinging(call) | Event::CallAnswered(call) => Some(call.id),
            Event::CallEnded(cdr) => Some(cdr.open.call_id),
            Event::ExtensionChanged { .. }
            | Event::RegistrationAdded(_)
            | Event::RegistrationRemoved(_)
            | Event::ConferenceJoined { .. }
            | Event::ConferenceChanged { .. }
            | Event::ConferenceLeft { .. }
            | Event::ParkedAdded(_)
            | Event::ParkedRemoved { .. }
            | Event::TrunkChanged(_)
            | Event::RecordingStarted(_)
            | Event::RecordingEnded(_)
            | Event::ScriptFailed { .. } => None,
        });
        ids.collect::<std::collections::BTreeSet<_>>()
    });
    assert_eq!(ids.len(), 1);
    stage.clears();
}

#[test]
fn draining_refuses_new_calls_and_keeps_calls_in_progress() {
    let stage = Stage::default();
    let (alice, bob, carol) = (stage.phone("101"), stage.phone("102"), stage.phone("103"));
    alice.calls("102");
    bob.rings().answers().talks();
    alice.talks();
    stage.tells(Input::Drain);
    carol.calls("101").ends_with(503);
    assert!(carol.call(|call| call.last.header(HeaderName::RetryAfter).is_some()));
    assert_eq!(stage.commands(originate("103", "101")), Err(CommandError::Busy));
    alice.holds().resumes();
    let cdr = stage.record();
    assert_eq!(
        (cdr.sip_code, cdr.open.from.as_str()),
        (503, "103"),
        "it was authenticated, so it has a record"
    );
    stage.tells(Input::HangUpAll);
    alice.ends_with(200);
    bob.ends_with(200);
    stage.clears();
    let last = stage.with(|world| world.cdrs[1].clone());
    assert_eq!(
        (last.disposition, last.ended_by),
        (Disposition::Answered, EndedBy::System)
    );
}

#[test]
fn hanging_up_all_calls_ends_ringing_calls_too() {
    let stage = Stage::default();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    alice.calls("102").hears_ringing();
    stage.tells(Input::HangUpAll);
    alice.ends_with(503);
    bob.ends_with(487);
    assert_eq!(stage.record().ended_by, EndedBy::System);
    stage.clears();
}

#[test]
fn a_registration_is_removed_and_rings_no_more() {
    let stage = Stage::default();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    let Ok(Reply::Registrations(list)) = stage.commands(Command::ListRegistrations) else {
        panic!()
    };
    let his = list.iter().find(|registration| registration.number == "102").unwrap();
    assert_eq!(
        (his.transport.as_str(), his.user_agent.as_str()),
        ("udp", "Simulated/1.0")
    );
    assert_eq!(stage.commands(Command::RemoveRegistration(his.id)), Ok(Reply::Done));
    assert_eq!(
        stage.commands(Command::RemoveRegistration(his.id)),
        Err(CommandError::NotFound)
    );
    alice.calls("102").ends_with(480);
    assert_eq!(bob.got(Method::Invite), 0);
    stage.clears();
}

#[test]
fn more_calls_than_allowed_get_503_and_a_record() {
    let mut settings = tests::Settings::default();
    settings.config.limits.calls = 1;
    let stage = Stage::new(settings);
    let (alice, bob, carol) = (stage.phone("101"), stage.phone("102"), stage.phone("103"));
    alice.calls("102");
    bob.rings();
    carol.calls("102").ends_with(503);
    bob.answers().talks();
    alice.talks().hangs_up();
    bob.ends_with(200);
    stage.clears();
    assert_eq!(stage.with(|world| world.cdrs.len()), 2);
}

#[test]
fn calls_are_made_while_the_store_cannot_write() {
    let stage = Stage::default();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    stage.with(|world| world.store_works = false);
    alice.calls("102");
    bob.rings().answers().talks();
    alice.talks().hangs_up();
    bob.ends_with(200);
    stage.pass(60.0);
    assert_eq!(stage.with(|world| (world.cdrs.len(), world.stats().calls)), (1, 0));
}

#[test]
fn the_activity_of_an_extension_is_known_from_the_first_message_of_a_call_to_the_last() {
    let stage = Stage::plan(
        r#"fn on_call(caller) {
            let result = caller.dial(["102", "103"], #{ timeout: 20 });
            if result.status != "answered" { caller.reject(486); }
        }"#,
    );
    let lines = |number: &str| stage.with(|world| world.switch.lines(number));
    let (alice, bob, carol) = (stage.phone("101"), stage.phone("102"), stage.phone("103"));
    assert_eq!((lines("101"), lines("102")), (vec![], vec![]));
    alice.calls("600");
    bob.rings();
    carol.rings();
    alice.hears_ringing();
    assert_eq!(lines("101"), [(true, "trying", "600".into())]);
    assert_eq!(lines("102"), [(false, "ringing", "101".into())]);
    assert_eq!(lines("103"), [(false, "ringing", "101".into())]);
    bob.answers().talks();
    alice.talks();
    stage.pass(1.0);
    assert_eq!(
        lines("101"),
        [(true, "up", "102".into())],
        "connected with whoever has answered"
    );
    assert_eq!(
        (lines("102"), lines("103")),
        (vec![(false, "up", "101".into())], vec![])
    );
    bob.holds();
    assert_eq!(lines("102"), [(false, "held", "101".into())]);
    bob.resumes();
    assert_eq!(lines("102"), [(false, "up", "101".into())]);
    stage.ends(&alice, &bob);
    assert_eq!((lines("101"), lines("102")), (vec![], vec![]));
}

#[test]
fn a_phone_that_was_told_another_caller_is_shown_as_connected_with_that_number() {
    let stage =
        Stage::plan(r#"fn on_call(caller) { caller.dial("102", #{ caller_id: #{ number: "5550", name: "" } }); }"#);
    let lines = |number: &str| stage.with(|world| world.switch.lines(number));
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    alice.calls("600");
    bob.rings().answers().talks();
    alice.talks();
    assert_eq!(lines("101"), [(true, "up", "102".into())]);
    assert_eq!(lines("102"), [(false, "up", "5550".into())]);
    stage.ends(&alice, &bob);
}

#[test]
fn a_call_that_talks_is_recorded_over_the_api_and_says_so() {
    let stage = Stage::default();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    alice.calls("102");
    bob.rings();
    let call = stage.calls()[0].id;
    let ask = |action| stage.commands(Command::Record { call, action });
    let state = || stage.calls()[0].recording;
    let refused = |action| matches!(ask(action), Err(CommandError::Conflict(_)));
    assert!(refused(RecordAction::Start), "no two phones are connected");
    bob.answers().talks();
    stage.pass(1.0);
    assert!(refused(RecordAction::Stop) && refused(RecordAction::Pause) && refused(RecordAction::Resume));
    for (action, now) in [
        (RecordAction::Start, LiveRecording::On),
        (RecordAction::Pause, LiveRecording::Paused),
        (RecordAction::Resume, LiveRecording::On),
        (RecordAction::Stop, LiveRecording::Off),
        (RecordAction::Start, LiveRecording::On),
    ] {
        ask(action).unwrap();
        assert_eq!(state(), now);
        stage.pass(1.0);
    }
    assert!(refused(RecordAction::Start), "it is recorded already");
    alice.hangs_up();
    bob.ends_with(200);
    stage.pass(1.0);
    let unknown = ask(RecordAction::Start);
    assert_eq!(unknown, Err(CommandError::NotFound));
    let recordings = stage.with(|world| world.recordings.values().cloned().collect::<Vec<_>>());
    assert_eq!(recordings.len(), 2);
    for recording in recordings {
        assert_eq!(
            (recording.call_id, recording.kind, recording.channels),
            (call, RecordingKind::Call, 2)
        );
        let end = recording.ended.map(|ended| ended.end);
        assert!(
            matches!(end, Some(RecordingEnd::Stopped | RecordingEnd::HangUp)),
            "{end:?}"
        );
    }
    stage.clears();
}
