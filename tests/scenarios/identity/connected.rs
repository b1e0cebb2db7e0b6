//! A phone is told with whom it talks: in the answer to its call, by UPDATE, or by re-INVITE (RFC 4916, RFC 5876).

use sip::{HeaderName, Message, Method};
use tests::{Actor, Phase, Settings, Stage, net::Faults};

use super::shown;

/// Bob talks with Alice, who called, and with Carol, whom Bob has called.
fn consulting(alice_is: impl FnOnce(&Actor)) -> (Stage, Actor, Actor, Actor, Actor) {
    let stage = Stage::default();
    let (alice, bob, carol) = (stage.phone("101"), stage.phone("102"), stage.phone("103"));
    alice_is(&alice);
    alice.calls("102");
    bob.rings().answers().talks();
    alice.talks();
    let first = bob.line();
    bob.calls("103");
    carol.rings().answers().talks();
    bob.talks();
    let second = bob.line();
    (stage, alice, carol, first, second)
}

/// Bob connects Alice with Carol.
fn joins(first: &Actor, second: &Actor) {
    first.transfers(first, second).is_notified_at_last(200);
    first.ends_with(200);
    second.ends_with(200);
}

fn requests(phone: &Actor, method: Method) -> Vec<Message> {
    let of_it = |message: &&Message| message.is_request() && *message.method() == method;
    phone.with(|phone| phone.received.iter().filter(of_it).cloned().collect())
}

#[test]
fn a_caller_is_told_in_the_answers_who_is_called_and_who_has_answered() {
    let stage = Stage::default();
    let (alice, bob, carol) = (stage.phone("101"), stage.phone("102"), stage.phone("103"));
    stage.with(|world| world.account("102", |bob| bob.forward_no_answer = Some("103".into())));
    alice.calls("102");
    bob.rings();
    alice.hears_ringing();
    assert_eq!(shown(&alice), ["102 Person 102"]);
    stage.pass(30.0);
    carol.rings().answers().talks();
    alice.talks();
    assert_eq!(shown(&alice), ["102 Person 102", "103 Person 103"]);
    assert_eq!(shown(&carol), ["101 Person 101"], "a callee is told in the INVITE");
    assert_eq!(
        (alice.got(Method::Update), carol.got(Method::Update)),
        (0, 0),
        "both know by now"
    );
    stage.ends(&alice, &carol);
}

#[test]
fn while_several_phones_ring_no_party_is_named_before_the_answer() {
    let stage = Stage::plan("fn on_call(caller) { caller.dial([\"102\", \"103\"]); }");
    let (alice, bob, carol) = (stage.phone("101"), stage.phone("102"), stage.phone("103"));
    alice.calls("7");
    bob.rings();
    carol.rings();
    alice.hears_ringing();
    assert!(shown(&alice).is_empty(), "{:?}", shown(&alice));
    carol.answers().talks();
    alice.talks();
    assert_eq!(shown(&alice), ["103 Person 103"]);
    stage.ends(&alice, &carol);
}

#[test]
fn after_a_transfer_both_parties_are_told_by_an_update_without_an_offer() {
    let (stage, alice, carol, first, second) = consulting(|_| {});
    joins(&first, &second);
    stage.hear_each_other(&alice, &carol);
    assert_eq!(shown(&alice), ["102 Person 102", "103 Person 103"]);
    assert_eq!(shown(&carol), ["102 Person 102", "101 Person 101"]);
    for phone in [&alice, &carol] {
        let updates = requests(phone, Method::Update);
        assert_eq!(updates.len(), 1);
        assert!(updates[0].body().is_empty());
        // RFC 4028 section 7.4: it refreshes the session, too.
        assert!(updates[0].header(HeaderName::SessionExpires).is_some());
    }
    let from = |message: &Message| message.header(HeaderName::From).map(str::to_owned);
    let updates = requests(&alice, Method::Update);
    let address = alice.call(|call| call.dialog.as_ref().map(|dialog| dialog.remote().to_owned()));
    assert_eq!(from(&updates[0]), address, "a phone without from-change keeps its From");
    stage.ends(&alice, &carol);
}

