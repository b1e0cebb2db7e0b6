//! Call detail records: how each call ended, and by whom.

use switch::{Command, Disposition, EndedBy, Input};
use tests::{Actor, Stage};

type Expected<'a> = (Disposition, u16, EndedBy, &'a str);

/// Checks the record of what `happens` in a world with three extensions, of which 103 has no phone.
fn leaves(expected: Expected<'_>, happens: impl FnOnce(&Stage, &Actor, &Actor)) {
    let stage = Stage::default();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    let _carol = stage.unregistered("103");
    happens(&stage, &alice, &bob);
    let cdr = stage.record();
    assert_eq!(
        (cdr.disposition, cdr.sip_code, cdr.ended_by, cdr.detail.as_str()),
        expected,
        "{}",
        stage.ladder()
    );
    let answered = expected.0 == Disposition::Answered;
    assert_eq!(cdr.answered_at.is_some(), answered);
    assert!(
        cdr.answered_at
            .is_none_or(|at| cdr.open.started_at <= at && at <= cdr.ended_at)
    );
    assert_eq!(
        (cdr.open.from.as_str(), cdr.open.from_name.as_str()),
        ("101", "Person 101")
    );
    let call_id = alice.call(|call| call.invite.call_id().to_owned());
    assert_eq!(cdr.open.sip_call_id, call_id);
    stage.clears();
}

fn talking(stage: &Stage, alice: &Actor, bob: &Actor) {
    alice.calls("102");
    bob.rings().answers().talks();
    alice.talks();
    stage.pass(1.0);
}

#[test]
fn answered_calls_say_who_hung_up() {
    use Disposition::Answered;
    leaves(
        (Answered, 200, EndedBy::Caller, "caller: hung up"),
        |stage, alice, bob| {
            talking(stage, alice, bob);
            alice.hangs_up();
        },
    );
    leaves(
        (Answered, 200, EndedBy::Callee, "callee: hung up"),
        |stage, alice, bob| {
            talking(stage, alice, bob);
            bob.hangs_up();
        },
    );
    leaves(
        (Answered, 200, EndedBy::Admin, "ended over the API"),
        |stage, alice, bob| {
            talking(stage, alice, bob);
            let id = stage.calls()[0].id;
            stage.commands(Command::HangUp(id)).unwrap();
        },
    );
    leaves(
        (Answered, 200, EndedBy::System, "Tandem was stopped"),
        |stage, alice, bob| {
            talking(stage, alice, bob);
            stage.tells(Input::HangUpAll);
        },
    );
    let silent = "callee: nothing was heard of the phone for too long";
    leaves((Answered, 200, EndedBy::System, silent), |stage, alice, bob| {
        talking(stage, alice, bob);
        let port = stage.with(|world| *world.ports.last().unwrap());
        stage.tells(Input::Media(media::Event::Silent(port)));
    });
}

