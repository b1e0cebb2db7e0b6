//! Forwarded calls: Diversion (RFC 5806) and History-Info (RFC 7044) tell the same, and the caller gets a 181.

use sip::HeaderName;
use switch::Extension;
use tests::{Actor, Stage};

/// 101 calls 102, whose calls go on to 103 by this setting.
fn stage(change: impl FnOnce(&mut Extension)) -> (Stage, Actor, Actor, Actor) {
    let stage = Stage::default();
    let (alice, bob, carol) = (stage.phone("101"), stage.phone("102"), stage.phone("103"));
    stage.with(|world| world.account("102", change));
    (stage, alice, bob, carol)
}

fn values(phone: &Actor, name: HeaderName) -> Vec<String> {
    phone.call(|call| call.invite.values(name).map(str::to_owned).collect())
}

/// Both lists of the call that rings there; then the caller hangs up.
fn trail(stage: &Stage, alice: &Actor, phone: &Actor) -> (Vec<String>, Vec<String>) {
    phone.rings();
    let lists = (
        values(phone, HeaderName::Diversion),
        values(phone, HeaderName::HistoryInfo),
    );
    alice.hangs_up();
    phone.ends_with(487);
    stage.clears();
    lists
}

#[test]
fn each_reason_has_its_cause_in_the_history() {
    type Change = fn(&mut Extension);
    let cases: [(Change, Option<u16>, &str, u16); 4] = [
        (
            |bob| bob.forward_always = Some("103".into()),
            None,
            "unconditional",
            302,
        ),
        (|bob| bob.forward_busy = Some("103".into()), Some(486), "user-busy", 486),
        (|bob| bob.forward_no_answer = Some("103".into()), None, "no-answer", 408),
        (
            |bob| (bob.dnd, bob.forward_busy) = (true, Some("103".into())),
            None,
            "do-not-disturb",
            404,
        ),
    ];
    for (change, refuses, reason, cause) in cases {
        let (stage, alice, bob, carol) = stage(change);
        bob.feels(|mood| mood.refuses = refuses);
        alice.calls("102");
        let (diversion, history) = trail(&stage, &alice, &carol);
        assert_eq!(
            diversion,
            [format!("\"Person 102\" <sip:102@tandem.local>;reason={reason}")]
        );
        let left = refuses
            .map(|code| format!("?Reason=SIP%3Bcause%3D{code}"))
            .unwrap_or_default();
        assert_eq!(
            history,
            [
                format!("<sip:102@tandem.local{left}>;index=1"),
                format!("<sip:103@tandem.local;cause={cause}>;index=1.1;mp=1"),
            ]
        );
    }
}

#[test]
fn a_call_that_is_not_forwarded_has_neither() {
    let (stage, alice, bob, _carol) = stage(|_| {});
    alice.calls("102");
    assert_eq!(trail(&stage, &alice, &bob), (Vec::new(), Vec::new()));
}

#[test]
fn a_302_brings_its_own_reason_and_what_came_before_it() {
    let own = "<sip:102@desk>;reason=away;counter=2";
    let before = "<tel:+15550100>;reason=time-of-day";
    for (rows, contact, expected) in [
        (
            vec![own, before],
            "<sip:103@tandem.local>",
            vec![
                "\"Person 102\" <sip:102@tandem.local>;reason=away;counter=2",
                "<sip:+15550100@tandem.local>;reason=time-of-day",
            ],
        ),
        (
            vec![],
            "<sip:103@tandem.local;cause=408>",
            vec!["\"Person 102\" <sip:102@tandem.local>;reason=no-answer"],
        ),
        (
            vec![],
            "<tel:103>",
            vec!["\"Person 102\" <sip:102@tandem.local>;reason=deflection"],
        ),
        // Another extension than its own is not named by a phone, and a reason that is none is left out.
        (
            vec!["<sip:101@x>;reason=away", "no address", "<urn:x:y>;reason=\"\""],
            "<sip:103@tandem.local>",
            vec!["\"Person 102\" <sip:102@tandem.local>;reason=deflection"],
        ),
    ] {
        let (stage, alice, bob, carol) = stage(|_| {});
        bob.feels(|mood| {
            mood.refuses = Some(302);
            mood.sends_to = Some(contact.trim_matches(['<', '>']).to_owned());
            let rows: String = rows.iter().map(|row| format!("Diversion: {row}\r\n")).collect();
            let row: &'static str = Box::leak(format!("{rows}Contact: ").into_boxed_str());
            mood.garbles = vec![("Contact: <sip:103", row), ("Contact: <tel:103", row)]
                .into_iter()
                .map(|(from, row)| {
                    let rest = from.trim_start_matches("Contact: ");
                    let to: &'static str = Box::leak(format!("{row}{rest}").into_boxed_str());
                    (from, to)
                })
                .collect();
        });
        alice.calls("102");
        let (diversion, history) = trail(&stage, &alice, &carol);
        assert_eq!(diversion, expected, "{contact}");
        assert_eq!(history.len(), diversion.len() + 1);
    }
}

