//! Changes to a call: re-INVITE and UPDATE (RFC 3261 14, RFC 3311, RFC 6141).

use media::{
    Command,
    SdpDirection::{RecvOnly, SendOnly, SendRecv},
};
use sip::{HeaderName, Method};
use tests::{Phase, Stage};

#[test]
fn update_holds_and_resumes_both_ways() {
    let stage = Stage::default();
    let (alice, bob) = stage.talking();
    for (one, other) in [(&alice, &bob), (&bob, &alice)] {
        one.begins_change(Method::Update, Some(SendOnly))
            .is_answered(200)
            .hears(RecvOnly);
        other.hears(SendOnly);
        one.begins_change(Method::Update, Some(SendRecv))
            .is_answered(200)
            .hears(SendRecv);
        other.hears(SendRecv);
    }
    stage.ends(&alice, &bob);
}

#[test]
fn an_update_without_an_offer_only_refreshes() {
    let stage = Stage::default();
    let (alice, bob) = stage.talking();
    alice.begins_change(Method::Update, None).is_answered(200);
    bob.begins_change(Method::Update, None).is_answered(200);
    assert_eq!((alice.got(Method::Update), bob.got(Method::Update)), (0, 0));
    assert_eq!((alice.got(Method::Invite), bob.got(Method::Invite)), (0, 1));
    stage.ends(&alice, &bob);
}

#[test]
fn an_update_without_an_offer_is_answered_while_the_phone_still_rings() {
    let stage = Stage::default();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    alice.calls("102");
    bob.rings();
    bob.begins_change(Method::Update, None).is_answered(200);
    // RFC 3311 5.2: an offer collides with the first one while the phone has not answered that.
    let offer = tests::sdp("198.51.100.2", 9_000);
    let answer = bob.asks_within(Method::Update, |builder| {
        builder
            .header(HeaderName::Contact, "<sip:102@198.51.100.2>")
            .body("application/sdp", offer.as_bytes())
    });
    assert_eq!(answer.status().unwrap().code(), 491);
    bob.answers().talks();
    stage.ends(&alice, &bob);
}

#[test]
fn another_codec_is_agreed_on_end_to_end() {
    let stage = Stage::default();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    for phone in [&alice, &bob] {
        phone.feels(|mood| mood.codecs = vec!["G722", "PCMU", "TELEPHONE-EVENT"]);
    }
    alice.calls("102");
    bob.rings().answers().talks();
    alice.talks();
    assert_eq!(stage.calls()[0].legs[0].codec.as_deref(), Some("G722"));
    alice.feels(|mood| mood.codecs = vec!["PCMU", "TELEPHONE-EVENT"]);
    alice.resumes();
    let heard = bob.call(|call| call.heard.clone().unwrap());
    assert!(heard.audio_codecs().all(|codec| codec != "G722"));
    stage.pass(1.0);
    for leg in &stage.calls()[0].legs {
        assert_eq!(leg.codec.as_deref(), Some("PCMU"));
    }
    stage.ends(&alice, &bob);
}

#[test]
fn a_new_media_address_alone_is_not_offered_to_the_other_side() {
    let stage = Stage::default();
    let (alice, bob) = stage.talking();
    let call = alice.latest();
    alice.with(|phone| phone.moves_media(call, 47_000));
    stage.with(|world| world.media.clear());
    alice.resumes();
    stage.pass(1.0);
    assert_eq!(bob.got(Method::Invite), 1, "only the first");
    let moved = stage.with(|world| {
        world.media.iter().any(|command| {
            matches!(command, Command::Update { remote, relearn: true, .. }
                if remote.rtp.is_some_and(|rtp| rtp.port() == 47_000))
        })
    });
    assert!(moved, "the media engine looks for the phone anew");
    stage.ends(&alice, &bob);
}

#[test]
fn a_re_invite_without_an_offer_gets_one_and_its_ack_the_answer() {
    let stage = Stage::default();
    let (alice, bob) = stage.talking();
    for one in [&alice, &bob] {
        one.begins_change(Method::Invite, None).is_answered(200);
        stage.pass(1.0);
        assert!(one.call(|call| call.last.body().starts_with(b"v=0")));
    }
    assert_eq!(
        (alice.got(Method::Invite), bob.got(Method::Invite)),
        (0, 1),
        "nothing changed\n{}",
        stage.ladder()
    );
    // A new choice of codecs goes on to the other side.
    alice.feels(|mood| mood.codecs = vec!["PCMA"]);
    alice.begins_change(Method::Invite, None).is_answered(200);
    stage.pass(1.0);
    assert_eq!(bob.got(Method::Invite), 2, "{}", stage.ladder());
    stage.ends(&alice, &bob);
}

