//! Phones that answer by themselves: intercom to one phone, a page to several.

use media::{
    Command, SdpDirection,
    service::{Others, Seat},
};
use sip::Method;
use tests::{Actor, Phase, Stage};

use super::{record_of, requests, team, with_config};

/// The fields of the last INVITE to a phone that tell it to answer by itself.
fn told(phone: &Actor) -> Vec<(String, String)> {
    let invite = requests(phone, &Method::Invite).pop().unwrap();
    let names = ["Answer-Mode", "Call-Info", "Alert-Info"];
    let fields = names
        .into_iter()
        .filter_map(|name| Some((name.to_owned(), invite.joined(name)?.into_owned())));
    fields.collect()
}

fn pairs(fields: &[(String, String)]) -> Vec<(&str, &str)> {
    fields
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect()
}

#[test]
fn intercom_tells_phones_of_all_makes_to_answer_by_themselves() {
    let stage = team();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    bob.feels(|mood| mood.answers = true);
    alice.calls("*80102").talks();
    assert_eq!(
        pairs(&told(&bob)),
        [
            ("Answer-Mode", "Auto"),
            ("Call-Info", "<sip:tandem.local>;answer-after=0"),
            ("Alert-Info", "<http://127.0.0.1>;info=alert-autoanswer;delay=0"),
        ]
    );
    stage.hear_each_other(&alice, &bob);
    stage.ends(&alice, &bob);
    // An ordinary call rings.
    bob.feels(|mood| mood.answers = false);
    alice.calls("102");
    bob.rings();
    assert_eq!(told(&bob), []);
    alice.hangs_up();
    stage.clears();
}

#[test]
fn an_extension_that_does_not_allow_it_rings() {
    let stage = team();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    stage.with(|world| world.account("102", |extension| extension.rules.intercom = false));
    alice.calls("*80102");
    bob.rings();
    assert_eq!(told(&bob), []);
    bob.answers().talks();
    alice.talks();
    stage.ends(&alice, &bob);
}

#[test]
fn a_phone_in_a_call_is_not_disturbed() {
    let stage = team();
    let (bob, carol, alice) = (stage.phone("102"), stage.phone("103"), stage.phone("101"));
    bob.calls("103");
    carol.rings().answers().talks();
    bob.talks();
    alice.calls("*80102").ends_with(486);
    alice.calls("*80103").ends_with(486);
    assert_eq!(bob.with(|phone| phone.calls.len()), 1);
    stage.hear_each_other(&bob, &carol);
    stage.ends(&bob, &carol);
}

#[test]
fn a_phone_to_which_the_call_is_forwarded_rings() {
    let stage = team();
    let (alice, _bob, carol) = (stage.phone("101"), stage.phone("102"), stage.phone("103"));
    stage.with(|world| world.account("102", |extension| extension.forward_always = Some("103".into())));
    alice.calls("*80102");
    carol.rings();
    assert_eq!(told(&carol), []);
    carol.answers().talks();
    alice.talks();
    stage.ends(&alice, &carol);
}

#[test]
fn what_a_caller_says_of_answering_is_not_passed_on() {
    // RFC 5373 section 5: only who is allowed to may open a phone's microphone.
    let stage = team();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    let said = [
        ("Answer-Mode", "Auto"),
        ("Priv-Answer-Mode", "Auto"),
        ("Call-Info", "<sip:x>;answer-after=0"),
    ];
    alice.feels(|mood| mood.adds = said.map(|(name, value)| (name, value.to_owned())).into());
    alice.calls("102");
    bob.rings();
    assert_eq!(told(&bob), []);
    alice.hangs_up();
    stage.clears();
}

/// Phones 101 to 104, of which all but the first answer by themselves.
fn paged(stage: &Stage) -> [Actor; 4] {
    let phones = ["101", "102", "103", "104"].map(|number| stage.phone(number));
    for phone in &phones[1..] {
        phone.feels(|mood| mood.answers = true);
    }
    phones
}

/// The seats in the only room: whom each leg hears, and by whom it is heard.
fn seats(stage: &Stage) -> Vec<(Others, Others)> {
    stage.with(|world| {
        assert!(world.engine.rooms.len() <= 1);
        let seats = world.engine.rooms.values().flat_map(|seats| seats.values());
        seats.map(|Seat { hears, heard_by, .. }| (*hears, *heard_by)).collect()
    })
}

