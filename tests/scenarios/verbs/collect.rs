//! `collect`: which keys it takes, when it ends, and what it says then.

use media::{Command, Source};
use tests::{Phase, Stage};

use super::{fault, plan, said};

const TELLS: &str = "caller.play(`r.${r.digits}.${r.status}`);";

/// A caller that is asked, and hears the prompt.
fn asked(ask: &str) -> (Stage, tests::Actor) {
    let stage = plan(&format!("let r = {ask};\n{TELLS}"));
    let alice = stage.phone("101");
    alice.calls("900").talks();
    stage.pass(0.5);
    (stage, alice)
}

#[test]
fn the_first_key_ends_the_prompt_and_the_last_of_max_keys_ends_the_verb() {
    let (stage, alice) = asked(r#"caller.collect(["menu", "", "choices"], #{ max: 3 })"#);
    let prompts = Source::Prompts(vec!["menu".into(), "choices".into()]);
    assert_eq!(stage.played(), [prompts]);
    let port = alice.port();
    assert_eq!(stage.count(|command| *command == Command::Stop(port)), 0);
    alice.presses("1");
    assert_eq!(stage.count(|command| *command == Command::Stop(port)), 1);
    alice.presses("2");
    assert_eq!(said(&stage), Vec::<String>::new());
    alice.presses("3");
    assert_eq!(said(&stage), ["123.done"]);
    alice.ends_with(200);
    stage.clears();
}

#[test]
fn the_terminator_ends_the_verb_and_is_no_digit() {
    for (option, keys, result) in [
        ("", "12#", "12.done"),
        ("", "#", ".done"),
        (r##", #{ terminator: "*" }"##, "1*", "1.done"),
    ] {
        let (stage, alice) = asked(&format!(r#"caller.collect("menu"{option})"#));
        alice.presses(keys);
        assert_eq!(said(&stage), [result], "{keys}");
        alice.ends_with(200);
        stage.clears();
    }
}

#[test]
fn without_a_terminator_every_key_is_a_digit() {
    let stage = plan(
        r##"let r = caller.collect("", #{ max: 2, terminator: "" });
        caller.play(if r.digits == "#*" { "r.both" } else { "r.other" });"##,
    );
    let alice = stage.phone("101");
    alice.calls("900").talks().presses("#*");
    assert_eq!(said(&stage), ["both"]);
    alice.ends_with(200);
    stage.clears();
}

#[test]
fn a_caller_that_stops_pressing_keys_is_timed_out() {
    let (stage, alice) = asked(r#"caller.collect("menu", #{ timeout: 3 })"#);
    alice.presses("4");
    stage.pass(2.9);
    alice.presses("2");
    stage.pass(2.9);
    assert_eq!(said(&stage), Vec::<String>::new(), "each key has its time");
    stage.pass(0.2);
    assert_eq!(said(&stage), ["42.timeout"]);
    alice.ends_with(200);
    stage.clears();
}

#[test]
fn the_time_for_the_first_key_begins_after_the_prompt() {
    // The prompt takes 2 s, and half a second has passed.
    let (stage, alice) = asked(r#"caller.collect("menu")"#);
    stage.pass(6.3);
    assert_eq!(said(&stage), Vec::<String>::new());
    stage.pass(0.4);
    assert_eq!(said(&stage), [".empty"]);
    alice.ends_with(200);
    stage.clears();
}

#[test]
fn without_a_prompt_the_time_begins_at_once() {
    let (stage, alice) = asked(r#"caller.collect("", #{ timeout: 1 })"#);
    stage.pass(0.6);
    assert_eq!(said(&stage), [".empty"]);
    alice.ends_with(200);
    stage.clears();
}

#[test]
fn keys_beyond_those_that_are_wanted_are_for_the_next_verb_whose_prompt_is_left_out() {
    let stage = plan(&format!(
        r#"let r = caller.collect("menu", #{{ max: 1 }}); {TELLS}
        r = caller.collect("account", #{{ max: 3 }}); {TELLS}
        r = caller.collect("amount"); {TELLS}"#
    ));
    let alice = stage.phone("101");
    alice.calls("900").talks();
    stage.pass(0.5);
    // `play` returns the keys that were pressed before, so nothing is played between the first and the second.
    alice.presses("1");
    stage.pass(2.5);
    alice.presses("234");
    stage.pass(2.5);
    alice.presses("56");
    stage.pass(7.0);
    assert_eq!(said(&stage), ["1.done", "234.done", "56.timeout"]);
    alice.ends_with(200);
    stage.clears();

    let stage = plan(
        r#"let a = caller.collect("menu", #{ max: 1 }); let b = caller.collect("account", #{ max: 2 });
        let c = caller.collect("amount", #{ max: 3, timeout: 1 }); caller.play(`r.${a.digits}.${b.digits}.${c.digits}.${c.status}`);"#,
    );
    let alice = stage.phone("101");
    alice.calls("900").talks();
    // The keys come before the script asks again.
    stage.with(|world| world.script_delay = std::time::Duration::from_millis(300));
    alice.presses("12345");
    stage.pass(2.5);
    assert_eq!(said(&stage), ["1.23.45.timeout"]);
    let prompts = stage.played().len();
    assert_eq!(prompts, 2, "the first prompt, and the result");
    alice.ends_with(200);
    stage.clears();
}

#[test]
fn a_caller_without_an_offer_hears_the_prompt_after_its_ack() {
    let stage = plan(&format!("let r = caller.collect(\"menu\", #{{ max: 1 }});\n{TELLS}"));
    let alice = stage.phone("101");
    alice.feels(|mood| mood.late_offer = true).calls("900").talks();
    stage.pass(0.5);
    assert_eq!(stage.played().len(), 1);
    alice.presses("7");
    assert_eq!(said(&stage), ["7.done"]);
    alice.ends_with(200);
    stage.clears();
}

#[test]
fn a_caller_without_a_codec_in_common_is_refused() {
    let stage = plan(&format!("let r = caller.collect(\"menu\");\n{TELLS}"));
    let alice = stage.phone("101");
    alice
        .feels(|mood| mood.codecs = vec!["GSM", "TELEPHONE-EVENT"])
        .calls("900")
        .ends_with(488);
    assert_eq!(stage.played().len(), 0);
    stage.clears();
}

#[test]
fn a_prompt_that_is_missing_is_a_fault_of_the_script() {
    let (stage, alice) = asked(r#"caller.collect("missing")"#);
    alice.ends_with(200);
    assert!(
        fault(&stage).contains("no prompt is called missing"),
        "{}",
        fault(&stage)
    );
    stage.clears();
}

#[test]
fn a_wrong_argument_is_a_fault_that_names_its_line() {
    let stage = plan("caller.answer();\nlet o = #{ max: 0 }; caller.collect(\"menu\", o);");
    let alice = stage.phone("101");
    alice.calls("900").ends_with(200);
    let detail = stage.record().detail;
    assert_eq!(detail, "main.rhai:3:29: max: 1 to 32 keys are possible");
    stage.clears();
}

#[test]
fn a_caller_may_hang_up_in_every_stage() {
    for (keys, passes) in [("", 0.5), ("", 3.0), ("1", 0.5)] {
        let stage = plan(&format!("let r = caller.collect(\"menu\");\n{TELLS}"));
        let alice = stage.phone("101");
        alice.calls("900").talks().presses(keys);
        stage.pass(passes);
        alice.hangs_up().ends_with(200);
        assert_eq!(said(&stage), Vec::<String>::new(), "nothing runs after it");
        stage.clears();
    }
}

#[test]
fn a_phone_that_takes_the_caller_s_place_hears_the_prompt_and_goes_on_with_the_keys() {
    for typed in ["", "1"] {
        let (stage, alice) = asked(r#"caller.collect("menu", #{ max: 2 })"#);
        let carol = stage.phone("103");
        alice.presses(typed);
        carol.picks_up(&alice).talks();
        alice.ends_with(200);
        assert_eq!(carol.phase(), Some(Phase::Up));
        let prompts = if typed.is_empty() { 2 } else { 1 };
        assert_eq!(stage.played().len(), prompts, "after {typed:?}");
        carol.presses("22");
        assert_eq!(said(&stage), [if typed.is_empty() { "22.done" } else { "12.done" }]);
        carol.ends_with(200);
        stage.clears();
    }
}