#[test]
fn unanswered_calls_say_why() {
    use Disposition::{Busy, Cancelled, Failed, NoAnswer, Rejected};
    for (code, disposition, reason) in [
        (486, Busy, "Busy Here"),
        (600, Busy, "Busy Everywhere"),
        (603, Rejected, "Decline"),
        (403, Rejected, "Forbidden"),
        (480, NoAnswer, "Temporarily Unavailable"),
        (488, Failed, "Not Acceptable Here"),
        (500, Failed, "Server Internal Error"),
    ] {
        leaves((disposition, code, EndedBy::Callee, reason), |_, alice, bob| {
            bob.feels(|mood| mood.refuses = Some(code));
            alice.calls("102").ends_with(code);
        });
    }
    // The caller gets 480, because these codes concern our own INVITE. The record has the phone's own code.
    for (code, detail) in [
        (401, "the callee's phone asked for a password (401 Unauthorized)"),
        (
            407,
            "the callee's phone asked for a password (407 Proxy Authentication Required)",
        ),
        (
            491,
            "the callee's phone was busy with another request (491 Request Pending)",
        ),
        (420, "the callee's phone could not take the call (420 Bad Extension)"),
    ] {
        leaves((NoAnswer, 480, EndedBy::Callee, detail), |_, alice, bob| {
            bob.feels(|mood| mood.refuses = Some(code));
            alice.calls("102").ends_with(480);
        });
    }
    leaves(
        (NoAnswer, 480, EndedBy::System, "Redirected Outside"),
        |_, alice, bob| {
            bob.feels(|mood| (mood.refuses, mood.sends_to) = (Some(302), Some("sip:a@b.example".into())));
            alice.calls("102").ends_with(480);
        },
    );
    leaves((NoAnswer, 480, EndedBy::System, "No Answer"), |_, alice, _| {
        alice.calls("102").ends_with(480);
    });
    leaves(
        (NoAnswer, 480, EndedBy::System, "No Phone Registered"),
        |_, alice, _| {
            alice.calls("103").ends_with(480);
        },
    );
    leaves((NoAnswer, 480, EndedBy::System, "No Answer"), |_, alice, bob| {
        bob.feels(|mood| mood.dead = true);
        alice.calls("102").ends_with(480);
    });
    leaves((Failed, 404, EndedBy::System, "Not Found"), |_, alice, _| {
        alice.calls("999").ends_with(404);
    });
    leaves((Busy, 486, EndedBy::Callee, "Do Not Disturb"), |stage, alice, _| {
        stage.with(|world| world.account("102", |account| account.dnd = true));
        alice.calls("102").ends_with(486);
    });
    leaves(
        (Cancelled, 487, EndedBy::Caller, "the caller gave up"),
        |_, alice, _| {
            alice.calls("102").hears_ringing().hangs_up().ends_with(487);
        },
    );
    leaves(
        (Rejected, 480, EndedBy::Admin, "ended over the API"),
        |stage, alice, _| {
            alice.calls("102").hears_ringing();
            let id = stage.calls()[0].id;
            stage.commands(Command::HangUp(id)).unwrap();
            alice.ends_with(480);
        },
    );
    leaves(
        (Failed, 503, EndedBy::System, "Tandem was stopped"),
        |stage, alice, _| {
            alice.calls("102").hears_ringing();
            stage.tells(Input::HangUpAll);
            alice.ends_with(503);
        },
    );
}

#[test]
fn a_cause_of_q_850_is_in_the_record_and_goes_on() {
    // RFC 3326, RFC 6432.
    use Disposition::{Answered, Busy, NoAnswer, Rejected};
    let explains = |phone: &Actor, reason| {
        phone.feels(|mood| mood.explains = Some(reason));
    };
    let told = |phone: &Actor| phone.call(|call| call.last.header(sip::HeaderName::Reason).map(str::to_owned));
    let heard_bye = |phone: &Actor| {
        phone.with(|phone| {
            let mut byes = phone
                .received
                .iter()
                .filter(|message| *message.method() == sip::Method::Bye);
            byes.next_back()
                .unwrap()
                .header(sip::HeaderName::Reason)
                .map(str::to_owned)
        })
    };
    let user_busy = "Q.850;cause=17;text=\"User busy\"";
    leaves(
        (Busy, 486, EndedBy::Callee, "Busy Here (Q.850 cause 17: User busy)"),
        |_, alice, bob| {
            explains(bob, "SIP;cause=486, Q.850;cause=17;text=\"User busy\"");
            bob.feels(|mood| mood.refuses = Some(486));
            alice.calls("102").ends_with(486);
            assert_eq!(told(alice).as_deref(), Some(user_busy));
        },
    );
    let congested = "Service Unavailable (Q.850 cause 42)";
    leaves((NoAnswer, 480, EndedBy::System, congested), |_, alice, bob| {
        explains(bob, "Q.850;cause=42");
        bob.feels(|mood| mood.refuses = Some(503));
        alice.calls("102").ends_with(480);
        assert_eq!(told(alice).as_deref(), Some("Q.850;cause=42"));
    });
    leaves((Rejected, 603, EndedBy::Callee, "Decline"), |_, alice, bob| {
        explains(bob, "SIP;cause=603;text=\"no\"");
        bob.feels(|mood| mood.refuses = Some(603));
        alice.calls("102").ends_with(603);
        assert_eq!(told(alice), None, "what is said of this phone's dialog stays there");
    });
    let cleared = "(Q.850 cause 16: Normal call clearing)";
    let normal = "Q.850;cause=16;text=\"Normal call clearing\"";
    let callee = format!("callee: hung up {cleared}");
    leaves((Answered, 200, EndedBy::Callee, &callee), |stage, alice, bob| {
        explains(bob, normal);
        talking(stage, alice, bob);
        bob.hangs_up();
        alice.ends_with(200);
        assert_eq!(heard_bye(alice).as_deref(), Some(normal));
    });
    let caller = format!("caller: hung up {cleared}");
    leaves((Answered, 200, EndedBy::Caller, &caller), |stage, alice, bob| {
        explains(alice, normal);
        talking(stage, alice, bob);
        alice.hangs_up();
        bob.ends_with(200);
        assert_eq!(heard_bye(bob).as_deref(), Some(normal));
    });
}

