use records::{
    Began, CallUid, CauseCode, Cdr, CdrOpen, Disposition, EndedBy, LegQuality, Link, LinkKind, Quality, Segment, Story,
    WayQuality,
};
use serde_json::{Value, json};

use crate::support::{DOMAIN, World};

const START: i64 = 1_767_602_400_000_000;

fn cdr(n: i64, from: &str, disposition: Disposition) -> Cdr {
    let answered = disposition == Disposition::Answered;
    Cdr {
        open: CdrOpen {
            call_id: CallUid(n.cast_unsigned().into()),
            sip_call_id: format!("{n}@phone"),
            from: from.to_owned(),
            from_name: "Alice".to_owned(),
            dialed: "102".to_owned(),
            started_at: START + n * 1_000_000,
        },
        to: "102".to_owned(),
        answered_at: answered.then_some(START + n * 1_000_000 + 500_000),
        ended_at: START + n * 1_000_000 + 2_000_000,
        disposition,
        sip_code: if answered { 200 } else { 486 },
        ended_by: EndedBy::Callee,
        cause: if answered {
            CauseCode::CalleeHungUp
        } else {
            CauseCode::PhoneBusy
        },
        detail: "102 is busy".to_owned(),
        segments: Segment::of_plain_call(
            START + n * 1_000_000,
            from,
            answered.then_some((START + n * 1_000_000 + 500_000, "102")),
            START + n * 1_000_000 + 2_000_000,
        ),
        links: Vec::new(),
        hidden: false,
    }
}

async fn world() -> World {
    let world = World::new().await;
    for (n, from, disposition) in [
        (0, "101", Disposition::Answered),
        (1, "103", Disposition::Busy),
        (2, "101", Disposition::NoAnswer),
    ] {
        world.store.writer(DOMAIN).close_cdr(cdr(n, from, disposition));
    }
    world.store.writer(DOMAIN).flush().await.unwrap();
    world
}

