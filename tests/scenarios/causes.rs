//! The catalogue of causes: a call produces each code here. A code that no call produces fails the test.

use std::{collections::BTreeSet, time::Duration};

use media::Event as Media;
use sip::{HeaderName, Method};
use switch::{CauseCode, Cdr, Command, EndedBy, Input, Unresolved};
use tests::{Actor, Settings, Stage};

use crate::trunks::without_way;

/// The record of what `happens` in a world with three extensions, of which 103 has no phone.
pub(crate) fn left(settings: Settings, happens: impl FnOnce(&Stage, &Actor, &Actor)) -> Cdr {
    let stage = Stage::new(settings);
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    let _carol = stage.unregistered("103");
    happens(&stage, &alice, &bob);
    let cdr = stage.record();
    assert!(cdr.is_tiled(), "{cdr:?}");
    stage.clears();
    cdr
}

fn plain(happens: impl FnOnce(&Stage, &Actor, &Actor)) -> CauseCode {
    left(Settings::default(), happens).cause
}

fn plan(plan: &str, happens: impl FnOnce(&Stage, &Actor, &Actor)) -> CauseCode {
    let settings = Settings {
        plan: format!("fn on_call(caller) {{ {plan} }}"),
        ..Settings::default()
    };
    left(settings, happens).cause
}

/// 101 calls this number, and its call ends with this status.
fn ends(number: &'static str, code: u16) -> impl FnOnce(&Stage, &Actor, &Actor) {
    move |_, alice, _| {
        alice.calls(number).ends_with(code);
    }
}

fn talk(stage: &Stage, alice: &Actor, bob: &Actor) {
    alice.calls("102");
    bob.rings().answers().talks();
    alice.talks();
    stage.pass(1.0);
}

/// 102 refuses with this status, and gives this Reason.
fn refused(code: u16, reason: Option<&'static str>) -> CauseCode {
    plain(|stage, alice, bob| {
        bob.feels(|mood| (mood.refuses, mood.explains) = (Some(code), reason));
        alice.calls("102");
        stage.pass(40.0);
    })
}

fn network(cause: u8) -> CauseCode {
    let reason: &'static str = match cause {
        1 => "Q.850;cause=1",
        3 => "Q.850;cause=3",
        18 => "Q.850;cause=18",
        20 => "Q.850;cause=20",
        21 => "Q.850;cause=21",
        22 => "Q.850;cause=22",
        27 => "Q.850;cause=27",
        28 => "Q.850;cause=28",
        34 => "Q.850;cause=34",
        57 => "Q.850;cause=57",
        88 => "Q.850;cause=88",
        102 => "Q.850;cause=102",
        _ => "Q.850;cause=127",
    };
    refused(480, Some(reason))
}

fn of_phones() -> Vec<(CauseCode, CauseCode)> {
    use CauseCode as C;
    let refusals = [
        (C::PhoneBusy, 486),
        (C::PhoneDeclined, 603),
        (C::PhoneUnavailable, 480),
        (C::PhoneNotFound, 404),
        (C::PhoneNotAcceptable, 488),
        (C::PhonePassword, 407),
        (C::PhoneFailed, 500),
    ];
    let mut found: Vec<_> = refusals.map(|(cause, code)| (cause, refused(code, None))).into();
    found.extend([
        (
            C::PhoneDnd,
            plain(|stage, alice, _| {
                stage.with(|world| world.account("102", |account| account.dnd = true));
                alice.calls("102").ends_with(486);
            }),
        ),
        (
            C::PhoneCallLimit,
            plain(|stage, alice, bob| {
                stage.with(|world| world.account("102", |account| account.rules.call_limit = Some(1)));
                let carol = stage.phone("103");
                carol.calls("102");
                bob.rings().answers().talks();
                alice.calls("102").ends_with(486);
                carol.talks().hangs_up();
                bob.ends_with(200);
                // Only the record of the call that was refused counts.
                stage.with(|world| {
                    world.cdrs.retain(|cdr| cdr.open.from == "101");
                    let refused = world.cdrs[0].open.call_id;
                    world.opened.retain(|call| *call == refused);
                });
            }),
        ),
        (C::PhoneNoAnswer, plain(ends("102", 480))),
        (C::PhoneNotRegistered, plain(ends("103", 480))),
        (
            C::PhoneUnreachable,
            plan("caller.dial(\"102\", #{ timeout: 60 })", |_, alice, bob| {
                bob.feels(|mood| mood.dead = true);
                alice.calls("102").ends_with(480);
            }),
        ),
        (
            C::PhoneRedirected,
            plain(|_, alice, bob| {
                bob.feels(|mood| (mood.refuses, mood.sends_to) = (Some(302), Some("sip:a@b.example".into())));
                alice.calls("102").ends_with(480);
            }),
        ),
        (
            C::PhoneLost,
            plain(|_, alice, bob| {
                alice.feels(|mood| mood.forgets_ack = true).calls("102");
                bob.rings().answers().talks();
                bob.ends_with(200);
                alice.ends_with(200);
            }),
        ),
        (
            C::PhoneBadAnswer,
            plain(|stage, alice, bob| {
                alice.feels(|mood| (mood.late_offer, mood.forgets_answer) = (true, true));
                alice.calls("102");
                bob.rings().answers();
                stage.pass(40.0);
            }),
        ),
    ]);
    found
}

