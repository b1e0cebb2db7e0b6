//! The package `conference` (RFC 4575), and the focus of a conference (RFC 4579).

use sip::{HeaderName, Message, Method};
use tests::{Actor, Stage};

const PLAN: &str = "fn on_call(caller) { caller.conference(\"sales\"); caller.wait(5); }";

fn count(actor: &Actor, lamp: usize, text: &str) -> usize {
    actor.lamp(lamp, |lamp| lamp.document().matches(text).count())
}

/// Our Contact in the 200 to the INVITE.
fn contact(actor: &Actor) -> String {
    let answered = |message: &&Message| {
        let is_invite = message.cseq().is_ok_and(|cseq| cseq.method == Method::Invite);
        message.status().is_some_and(|status| status.code() == 200) && is_invite
    };
    let found = actor.with(|phone| phone.received.iter().rev().find(answered).cloned().unwrap());
    found.header(HeaderName::Contact).unwrap().to_owned()
}

#[test]
fn members_are_told_who_is_in_the_conference() {
    let stage = Stage::plan(PLAN);
    let (alice, bob, carol) = (stage.phone("101"), stage.phone("102"), stage.phone("103"));
    let early = carol.subscribes("conference", "sales", 3_600, |it| it);
    assert_eq!(carol.lamp(early, |lamp| lamp.code), Some(404), "there is none");
    alice.calls("900").talks();
    assert_eq!(contact(&alice), "<sip:sales@192.0.2.1:5060>;isfocus");
    let lamp = alice.watches("conference", "sales");
    assert_eq!(count(&alice, lamp, "<user entity=\"sip:101@tandem.local\""), 1);
    assert_eq!(count(&alice, lamp, "<user-count>1</user-count>"), 1);
    let watched = carol.watches("conference", "sales");
    bob.calls("900").talks();
    stage.pass(2.0);
    for (actor, lamp) in [(&alice, lamp), (&carol, watched)] {
        assert_eq!(count(actor, lamp, "<status>connected</status>"), 2);
        assert_eq!(count(actor, lamp, "<display-text>Person 102</display-text>"), 1);
    }
    let member = stage.conferences()[0].members[1].id;
    let muted = switch::Command::MuteMember {
        room: "sales".into(),
        member,
        muted: true,
    };
    stage.commands(muted).unwrap();
    stage.pass(2.0);
    assert_eq!(count(&alice, lamp, "<status>recvonly</status>"), 1);
    bob.hangs_up().ends_with(200);
    stage.pass(2.0);
    assert_eq!(count(&carol, watched, "<status>connected</status>"), 1);
    alice.hangs_up().ends_with(200);
    stage.pass(2.0);
    // With the conference its subscriptions end.
    for (actor, lamp) in [(&alice, lamp), (&carol, watched)] {
        assert_eq!(
            actor.lamp(lamp, |lamp| lamp.state.clone()),
            "terminated;reason=noresource"
        );
        assert_eq!(count(actor, lamp, "<active>false</active>"), 1);
        actor.is_content();
    }
    assert!(stage.subscriptions().is_empty());
    stage.clears();
}

#[test]
fn outside_of_a_conference_our_contact_is_no_focus() {
    let stage = Stage::default();
    let (alice, bob) = stage.talking();
    assert!(!contact(&alice).contains("isfocus"));
    stage.ends(&alice, &bob);
}
