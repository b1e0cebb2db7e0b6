//! `music`: until a key, the end of its time, or a hang-up.

use media::{Command, Source};
use tests::Phase;

use super::{fault, plan, said};

#[test]
fn music_is_played_again_and_again_until_any_key() {
    for (verb, name) in [("caller.music()", "default"), (r#"caller.music("jazz")"#, "jazz")] {
        let stage = plan(&format!("caller.answer(); let k = {verb}; caller.play(`r.${{k}}`);"));
        let alice = stage.phone("101");
        alice.calls("900").talks();
        stage.pass(100.0);
        assert_eq!(stage.played(), [Source::Music(name.into())]);
        let port = alice.port();
        let repeats =
            |command: &Command| matches!(command, Command::Play { media, repeat: true, .. } if *media == port);
        assert_eq!(stage.count(repeats), 1);
        alice.presses("7");
        assert_eq!(stage.count(|command| *command == Command::Stop(port)), 1);
        assert_eq!(said(&stage), ["7"]);
        alice.ends_with(200);
        stage.clears();
    }
}

#[test]
fn music_with_a_time_ends_then() {
    let stage = plan(r#"caller.answer(); caller.music("jazz", 30); caller.play("r.over");"#);
    let alice = stage.phone("101");
    alice.calls("900").talks();
    stage.pass(29.5);
    assert_eq!(said(&stage), Vec::<String>::new());
    stage.pass(1.0);
    assert_eq!(said(&stage), ["over"]);
    alice.ends_with(200);
    stage.clears();
}

#[test]
fn music_before_the_answer_is_early_media() {
    let stage = plan("caller.music(\"jazz\", 3); caller.reject(486);");
    let alice = stage.phone("101");
    alice.calls("900").hears_ringing();
    stage.pass(1.0);
    assert!(alice.call(|call| call.early_media));
    alice.ends_with(486);
    stage.clears();
}

#[test]
fn music_that_is_missing_is_a_fault_of_the_script() {
    let stage = plan(r#"caller.answer(); caller.music("missing");"#);
    let alice = stage.phone("101");
    alice.calls("900").ends_with(200);
    assert!(fault(&stage).contains("missing"), "{}", fault(&stage));
    stage.clears();
}

#[test]
fn a_caller_that_hangs_up_ends_the_music() {
    let stage = plan("caller.music(); caller.dial(\"102\");");
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    alice.calls("900").hears_ringing();
    stage.pass(5.0);
    alice.hangs_up().ends_with(487);
    assert_eq!(bob.phase(), None::<Phase>);
    stage.clears();
}