/// A callee ends its early dialog by BYE. The test phones never do so.
fn hung_up_early() -> CauseCode {
    let stage = Stage::plan("fn on_call(caller) { caller.dial(\"sip:wire@198.51.200.1:5060\", #{ timeout: 20 }); }");
    let alice = stage.phone("101");
    let wire = stage.wire("198.51.200.1:5060");
    alice.calls("900");
    let invite = wire.takes_request(Method::Invite);
    wire.replies(&invite, 183, "far", |reply| reply);
    stage.pass(0.5);
    wire.sends(crate::setup::progress::bye(&invite, "far", 1));
    wire.takes_response(200);
    let cancel = wire.takes_request(Method::Cancel);
    alice.ends_with(480);
    wire.replies(&cancel, 200, "far", |reply| reply);
    wire.replies(&invite, 487, "far", |reply| reply);
    let cause = stage.record().cause;
    stage.clears();
    cause
}

fn of_people() -> Vec<(CauseCode, CauseCode)> {
    use CauseCode as C;
    vec![
        (C::PhoneHungUpEarly, hung_up_early()),
        (
            C::CallerHungUp,
            plain(|stage, alice, bob| {
                talk(stage, alice, bob);
                alice.hangs_up();
            }),
        ),
        (
            C::CalleeHungUp,
            plain(|stage, alice, bob| {
                talk(stage, alice, bob);
                bob.hangs_up();
            }),
        ),
        (
            C::CallerCancelled,
            plain(|_, alice, _| {
                alice.calls("102").hears_ringing().hangs_up().ends_with(487);
            }),
        ),
        (
            C::CallerExpired,
            plain(|_, alice, _| {
                alice.feels(|mood| mood.adds = vec![("Expires", "7".into())]);
                alice.calls("102").hears_ringing().ends_with(487);
            }),
        ),
        (
            C::CallerNoPrack,
            plan("caller.dial(\"102\", #{ timeout: 60 });", |_, alice, _| {
                alice.feels(|mood| mood.adds = vec![("Require", "100rel".into())]);
                alice.calls("102").ends_with(504);
            }),
        ),
        (
            C::CallerForbidden,
            plain(|_, alice, _| {
                alice
                    .feels(|mood| mood.claims = Some("103"))
                    .calls("102")
                    .ends_with(403);
            }),
        ),
        (
            C::CallerBadRequest,
            plain(|_, alice, _| {
                // RFC 3261 8.1.1.8: an INVITE has a Contact.
                alice.feels(|mood| mood.garbles = vec![("Contact:", "X-Contact:")]);
                alice.calls("102").ends_with(400);
            }),
        ),
        (
            C::AdminEnded,
            plain(|stage, alice, bob| {
                talk(stage, alice, bob);
                let id = stage.calls()[0].id;
                stage.commands(Command::HangUp(id)).unwrap();
            }),
        ),
    ]
}

/// A script dials a host whose look-up leads to nothing, for this reason.
fn without_host(why: Unresolved) -> CauseCode {
    plan("caller.dial(\"sip:a@lost.example\");", |stage, alice, _| {
        stage.with(|world| world.lost.insert("lost.example".into(), why));
        alice.calls("900");
        stage.pass(6.0);
        alice.ends_with(480);
    })
}

/// A script dials over a trunk whose host is not known, with so many channels.
fn over_trunk(channels: Option<u16>) -> CauseCode {
    plan("caller.dial(\"provider/123\");", move |stage, alice, _| {
        without_way(stage, alice, channels)
    })
}

