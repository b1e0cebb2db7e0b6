//! Hold with music (RFC 3264 8.4): the phone of the other party is not told, and hears music.

use media::SdpDirection::{Inactive, RecvOnly, SendOnly, SendRecv};
use sip::Method;
use tests::{Actor, Phase, Settings, Stage, phone::Reliable};

/// A stage on which there is music.
fn stage() -> Stage {
    Stage::new(Settings::with_music(
        "fn on_call(caller) { caller.dial(caller.dialed, #{ timeout: 20 }); }",
    ))
}

/// The phone hears this music, or none.
fn hears_music(stage: &Stage, phone: &Actor, music: Option<&str>) {
    assert_eq!(phone.music().as_deref(), music, "\n{}", stage.ladder());
}

/// One phone holds: the other one hears music, and gets no request.
fn holds(stage: &Stage, holder: &Actor, held: &Actor) {
    let before = held.got(Method::Invite);
    holder.holds().hears(RecvOnly);
    hears_music(stage, held, Some("default"));
    hears_music(stage, holder, None);
    stage.is_alone(held);
    assert_eq!(held.got(Method::Invite), before, "\n{}", stage.ladder());
}

#[test]
fn the_held_party_hears_music_and_its_phone_is_not_asked_anything() {
    let stage = stage();
    let (alice, bob) = stage.talking();
    let asked = alice.got(Method::Invite) + bob.got(Method::Invite);
    for (holder, held) in [(&alice, &bob), (&bob, &alice), (&alice, &bob)] {
        holds(&stage, holder, held);
        let states = stage.calls()[0]
            .legs
            .iter()
            .map(|leg| leg.state.clone())
            .collect::<Vec<_>>();
        assert_eq!(states.iter().filter(|state| *state == "held").count(), 1, "{states:?}");
        holder.resumes().hears(SendRecv);
        hears_music(&stage, held, None);
        stage.hear_each_other(&alice, &bob);
    }
    assert_eq!(alice.got(Method::Invite) + bob.got(Method::Invite), asked);
    stage.ends(&alice, &bob);
}

#[test]
fn any_form_of_hold_is_music() {
    for method in [Method::Invite, Method::Update] {
        for direction in [SendOnly, Inactive] {
            let stage = stage();
            let (alice, bob) = stage.talking();
            for (holder, held) in [(&alice, &bob), (&bob, &alice)] {
                holder.begins_change(method.clone(), Some(direction)).is_answered(200);
                hears_music(&stage, held, Some("default"));
                // A hold that is repeated, or that takes another form, does not begin the music anew.
                holder.begins_change(method.clone(), Some(SendOnly)).is_answered(200);
                holder.begins_change(method.clone(), Some(Inactive)).is_answered(200);
                holder.begins_change(method.clone(), Some(SendRecv)).is_answered(200);
                stage.hear_each_other(&alice, &bob);
            }
            assert_eq!(stage.played().len(), 2, "\n{}", stage.ladder());
            stage.ends(&alice, &bob);
        }
    }
}

#[test]
fn an_address_of_zeroes_is_music() {
    // RFC 2543 B.5: how phones held before `sendonly`.
    let stage = stage();
    let (alice, bob) = stage.talking();
    let zeroes = ("c=IN IP4 198.51.100.1", "c=IN IP4 0.0.0.0     ");
    alice.feels(|mood| mood.garbles = vec![zeroes]);
    alice.offers(SendRecv, 200);
    hears_music(&stage, &bob, Some("default"));
    alice.feels(|mood| mood.garbles = Vec::new());
    alice.resumes();
    stage.hear_each_other(&alice, &bob);
    stage.ends(&alice, &bob);
}

#[test]
fn a_hold_told_in_the_answer_to_an_offer_of_ours_is_music() {
    let stage = stage();
    let (alice, bob) = stage.talking();
    alice.feels(|mood| mood.answers_with = Some(SendOnly));
    bob.feels(|mood| mood.codecs = vec!["PCMA"]);
    bob.resumes().hears(SendRecv);
    hears_music(&stage, &bob, Some("default"));
    alice.feels(|mood| mood.answers_with = None);
    alice.resumes();
    hears_music(&stage, &bob, None);
    stage.hear_each_other(&alice, &bob);
    stage.ends(&alice, &bob);
}

#[test]
fn two_that_hold_hear_nothing_and_the_first_to_resume_hears_music() {
    let stage = stage();
    let (alice, bob) = stage.talking();
    holds(&stage, &alice, &bob);
    bob.holds();
    hears_music(&stage, &bob, None);
    hears_music(&stage, &alice, None);
    alice.resumes().hears(SendRecv);
    hears_music(&stage, &alice, Some("default"));
    hears_music(&stage, &bob, None);
    bob.resumes().hears(SendRecv);
    hears_music(&stage, &alice, None);
    stage.hear_each_other(&alice, &bob);
    stage.ends(&alice, &bob);
}