#[test]
fn a_re_invite_without_an_offer_resumes_a_held_call() {
    let stage = Stage::default();
    let (alice, bob) = stage.talking();
    alice.holds();
    bob.hears(SendOnly);
    alice.begins_change(Method::Invite, None).is_answered(200);
    bob.hears(SendRecv);
    stage.ends(&alice, &bob);
}

#[test]
fn a_change_that_is_refused_leaves_the_session_and_the_call() {
    // RFC 6141 3.1 and 3.2: any final error refuses the change.
    let stage = Stage::default();
    let (alice, bob) = stage.talking();
    let media = |stage: &Stage| {
        let commands = stage.with(|world| world.media.clone());
        commands
            .into_iter()
            .filter(|command| matches!(command, Command::Update { .. }))
            .count()
    };
    for (method, code) in [
        (Method::Invite, 488),
        (Method::Update, 488),
        (Method::Invite, 606),
        (Method::Invite, 415),
    ] {
        let before = media(&stage);
        bob.feels(|mood| mood.refuses_changes = Some(code));
        alice.begins_change(method, Some(SendOnly)).is_answered(code);
        assert_eq!(media(&stage), before, "nothing changes in the media engine");
        assert!(stage.calls()[0].legs.iter().all(|leg| leg.state == "up"));
    }
    assert_eq!((alice.phase(), bob.phase()), (Some(Phase::Up), Some(Phase::Up)));
    stage.ends(&alice, &bob);
}

#[test]
fn a_change_waits_for_a_person_and_both_ways_of_deciding_work() {
    let stage = Stage::default();
    let (alice, bob) = stage.talking();
    bob.feels(|mood| {
        mood.waits_with_changes = true;
        mood.ponders = true;
    });
    alice.begins_change(Method::Invite, Some(SendOnly));
    stage.pass(25.0);
    assert_eq!(
        alice.call(|call| call.change_code),
        None,
        "it waits, as long as it takes"
    );
    assert_eq!(alice.was_told(183), 1, "RFC 6141 3.3: and is told so");
    bob.decides(200);
    alice.is_answered(200);
    bob.hears(SendOnly);
    alice.begins_change(Method::Invite, Some(SendRecv));
    stage.pass(5.0);
    bob.decides(603);
    alice.is_answered(603);
    bob.hears(SendOnly);
    stage.ends(&alice, &bob);
}

#[test]
fn an_update_that_would_have_to_wait_gets_504() {
    let stage = Stage::default();
    let (alice, bob) = stage.talking();
    bob.feels(|mood| mood.waits_with_changes = true);
    alice.begins_change(Method::Update, Some(SendOnly)).is_answered(504);
    stage.pass(2.0);
    assert!(bob.got(Method::Cancel) > 0, "{}", stage.ladder());
    stage.ends(&alice, &bob);
}

#[test]
fn a_change_that_is_cancelled_leaves_the_session_as_it_was() {
    let stage = Stage::default();
    let (alice, bob) = stage.talking();
    bob.feels(|mood| mood.waits_with_changes = true);
    alice.begins_change(Method::Invite, Some(SendOnly));
    stage.pass(3.0);
    let call = alice.latest();
    alice.with(|phone| phone.cancel_change(call));
    alice.is_answered(487);
    stage.pass(1.0);
    assert_eq!(bob.got(Method::Cancel), 1);
    assert!(!bob.call(|call| call.is_asked()));
    bob.feels(|mood| mood.waits_with_changes = false);
    alice.holds();
    bob.hears(SendOnly);
    stage.ends(&alice, &bob);
}

#[test]
fn a_change_taken_after_it_was_cancelled_is_taken_back() {
    for late in 0..12 {
        let stage = Stage::default();
        let (alice, bob) = stage.talking();
        bob.feels(|mood| mood.waits_with_changes = true);
        alice.begins_change(Method::Invite, Some(SendOnly));
        stage.pass(1.0);
        let call = alice.latest();
        alice.with(|phone| phone.cancel_change(call));
        stage.pass(f64::from(late) / 1000.0);
        bob.with(|phone| phone.decide(call, 200));
        bob.feels(|mood| mood.waits_with_changes = false);
        stage.pass(5.0);
        let code = alice.call(|call| call.change_code.unwrap());
        let direction = bob.call(|call| call.heard.clone().unwrap().direction());
        let expected = if code == 200 { SendOnly } else { SendRecv };
        assert_eq!(direction, expected, "{code}\n{}", stage.ladder());
        stage.ends(&alice, &bob);
    }
}