#[test]
fn a_phone_that_takes_neither_update_nor_a_changed_from_is_sent_nothing_of_its_own() {
    let (stage, alice, carol, first, second) = consulting(|alice| {
        alice.feels(|mood| mood.allow = "INVITE, ACK, CANCEL, BYE");
    });
    joins(&first, &second);
    stage.pass(10.0);
    assert_eq!((alice.got(Method::Update), alice.got(Method::Invite)), (0, 0));
    // The next re-INVITE that is sent for another reason says it.
    carol.holds();
    assert_eq!(shown(&alice), ["102 Person 102", "103 Person 103"]);
    stage.ends(&alice, &carol);
}

#[test]
fn a_phone_with_from_change_is_told_by_a_changed_from_whose_tag_stays() {
    for (allow, method) in [
        ("INVITE, ACK, CANCEL, BYE, UPDATE", Method::Update),
        ("INVITE, ACK, CANCEL, BYE", Method::Invite),
    ] {
        let (stage, alice, carol, first, second) = consulting(|alice| {
            alice.feels(|mood| {
                mood.allow = allow;
                mood.adds = vec![("Supported", "from-change".into())];
            });
        });
        joins(&first, &second);
        stage.hear_each_other(&alice, &carol);
        let told = requests(&alice, method.clone());
        assert_eq!(told.len(), 1, "{method}");
        let from = told[0].header(HeaderName::From).unwrap();
        let tag = alice.call(|call| call.last.to_tag().map(str::to_owned));
        assert!(from.starts_with("\"Person 103\" <sip:103@"), "{from}");
        assert_eq!(told[0].from_tag().map(str::to_owned), tag);
        carol.hangs_up();
        alice.ends_with(200);
        let bye = requests(&alice, Method::Bye);
        assert_eq!(
            bye[0].header(HeaderName::From),
            Some(from),
            "RFC 4916 section 4.4.1: it stays so"
        );
        stage.clears();
    }
}

#[test]
fn a_caller_that_hides_is_not_named_to_the_target_of_a_transfer() {
    let (stage, alice, carol, first, second) = consulting(|alice| {
        alice.feels(|mood| mood.claims = Some("anonymous"));
    });
    joins(&first, &second);
    stage.hear_each_other(&alice, &carol);
    assert_eq!(shown(&carol), ["102 Person 102", "hidden"]);
    let texts = carol.with(|phone| {
        let texts = phone.received.iter().map(|message| message.bytes().to_vec());
        texts.map(|text| String::from_utf8(text).unwrap()).collect::<String>()
    });
    assert!(!texts.contains("sip:101@") && !texts.contains("Person 101"), "{texts}");
    stage.ends(&alice, &carol);
}

#[test]
fn an_update_that_meets_another_request_is_sent_again_and_a_refused_one_is_not() {
    for (code, times) in [(491, 2), (500, 2), (405, 1), (488, 1), (603, 1)] {
        let (stage, alice, carol, first, second) = consulting(|_| {});
        alice.feels(|mood| mood.refuses_updates = Some(code));
        first.transfers(&first, &second).is_notified_at_last(200);
        stage.pass(0.05);
        alice.feels(|mood| mood.refuses_updates = None);
        stage.pass(20.0);
        assert_eq!(alice.got(Method::Update), times, "{code}");
        assert_eq!(alice.got(Method::Invite), 0, "{code}");
        stage.hear_each_other(&alice, &carol);
        stage.ends(&alice, &carol);
    }
}

#[test]
fn a_phone_that_always_puts_it_off_is_left_alone_after_some_tries() {
    let (stage, alice, carol, first, second) = consulting(|_| {});
    alice.feels(|mood| mood.refuses_updates = Some(491));
    joins(&first, &second);
    stage.pass(60.0);
    assert_eq!(alice.got(Method::Update), 5);
    stage.hear_each_other(&alice, &carol);
    stage.ends(&alice, &carol);
}