#[test]
fn two_that_hold_at_once_both_get_their_200() {
    // The two holds are no offers to the other side, so that there is no glare (RFC 3261 14.2).
    let stage = stage();
    let (alice, bob) = stage.talking();
    alice.begins_change(Method::Invite, Some(SendOnly));
    bob.begins_change(Method::Invite, Some(SendOnly));
    alice.is_answered(200);
    bob.is_answered(200);
    alice.begins_change(Method::Invite, Some(SendRecv));
    bob.begins_change(Method::Invite, Some(SendRecv));
    alice.is_answered(200);
    bob.is_answered(200);
    stage.hear_each_other(&alice, &bob);
    stage.ends(&alice, &bob);
}

#[test]
fn a_held_party_may_change_its_session_and_hears_music_on() {
    let stage = stage();
    let (alice, bob) = stage.talking();
    holds(&stage, &alice, &bob);
    let call = bob.latest();
    bob.with(|phone| phone.moves_media(call, 40_000));
    bob.resumes().hears(SendRecv);
    bob.begins_change(Method::Invite, None).is_answered(200);
    stage.pass(5.0);
    hears_music(&stage, &bob, Some("default"));
    alice.resumes();
    stage.hear_each_other(&alice, &bob);
    stage.ends(&alice, &bob);
}

#[test]
fn a_holder_that_only_listens_from_now_on_is_an_offer_for_the_other_phone() {
    let stage = stage();
    let (alice, bob) = stage.talking();
    alice.offers(Inactive, 200);
    hears_music(&stage, &bob, Some("default"));
    alice.offers(RecvOnly, 200);
    bob.hears(RecvOnly);
    hears_music(&stage, &bob, None);
    alice.resumes();
    bob.hears(SendRecv);
    stage.hear_each_other(&alice, &bob);
    stage.ends(&alice, &bob);
}

#[test]
fn a_resume_with_other_codecs_is_an_offer_for_the_other_phone() {
    let stage = stage();
    let (alice, bob) = stage.talking();
    bob.feels(|mood| mood.codecs = vec!["G722", "PCMU"]);
    holds(&stage, &alice, &bob);
    alice.feels(|mood| mood.codecs = vec!["G722"]);
    alice.resumes();
    stage.hear_each_other(&alice, &bob);
    hears_music(&stage, &bob, None);
    stage.ends(&alice, &bob);
}

#[test]
fn without_a_file_of_music_the_hold_crosses_the_bridge() {
    let stage = stage();
    let (alice, bob) = stage.talking();
    alice.holds();
    let missing = stage.with(|world| {
        let plays = world.media.iter().find_map(|command| match command {
            media::Command::Play { media, token, .. } => Some((*media, *token)),
            _ => None,
        });
        plays.expect("music was asked for")
    });
    stage.tells(switch::Input::Media(media::Event::Played {
        media: missing.0,
        token: missing.1,
        fault: Some("no file is called default".into()),
        millis: 0,
    }));
    bob.hears(SendOnly);
    assert!(!stage.reaches(&bob, &alice), "\n{}", stage.ladder());
    alice.resumes().hears(SendRecv);
    bob.hears(SendRecv);
    stage.hear_each_other(&alice, &bob);
    bob.holds();
    alice.hears(SendOnly);
    stage.ends(&alice, &bob);
}

#[test]
fn a_party_that_is_hung_up_or_hangs_up_while_held_leaves_no_music() {
    for by_holder in [false, true] {
        for by_caller in [false, true] {
            let stage = stage();
            let (alice, bob) = stage.talking();
            let (holder, held) = if by_caller { (&alice, &bob) } else { (&bob, &alice) };
            holds(&stage, holder, held);
            let (first, last) = if by_holder { (holder, held) } else { (held, holder) };
            stage.ends(first, last);
        }
    }
}

#[test]
fn a_script_that_goes_on_after_a_hold_is_heard_instead_of_the_music() {
    let stage = Stage::new(Settings::with_music(
        r#"fn on_call(caller) { caller.dial("102"); caller.wait(5); }"#,
    ));
    let (alice, bob) = stage.talking();
    holds(&stage, &bob, &alice);
    bob.hangs_up().ends_with(200);
    hears_music(&stage, &alice, None);
    alice.ends_with(200);
    stage.clears();
}

#[test]
fn a_held_transferee_hears_ringback_and_then_the_target() {
    for by_caller in [false, true] {
        let stage = stage();
        let (alice, bob) = stage.talking();
        let carol = stage.phone("103");
        let (transferor, transferee) = if by_caller { (&alice, &bob) } else { (&bob, &alice) };
        holds(&stage, transferor, transferee);
        transferor.transfers_to("103");
        carol.rings();
        hears_music(&stage, transferee, None);
        carol.answers().talks();
        transferor.is_notified_at_last(200).ends_with(200);
        stage.hear_each_other(transferee, &carol);
        stage.ends(transferee, &carol);
    }
}

