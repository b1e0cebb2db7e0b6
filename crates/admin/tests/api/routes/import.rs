use axum::http::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Setup, TOKEN, World, hash};

async fn csv(world: &World, query: &str, text: &str) -> Answer {
    world
        .call(
            Method::POST,
            &format!("/extensions/import{query}"),
            Some("text/csv"),
            text,
        )
        .await
}

async fn count(world: &World) -> usize {
    world.get("/extensions?limit=500").await.json()["items"]
        .as_array()
        .unwrap()
        .len()
}

#[tokio::test]
async fn csv_makes_all_of_its_extensions() {
    let world = World::new().await;
    let text = "\u{feff}Name, number ,password\r\n\"Smith, Alice\", 101 ,\r\nBob,102,pass word \r\n";
    let report = csv(&world, "", text).await.is(200).json();
    assert_eq!(
        (&report["created"], &report["failed"], &report["dry_run"]),
        (&json!(2), &json!(0), &json!(false))
    );
    let generated = report["lines"][0]["password"].as_str().unwrap();
    assert_eq!(world.stored_ha1("101").await, hash("101", generated).sha256);
    assert_eq!(world.stored_ha1("102").await, hash("102", "pass word ").sha256);
    assert_eq!(
        report["lines"][1],
        json!({"line": 3, "number": "102", "status": "created"})
    );
    assert_eq!(world.get("/extensions/101").await.json()["name"], "Smith, Alice");
    assert_eq!(world.changes().len(), 4);
}

#[tokio::test]
async fn lines_are_counted_as_an_editor_counts_them() {
    let world = World::new().await;
    for text in [
        "number,name\n\n\n101,\"two\nlines\"\n102,x",
        "number,name\r\n\r\n\r\n101,\"two\r\nlines\"\r\n102,x\r\n",
    ] {
        let report = csv(&world, "?dry_run=true", text).await.is(200).json();
        assert_eq!(
            (&report["lines"][0]["line"], &report["lines"][1]["line"]),
            (&json!(4), &json!(6)),
            "{text:?}"
        );
    }
}

#[tokio::test]
async fn a_line_that_is_no_text_is_a_fault_of_that_line() {
    let world = World::new().await;
    let request = axum::http::Request::builder()
        .method("POST")
        .uri("/api/v1/extensions/import?dry_run=true");
    let request = request
        .header("content-type", "text/csv")
        .header("authorization", format!("Bearer {TOKEN}"));
    let body = axum::body::Body::from(b"number\n101\n\xff\n102\n".to_vec());
    let report = world.send(request.body(body).unwrap()).await.is(200).json();
    let status: Vec<_> = report["lines"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| line["status"].clone())
        .collect();
    assert_eq!(status, ["valid", "failed", "valid"]);
}

