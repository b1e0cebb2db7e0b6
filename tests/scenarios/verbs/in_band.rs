//! Keys of phones that know no RFC 4733: by INFO, or as tones in the sound.

use media::{Command, service::Ears};
use tests::{Actor, Stage};

use super::{plan, said};

const ASKS: &str = r#"caller.play("welcome"); let r = caller.collect("menu", #{ max: 3, timeout: 3 });
    caller.play(`r.${r.digits}.${r.status}`); caller.dial("102");"#;

const TONES: Ears = Ears {
    digits: true,
    mute: false,
    voice: false,
    beep: false,
    fax: false,
};

/// A caller that is asked, whose phone knows no RFC 4733 unless `events`.
fn asked(events: bool) -> (Stage, Actor) {
    let stage = plan(ASKS);
    let alice = stage.phone("101");
    if !events {
        alice.feels(|mood| mood.codecs = vec!["PCMU"]);
    }
    alice.calls("900").talks();
    stage.pass(0.5);
    (stage, alice)
}

fn listens(stage: &Stage) -> usize {
    stage.count(|command| matches!(command, Command::Listen { .. }))
}

#[test]
fn a_phone_with_rfc_4733_is_not_listened_to() {
    let (stage, alice) = asked(true);
    assert_eq!((listens(&stage), alice.is_listened_to_for()), (0, Ears::default()));
    alice.presses("123");
    assert_eq!(said(&stage), ["123.done"]);
    alice.hangs_up();
    stage.clears();
}

#[test]
fn a_phone_without_it_is_listened_to_until_it_is_connected_with_one_that_takes_tones() {
    let (stage, alice) = asked(false);
    let bob = stage.phone("102");
    bob.feels(|mood| (mood.codecs, mood.allow) = (vec!["PCMU"], "INVITE, ACK, CANCEL, BYE"));
    assert_eq!(alice.is_listened_to_for(), TONES);
    alice.presses("123");
    assert_eq!(said(&stage), ["123.done"]);
    assert_eq!(listens(&stage), 1, "it is said once");
    bob.rings();
    assert_eq!(alice.is_listened_to_for(), TONES);
    bob.answers().talks();
    stage.pass(1.0);
    assert_eq!(alice.is_listened_to_for(), Ears::default());
    bob.hangs_up();
    alice.ends_with(200);
    stage.clears();
}

#[test]
fn a_phone_that_sends_keys_by_info_is_listened_to_no_longer() {
    let (stage, alice) = asked(false);
    alice.informs('1');
    assert_eq!(alice.is_listened_to_for(), Ears::default());
    alice.informs('1').informs('2');
    assert_eq!(said(&stage), ["112.done"]);
    alice.hangs_up();
    stage.clears();
}

#[test]
fn a_key_that_comes_by_info_and_as_a_tone_is_one_key() {
    for tone_first in [true, false] {
        let (stage, alice) = asked(false);
        if tone_first {
            alice.presses("1").informs('1');
        } else {
            alice.informs('1').presses("1");
        }
        stage.pass(1.5);
        alice.informs('1').informs('2');
        assert_eq!(said(&stage), ["112.done"]);
        alice.hangs_up();
        stage.clears();
    }
}

#[test]
fn a_phone_is_listened_to_only_as_long_as_it_agrees_on_no_rfc_4733() {
    // Without an offer in its INVITE nothing is known of the phone before its ACK.
    let stage = plan("caller.answer(); caller.wait(20); caller.wait(20);");
    let alice = stage.phone("101");
    alice.feels(|mood| mood.late_offer = true).calls("900").talks();
    stage.pass(1.0);
    assert_eq!((listens(&stage), alice.is_listened_to_for()), (2, Ears::default()));
    alice.hangs_up();
    stage.clears();

    // A re-INVITE adds it.
    let stage = plan("caller.answer(); caller.wait(20);");
    let alice = stage.phone("101");
    alice.feels(|mood| mood.codecs = vec!["PCMU"]).calls("900").talks();
    stage.pass(1.0);
    assert_eq!(alice.is_listened_to_for(), TONES);
    alice
        .feels(|mood| mood.codecs = vec!["PCMU", "TELEPHONE-EVENT"])
        .resumes();
    assert_eq!(alice.is_listened_to_for(), Ears::default());
    alice.hangs_up();
    stage.clears();
}
