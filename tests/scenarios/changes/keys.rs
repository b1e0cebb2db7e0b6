//! Keys between phones that send and take them in different ways.

use media::{Command, service::Ears};
use sip::Method;
use switch::Dtmf;
use tests::{Actor, Stage};

const NO_INFO: &str = "INVITE, ACK, CANCEL, BYE";

/// How a phone takes keys.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Kind {
    Events,
    Info,
    Tones,
}

fn is(phone: &Actor, kind: Kind) {
    phone.feels(|mood| {
        mood.codecs = match kind {
            Kind::Events => vec!["PCMU", "TELEPHONE-EVENT"],
            Kind::Info | Kind::Tones => vec!["PCMU"],
        };
        if kind != Kind::Info {
            mood.allow = NO_INFO;
        }
    });
}

/// Alice and Bob talk.
fn talking(alice: Kind, bob: Kind) -> (Stage, Actor, Actor) {
    let stage = Stage::default();
    let (one, other) = (stage.phone("101"), stage.phone("102"));
    is(&one, alice);
    is(&other, bob);
    one.calls("102");
    other.rings().answers().talks();
    one.talks();
    stage.pass(1.0);
    (stage, one, other)
}

/// The keys that the media engine is to make for a phone.
fn made(stage: &Stage, phone: &Actor) -> Vec<String> {
    let port = phone.port();
    stage.with(|world| {
        let made = world.media.iter().filter_map(|command| match command {
            Command::Dtmf { media, digit, millis } if *media == port => Some(format!("{digit} {millis}")),
            Command::Press { media, digit } if *media == port => Some(format!("+{digit}")),
            Command::Release { media, digit, millis } if *media == port => Some(format!("-{digit} {millis}")),
            _ => None,
        });
        made.collect()
    })
}

fn passed(phone: &Actor) -> Vec<String> {
    phone.call(|call| call.passed.clone())
}

const MUTED: Ears = Ears {
    digits: true,
    mute: true,
    voice: false,
    beep: false,
    fax: false,
};

#[test]
fn events_are_copied_or_become_info_or_tones_with_their_duration() {
    for (kind, info, engine) in [
        (Kind::Events, "", vec![]),
        (Kind::Info, "Signal=5\r\nDuration=100\r\n", vec![]),
        (Kind::Tones, "", vec!["+5", "-5 100"]),
    ] {
        let (stage, alice, bob) = talking(Kind::Events, kind);
        alice.presses("5");
        stage.pass(1.0);
        assert_eq!(passed(&bob).concat(), info, "{kind:?}");
        assert_eq!(made(&stage, &bob), engine, "{kind:?}");
        assert_eq!(alice.is_listened_to_for(), Ears::default());
        stage.ends(&alice, &bob);
    }
}

#[test]
fn keys_by_info_become_events_or_tones_or_pass() {
    for (kind, info, engine) in [
        (Kind::Events, "", vec!["1 160"]),
        (Kind::Info, "1", vec![]),
        (Kind::Tones, "", vec!["1 160"]),
    ] {
        let (stage, alice, bob) = talking(Kind::Info, kind);
        alice.informs('1');
        stage.pass(1.0);
        assert_eq!(passed(&bob).concat(), info, "{kind:?}");
        assert_eq!(made(&stage, &bob), engine, "{kind:?}");
        stage.ends(&alice, &bob);
    }
}

#[test]
fn tones_become_events_or_info_and_are_muted_there() {
    for (kind, info, engine, ears) in [
        (Kind::Events, "", vec!["+8", "-8 100"], MUTED),
        (Kind::Info, "Signal=8\r\nDuration=100\r\n", vec![], MUTED),
        (Kind::Tones, "", vec![], Ears::default()),
    ] {
        let (stage, alice, bob) = talking(Kind::Tones, kind);
        assert_eq!(alice.is_listened_to_for(), ears, "{kind:?}");
        if ears.digits {
            alice.presses("8");
        }
        stage.pass(1.0);
        assert_eq!(passed(&bob).concat(), info, "{kind:?}");
        assert_eq!(made(&stage, &bob), engine, "{kind:?}");
        stage.ends(&alice, &bob);
    }
}

#[test]
fn a_phone_is_offered_events_also_where_the_other_has_none() {
    let (stage, alice, bob) = talking(Kind::Tones, Kind::Events);
    bob.presses("3");
    assert_eq!(made(&stage, &alice), ["+3", "-3 100"]);
    stage.ends(&alice, &bob);
}