#[test]
fn a_change_to_codecs_that_the_other_device_may_not_use_is_not_acceptable() {
    let stage = Stage::default();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    stage.with(|world| world.device_codecs("102", &["G722"]));
    for phone in [&alice, &bob] {
        phone.feels(|mood| mood.codecs = vec!["G722", "GSM"]);
    }
    alice.calls("102");
    bob.rings().answers().talks();
    // Tandem converts G722, but not GSM.
    alice.talks().feels(|mood| mood.codecs = vec!["GSM"]);
    alice.begins_change(Method::Invite, Some(SendRecv)).is_answered(488);
    assert_eq!(bob.got(Method::Invite), 1);
    stage.ends(&alice, &bob);
}

#[test]
fn a_change_by_the_callee_waits_for_the_caller_s_ack() {
    // RFC 3261 14.1: while our 200 to the caller's INVITE waits for its ACK, no other INVITE goes to it.
    for (method, late_offer) in [(Method::Invite, false), (Method::Update, false), (Method::Invite, true)] {
        let stage = Stage::default();
        let (alice, bob) = (stage.phone("101"), stage.phone("102"));
        alice.feels(|mood| {
            mood.forgets_ack = true;
            mood.late_offer = late_offer;
        });
        alice.calls("102");
        bob.rings().answers().talks();
        alice.talks();
        bob.begins_change(method, Some(SendOnly));
        stage.pass(0.3);
        assert_eq!(
            (bob.call(|call| call.change_code), alice.got(Method::Invite)),
            (None, 0)
        );
        alice.feels(|mood| mood.forgets_ack = false);
        bob.is_answered(200);
        alice.hears(SendOnly);
        stage.ends(&alice, &bob);
    }
}

#[test]
fn a_change_that_waits_for_an_ack_may_be_cancelled_or_never_have_its_turn() {
    for cancelled in [true, false] {
        let stage = Stage::default();
        let (alice, bob) = (stage.phone("101"), stage.phone("102"));
        alice.feels(|mood| mood.forgets_ack = true).calls("102");
        bob.rings().answers().talks();
        alice.talks();
        bob.begins_change(Method::Invite, Some(SendOnly));
        stage.pass(0.2);
        if cancelled {
            let call = bob.latest();
            bob.with(|phone| phone.cancel_change(call));
            bob.is_answered(487);
            alice.feels(|mood| mood.forgets_ack = false);
            stage.pass(1.0);
            bob.holds();
            alice.hears(SendOnly).hangs_up();
        } else {
            bob.is_answered(487);
        }
        alice.ends_with(200);
        bob.ends_with(200);
        assert_eq!(alice.got(Method::Invite), usize::from(cancelled), "{}", stage.ladder());
        stage.clears();
    }
}

#[test]
fn hanging_up_crosses_a_change() {
    for (one_hangs_up, late) in [
        (true, 0),
        (true, 4),
        (true, 8),
        (false, 0),
        (false, 4),
        (false, 8),
        (false, 15),
    ] {
        let stage = Stage::default();
        let (alice, bob) = stage.talking();
        alice.begins_change(Method::Invite, Some(SendOnly));
        stage.pass(f64::from(late) / 1000.0);
        if one_hangs_up {
            alice.hangs_up()
        } else {
            bob.hangs_up()
        };
        stage.pass(5.0);
        assert!(matches!(alice.phase(), Some(Phase::Over(_))), "{}", stage.ladder());
        assert!(matches!(bob.phase(), Some(Phase::Over(_))), "{}", stage.ladder());
        stage.clears();
    }
}

#[test]
fn a_second_re_invite_while_the_first_waits_gets_500_and_when_to_retry() {
    let stage = Stage::default();
    let (alice, bob) = stage.talking();
    bob.feels(|mood| mood.waits_with_changes = true);
    alice.begins_change(Method::Invite, Some(SendOnly));
    stage.pass(1.0);
    alice.begins_change(Method::Invite, Some(SendRecv)).is_answered(500);
    let retry = alice.call(|call| {
        call.last
            .header(HeaderName::RetryAfter)
            .unwrap()
            .parse::<u32>()
            .unwrap()
    });
    assert!(retry <= 10, "RFC 3261 14.2: 0 to 10 s");
    bob.decides(200);
    stage.pass(1.0);
    stage.ends(&alice, &bob);
}