async fn ids(world: &World, query: &str) -> Vec<String> {
    let page = world.get(&format!("/cdrs?{query}")).await.is(200).json();
    page["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["sip_call_id"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn a_record_has_everything_the_contract_names() {
    let world = world().await;
    let page = world.get("/cdrs").await.is(200).json();
    let item = &page["items"][2];
    assert!(item["id"].as_i64().unwrap() > 0);
    let expected = json!({
        "id": item["id"], "call_id": format!("{:032x}", 0), "sip_call_id": "0@phone", "from": "101", "from_name": "Alice",
        "to": "102", "dialed": "102", "started_at": "2026-01-05T08:40:00Z", "answered_at": "2026-01-05T08:40:00.5Z",
        "ended_at": "2026-01-05T08:40:02Z", "talk_seconds": 1.5, "disposition": "answered", "sip_code": 200,
        "ended_by": "callee", "cause": {"code": "callee.hung_up", "text": "102 hung up", "remedy": ""},
        "detail": "102 is busy",
        "segments": [
            {"from": "2026-01-05T08:40:00Z", "to": "2026-01-05T08:40:00.5Z", "party": "101", "with": "", "why": "started"},
            {"from": "2026-01-05T08:40:00.5Z", "to": "2026-01-05T08:40:02Z", "party": "101", "with": "102", "why": "answered"}
        ],
        "links": [],
        "quality": []
    });
    assert_eq!(item, &expected);
    assert_eq!(
        (&page["items"][1]["answered_at"], &page["items"][1]["talk_seconds"]),
        (&Value::Null, &json!(0.0))
    );
    assert_eq!(page["items"][0]["disposition"], "no_answer");
}

#[tokio::test]
async fn a_record_says_how_its_legs_sounded() {
    let world = world().await;
    let way = WayQuality {
        packets: 980,
        lost: 20,
        jitter_micros: 1_250,
        mos: Some(425),
        ..WayQuality::default()
    };
    let leg = LegQuality {
        party: "101".to_owned(),
        inbound: true,
        codec: Some("PCMA".to_owned()),
        quality: Quality {
            received: way,
            sent: None,
            round_trip_ms: Some(30),
        },
    };
    let writer = world.store.writer(DOMAIN);
    writer.leg_quality(CallUid(0), leg);
    writer.flush().await.unwrap();
    let record = world.get(&format!("/cdrs/{:032x}", 0)).await.is(200).json();
    let expected = json!([{
        "party": "101", "inbound": true, "codec": "PCMA",
        "quality": {
            "received": {"packets": 980, "lost": 20, "late": 0, "doubled": 0, "jitter_ms": 1.25, "mos": 4.25},
            "sent": null, "round_trip_ms": 30
        }
    }]);
    assert_eq!(record["quality"], expected);
}

#[tokio::test]
async fn a_transferred_call_leads_to_the_record_of_the_other_call() {
    let world = World::new().await;
    let (mut first, second) = (
        cdr(0, "101", Disposition::Answered),
        cdr(1, "102", Disposition::Answered),
    );
    let mut story = Story::begin(START, "101", 64);
    story.turn(START + 500_000, "101", "102", Began::Answered);
    story.turn(START + 1_000_000, "101", "", Began::Transferred);
    first.segments = story.end(first.ended_at);
    first.cause = CauseCode::CallTransferred;
    first.links = vec![Link {
        call: second.open.call_id,
        how: LinkKind::TransferredTo,
    }];
    let writer = world.store.writer(DOMAIN);
    [&first, &second]
        .into_iter()
        .for_each(|cdr| writer.close_cdr(cdr.clone()));
    writer.flush().await.unwrap();
    let told = world.get(&format!("/cdrs/{}", first.open.call_id)).await.is(200).json();
    assert_eq!(told["cause"]["code"], "call.transferred");
    let reasons: Vec<_> = told["segments"].as_array().unwrap().iter().map(|s| &s["why"]).collect();
    assert_eq!(reasons, ["started", "answered", "transferred"]);
    assert_eq!(told["links"][0]["how"], "transferred_to");
    let other = told["links"][0]["call_id"].as_str().unwrap();
    let other = world.get(&format!("/cdrs/{other}")).await.is(200).json();
    assert_eq!(other["from"], "102");
    for unknown in ["x", &format!("{:032x}", 77)] {
        world.get(&format!("/cdrs/{unknown}")).await.is(404);
    }
}

#[tokio::test]
async fn records_are_filtered() {
    let world = world().await;
    assert_eq!(ids(&world, "").await, ["2@phone", "1@phone", "0@phone"]);
    assert_eq!(ids(&world, "number=103").await, ["1@phone"]);
    assert_eq!(ids(&world, "disposition=busy").await, ["1@phone"]);
    // Records have `no_answer`; people who write dialplans know the word as `noanswer`.
    for word in ["no_answer", "noanswer"] {
        assert_eq!(ids(&world, &format!("disposition={word}")).await, ["2@phone"]);
    }
    assert_eq!(ids(&world, "from=2026-01-05T08:40:01Z").await, ["2@phone", "1@phone"]);
    assert_eq!(ids(&world, "to=2026-01-05T09:40:01%2B01:00").await, ["0@phone"]);
    assert_eq!(ids(&world, "number=").await.len(), 3);
}

#[tokio::test]
async fn records_are_found_by_part_of_a_number_or_name() {
    let world = world().await;
    assert_eq!(ids(&world, "q=03").await, ["1@phone"]);
    assert_eq!(ids(&world, "q=aLiC").await.len(), 3);
    assert_eq!(ids(&world, "q=ali&disposition=busy&number=103").await, ["1@phone"]);
    assert_eq!(ids(&world, "q=").await.len(), 3);
    assert_eq!(ids(&world, "q=xyz").await.len(), 0);
    world
        .get(&format!("/cdrs?q={}", "1".repeat(101)))
        .await
        .is_problem(422, "invalid", Some("q"));
}

#[tokio::test]
async fn a_search_reads_a_limited_number_of_records_for_each_page() {
    let mut setup = crate::support::Setup::default();
    setup.limits.search_records = 2;
    let world = World::with(setup).await;
    for n in 0..5 {
        let from = if n == 0 { "555" } else { "101" };
        world
            .store
            .writer(DOMAIN)
            .close_cdr(cdr(n, from, Disposition::Answered));
    }
    world.store.writer(DOMAIN).flush().await.unwrap();
    let (mut steps, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = world.get(&format!("/cdrs?q=55&cursor={cursor}")).await.is(200).json();
        steps.push(page["items"].as_array().unwrap().len());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(steps, [0, 0, 1]);
}

#[tokio::test]
async fn records_come_in_pages() {
    let world = world().await;
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = world
            .get(&format!("/cdrs?limit=2&cursor={cursor}"))
            .await
            .is(200)
            .json();
        seen.extend(
            page["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|item| item["sip_call_id"].clone()),
        );
        match page["next_cursor"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(seen, ["2@phone", "1@phone", "0@phone"]);
}

#[tokio::test]
async fn unknown_parameters_are_named_with_the_likely_name() {
    let world = World::new().await;
    for (path, field, detail) in [
        (
            "/cdrs?limt=5",
            "limt",
            "there is no such query parameter; there are from, to, number, q, disposition, limit, cursor; did you mean limit?",
        ),
        (
            "/extensions?q=1&colour=x",
            "colour",
            "there is no such query parameter; there are q, limit, cursor",
        ),
        (
            "/calls?limit=3",
            "limit",
            "there is no such query parameter; there are none here",
        ),
        (
            "/calls/1?x",
            "x",
            "there is no such query parameter; there are none here",
        ),
    ] {
        let answer = world.get(path).await;
        let problem = answer.is_problem(422, "invalid", Some(field));
        assert_eq!(problem["detail"], detail, "{path}");
    }
    world.get("/nowhere?x=1").await.is(404);
    world.get("/cdrs?limit=5&number=101").await.is(200);
}

#[tokio::test]
async fn faulty_filters_are_named() {
    let world = World::new().await;
    for (query, field) in [
        ("from=yesterday", "from"),
        ("to=2026-13-01T00:00:00Z", "to"),
        ("disposition=lost", "disposition"),
        ("limit=1000000", "limit"),
        ("cursor=61", "cursor"),
        (&format!("number={}", "1".repeat(300)), "number"),
    ] {
        world
            .get(&format!("/cdrs?{query}"))
            .await
            .is_problem(422, "invalid", Some(field));
    }
    // What is accepted is said, not what the parser stumbled over.
    for (query, accepted) in [
        ("from=yesterday", "2026-01-05T08:30:00Z"),
        ("to=2026-01-01", "RFC 3339"),
        ("limit=many", "from 1 to 500"),
        ("disposition=lost", "no_answer"),
    ] {
        let answer = world.get(&format!("/cdrs?{query}")).await.json();
        let detail = answer["detail"].as_str().unwrap();
        assert!(detail.contains(accepted), "{query}: {detail}");
    }
}
