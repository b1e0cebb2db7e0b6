//! Odd behaviour around re-INVITEs.

use sip::{HeaderName, Message, Method};
use switch::EndedBy;
use tests::{Phase, sdp};

use super::{ends, request, talking};

#[test]
fn a_re_invite_that_is_never_acknowledged_ends_the_call() {
    let (stage, alice, wire, invite) = talking();
    let description = sdp("198.51.200.1", 9_200);
    wire.sends(
        request(&invite, Method::Invite, 2)
            .body("application/sdp", description.as_bytes())
            .finish(),
    );
    wire.takes_response(200);
    let bye = wire.takes_request(Method::Bye);
    wire.replies(&bye, 200, "far", |reply| reply);
    alice.ends_with(200);
    assert_eq!(stage.record().ended_by, EndedBy::System);
    stage.clears();
}

#[test]
fn a_re_invite_without_an_offer_that_is_never_answered_changes_nothing_until_then() {
    let (stage, alice, wire, invite) = talking();
    wire.sends(request(&invite, Method::Invite, 2).finish());
    let ok = wire.takes_response(200);
    assert!(ok.body().starts_with(b"v=0"));
    // RFC 3261 14.2: an ACK without an answer leaves the session as it is.
    let ack = request(&invite, Method::Ack, 2).finish();
    wire.sends(ack);
    stage.pass(1.0);
    assert_eq!(alice.phase(), Some(Phase::Up));
    assert_eq!(alice.got(Method::Invite), 0);
    ends(&stage, &alice, &wire);
}

#[test]
fn a_bye_while_our_re_invite_waits_ends_both() {
    let (stage, alice, wire, invite) = talking();
    alice.begins_change(Method::Invite, Some(media::SdpDirection::SendOnly));
    wire.takes_request(Method::Invite);
    wire.sends(request(&invite, Method::Bye, 2).finish());
    wire.takes_response(200);
    alice.ends_with(200);
    stage.clears();
}

#[test]
fn a_re_invite_that_is_answered_after_the_hang_up_is_still_acknowledged() {
    let (stage, alice, wire, _invite) = talking();
    alice.begins_change(Method::Invite, Some(media::SdpDirection::SendOnly));
    let change = wire.takes_request(Method::Invite);
    alice.hangs_up();
    let bye = wire.takes_request(Method::Bye);
    let description = sdp("198.51.200.1", 9_000);
    wire.replies(&change, 200, "far", |reply| {
        reply.body("application/sdp", description.as_bytes())
    });
    let ack = wire.takes_request(Method::Ack);
    assert_eq!(ack.cseq().unwrap().number, change.cseq().unwrap().number);
    wire.replies(&bye, 200, "far", |reply| reply);
    alice.ends_with(200);
    stage.clears();
}

#[test]
fn an_offer_of_ours_that_the_phone_puts_off_is_made_again_when_it_said() {
    let (stage, alice, wire, _invite) = talking();
    let takes = |change: &Message| {
        wire.replies(change, 200, "far", |reply| {
            reply.body("application/sdp", sdp("198.51.200.1", 9_000).as_bytes())
        });
        wire.takes_request(Method::Ack);
    };
    alice.begins_change(Method::Invite, Some(media::SdpDirection::SendOnly));
    takes(&wire.takes_request(Method::Invite));
    alice.is_answered(200);
    // The re-INVITE has no offer: the phone gets ours and accepts it. The other side must learn of the change.
    alice.begins_change(Method::Invite, None).is_answered(200);
    let change = wire.takes_request(Method::Invite);
    wire.replies(&change, 500, "far", |reply| reply.header(HeaderName::RetryAfter, 7));
    wire.takes_request(Method::Ack);
    let early = wire.collects(6.9);
    assert!(early.is_empty(), "RFC 3261 14.2, 20.33\n{}", stage.ladder());
    let again = wire.takes_request(Method::Invite);
    assert!(again.body_text().contains("a=sendrecv"));
    takes(&again);
    ends(&stage, &alice, &wire);
}

#[test]
fn a_change_that_the_other_phone_puts_off_is_the_offerer_s_to_make_again() {
    let (stage, alice, wire, _invite) = talking();
    alice.begins_change(Method::Invite, Some(media::SdpDirection::SendOnly));
    let change = wire.takes_request(Method::Invite);
    wire.replies(&change, 500, "far", |reply| reply.header(HeaderName::RetryAfter, 3));
    // Every phone tries again after glare (RFC 3261 14.1).
    alice.is_answered(491);
    ends(&stage, &alice, &wire);
}

#[test]
fn a_re_invite_that_outlives_its_dialog_is_acknowledged_or_cancelled() {
    for answered in [true, false] {
        let (stage, alice, wire, _invite) = talking();
        alice.begins_change(Method::Invite, Some(media::SdpDirection::SendOnly));
        let change = wire.takes_request(Method::Invite);
        wire.replies(&change, 100, "far", |reply| reply);
        alice.hangs_up().ends_with(200);
        // RFC 3261 17.1.1.2: an INVITE transaction in state Proceeding has no timer that ends it.
        let cancel = wire.takes_request(Method::Cancel);
        assert_eq!(cancel.cseq().unwrap().number, change.cseq().unwrap().number);
        let bye = wire.takes_request(Method::Bye);
        wire.replies(&bye, 200, "far", |reply| reply);
        stage.pass(1.0);
        assert_eq!(stage.with(|world| world.stats().legs), 0);
        if answered {
            let description = sdp("198.51.200.1", 9_000);
            wire.replies(&change, 200, "far", |reply| {
                reply.body("application/sdp", description.as_bytes())
            });
            // RFC 3261 13.2.2.4: also when nothing else is left of the dialog.
            let ack = wire.takes_request(Method::Ack);
            assert_eq!(ack.cseq().unwrap().number, change.cseq().unwrap().number);
            let after = wire.collects(5.0);
            let bye = |message: &&Message| *message.method() == Method::Bye;
            assert!(!after.iter().any(|message| bye(&message)), "it was sent before");
        }
        stage.clears();
    }
}