#[tokio::test]
async fn an_import_with_a_faulty_line_makes_nothing() {
    let world = World::new().await;
    world.post("/extensions", r#"{"number":"104"}"#).await.is(201);
    world.changes();
    let text = "number,name\n101,Alice\n1 2,Bob\n101,Again\n104,Taken\n105\n106,a\u{7}b\n";
    let body = csv(&world, "", text).await.is_problem(422, "import_failed", None);
    let lines: Vec<_> = body["lines"]
        .as_array()
        .unwrap()
        .iter()
        .map(|l| (l["line"].clone(), l["status"].clone(), l["field"].clone()))
        .collect();
    let line = |line: u32, status: &str, field: Value| (json!(line), json!(status), field);
    assert_eq!(
        lines,
        [
            line(2, "valid", Value::Null),
            line(3, "failed", json!("number")),
            line(4, "failed", json!("number")),
            line(5, "failed", json!("number")),
            line(6, "failed", json!("line")),
            line(7, "failed", json!("name")),
        ]
    );
    assert_eq!(body["lines"][2]["detail"], "line 2 has the same number");
    assert_eq!(count(&world).await, 1);
    assert!(world.changes().is_empty());
}

#[tokio::test]
async fn a_dry_run_reports_and_makes_nothing() {
    let world = World::new().await;
    let report = csv(&world, "?dry_run=true", "number\n101\nx y\n").await.is(200).json();
    assert_eq!(
        (&report["dry_run"], &report["created"], &report["failed"]),
        (&json!(true), &json!(0), &json!(1))
    );
    assert_eq!(
        report["lines"][0],
        json!({"line": 2, "number": "101", "status": "valid"})
    );
    assert_eq!(report["lines"][1]["field"], "number");
    assert_eq!(count(&world).await, 0);
    csv(&world, "?dry_run=perhaps", "number\n")
        .await
        .is_problem(422, "invalid", Some("dry_run"));
}

#[tokio::test]
async fn lines_with_passwords_that_are_guessed_first_are_named() {
    let world = World::new().await;
    let text = "number,password\n101,short\n102,otter-7-quiet\n10310310,10310310\n104,letmein123\n105,\n";
    let body = csv(&world, "", text).await.is_problem(422, "import_failed", None);
    let faults: Vec<_> = body["lines"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|line| line["status"] == "failed")
        .map(|line| (line["line"].as_u64().unwrap(), line["field"].as_str().unwrap()))
        .collect();
    assert_eq!(faults, [(2, "password"), (4, "password"), (5, "password")]);
    assert!(!body.to_string().contains("letmein123"));
    assert_eq!(count(&world).await, 0);
}

#[tokio::test]
async fn json_is_taken_as_well() {
    let world = World::new().await;
    let good = r#"[{"number":"101","name":"Alice","password":"otter-7-quiet"},{"number":"102"}]"#;
    let report = world.post("/extensions/import", good).await.is(200).json();
    assert_eq!(report["created"], 2);
    assert!(report["lines"][0].get("password").is_none());
    assert!(report["lines"][1]["password"].is_string());
    let bad = r#"[{"number":"103"},{"number":104},7,{"number":"105","nick":"x"}]"#;
    let body = world
        .post("/extensions/import", bad)
        .await
        .is_problem(422, "import_failed", None);
    let fields: Vec<_> = body["lines"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| line["field"].clone())
        .collect();
    assert_eq!(fields, [Value::Null, json!("number"), json!("body"), json!("nick")]);
    world
        .post("/extensions/import", "[")
        .await
        .is_problem(400, "malformed", None);
    world
        .post("/extensions/import", "{}")
        .await
        .is_problem(422, "invalid", Some("body"));
    assert_eq!(count(&world).await, 2);
}

#[tokio::test]
async fn headers_sizes_and_types_are_checked() {
    let mut setup = Setup::default();
    (setup.limits.import_lines, setup.limits.import_body) = (3, 100);
    let world = World::with(setup).await;
    for header in ["", "name\n", "number,colour\n", "number,number\n", "number,\u{0}\n"] {
        csv(&world, "", header).await.is_problem(422, "invalid", Some("header"));
    }
    csv(&world, "", "number\n1\n2\n3\n4\n")
        .await
        .is_problem(413, "too_large", None);
    csv(&world, "", &"9".repeat(101))
        .await
        .is_problem(413, "too_large", None);
    let text = world
        .call(Method::POST, "/extensions/import", Some("text/html"), "number\n1\n")
        .await;
    text.is_problem(415, "unsupported_media_type", Some("Content-Type"));
    assert_eq!(csv(&world, "", "number\n").await.is(200).json()["created"], 0);
}

#[tokio::test]
async fn tables_with_any_separator_set_the_forwarding() {
    let header = [
        "number",
        "name",
        "dnd",
        "forward_always",
        "forward_busy",
        "forward_no_answer",
        "voicemail",
        "require_qop",
        "transcode",
        "dtmf",
    ];
    let line = [
        "101",
        "Smith, Alice",
        "yes",
        "",
        "102",
        "sip:x@example.com",
        "1",
        "on",
        "Off",
        "RFC4733",
    ];
    for (first, separator) in [
        ("", ","),
        ("", ";"),
        ("", "\t"),
        ("sep=;\r\n", ";"),
        ("\u{feff}sep=,\n", ","),
    ] {
        let world = World::new().await;
        let quoted = line.map(|field| {
            if separator == "," && field.contains(',') {
                format!("\"{field}\"")
            } else {
                field.to_owned()
            }
        });
        let text = format!("{first}{}\r\n{}\r\n", header.join(separator), quoted.join(separator));
        let report = csv(&world, "", &text).await.is(200).json();
        let at = if first.is_empty() { 2 } else { 3 };
        assert_eq!(report["lines"][0]["line"], at, "{text:?}");
        let made = world.get("/extensions/101").await.json();
        assert_eq!(
            (&made["name"], &made["dnd"], &made["voicemail"], &made["require_qop"]),
            (&json!("Smith, Alice"), &json!(true), &json!(true), &json!(true)),
            "{text:?}"
        );
        assert_eq!(
            (&made["transcode"], &made["dtmf"]),
            (&json!("off"), &json!("rfc4733")),
            "{text:?}"
        );
        assert_eq!(
            (
                &made["forward_always"],
                &made["forward_busy"],
                &made["forward_no_answer"]
            ),
            (&Value::Null, &json!("102"), &json!("sip:x@example.com"))
        );
        let told = world.changes();
        assert!(
            matches!(&told[0], switch::AccountChange::Extension(e) if e.dnd && e.forward_busy.as_deref() == Some("102"))
        );
    }
    let world = World::new().await;
    let tabs = world.call(
        Method::POST,
        "/extensions/import",
        Some("text/tab-separated-values"),
        "number\tname\n1\tx\n",
    );
    assert_eq!(tabs.await.is(200).json()["created"], 1);
}

#[tokio::test]
async fn a_faulty_rule_is_named_with_its_line() {
    let world = World::new().await;
    let text = "number;dnd;forward_busy;voicemail;call_limit\n1;maybe;;;\n2;;no where;;\n3;;;2;\n4;off;5;no;2\n\
                5;;;;many\n6;;;;51\n";
    let body = csv(&world, "", text).await.is_problem(422, "import_failed", None);
    let fields: Vec<_> = body["lines"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| line["field"].clone())
        .collect();
    assert_eq!(
        fields,
        [
            json!("dnd"),
            json!("forward_busy"),
            json!("voicemail"),
            Value::Null,
            json!("call_limit"),
            json!("call_limit")
        ]
    );
    world
        .post("/extensions", r#"{"number":"1","forward_always":""}"#)
        .await
        .is_problem(422, "invalid", Some("forward_always"));
    let made = world
        .post("/extensions", r#"{"number":"1","forward_always":"2","voicemail":true}"#)
        .await;
    assert_eq!(
        (&made.is(201).json()["forward_always"], &made.json()["dnd"]),
        (&json!("2"), &json!(false))
    );
}

#[tokio::test]
async fn an_exported_table_can_be_imported() {
    let world = World::new().await;
    let text = "number,name,dnd,forward_always,forward_busy,forward_no_answer,forward_unreachable,voicemail,require_qop,\
                transcode,dtmf,no_answer_seconds,call_limit,pickup_group,music,reject_anonymous,hide_number,intercom\n\
                *97,,false,,,,,true,false,auto,auto,,,,,false,false,true\n\
                101,\"Smith, \"\"Al\"\"\",true,102,sip:a@b.example,gw/+49,103,false,true,off,inband,20,2,sales,jazz,true,true,false\n";
    csv(&world, "", text).await.is(200);
    let accept = [("accept", "text/csv")];
    let table = world
        .with_headers(Method::GET, "/extensions?limit=1", &accept, "")
        .await;
    assert_eq!(table.is(200).text, text);
    assert!(table.headers["content-type"].to_str().unwrap().starts_with("text/csv"));
    assert_eq!(
        table.headers["content-disposition"],
        "attachment; filename=\"extensions.csv\""
    );
    let other = World::new().await;
    csv(&other, "", &table.text).await.is(200);
    let copy = other.with_headers(Method::GET, "/extensions", &accept, "").await;
    assert_eq!(copy.text, text);
    let found = world
        .with_headers(Method::GET, "/extensions?q=smith", &accept, "")
        .await;
    assert_eq!(found.text.lines().count(), 2);
    // More than one page of the store.
    let many: String = (0..1_100).map(|n| format!("{}\n", 2000 + n)).collect();
    csv(&other, "", &format!("number\n{many}")).await.is(200);
    let all = other.with_headers(Method::GET, "/extensions", &accept, "").await;
    assert_eq!(all.text.lines().count(), 1_103);
    for accept in ["*/*", "application/json, text/csv", "text/html"] {
        let json = world
            .with_headers(Method::GET, "/extensions", &[("accept", accept)], "")
            .await;
        assert!(json.json()["items"].is_array(), "{accept}");
    }
}