#[test]
fn a_history_that_came_is_told_in_both_fields() {
    let (stage, alice, _bob, carol) = stage(|bob| bob.forward_always = Some("103".into()));
    alice.feels(|mood| {
        mood.adds = vec![(
            "History-Info",
            "<sip:+15550100@far.example>;index=1, <sip:102@tandem.local;cause=302>;index=1.1".into(),
        )];
    });
    alice.calls("102");
    let (diversion, history) = trail(&stage, &alice, &carol);
    assert_eq!(
        diversion,
        [
            "\"Person 102\" <sip:102@tandem.local>;reason=unconditional",
            "<sip:+15550100@tandem.local>;reason=unconditional"
        ]
    );
    assert_eq!(
        history,
        [
            "<sip:+15550100@tandem.local>;index=1",
            "<sip:102@tandem.local;cause=302>;index=1.1;mp=1",
            "<sip:103@tandem.local;cause=302>;index=1.1.1;mp=1.1"
        ]
    );
}

#[test]
fn a_caller_that_keeps_its_history_back_has_none_told() {
    let (stage, alice, _bob, carol) = stage(|bob| bob.forward_always = Some("103".into()));
    alice.feels(|mood| {
        mood.adds = vec![
            ("Diversion", "<sip:+15550100@far.example>;reason=away".into()),
            ("Privacy", "history".into()),
        ];
    });
    alice.calls("102");
    let (diversion, history) = trail(&stage, &alice, &carol);
    assert_eq!((diversion.len(), history.len()), (1, 2));
    assert!(!diversion[0].contains("0100") && !history[0].contains("0100"));
}

#[test]
fn an_extension_that_hides_is_not_named_as_the_one_that_forwarded() {
    let (stage, alice, _bob, carol) = stage(|bob| {
        bob.forward_always = Some("103".into());
        bob.rules.hide_number = true;
    });
    alice.calls("102");
    let (diversion, history) = trail(&stage, &alice, &carol);
    assert_eq!(
        diversion,
        ["\"Anonymous\" <sip:anonymous@anonymous.invalid>;reason=unconditional;privacy=full"]
    );
    assert_eq!(history[0], "<sip:anonymous@anonymous.invalid>;index=1");
}

#[test]
fn the_caller_is_told_that_its_call_is_forwarded_and_then_at_once_that_it_rings() {
    for refuses in [None, Some(486), Some(302)] {
        let (stage, alice, bob, carol) = stage(|bob| bob.forward_busy = Some("103".into()));
        if refuses.is_none() {
            stage.with(|world| world.account("102", |bob| bob.forward_always = Some("103".into())));
        }
        bob.feels(|mood| {
            mood.refuses = refuses;
            mood.sends_to = Some("sip:103@tandem.local".into());
        });
        alice.calls("102");
        carol.rings();
        stage.pass(0.1);
        let codes: Vec<u16> = alice.with(|phone| {
            let answers = phone.received.iter().filter_map(|message| message.status());
            answers
                .map(|status| status.code())
                .filter(|code| (101..200).contains(code))
                .collect()
        });
        assert_eq!(codes, [181, 180], "{refuses:?}");
        carol.answers().talks();
        alice.talks();
        stage.ends(&alice, &carol);
    }
}