#[test]
fn a_page_is_heard_by_all_phones_and_answers_nothing() {
    let stage = team();
    let [alice, bob, carol, dave] = paged(&stage);
    alice.calls("*81").talks();
    for phone in [&bob, &carol, &dave] {
        phone.talks();
        assert_eq!(pairs(&told(phone)).len(), 3);
        assert_eq!(
            phone.call(|call| call.heard.as_ref().map(|spec| spec.direction())),
            Some(SdpDirection::SendOnly)
        );
    }
    stage.pass(1.0);
    let speaks = (Others::NoLeg, Others::All);
    let listens = (Others::All, Others::NoLeg);
    let mut all = seats(&stage);
    all.sort_by_key(|seat| *seat != speaks);
    assert_eq!(all, [speaks, listens, listens, listens]);
    // The phone that speaks is not paged itself.
    assert_eq!(alice.with(|phone| phone.calls.len()), 1);
    stage.pass(10.0);
    alice.hangs_up().ends_with(200);
    for phone in [&bob, &carol, &dave] {
        phone.ends_with(200);
    }
    let record = record_of(&stage, "*81");
    assert_eq!(record.segments.last().unwrap().with, "page");
    stage.clears();
}

#[test]
fn phones_that_are_in_a_call_or_want_none_are_left_alone() {
    let stage = team();
    let [alice, bob, carol, dave] = paged(&stage);
    let erin = stage.phone("105");
    stage.with(|world| world.account("103", |extension| extension.dnd = true));
    erin.calls("104");
    dave.talks();
    erin.talks();
    alice.calls("*81").talks();
    bob.talks();
    stage.pass(1.0);
    assert_eq!(seats(&stage).len(), 2);
    assert!(carol.with(|phone| phone.calls.is_empty()));
    stage.hear_each_other(&erin, &dave);
    erin.hangs_up();
    dave.ends_with(200);
    // Where extensions do not allow it, nobody hears the page.
    alice.hangs_up();
    bob.ends_with(200);
    for number in ["102", "103", "104"] {
        stage.with(|world| world.account(number, |extension| extension.rules.intercom = false));
    }
    alice.calls("*81").ends_with(200);
    stage.clears();
}

#[test]
fn a_phone_that_does_not_answer_by_itself_stops_ringing() {
    let stage = team();
    let [alice, bob, carol, dave] = paged(&stage);
    carol.feels(|mood| mood.answers = false);
    dave.feels(|mood| mood.refuses = Some(480));
    alice.calls("*81").talks();
    bob.talks();
    carol.rings();
    stage.pass(9.0);
    carol.ends_with(487);
    assert_eq!(bob.phase(), Some(Phase::Up));
    // When the last phone has hung up, the page is over.
    bob.hangs_up().ends_with(200);
    alice.ends_with(200);
    stage.clears();
}

#[test]
fn a_phone_that_changes_its_session_is_answered_and_stays_unheard() {
    let stage = team();
    let [alice, bob, _, _] = paged(&stage);
    alice.calls("*81").talks();
    bob.talks();
    bob.offers(SdpDirection::SendRecv, 200);
    stage.pass(1.0);
    assert_eq!(
        seats(&stage)
            .iter()
            .filter(|(_, heard_by)| *heard_by == Others::All)
            .count(),
        1
    );
    alice.hangs_up();
    stage.clears();
}

#[test]
fn a_page_reaches_no_more_phones_than_allowed() {
    let stage = with_config(|config| config.limits.services.page_phones = 2);
    let [alice, ..] = paged(&stage);
    alice.calls("*81").talks();
    stage.pass(1.0);
    assert_eq!(stage.count(|command| matches!(command, Command::Sit { .. })), 3);
    alice.hangs_up();
    stage.clears();
}

#[test]
fn a_script_is_told_how_many_phones_heard_it() {
    let stage = Stage::plan(
        r#"fn on_call(caller) {
            let r = caller.page(["102", "103"], #{ timeout: 3 });
            if r.status == "done" && r.phones == 2 && r.seconds >= 5.0 { caller.dial("104"); }
        }"#,
    );
    let [alice, bob, carol, dave] = paged(&stage);
    alice.calls("81").talks();
    stage.pass(5.0);
    bob.hangs_up();
    carol.hangs_up();
    dave.talks();
    stage.hear_each_other(&alice, &dave);
    stage.ends(&alice, &dave);
}