fn of_numbers_and_scripts() -> Vec<(CauseCode, CauseCode)> {
    use CauseCode as C;
    let by_plan = |text: &str, code: u16| plan(text, ends("900", code));
    let mut no_branch = Settings::default();
    no_branch.config.limits.branches = 0;
    let mut short = Settings {
        plan: "fn on_call(caller) { caller.wait(100); }".into(),
        ..Settings::default()
    };
    short.config.limits.setup = Duration::from_secs(5);
    vec![
        (C::NumberUnknown, plain(ends("999", 404))),
        (C::NumberNoTrunk, by_plan("caller.dial(\"carrier/123\")", 404)),
        (C::TrunkDown, over_trunk(None)),
        (C::TrunkFull, over_trunk(Some(0))),
        (C::NumberBadTarget, left(no_branch, ends("102", 480)).cause),
        (
            C::NumberLoop,
            plain(|stage, alice, _| {
                for (number, to) in [("102", "103"), ("103", "102")] {
                    stage.with(|world| world.account(number, |account| account.forward_always = Some(to.into())));
                }
                alice.calls("102").ends_with(482);
            }),
        ),
        (C::NumberUnresolved, without_host(Unresolved::NoWay)),
        (C::DnsNotFound, without_host(Unresolved::NotFound)),
        (C::DnsTimeout, without_host(Unresolved::Timeout)),
        (C::DnsFailed, without_host(Unresolved::Failed)),
        (C::DnsTooMany, without_host(Unresolved::TooMany)),
        (C::ScriptRejected, by_plan("caller.reject(486)", 486)),
        (C::ScriptRedirected, by_plan("caller.redirect(\"102\")", 302)),
        (C::ScriptHungUp, by_plan("caller.hangup()", 603)),
        (C::ScriptEnded, by_plan("caller.answer()", 200)),
        (C::ScriptDidNothing, by_plan("", 404)),
        (C::ScriptFailed, by_plan("let x = 1 / 0;", 500)),
        (C::CallNotDecided, left(short, ends("900", 480)).cause),
    ]
}

fn of_media_and_limits() -> Vec<(CauseCode, CauseCode)> {
    use CauseCode as C;
    let (mut no_port, mut full, mut timer) = (Settings::default(), Settings::default(), Settings::default());
    no_port.config.media_ports = (20_000, 20_000); // RTP and RTCP do not both fit
    full.config.limits.calls = 0;
    timer.config.session_expires = Duration::from_secs(120);
    let media = |event: fn(media::MediaId) -> Media| {
        plain(|stage, alice, bob| {
            talk(stage, alice, bob);
            let port = stage.with(|world| *world.ports.last().unwrap());
            stage.tells(Input::Media(event(port)));
        })
    };
    let failed = |port| Media::Failed {
        media: port,
        reason: "as a test".into(),
    };
    vec![
        (
            C::CodecNoneInCommon,
            plan("caller.answer()", |_, alice, _| {
                alice.feels(|mood| mood.codecs = vec!["GSM"]);
                alice.calls("900").ends_with(488);
            }),
        ),
        (C::MediaNoPort, left(no_port, ends("102", 503)).cause),
        (C::MediaSilent, media(Media::Silent)),
        (C::MediaFailed, media(failed)),
        (C::SwitchOverloaded, left(full, ends("102", 503)).cause),
        (
            C::SwitchStopped,
            plain(|stage, alice, bob| {
                talk(stage, alice, bob);
                stage.tells(Input::HangUpAll);
            }),
        ),
        (
            C::SessionExpired,
            left(timer, |stage, alice, bob| {
                alice.feels(|mood| mood.asks_timer = Some("120;refresher=uac"));
                talk(stage, alice, bob);
                alice.ends_with(200);
            })
            .cause,
        ),
    ]
}

/// 101 talks with 102, and 102 transfers it to 103. The records of both calls.
pub(crate) fn transferred() -> [Cdr; 2] {
    let stage = Stage::default();
    let (alice, bob, carol) = (stage.phone("101"), stage.phone("102"), stage.phone("103"));
    talk(&stage, &alice, &bob);
    let answer = bob.asks_within(Method::Refer, |refer| {
        refer.header(HeaderName::ReferTo, "<sip:103@tandem.local>")
    });
    assert_eq!(answer.status().unwrap().code(), 202, "\n{}", stage.ladder());
    carol.rings().answers().talks();
    stage.pass(5.0);
    carol.hangs_up();
    stage.clears();
    let mut records = stage.with(|world| world.cdrs.clone());
    records.sort_by_key(|cdr| cdr.open.started_at);
    records.try_into().unwrap()
}

/// 103 takes the place of 102, which talks with 101, or (`there` is false) of a leg that does not exist.
/// The record of 103.
fn joining(there: bool) -> Cdr {
    let stage = Stage::default();
    let (alice, bob, carol) = (stage.phone("101"), stage.phone("102"), stage.phone("103"));
    talk(&stage, &alice, &bob);
    if there {
        carol.picks_up(&bob).talks();
    } else {
        carol.feels(|mood| mood.adds = vec![("Replaces", "none;to-tag=a;from-tag=b".into())]);
        carol.calls("102").ends_with(481);
    }
    alice.hangs_up();
    stage.clears();
    let found = stage.with(|world| world.cdrs.iter().find(|cdr| cdr.open.from == "103").cloned());
    found.unwrap()
}

