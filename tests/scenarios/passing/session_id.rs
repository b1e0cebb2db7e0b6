//! Session-ID (RFC 7989): both ends of a call are named by all messages, whatever legs lie between.

use sip::{HeaderName, Message, Method};
use tests::{Actor, Stage};

const ALICE: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const WIRE: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
const NOBODY: &str = "00000000000000000000000000000000";
const URI: &str = r#"fn on_call(caller) { caller.dial("sip:wire@198.51.200.1:5060", #{ timeout: 20 }); }"#;

fn names(message: &Message) -> Option<&str> {
    message.header(HeaderName::SessionId)
}

fn says(phone: &Actor, id: &str) {
    let id = id.to_owned();
    phone.feels(|mood| mood.adds = vec![("Session-ID", id)]);
}

#[test]
fn the_two_ends_of_a_call_are_told_of_each_other() {
    let stage = Stage::plan(URI);
    let alice = stage.phone("101");
    says(&alice, &format!("{ALICE};remote={NOBODY}"));
    let wire = stage.wire("198.51.200.1:5060");
    alice.calls("900");
    let invite = wire.takes_request(Method::Invite);
    assert_eq!(names(&invite), Some(&*format!("{ALICE};remote={NOBODY}")));
    let answer = format!("{WIRE};remote={ALICE}");
    wire.replies(&invite, 180, "far", |reply| {
        reply.header(HeaderName::SessionId, &answer)
    });
    stage.pass(0.5);
    wire.replies(&invite, 200, "far", |reply| {
        reply
            .header(HeaderName::SessionId, &answer)
            .body("application/sdp", tests::sdp("198.51.200.1", 7_000).as_bytes())
    });
    let ack = wire.takes_request(Method::Ack);
    assert_eq!(names(&ack), Some(&*format!("{ALICE};remote={WIRE}")));
    alice.talks();
    let last = alice.call(|call| call.last.clone());
    assert_eq!(names(&last), Some(&*answer), "\n{}", stage.ladder());
    alice.hangs_up();
    let bye = wire.takes_request(Method::Bye);
    assert_eq!(names(&bye), Some(&*format!("{ALICE};remote={WIRE}")));
    wire.replies(&bye, 200, "far", |reply| reply);
    stage.clears();
}

#[test]
fn phones_that_name_no_session_are_not_given_a_name() {
    let stage = Stage::plan(URI);
    let alice = stage.phone("101");
    let wire = stage.wire("198.51.200.1:5060");
    // The second is no UUID: it counts as none (RFC 7989 section 5).
    for id in [None, Some("x"), Some(NOBODY)] {
        if let Some(id) = id {
            says(&alice, id);
        }
        alice.calls("900");
        let invite = wire.takes_request(Method::Invite);
        assert_eq!(names(&invite), None, "{id:?}");
        wire.replies(&invite, 486, "far", |reply| reply);
        alice.ends_with(486);
        let told = alice.with(|phone| phone.received.iter().any(|message| names(message).is_some()));
        assert!(!told);
        wire.collects(1.0);
    }
    stage.clears();
}

#[test]
fn a_party_that_is_transferred_is_named_by_the_new_call() {
    let stage = Stage::default();
    let (alice, bob, carol) = (stage.phone("101"), stage.phone("102"), stage.phone("103"));
    says(&alice, &format!("{ALICE};remote={NOBODY}"));
    alice.calls("102");
    bob.rings().answers().talks();
    alice.talks();
    bob.transfers_to("103");
    carol.rings();
    let told = carol.call(|call| names(&call.invite).map(str::to_owned));
    assert_eq!(told.as_deref(), Some(&*format!("{ALICE};remote={NOBODY}")));
    carol.answers().talks();
    bob.ends_with(200);
    stage.ends(&alice, &carol);
}