#[test]
fn a_script_that_passes_on_the_code_of_its_dial_passes_on_the_cause() {
    let stage = Stage::plan("fn on_call(caller) { let r = caller.dial(\"102\"); caller.reject(r.code); }");
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    bob.feels(|mood| (mood.refuses, mood.explains) = (Some(404), Some("Q.850;cause=1")));
    alice.calls("102").ends_with(404);
    alice.call(|call| assert_eq!(call.last.header(sip::HeaderName::Reason), Some("Q.850;cause=1")));
    assert_eq!(stage.record().detail, "rejected by the dialplan: 404 (Q.850 cause 1)");
    stage.clears();
}

#[test]
fn a_record_names_the_party_that_answered_or_was_rung_last() {
    let stage = Stage::default();
    let (alice, bob, carol) = (stage.phone("101"), stage.phone("102"), stage.phone("103"));
    stage.with(|world| world.account("102", |account| account.forward_no_answer = Some("103".into())));
    alice.calls("102");
    bob.rings().ends_with(487);
    carol.rings().ends_with(487);
    alice.ends_with(480);
    let cdr = stage.record();
    assert_eq!((cdr.open.dialed.as_str(), cdr.to.as_str()), ("102", "103"));
    stage.clears();
}

#[test]
fn an_answer_is_noted_when_it_happens() {
    // What is on disk when Tandem is killed in the middle of a call.
    let plan = r#"fn on_call(caller) {
        caller.answer();
        caller.wait(2);
        caller.dial("102", #{ timeout: 20 });
        caller.dial("103", #{ timeout: 20 });
    }"#;
    let stage = Stage::plan(plan);
    let (alice, bob, carol) = (stage.phone("101"), stage.phone("102"), stage.phone("103"));
    let noted = |to: &str| {
        stage.pass(0.5);
        let noted: Vec<_> = stage.with(|world| world.answered.values().cloned().collect());
        let [answer] = &noted[..] else {
            panic!("one call was answered: {noted:?}")
        };
        assert_eq!((answer.open.from.as_str(), answer.to.as_str()), ("101", to));
        answer.answered_at
    };
    alice.calls("900").talks();
    let since = noted("");
    bob.rings();
    noted("");
    bob.answers().talks();
    assert_eq!(noted("102"), since, "since Tandem picked it up");
    bob.hangs_up();
    carol.rings().answers().talks();
    assert_eq!(noted("103"), since);
    alice.hangs_up();
    carol.ends_with(200);
    assert!(stage.with(|world| world.answered.is_empty()), "its record is complete");
    let cdr = stage.record();
    assert_eq!((cdr.to.as_str(), cdr.answered_at), ("103", Some(since)));
    stage.clears();
}