#[test]
fn a_key_that_comes_in_two_ways_is_one_key() {
    // By RFC 4733 and INFO: the engine copies the event.
    for info_first in [true, false] {
        let (stage, alice, bob) = talking(Kind::Events, Kind::Info);
        for _ in 0..2 {
            if info_first {
                alice.informs('5').presses("5");
            } else {
                alice.presses("5").informs('5');
            }
            stage.pass(0.5);
        }
        alice.informs('6');
        assert_eq!(passed(&bob).len(), 3, "{:?}", passed(&bob));
        stage.ends(&alice, &bob);
    }
    // By a tone and INFO: the phone is listened to until its first INFO.
    let (stage, alice, bob) = talking(Kind::Info, Kind::Events);
    assert_eq!(alice.is_listened_to_for(), MUTED);
    alice.presses("5").informs('5');
    assert_eq!(alice.is_listened_to_for(), Ears::default());
    alice.informs('5');
    assert_eq!(made(&stage, &bob), ["+5", "-5 100", "5 160"]);
    stage.ends(&alice, &bob);
}

#[test]
fn the_setting_of_a_device_decides() {
    for (dtmf, info, engine, events) in [
        (Dtmf::Auto, 0, vec![], true),
        (Dtmf::Rfc4733, 0, vec![], true),
        (Dtmf::Info, 1, vec![], false),
        (Dtmf::Inband, 0, vec!["+5", "-5 100"], false),
    ] {
        let stage = Stage::default();
        let (alice, bob) = (stage.phone("101"), stage.phone("102"));
        stage.with(|world| world.device_with("102", |device| device.dtmf = dtmf));
        alice.calls("102");
        bob.rings().answers().talks();
        alice.talks();
        let offered = bob.call(|call| call.invite.body_text().contains("telephone-event"));
        assert_eq!(offered, events, "{dtmf:?}");
        alice.presses("5");
        stage.pass(1.0);
        assert_eq!(bob.got(Method::Info), info, "{dtmf:?}");
        assert_eq!(made(&stage, &bob), engine, "{dtmf:?}");
        let tones = bob.is_listened_to_for().digits;
        assert_eq!(tones, dtmf == Dtmf::Inband, "{dtmf:?}");
        stage.ends(&alice, &bob);
    }
    // A phone without RFC 4733 that is to get keys by RFC 4733 alone gets none, and is not listened to.
    let stage = Stage::default();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    is(&bob, Kind::Info);
    stage.with(|world| world.device_with("102", |device| device.dtmf = Dtmf::Rfc4733));
    alice.calls("102");
    bob.rings().answers().talks();
    alice.talks().presses("5");
    stage.pass(1.0);
    assert_eq!((bob.got(Method::Info), made(&stage, &bob)), (0, vec![]));
    assert_eq!(bob.is_listened_to_for(), Ears::default());
    stage.ends(&alice, &bob);
}

#[test]
fn keys_go_by_info_one_after_the_other_and_with_the_media_once_info_is_refused() {
    let (stage, alice, bob) = talking(Kind::Events, Kind::Info);
    stage.with(|world| world.net.faults.loss = 100);
    alice.presses("123");
    stage.pass(0.2);
    stage.with(|world| world.net.faults.loss = 0);
    stage.pass(5.0);
    let keys: Vec<String> = passed(&bob).iter().map(|body| body[7..8].to_owned()).collect();
    assert_eq!(keys, ["1", "2", "3"], "a lost INFO is not overtaken");
    bob.feels(|mood| mood.refuses_within = Some((415, None)));
    alice.presses("45");
    stage.pass(1.0);
    assert_eq!(made(&stage, &bob), ["4 100", "5 100"]);
    alice.presses("6");
    assert_eq!(
        made(&stage, &bob).split_off(2),
        ["+6", "-6 100"],
        "INFO is not tried again"
    );
    stage.ends(&alice, &bob);
}

#[test]
fn a_phone_is_listened_to_as_long_as_the_other_takes_keys_in_another_way() {
    let stage = Stage::default();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    is(&alice, Kind::Tones);
    is(&bob, Kind::Events);
    alice.calls("102");
    bob.rings().answers().talks();
    alice.talks();
    assert_eq!(alice.is_listened_to_for(), MUTED);
    // A re-INVITE takes RFC 4733 away from Bob, who takes no INFO, and gives it back.
    bob.feels(|mood| mood.codecs = vec!["PCMU"]).resumes();
    stage.pass(1.0);
    assert_eq!(alice.is_listened_to_for(), Ears::default());
    bob.feels(|mood| mood.codecs = vec!["PCMU", "TELEPHONE-EVENT"])
        .resumes();
    stage.pass(1.0);
    assert_eq!(alice.is_listened_to_for(), MUTED);
    stage.ends(&alice, &bob);
}