#[test]
fn where_several_phones_ring_the_forward_of_one_of_them_is_not_told() {
    let stage = Stage::plan("fn on_call(caller) { caller.dial([\"102\", \"104\"]); }");
    let (alice, _bob, carol, dave) = (
        stage.phone("101"),
        stage.phone("102"),
        stage.phone("103"),
        stage.phone("104"),
    );
    stage.with(|world| world.account("102", |bob| bob.forward_always = Some("103".into())));
    alice.calls("7");
    carol.rings();
    dave.rings();
    alice.hears_ringing();
    assert_eq!(alice.was_told(181), 0);
    alice.hangs_up();
    stage.clears();
}

/// What a script reads of the forwards before a call that has these header fields: Diversion and History-Info.
fn read_by_a_script(rows: &[(&'static str, &str)]) -> (String, String) {
    let stage = Stage::plan(
        r#"fn on_call(caller) {
            let headers = #{ "X-One": `[${caller.header("Diversion")}]`, "X-Two": `[${caller.header("History-Info")}]` };
            caller.dial("103", #{ headers: headers });
        }"#,
    );
    let (alice, _bob, carol) = (stage.phone("101"), stage.phone("102"), stage.phone("103"));
    alice.feels(|mood| mood.adds = rows.iter().map(|(name, value)| (*name, (*value).to_owned())).collect());
    alice.calls("7");
    carol.rings();
    let read = |name: &str| {
        let value = carol.call(|call| call.invite.joined(name).map(|value| value.into_owned()));
        value.unwrap().trim_matches(['[', ']']).to_owned()
    };
    let both = (read("X-One"), read("X-Two"));
    alice.hangs_up();
    stage.clears();
    both
}

#[test]
fn a_script_reads_the_forwards_that_are_believed_and_none_that_a_phone_forges() {
    let none = (String::new(), String::new());
    assert_eq!(read_by_a_script(&[]), none);
    // Another extension than its own has not forwarded anything by what a phone says.
    assert_eq!(
        read_by_a_script(&[("Diversion", "<sip:102@tandem.local>;reason=away")]),
        none
    );
    let forged = "<sip:102@tandem.local>;index=1, <sip:7@tandem.local;cause=302>;index=1.1";
    assert_eq!(read_by_a_script(&[("History-Info", forged)]), none);
    let (diversion, history) = read_by_a_script(&[
        ("Diversion", "\"X\" <sip:101@far.example>;reason=user-busy"),
        ("Diversion", "<sip:102@tandem.local>;reason=away"),
        ("Diversion", "<sip:+15550100@far.example;user=phone>;reason=no-answer"),
    ]);
    assert_eq!(
        diversion,
        "\"Person 101\" <sip:101@tandem.local>;reason=user-busy, <sip:+15550100@tandem.local>;reason=no-answer"
    );
    assert_eq!(
        history,
        "<sip:+15550100@tandem.local>;index=1, <sip:101@tandem.local;cause=408>;index=1.1;mp=1, \
         <sip:7@tandem.local;cause=486>;index=1.1.1;mp=1.1"
    );
    let kept_back = [("Diversion", "<sip:101@x>;reason=away"), ("Privacy", "history")];
    assert_eq!(read_by_a_script(&kept_back), none);
}

#[test]
fn a_reason_of_ones_own_is_an_unknown_one_in_the_history() {
    // RFC 7544 section 5: 404 for what is not in its table.
    for reason in [
        "time-of-day",
        "do-not-disturb",
        "follow-me",
        "out-of-service",
        "away",
        "x-lunch",
    ] {
        let (_, history) = read_by_a_script(&[("Diversion", &format!("<sip:+15550100@x>;reason={reason}"))]);
        assert!(history.contains(";cause=404>"), "{reason}: {history}");
    }
}
