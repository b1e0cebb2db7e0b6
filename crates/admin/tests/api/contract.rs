use std::{collections::BTreeMap, fs, path::PathBuf};

use axum::http::Method;
use serde_json::Value;

use crate::support::World;

fn document() -> Value {
    serde_json::to_value(admin::openapi()).unwrap()
}

fn operations() -> BTreeMap<String, Vec<Method>> {
    let document = document();
    let paths = document["paths"].as_object().unwrap();
    let methods = |item: &Value| {
        item.as_object()
            .unwrap()
            .keys()
            .filter_map(|key| key.to_uppercase().parse().ok())
            .collect()
    };
    paths.iter().map(|(path, item)| (path.clone(), methods(item))).collect()
}

#[test]
fn the_description_has_every_call_of_the_contract() {
    let operations = operations();
    for (path, methods) in [
        ("/api/v1/extensions", &["GET", "POST"][..]),
        ("/api/v1/extensions/{number}", &["GET", "PATCH", "DELETE"]),
        ("/api/v1/extensions/import", &["POST"]),
        ("/api/v1/registrations", &["GET"]),
        ("/api/v1/registrations/{id}", &["DELETE"]),
        ("/api/v1/subscriptions", &["GET"]),
        ("/api/v1/presence", &["GET"]),
        ("/api/v1/calls", &["GET", "POST"]),
        ("/api/v1/calls/{id}", &["GET", "DELETE"]),
        ("/api/v1/cdrs", &["GET"]),
        ("/api/v1/dialplans", &["GET"]),
        ("/api/v1/dialplans/{name}", &["GET", "PUT", "DELETE"]),
        ("/api/v1/calls/{id}/recording", &["POST"]),
        ("/api/v1/calls/{id}/transfer", &["POST"]),
        ("/api/v1/recordings", &["GET"]),
        ("/api/v1/recordings/{id}", &["GET", "DELETE"]),
        ("/api/v1/recordings/{id}/audio", &["GET"]),
        ("/api/v1/conferences", &["GET"]),
        ("/api/v1/conferences/{room}", &["GET"]),
        ("/api/v1/conferences/{room}/members/{id}", &["PATCH", "DELETE"]),
        ("/api/v1/events", &["GET"]),
        ("/api/v1/openapi.json", &["GET"]),
        ("/healthz", &["GET"]),
        ("/metrics", &["GET"]),
        ("/api/v1/system", &["GET"]),
    ] {
        let described = operations
            .get(path)
            .unwrap_or_else(|| panic!("{path} is not described"));
        for method in methods {
            assert!(
                described.iter().any(|m| m.as_str() == *method),
                "{method} {path} is not described"
            );
        }
    }
}

#[tokio::test]
async fn every_described_operation_has_a_route_and_every_route_is_described() {
    let world = World::new().await;
    let token = format!("Bearer {}", crate::support::TOKEN);
    for (path, described) in operations() {
        let concrete = path
            .replace("{number}", "1")
            .replace("{id}", "1")
            .replace("{room}", "1")
            .replace("{name}", "x");
        for method in [
            Method::GET,
            Method::POST,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
            Method::OPTIONS,
        ] {
            // An event stream has no end to wait for.
            if path.ends_with("/events") && method == Method::GET {
                continue;
            }
            let answer = world
                .plain(method.clone(), &concrete, &[("authorization", &token)])
                .await;
            let routed = answer.status != 405 && !answer.text.contains("no_such_route");
            // `import` also matches the pattern of a number, whose methods it then has.
            let other = path.ends_with("/import") && method != Method::POST;
            assert!(
                other || routed == described.contains(&method),
                "{method} {path}: {answer:?}"
            );
        }
    }
}

#[test]
fn every_operation_is_documented_with_its_errors_and_every_schema_with_words() {
    let document = document();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let name = format!("{method} {path}");
            assert!(
                operation["summary"].as_str().is_some_and(|text| !text.is_empty()),
                "{name} has no summary"
            );
            assert!(
                operation["operationId"].is_string() && operation["tags"][0].is_string(),
                "{name}"
            );
            let responses = operation["responses"].as_object().unwrap();
            if path.starts_with("/api/v1") {
                assert!(responses.contains_key("401"), "{name} does not describe 401");
            }
            if operation.get("requestBody").is_some() {
                for status in ["400", "413", "415", "422"] {
                    assert!(responses.contains_key(status), "{name} does not describe {status}");
                }
            }
            if path.contains('{') && method != "put" {
                assert!(responses.contains_key("404"), "{name} does not describe 404");
            }
            for (status, response) in responses {
                let problem = response["content"].get("application/problem+json").is_some();
                // 304 has no body (RFC 9110 15.4.5).
                assert_eq!(problem, !status.starts_with(['2', '3']), "{name} {status}");
            }
        }
    }
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        for (field, property) in schema["properties"].as_object().into_iter().flatten() {
            // Of a property that may be null the words stand beside what it is otherwise.
            let words = [&property["description"], &property["oneOf"][0]["description"]];
            assert!(
                words.iter().any(|words| words.is_string()),
                "{name}.{field} has no description"
            );
        }
    }
    let ids: Vec<_> = document["paths"]
        .as_object()
        .unwrap()
        .values()
        .flat_map(|item| item.as_object().unwrap().values())
        .map(|operation| operation["operationId"].as_str().unwrap().to_owned())
        .collect();
    let mut unique = ids.clone();
    unique.sort();
    unique.dedup();
    assert_eq!(unique.len(), ids.len(), "operation ids repeat: {ids:?}");
}

#[test]
fn the_words_of_recordings_are_described_as_they_are_sent() {
    use records::{RecordingEnd, RecordingFormat, RecordingKind};

    let document = document();
    let described = |name: &str| document["components"]["schemas"][name]["enum"].clone();
    let kinds: Vec<_> = RecordingKind::ALL.iter().map(|kind| kind.name()).collect();
    let formats: Vec<_> = RecordingFormat::ALL.iter().map(|format| format.name()).collect();
    let ends: Vec<_> = RecordingEnd::ALL.iter().map(|end| end.name()).collect();
    for (name, words) in [
        ("RecordingKind", kinds),
        ("RecordingFormat", formats),
        ("RecordingEnd", ends),
    ] {
        assert_eq!(described(name), Value::from(words), "{name}");
    }
}

#[tokio::test]
async fn the_served_description_is_the_one_the_page_was_made_from() {
    let world = World::new().await;
    let served = world.get("/openapi.json").await.is(200).json();
    assert_eq!(served, document());
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../web/openapi.json");
    let mut text = serde_json::to_string_pretty(&document()).unwrap();
    text.push('\n');
    if std::env::var_os("TANDEM_WRITE_OPENAPI").is_some() {
        fs::write(&file, &text).unwrap();
    }
    let kept = fs::read_to_string(&file).unwrap_or_default();
    assert!(
        kept == text,
        "web/openapi.json is old: run TANDEM_WRITE_OPENAPI=1 cargo test -p admin --test api contract"
    );
}