#[test]
fn what_is_not_understood_in_a_call_is_refused_and_the_call_goes_on() {
    let stage = Stage::default();
    let (alice, bob) = stage.talking();
    let answer = alice.asks_within(Method::Invite, |builder| {
        builder
            .header(HeaderName::Require, "telepathy")
            .header(HeaderName::Contact, "<sip:101@198.51.100.1>")
    });
    assert_eq!(answer.status().unwrap().code(), 420);
    assert_eq!(answer.header(HeaderName::Unsupported), Some("telepathy"));
    let answer = alice.asks_within(Method::Update, |builder| {
        builder
            .header(HeaderName::Contact, "<sip:101@198.51.100.1>")
            .body("text/plain", b"hold, please")
    });
    assert_eq!(answer.status().unwrap().code(), 415);
    assert_eq!(answer.header(HeaderName::Accept), Some("application/sdp"));
    let answer = alice.asks_within(Method::Invite, |builder| {
        builder
            .header(HeaderName::Contact, "<sip:101@198.51.100.1>")
            .body("application/sdp", b"v=0\r\nnonsense")
    });
    assert_eq!(answer.status().unwrap().code(), 488);
    for (method, code) in [
        (Method::Other("DANCE".into()), 501),
        // A REFER wants a Refer-To (RFC 3515 2.4.2).
        (Method::Refer, 400),
        (Method::Subscribe, 403),
        // RFC 3262 7.2: a PRACK wants an RAck.
        (Method::Prack, 400),
        (Method::Options, 200),
    ] {
        let answer = alice.asks_within(method.clone(), |builder| builder);
        assert_eq!(answer.status().unwrap().code(), code, "{method}");
        if !matches!(code, 400 | 403 | 481) {
            assert!(answer.header(HeaderName::Allow).unwrap().contains("UPDATE"), "{method}");
        }
    }
    assert_eq!(bob.got(Method::Invite), 1);
    stage.ends(&alice, &bob);
}

#[test]
fn a_fax_that_the_other_phone_refuses_goes_as_audio() {
    let stage = Stage::default();
    let (alice, bob) = stage.talking();
    let fax = "v=0\r\no=- 1 2 IN IP4 198.51.100.1\r\ns=-\r\nc=IN IP4 198.51.100.1\r\nt=0 0\r\n\
               m=audio 0 RTP/AVP 0\r\nm=image 9000 udptl t38\r\n";
    let answer = alice.asks_within(Method::Invite, |builder| {
        builder
            .header(HeaderName::Contact, "<sip:101@198.51.100.1>")
            .body("application/sdp", fax.as_bytes())
    });
    assert_eq!(answer.status().unwrap().code(), 488);
    assert_eq!(bob.got(Method::Invite), 2, "it was asked");
    alice.holds();
    bob.hears(SendOnly);
    stage.ends(&alice, &bob);
}

#[test]
fn after_a_refused_offer_the_re_invited_phone_is_offered_the_old_session_again() {
    let stage = Stage::default();
    let (alice, bob) = stage.talking();
    alice.holds();
    bob.hears(SendOnly).feels(|mood| mood.refuses_changes = Some(488));
    // Alice's re-INVITE has no offer: she is offered sendrecv and accepts. Bob refuses.
    alice.begins_change(Method::Invite, None).is_answered(200);
    alice.hears(SendRecv).hears(RecvOnly);
    stage.ends(&alice, &bob);
}

#[test]
fn an_offer_of_a_callee_that_is_gone_is_taken_back() {
    let plan = "fn on_call(caller) { caller.dial(\"102\"); caller.dial(\"103\"); }";
    let stage = Stage::plan(plan);
    let (alice, bob, carol) = (stage.phone("101"), stage.phone("102"), stage.phone("103"));
    alice.calls("102").feels(|mood| mood.waits_with_changes = true);
    bob.rings().answers().talks();
    stage.pass(1.0);
    bob.begins_change(Method::Invite, Some(SendOnly));
    stage.pass(1.0);
    // Bob hangs up without a CANCEL, before Alice has answered.
    bob.asks_within(Method::Bye, |builder| builder);
    stage.pass(0.1);
    assert_eq!((alice.got(Method::Cancel), alice.got(Method::Invite)), (1, 1));
    carol.rings().answers().talks();
    alice.hears(SendRecv);
    carol.hangs_up().ends_with(200);
    alice.ends_with(200);
    stage.clears();
}