/// 101 and 102 are parked, and there is one slot. The record of 102.
fn full() -> CauseCode {
    let mut settings = Settings {
        plan: "fn on_call(caller) { caller.park(); }".into(),
        ..Settings::default()
    };
    settings.config.limits.services.parking.slots = (701, 701);
    let stage = Stage::new(settings);
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    alice.calls("70").talks();
    bob.calls("70").ends_with(486);
    let cause = stage.record().cause;
    alice.hangs_up();
    stage.clears();
    cause
}

/// 101 hides its number, and 102 takes no such calls.
fn anonymous() -> CauseCode {
    plain(|stage, alice, _| {
        stage.with(|world| world.account("102", |account| account.rules.reject_anonymous = true));
        alice.feels(|mood| mood.claims = Some("anonymous"));
        alice.calls("102").ends_with(433);
    })
}

#[test]
fn a_call_whose_party_was_transferred_was_ended_by_the_transferor() {
    assert_eq!(transferred()[0].ended_by, EndedBy::Callee);
}

#[test]
fn each_cause_of_the_catalogue_is_produced_by_a_call() {
    use CauseCode as C;
    let mut made = of_phones();
    made.extend(of_people());
    made.extend(of_numbers_and_scripts());
    made.extend(of_media_and_limits());
    let causes = [
        (C::NetworkUnallocated, 1),
        (C::NetworkNoRoute, 3),
        (C::NetworkNoAnswer, 18),
        (C::NetworkAbsent, 20),
        (C::NetworkRejected, 21),
        (C::NetworkNumberChanged, 22),
        (C::NetworkOutOfOrder, 27),
        (C::NetworkInvalidNumber, 28),
        (C::NetworkCongestion, 34),
        (C::NetworkNotAllowed, 57),
        (C::NetworkIncompatible, 88),
        (C::NetworkProtocol, 102),
        (C::NetworkOther, 127),
    ];
    made.extend(causes.map(|(cause, q850)| (cause, network(q850))));
    made.extend([
        (C::CallerAnonymous, anonymous()),
        (C::CallTransferred, transferred()[0].cause),
        (C::CallJoined, joining(true).cause),
        (C::CallNotReplaced, joining(false).cause),
        (C::PickupNothing, plan("caller.pickup(\"102\");", ends("**102", 480))),
        (C::PickupDenied, plan("caller.pickup(\"*\");", ends("*8", 403))),
        (C::ParkFull, full()),
        (C::ParkNothing, plan("caller.park(#{ held: true });", ends("*68", 480))),
        (
            C::ProxyRefused,
            plan("caller.proxy(\"sip:bob@198.51.7.7\");", ends("900", 408)),
        ),
        (C::ProxyLost, passed_on_and_lost()),
    ]);
    for (expected, cause) in &made {
        assert_eq!(cause.name(), expected.name());
    }
    let made: BTreeSet<_> = made.into_iter().map(|(_, cause)| cause).collect();
    // A killed process writes no end (crates/store/tests/writing.rs). `unknown` is for records from before the
    // catalogue.
    let elsewhere = [C::SwitchInterrupted, C::Unknown];
    let missing: Vec<_> = C::ALL
        .iter()
        .filter(|cause| !made.contains(cause) && !elsewhere.contains(cause))
        .collect();
    assert!(missing.is_empty(), "no test for {missing:?}");
}

/// A call is passed on and answered, and then nothing is heard of it.
fn passed_on_and_lost() -> CauseCode {
    let mut settings = Settings {
        plan: "fn on_call(caller) { caller.proxy(\"sip:102@bob.example\"); }".into(),
        ..Settings::default()
    };
    settings.config.limits.services.proxy.dialog_idle = Duration::from_secs(60);
    left(settings, |stage, alice, bob| {
        let address = bob.with(|phone| phone.address);
        stage.with(|world| world.hosts.insert("bob.example".into(), address));
        alice.calls("900");
        bob.rings().answers().talks();
        alice.talks();
        stage.pass(100.0);
        alice.hangs_up().ends_with_any();
    })
    .cause
}

#[test]
fn a_script_that_passes_on_the_code_of_its_dial_keeps_the_cause() {
    let cause = plan(
        "let r = caller.dial(\"102\"); caller.reject(r.code);",
        |_, alice, bob| {
            bob.feels(|mood| mood.refuses = Some(486));
            alice.calls("102").ends_with(486);
        },
    );
    assert_eq!(cause, CauseCode::PhoneBusy);
}
