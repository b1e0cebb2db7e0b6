use admin::SwitchRequest;
use axum::{body::Body, http::Request};
use records::{Dtmf, Transcode};
use serde_json::{Value, json};
use switch::AccountChange;
use tower::ServiceExt;

use crate::support::{DOMAIN, Setup, TOKEN, World, hash};

#[tokio::test]
async fn an_extension_is_made_stored_and_told_to_the_switch_before_the_answer() {
    let world = World::new().await;
    let answer = world
        .post(
            "/extensions",
            r#"{"number":"101","name":"Alice","password":"open sesame"}"#,
        )
        .await;
    answer.is(201);
    assert_eq!(answer.headers["location"], "/api/v1/extensions/101");
    let body = answer.json();
    assert_eq!((&body["number"], &body["name"]), (&json!("101"), &json!("Alice")));
    assert_eq!(
        (&body["dnd"], &body["voicemail"], &body["forward_always"]),
        (&json!(false), &json!(false), &Value::Null)
    );
    assert!(body["created_at"].as_str().unwrap().ends_with('Z'));
    assert!(body.get("password").is_none(), "a given password is not repeated");
    let ha1 = hash("101", "open sesame");
    assert_eq!(world.stored_ha1("101").await, ha1.sha256);
    let changes = world.changes();
    assert!(matches!(&changes[0], AccountChange::Extension(e) if e.number == "101" && e.name == "Alice"));
    assert!(
        matches!(&changes[1], AccountChange::Device(d) if d.username == "101" && d.extension == "101" && d.ha1 == ha1)
    );
    assert_eq!(changes.len(), 2);
}