#[test]
fn a_held_transferee_that_comes_back_hears_music_again() {
    let stage = stage();
    let (alice, bob) = stage.talking();
    let carol = stage.phone("103");
    bob.feels(|mood| mood.answers_with = Some(SendOnly));
    holds(&stage, &bob, &alice);
    bob.transfers_to("103");
    carol.rings().rejects(486);
    bob.is_notified_at_last(486);
    stage.pass(2.0);
    hears_music(&stage, &alice, Some("default"));
    bob.feels(|mood| mood.answers_with = None);
    bob.resumes();
    stage.hear_each_other(&alice, &bob);
    stage.ends(&alice, &bob);
}

#[test]
fn parties_that_were_held_hear_each_other_after_an_attended_transfer() {
    let stage = stage();
    let (alice, bob) = stage.talking();
    let (bob, carol) = (bob.line(), stage.phone("103"));
    holds(&stage, &bob, &alice);
    let second = bob.on_any();
    second.calls("103");
    carol.rings().answers().talks();
    let second = second.line();
    second.talks().holds();
    hears_music(&stage, &carol, Some("default"));
    bob.transfers(&bob, &second);
    bob.is_notified_at_last(200).ends_with(200);
    second.ends_with(200);
    hears_music(&stage, &alice, None);
    hears_music(&stage, &carol, None);
    stage.hear_each_other(&alice, &carol);
    stage.ends(&alice, &carol);
}

#[test]
fn a_holder_that_is_transferred_still_holds_for_its_next_partner() {
    let stage = stage();
    let (alice, bob) = stage.talking();
    let carol = stage.phone("103");
    holds(&stage, &alice, &bob);
    alice.feels(|mood| mood.answers_with = Some(SendOnly));
    bob.transfers_to("103");
    carol.rings().answers().talks();
    bob.ends_with(200);
    stage.pass(1.0);
    hears_music(&stage, &carol, Some("default"));
    carol.hears(SendRecv);
    alice.feels(|mood| mood.answers_with = None);
    alice.resumes();
    stage.hear_each_other(&alice, &carol);
    stage.ends(&alice, &carol);
}

#[test]
fn a_member_of_a_conference_that_holds_is_not_heard_there() {
    // Its phone may play music of its own.
    let stage = Stage::new(Settings {
        plan: r#"fn on_call(caller) { caller.conference("sales"); }"#.into(),
        ..Settings::default()
    });
    let alice = stage.phone("101");
    alice.calls("900").talks();
    stage.pass(1.0);
    alice.holds().hears(Inactive);
    alice.resumes().hears(SendRecv);
    alice.hangs_up().ends_with(200);
    stage.clears();
}

#[test]
fn the_music_is_that_of_the_extension_that_holds() {
    let stage = stage();
    let (alice, bob) = stage.talking();
    stage.with(|world| world.account("102", |extension| extension.rules.music = Some("jazz".into())));
    bob.holds();
    hears_music(&stage, &alice, Some("jazz"));
    bob.resumes();
    holds(&stage, &alice, &bob);
    stage.ends(&alice, &bob);
}

#[test]
fn a_phone_that_never_listens_does_not_hold() {
    // A door camera: its sound is for the other party.
    let stage = stage();
    let (camera, alice) = (stage.phone("103"), stage.phone("101"));
    camera.feels(|mood| mood.offers_with = Some(SendOnly));
    camera.calls("101");
    alice.rings().answers().talks();
    alice.hears(SendOnly);
    stage.pass(1.0);
    hears_music(&stage, &alice, None);
    assert!(stage.reaches(&camera, &alice), "\n{}", stage.ladder());
    stage.ends(&camera, &alice);
}

#[test]
fn a_caller_that_is_connected_before_its_2xx_may_go_hears_the_music_of_the_party_that_holds() {
    let stage = Stage::new(Settings::with_music(
        r#"fn on_call(caller) {
            if caller.dialed != "600" { caller.dial(caller.dialed, #{ timeout: 20 }); }
            else { caller.answer(); caller.wait(4); caller.pickup("102"); }
        }"#,
    ));
    let (alice, bob, carol) = (stage.phone("101"), stage.phone("102"), stage.phone("103"));
    alice.feels(|mood| mood.reliable = Reliable::Supported);
    carol.calls("600").talks();
    carol.holds().feels(|mood| mood.answers_with = Some(SendOnly));
    stage.pass(3.7);
    alice.calls("102");
    bob.rings().plays_early();
    // RFC 3262 section 3: the 2xx waits for the PRACK, which is lost and sent again.
    stage.pass(0.007);
    stage.with(|world| world.net.faults.loss = 100);
    stage.pass(0.02);
    stage.with(|world| world.net.faults.loss = 0);
    bob.ends_with(487);
    assert_eq!(alice.phase(), Some(Phase::Ringing), "\n{}", stage.ladder());
    alice.talks();
    hears_music(&stage, &alice, Some("default"));
    stage.is_alone(&alice);
    carol.feels(|mood| mood.answers_with = None).resumes();
    hears_music(&stage, &alice, None);
    stage.hear_each_other(&alice, &carol);
    stage.ends(&alice, &carol);
}
