//! What a dialplan does with a call (its verbs), and how a call ends when its script ends.

use media::{Command, Source};
use sip::{HeaderName, Method};
use switch::{Disposition, EndedBy, Event};
use tests::{Phase, Stage};

fn plan(body: &str) -> Stage {
    Stage::plan(&format!("fn on_call(caller) {{\n{body}\n}}"))
}

fn played(stage: &Stage) -> Vec<Source> {
    stage.with(|world| {
        let plays = world.media.iter().filter_map(|command| match command {
            Command::Play { source, .. } => Some(source.clone()),
            _ => None,
        });
        plays.collect()
    })
}

#[test]
fn a_script_that_does_nothing_is_404() {
    let stage = plan("");
    let alice = stage.phone("101");
    alice.calls("900").ends_with(404);
    assert_eq!(stage.record().ended_by, EndedBy::Script);
    stage.clears();
}

#[test]
fn ring_then_return_is_404_too() {
    let stage = plan("caller.ring(); caller.wait(3);");
    let alice = stage.phone("101");
    alice.calls("900").hears_ringing();
    assert_eq!(stage.events(), ["started", "ringing"]);
    alice.ends_with(404);
    stage.clears();
}

#[test]
fn reject_says_its_code_and_reason() {
    let stage = plan(r#"if caller.dialed == "1" { caller.reject(486) } else { caller.reject(433, "Not today") }"#);
    let alice = stage.phone("101");
    alice.calls("1").ends_with(486);
    alice.calls("2").ends_with(433);
    assert_eq!(alice.call(|call| call.last.reason().to_string()), "Not today");
    let (one, two) = stage.with(|world| (world.cdrs[0].clone(), world.cdrs[1].clone()));
    assert_eq!(
        (one.disposition, two.disposition),
        (Disposition::Busy, Disposition::Rejected)
    );
    assert_eq!((one.ended_by, two.sip_code), (EndedBy::Script, 433));
    stage.clears();
}

#[test]
fn redirect_is_302_with_the_contact() {
    let stage = plan(r#"caller.redirect(if caller.dialed == "1" { "102" } else { "sip:far@example.org" });"#);
    let alice = stage.phone("101");
    for (dialed, contact) in [("1", "<sip:102@192.0.2.1:5060>"), ("2", "<sip:far@example.org>")] {
        alice.calls(dialed).ends_with(302);
        let told = alice.call(|call| call.last.header(HeaderName::Contact).unwrap().to_owned());
        assert_eq!(
            told, contact,
            "where its phone finds us, whatever it makes of our domain's name"
        );
    }
    stage.clears();
}

#[test]
fn hangup_before_the_answer_is_603_and_after_it_bye() {
    let stage =
        plan(r#"if caller.dialed == "1" { caller.answer(); caller.wait(2); } caller.hangup(); caller.dial("102");"#);
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    alice.calls("2").ends_with(603);
    alice.calls("1").talks().ends_with(200);
    assert_eq!(bob.phase(), None, "nothing has an effect after the end");
    stage.clears();
}

#[test]
fn answer_then_return_is_bye() {
    let stage = plan("caller.answer();");
    let alice = stage.phone("101");
    alice.calls("900").ends_with(200);
    let cdr = stage.record();
    assert_eq!(
        (cdr.disposition, cdr.ended_by, cdr.sip_code),
        (Disposition::Answered, EndedBy::Script, 200)
    );
    stage.clears();
}

#[test]
fn prompts_and_tones_before_the_answer_are_early_media() {
    let stage = plan(r#"caller.play("welcome"); caller.tone("busy", 3); caller.reject(486);"#);
    let alice = stage.phone("101");
    alice.calls("900").hears_ringing();
    stage.pass(1.0);
    assert!(alice.call(|call| call.early_media), "{}", stage.ladder());
    assert_eq!(alice.was_told(183), 1);
    alice.ends_with(486);
    assert_eq!(
        played(&stage),
        [Source::Prompts(vec!["welcome".into()]), Source::Tone("busy".into())]
    );
    stage.clears();
}

#[test]
fn prompts_and_tones_after_the_answer() {
    let stage =
        plan(r#"caller.answer(); caller.play(["one", "", "two"]); caller.play(""); caller.tone("440/1000", 1);"#);
    let alice = stage.phone("101");
    alice.calls("900").talks().ends_with(200);
    assert_eq!(
        played(&stage),
        [
            Source::Prompts(vec!["one".into(), "two".into()]),
            Source::Tone("440/1000".into())
        ]
    );
    stage.clears();
}

#[test]
fn a_caller_without_an_offer_is_answered_to_hear_a_prompt() {
    let stage = plan(r#"caller.play("welcome");"#);
    let alice = stage.phone("101");
    alice
        .feels(|mood| mood.late_offer = true)
        .calls("900")
        .talks()
        .ends_with(200);
    assert_eq!(played(&stage).len(), 1);
    stage.clears();
}

#[test]
fn a_prompt_that_is_missing_is_a_fault_of_the_script() {
    let stage = plan(r#"caller.play("missing");"#);
    let alice = stage.phone("101");
    alice.calls("900").ends_with(500);
    let fault = stage.with(|world| {
        let mut faults = world.events.iter().filter_map(|event| match event {
            Event::ScriptFailed { fault, .. } => Some(fault.clone()),
            _ => None,
        });
        faults.next_back().unwrap()
    });
    assert_eq!((fault.position.file.as_str(), fault.position.line), ("main.rhai", 2));
    assert!(
        fault.message.contains("no prompt is called missing"),
        "{}",
        fault.message
    );
    stage.clears();
}

#[test]
fn echo_lasts_until_the_pound_key() {
    let stage = plan("caller.echo();");
    let alice = stage.phone("101");
    alice.calls("900").talks();
    stage.pass(5.0);
    let port = stage.with(|world| *world.ports.first().unwrap());
    assert!(stage.with(|world| world.media.contains(&Command::Echo(port))));
    for digit in ['1', '#'] {
        assert_eq!(alice.phase(), Some(Phase::Up));
        stage.tells(switch::Input::Media(media::Event::Dtmf { media: port, digit }));
        stage.pass(1.0);
    }
    alice.ends_with(200);
    stage.clears();
}

#[test]
fn an_error_in_the_script_is_500_or_bye_and_says_where() {
    for (answered, code) in [(false, 500), (true, 200)] {
        let stage = plan(
            &format!("if {answered} {{ caller.answer(); caller.wait(1); }}\nlet x = nonsense(caller);")
                .replace("nonsense(caller)", "[1][5]"),
        );
        let alice = stage.phone("101");
        alice.calls("900").ends_with(code);
        let cdr = stage.record();
        assert_eq!(cdr.ended_by, EndedBy::System);
        assert!(cdr.detail.starts_with("main.rhai:3:"), "{}", cdr.detail);
        assert!(stage.events().contains(&"failed"));
        stage.clears();
    }
}

#[test]
fn a_script_without_end_harms_only_its_own_call() {
    let stage = plan(r#"if caller.dialed == "1" { loop { let x = 1; } } caller.dial(caller.dialed);"#);
    let (alice, bob, carol) = (stage.phone("101"), stage.phone("102"), stage.phone("103"));
    carol.calls("102");
    bob.rings().answers().talks();
    carol.talks();
    alice.calls("1").ends_with(500);
    carol.holds().resumes();
    assert!(stage.events().contains(&"failed"));
    bob.hangs_up();
    carol.ends_with(200);
    stage.clears();
}

#[test]
fn nothing_runs_after_the_caller_has_hung_up() {
    // Each verb that waits. The verb after it would be seen.
    for verb in [
        "caller.wait(30);",
        r#"caller.tone("dial", 30);"#,
        "caller.echo();",
        r#"caller.dial("102", #{ timeout: 60 });"#,
        r#"caller.ring(); caller.wait(30);"#,
    ] {
        let stage = Stage::new(tests::Settings {
            plan: format!(r#"fn on_call(caller) {{ {verb} db.put("after", "ran"); caller.dial("103"); }}"#)
                .replace(r#"db.put("after", "ran"); "#, ""),
            ..tests::Settings::default()
        });
        let (alice, bob, carol) = (stage.phone("101"), stage.phone("102"), stage.phone("103"));
        stage.with(|world| world.recording = Some(Vec::new()));
        alice.calls("900");
        stage.pass(3.0);
        alice.hangs_up();
        stage.pass(60.0);
        assert!(matches!(alice.phase(), Some(Phase::Over(_))), "{verb}");
        assert_eq!(carol.phase(), None, "{verb}");
        assert!(bob.phase().is_none_or(|phase| phase == Phase::Over(487)), "{verb}");
        let verbs = stage.with(|world| {
            let inputs = world.recording.take().unwrap();
            let is_verb =
                |input: &switch::Input| matches!(input, switch::Input::Script(switch::ScriptEvent::Verb { .. }));
            inputs.iter().filter(|(_, input)| is_verb(input)).count()
        });
        let asked = verb.matches("caller.").count();
        assert_eq!(verbs, asked, "{verb}: nothing but what waited was asked for");
        stage.clears();
    }
}

#[test]
fn facts_and_headers_are_there_for_the_script() {
    let stage = plan(
        r#"let subject = caller.header("subject");
        let none = caller.header("X-None");
        caller.reject(499, `${caller.number}|${caller.name}|${caller.dialed}|${caller.extension}|${caller.source}|${subject}|${none == ()}|${caller.trunk == ()}`);"#,
    );
    let alice = stage.phone("101");
    alice.feels(|mood| mood.adds = vec![("Subject", "lunch".into())]);
    alice.calls("900").ends_with(499);
    let source = alice.with(|phone| phone.address);
    let told = alice.call(|call| call.last.reason().to_string());
    assert_eq!(told, format!("101|Person 101|900|101|{source}|lunch|true|true"));
    stage.clears();
}

#[test]
fn a_script_does_not_see_credentials() {
    let stage = plan(
        r#"let known = 0;
        for name in ["Authorization", "authorization", "AUTHORIZATION", "Proxy-Authorization"] {
            if caller.header(name) != () { known += 1; }
        }
        caller.reject(499, `${known}`);"#,
    );
    let alice = stage.phone("101");
    alice.feels(|mood| mood.adds = vec![("Proxy-Authorization", "Basic MTAxOjEwMQ==".into())]);
    alice.calls("900").ends_with(499);
    assert_eq!(alice.call(|call| call.last.reason().to_string()), "0");
    stage.clears();
}

#[test]
fn a_script_sees_the_present_state_of_an_extension() {
    let stage = Stage::plan(
        r#"fn on_call(caller) {
            if caller.dialed != "900" { caller.dial(caller.dialed); return; }
            let e = extension("102");
            let text = `${e.registered} ${e.busy} ${e.dnd} ${e.forward == ()}`;
            caller.reject(499, text);
        }"#,
    );
    let (alice, bob, carol) = (stage.phone("101"), stage.unregistered("102"), stage.phone("103"));
    let state = || {
        alice.calls("900").ends_with(499);
        alice.call(|call| call.last.reason().to_string())
    };
    assert_eq!(state(), "false false false true");
    bob.registers(3_600);
    assert_eq!(state(), "true false false true");
    carol.calls("102");
    bob.rings();
    assert_eq!(state(), "true true false true");
    bob.answers().talks();
    assert_eq!(state(), "true true false true");
    bob.hangs_up();
    carol.ends_with(200);
    stage.pass(1.0);
    assert_eq!(state(), "true false false true");
    bob.calls("103");
    stage.pass(0.5);
    assert_eq!(state(), "true true false true");
    bob.hangs_up();
    stage.with(|world| {
        world.account("102", |account| {
            account.dnd = true;
            account.forward_always = Some("103".into());
        });
    });
    stage.pass(40.0);
    assert_eq!(state(), "true false true false");
    stage.clears();
}

#[test]
fn a_script_that_hangs_up_at_once_waits_for_the_caller_s_ack() {
    // A script that answers and hangs up at once sends its BYE after the ACK.
    let stage = plan("caller.answer(); caller.hangup();");
    let alice = stage.phone("101");
    alice.calls("900").ends_with(200);
    let order = stage.ladder();
    let (ack, bye) = (order.find(" ACK sip:900").unwrap(), order.rfind(" BYE sip:").unwrap());
    assert!(order.rfind("(2 ACK)").unwrap_or(ack) < bye, "{order}");
    assert_eq!(alice.got(Method::Bye), 1);
    stage.clears();
}