#[tokio::test]
async fn a_missing_password_is_generated_and_shown_only_once() {
    let world = World::new().await;
    let created = world.post("/extensions", r#"{"number":"101"}"#).await;
    let password = created.is(201).json()["password"].as_str().unwrap().to_owned();
    assert_eq!(password.len(), 16);
    assert_eq!(world.stored_ha1("101").await, hash("101", &password).sha256);
    for path in ["/extensions/101", "/extensions", "/registrations", "/calls", "/cdrs"] {
        let answer = world.get(path).await;
        answer.is(200);
        for secret in [password.as_str(), "password", "ha1", "md5", "sha256"] {
            assert!(!answer.text.contains(secret), "{path}: {}", answer.text);
        }
    }
}

#[tokio::test]
async fn a_number_that_is_taken_is_409_and_changes_nothing() {
    let world = World::new().await;
    world
        .post("/extensions", r#"{"number":"101","password":"the-first-one"}"#)
        .await
        .is(201);
    let before = world.stored_ha1("101").await;
    world.changes();
    let again = world
        .post("/extensions", r#"{"number":"101","password":"the-second-one"}"#)
        .await;
    again.is_problem(409, "exists", Some("number"));
    assert_eq!(world.stored_ha1("101").await, before);
    assert!(world.changes().is_empty());
}

#[tokio::test]
async fn faulty_fields_are_422_and_named() {
    let world = World::new().await;
    let long = "x".repeat(129);
    for (body, field) in [
        (json!({}), "number"),
        (json!({"number": ""}), "number"),
        (json!({"number": "1 2"}), "number"),
        (json!({"number": "9".repeat(33)}), "number"),
        (json!({"number": 101}), "number"),
        (json!({"number": "101", "name": "a\r\nb"}), "name"),
        (json!({"number": "101", "name": "x".repeat(65)}), "name"),
        (json!({"number": "101", "password": ""}), "password"),
        (json!({"number": "101", "password": long}), "password"),
        (json!({"number": "101", "password": "seven77"}), "password"),
        (json!({"number": "49301234", "password": "49301234"}), "password"),
        (json!({"number": "101", "password": "Password1"}), "password"),
        (json!({"number": "101", "colour": "red"}), "colour"),
        (json!("101"), "body"),
    ] {
        world
            .post("/extensions", &body.to_string())
            .await
            .is_problem(422, "invalid", Some(field));
    }
    assert!(world.changes().is_empty());
    assert_eq!(world.get("/extensions").await.json()["items"], json!([]));
}

#[tokio::test]
async fn a_patch_leaves_absent_fields_and_clears_null_fields() {
    let world = World::new().await;
    world
        .post("/extensions", r#"{"number":"101","name":"Alice"}"#)
        .await
        .is(201);
    let all = r#"{"dnd":true,"forward_always":"102","forward_busy":"sip:x@example.com","forward_no_answer":"gw/+49","voicemail":true}"#;
    let body = world.patch("/extensions/101", all).await.is(200).json();
    assert_eq!(
        (&body["dnd"], &body["forward_always"], &body["voicemail"]),
        (&json!(true), &json!("102"), &json!(true))
    );
    assert_eq!(body["name"], "Alice");
    world.changes();
    let body = world
        .patch("/extensions/101", r#"{"forward_always":null,"name":null,"dnd":null}"#)
        .await
        .is(200)
        .json();
    assert_eq!(
        (&body["forward_always"], &body["name"], &body["dnd"]),
        (&Value::Null, &json!(""), &json!(false))
    );
    assert_eq!(
        (&body["forward_busy"], &body["voicemail"]),
        (&json!("sip:x@example.com"), &json!(true))
    );
    let changes = world.changes();
    assert!(matches!(&changes[0], AccountChange::Extension(e)
        if e.forward_always.is_none() && e.forward_busy.as_deref() == Some("sip:x@example.com") && e.voicemail && !e.dnd));
    assert_eq!(
        world.patch("/extensions/101", "{}").await.is(200).json()["voicemail"],
        true
    );
}

#[tokio::test]
async fn a_new_password_changes_the_device_and_is_not_shown() {
    let world = World::new().await;
    world
        .post("/extensions", r#"{"number":"101","password":"the-old-one"}"#)
        .await
        .is(201);
    world.changes();
    let answer = world.patch("/extensions/101", r#"{"password":"brand-new"}"#).await;
    assert!(!answer.is(200).text.contains("brand-new"));
    let ha1 = hash("101", "brand-new");
    assert_eq!(world.stored_ha1("101").await, ha1.sha256);
    assert!(
        world
            .changes()
            .iter()
            .any(|change| matches!(change, AccountChange::Device(d) if d.ha1 == ha1))
    );
}

#[tokio::test]
async fn an_extension_can_demand_qop_of_its_phone() {
    let world = World::new().await;
    let made = world.post("/extensions", r#"{"number":"101"}"#).await.is(201).json();
    assert_eq!(made["require_qop"], false);
    world.changes();
    let demands = |change: &AccountChange| matches!(change, AccountChange::Device(d) if d.require_qop);
    let changed = world.patch("/extensions/101", r#"{"require_qop":true}"#).await;
    assert_eq!(changed.is(200).json()["require_qop"], true);
    assert!(world.changes().iter().any(demands));
    world.patch("/extensions/101", r#"{"name":"Alice"}"#).await.is(200);
    assert!(world.changes().iter().any(demands), "what is absent stays");
    assert_eq!(world.get("/extensions/101").await.json()["require_qop"], true);
    assert_eq!(world.get("/extensions").await.json()["items"][0]["require_qop"], true);
    world.patch("/extensions/101", r#"{"require_qop":null}"#).await.is(200);
    assert_eq!(world.get("/extensions/101").await.json()["require_qop"], false);
}

#[tokio::test]
async fn the_codec_of_a_phone_can_be_left_as_it_is() {
    let world = World::new().await;
    let made = world.post("/extensions", r#"{"number":"101"}"#).await.is(201).json();
    assert_eq!((&made["transcode"], &made["dtmf"]), (&json!("auto"), &json!("auto")));
    let info = |change: &AccountChange| matches!(change, AccountChange::Device(d) if d.dtmf == Dtmf::Info);
    let changed = world.patch("/extensions/101", r#"{"dtmf":"info"}"#).await;
    assert_eq!(changed.is(200).json()["dtmf"], "info");
    assert!(world.changes().iter().any(info));
    let changed = world.patch("/extensions/101", r#"{"dtmf":null}"#).await;
    assert_eq!(changed.is(200).json()["dtmf"], "auto");
    world.changes();
    let off = |change: &AccountChange| matches!(change, AccountChange::Device(d) if d.transcode == Transcode::Off);
    let changed = world.patch("/extensions/101", r#"{"transcode":"off"}"#).await;
    assert_eq!(changed.is(200).json()["transcode"], "off");
    assert!(world.changes().iter().any(off));
    world.patch("/extensions/101", r#"{"name":"Alice"}"#).await.is(200);
    assert_eq!(
        world.get("/extensions/101").await.json()["transcode"],
        "off",
        "what is absent stays"
    );
    world.patch("/extensions/101", r#"{"transcode":null}"#).await.is(200);
    assert_eq!(world.get("/extensions/101").await.json()["transcode"], "auto");
}

#[tokio::test]
async fn faulty_patches_are_422_and_change_nothing() {
    let world = World::new().await;
    world
        .post("/extensions", r#"{"number":"101","name":"Alice"}"#)
        .await
        .is(201);
    world.changes();
    for (body, field) in [
        (r#"{"forward_always":"sip:a@b>\r\nX: y"}"#, "forward_always"),
        (r#"{"forward_busy":""}"#, "forward_busy"),
        (r#"{"forward_no_answer":7}"#, "forward_no_answer"),
        (r#"{"dnd":"yes"}"#, "dnd"),
        (r#"{"password":null}"#, "password"),
        (r#"{"password":""}"#, "password"),
        (r#"{"password":"seven77"}"#, "password"),
        (r#"{"password":"101101101"}"#, "password"),
        (r#"{"password":"qwertyuiop"}"#, "password"),
        (r#"{"require_qop":1}"#, "require_qop"),
        (r#"{"transcode":"always"}"#, "transcode"),
        (r#"{"dtmf":"rfc2833"}"#, "dtmf"),
        (r#"{"number":"102"}"#, "number"),
        (r#"{"name":"ok","forward_buzy":"1"}"#, "forward_buzy"),
    ] {
        world
            .patch("/extensions/101", body)
            .await
            .is_problem(422, "invalid", Some(field));
    }
    assert!(world.changes().is_empty());
    assert_eq!(world.get("/extensions/101").await.json()["name"], "Alice");
}

#[tokio::test]
async fn a_removed_extension_is_gone_everywhere() {
    let world = World::new().await;
    world.post("/extensions", r#"{"number":"101"}"#).await.is(201);
    world.changes();
    let removed = world.delete("/extensions/101").await;
    assert_eq!(removed.is(204).text, "");
    assert_eq!(world.changes(), [AccountChange::RemoveExtension("101".to_owned())]);
    world.get("/extensions/101").await.is_problem(404, "not_found", None);
    world.delete("/extensions/101").await.is_problem(404, "not_found", None);
    world
        .patch("/extensions/101", "{}")
        .await
        .is_problem(404, "not_found", None);
    assert!(world.changes().is_empty());
}

#[tokio::test]
async fn every_number_can_be_addressed() {
    let world = World::new().await;
    for (number, path) in [("*97", "*97"), ("#31#", "%2331%23"), ("+49.3_0-1", "+49.3_0-1")] {
        let answer = world
            .post("/extensions", &json!({ "number": number }).to_string())
            .await;
        assert_eq!(answer.is(201).headers["location"], format!("/api/v1/extensions/{path}"));
        assert_eq!(
            world.get(&format!("/extensions/{path}")).await.is(200).json()["number"],
            number
        );
    }
    for path in ["/extensions/1%202", "/extensions/%00", "/extensions/a%2Fb"] {
        world.get(path).await.is_problem(404, "not_found", None);
    }
    world.get("/extensions/%ff").await.is_problem(400, "malformed", None);
}

#[tokio::test]
async fn a_list_comes_in_pages_and_can_be_searched() {
    let world = World::new().await;
    for number in ["103", "101", "#9", "102"] {
        let body = json!({"number": number, "name": format!("Desk {number}")});
        world.post("/extensions", &body.to_string()).await.is(201);
    }
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = world
            .get(&format!("/extensions?limit=1&cursor={cursor}"))
            .await
            .is(200)
            .json();
        assert_eq!(page["items"].as_array().unwrap().len(), 1);
        seen.push(page["items"][0]["number"].as_str().unwrap().to_owned());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(seen, ["#9", "101", "102", "103"]);
    let found = world.get("/extensions?q=desk%20102").await.json();
    assert_eq!(found["items"].as_array().unwrap().len(), 1);
    assert_eq!(world.get("/extensions?q=%25").await.json()["items"], json!([]));
    assert!(world.get("/extensions").await.json()["next_cursor"].is_null());
}

#[tokio::test]
async fn faulty_parameters_are_422_and_named() {
    let world = World::new().await;
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=501", "limit"),
        ("limit=-1", "limit"),
        ("limit=many", "limit"),
        ("cursor=zz", "cursor"),
        ("cursor=20", "cursor"),
        (&format!("q={}", "x".repeat(101)), "q"),
    ] {
        world
            .get(&format!("/extensions?{query}"))
            .await
            .is_problem(422, "invalid", Some(field));
    }
}

#[tokio::test]
async fn a_stopped_switch_is_503_and_says_that_it_is_stored() {
    let world = World::with(Setup {
        switch_runs: false,
        ..Setup::default()
    })
    .await;
    let answer = world.post("/extensions", r#"{"number":"101"}"#).await;
    answer.is_problem(503, "not_in_force", None);
    assert_eq!(answer.headers["retry-after"], "2");
    world.get("/extensions/101").await.is(200);
    world.get("/calls").await.is_problem(503, "stopping", None);
    world.get("/registrations").await.is_problem(503, "stopping", None);
}

#[tokio::test]
async fn a_change_is_made_to_its_end_also_when_the_client_hangs_up() {
    let mut world = World::with(Setup {
        switch_held: true,
        ..Setup::default()
    })
    .await;
    let mut requests = world.requests.take().unwrap();
    let router = world.router.clone();
    let request = Request::post("/api/v1/extensions")
        .header("authorization", format!("Bearer {TOKEN}"))
        .header("content-type", "application/json")
        .body(Body::from(r#"{"number":"101"}"#))
        .unwrap();
    let client = tokio::spawn(router.oneshot(request));
    let Some(SwitchRequest::Account { change, taken }) = requests.recv().await else {
        panic!("not told")
    };
    assert!(matches!(change, AccountChange::Extension(_)));
    world.get("/extensions/101").await.is(200);
    client.abort();
    assert!(client.await.unwrap_err().is_cancelled());
    taken.send(()).unwrap();
    let Some(SwitchRequest::Account { change, .. }) = requests.recv().await else {
        panic!("forgotten")
    };
    assert!(matches!(change, AccountChange::Device(_)));
}

#[tokio::test]
async fn changes_reach_the_switch_in_the_order_in_which_they_are_stored() {
    let world = World::new().await;
    world.post("/extensions", r#"{"number":"101"}"#).await.is(201);
    world.changes();
    let patches: Vec<_> = (0..20).map(|i| json!({"name": i.to_string()}).to_string()).collect();
    let (a, b, c) = tokio::join!(
        async {
            for p in &patches {
                world.patch("/extensions/101", p).await.is(200);
            }
        },
        async {
            for p in &patches {
                world.patch("/extensions/101", p).await.is(200);
            }
        },
        async {
            for p in &patches {
                world.patch("/extensions/101", p).await.is(200);
            }
        },
    );
    let _ = (a, b, c);
    let stored = world.get("/extensions/101").await.json()["name"]
        .as_str()
        .unwrap()
        .to_owned();
    let told = world.changes().into_iter().rev().find_map(|change| match change {
        AccountChange::Extension(extension) => Some(extension.name),
        AccountChange::RemoveExtension(_)
        | AccountChange::Device(_)
        | AccountChange::RemoveDevice(_)
        | AccountChange::LogOn { .. } => None,
    });
    assert_eq!(told, Some(stored));
}

#[tokio::test]
async fn messages_that_wait_for_an_extension_are_counted() {
    let world = World::new().await;
    world.post("/extensions", r#"{"number":"101"}"#).await.is(201);
    let path = "/extensions/101/kept-messages";
    assert_eq!(
        world.get(path).await.is(200).json(),
        json!({ "count": 0, "oldest_at": null })
    );
    let writer = world.store.writer(DOMAIN);
    for id in [1, 2] {
        let message = records::KeptMessage {
            id,
            to: "101".into(),
            from: "102".into(),
            hidden: false,
            content_type: "text/plain".into(),
            body: b"hello".to_vec(),
            fields: Vec::new(),
            received_at: 1_767_600_000_000_000 + id.cast_signed() * 1_000_000,
            expires_at: i64::MAX,
        };
        writer.keep_message(message).await.unwrap();
    }
    let counted = world.get(path).await.is(200).json();
    assert_eq!(counted, json!({ "count": 2, "oldest_at": "2026-01-05T08:00:01Z" }));
    world.get("/extensions/102/kept-messages").await.is(404);
    world.get("/extensions/1%202/kept-messages").await.is(404);
}