#[test]
fn nothing_is_sent_while_an_offer_is_open_and_the_latest_party_counts() {
    let stage = Stage::default();
    let (alice, bob) = stage.talking();
    let (carol, dave) = (stage.phone("103"), stage.phone("104"));
    bob.holds();
    alice.feels(|mood| mood.waits_with_changes = true);
    carol.picks_up(&bob).talks();
    stage.pass(1.0);
    assert_eq!(alice.got(Method::Invite), 2, "the hold, and its end for Carol");
    dave.picks_up(&carol).talks();
    stage.pass(1.0);
    assert_eq!(alice.got(Method::Update), 0, "the offer to Alice is open");
    assert_eq!(shown(&alice), ["102 Person 102", "103 Person 103"]);
    alice.feels(|mood| mood.waits_with_changes = false);
    alice.decides(200);
    stage.pass(5.0);
    assert_eq!(shown(&alice), ["102 Person 102", "103 Person 103", "104 Person 104"]);
    stage.ends(&alice, &dave);
}

#[test]
fn who_takes_the_place_of_a_phone_is_shown_to_the_caller_and_sees_the_caller() {
    let stage = Stage::default();
    let (alice, bob, carol) = (stage.phone("101"), stage.phone("102"), stage.phone("103"));
    alice.calls("102");
    bob.rings();
    alice.hears_ringing();
    carol.picks_up(&bob).talks();
    alice.talks();
    assert_eq!(shown(&alice), ["102 Person 102", "103 Person 103"]);
    assert_eq!(shown(&carol), ["101 Person 101"], "in the 200 to its INVITE");
    stage.ends(&alice, &carol);
}

#[test]
fn the_number_that_the_dialplan_chose_stays_what_the_callee_is_shown() {
    let stage = Stage::plan(
        "fn on_call(caller) { caller.dial(caller.dialed, #{ caller_id: #{ number: \"4711\", name: \"Front Desk\" } }); }",
    );
    let (alice, bob) = stage.talking();
    stage.pass(5.0);
    assert_eq!(shown(&bob), ["4711 Front Desk"]);
    stage.ends(&alice, &bob);
}

#[test]
fn with_lost_and_doubled_packets_each_party_still_learns_of_the_other() {
    for seed in 1..=20 {
        let stage = Stage::new(Settings {
            seed,
            ..Settings::default()
        });
        let (alice, bob) = stage.talking();
        let carol = stage.phone("103");
        stage.with(|world| {
            world.net.faults = Faults {
                loss: 20,
                duplicates: 10,
                ..Faults::default()
            };
        });
        carol.picks_up(&bob);
        stage.pass(60.0);
        stage.with(|world| world.net.faults = Faults::default());
        stage.pass(40.0);
        assert_eq!(carol.phase(), Some(Phase::Up), "{seed}");
        assert_eq!(shown(&alice), ["102 Person 102", "103 Person 103"], "{seed}");
        assert_eq!(shown(&carol), ["101 Person 101"], "{seed}");
        stage.ends(&alice, &carol);
    }
}

#[test]
fn a_phone_may_change_its_from_within_the_call_and_is_addressed_by_that() {
    // RFC 4916 section 4.3. Nobody else is told: what a phone says of itself is not believed.
    let stage = Stage::default();
    let (alice, bob) = stage.talking();
    let invite = requests(&bob, Method::Invite).remove(0);
    let supported = invite.joined("Supported").unwrap();
    assert!(supported.contains("from-change"), "{supported}");
    let before = shown(&bob);
    let own = "<sip:101@tandem.local>;tag=";
    alice.feels(|mood| {
        mood.garbles = vec![
            ("From: \"Phone 101\" <sip:101@", "From: \"Reception\" <sip:100@"),
            (own, own),
        ]
    });
    alice.holds().resumes();
    alice.feels(|mood| mood.garbles = Vec::new());
    bob.holds();
    let to = requests(&alice, Method::Invite).pop().unwrap();
    let to = to.header(HeaderName::To).unwrap().to_owned();
    assert!(to.starts_with("\"Reception\" <sip:100@tandem.local>;tag="), "{to}");
    assert_eq!(shown(&bob), before);
    bob.resumes();
    stage.hear_each_other(&alice, &bob);
    stage.ends(&alice, &bob);
}
