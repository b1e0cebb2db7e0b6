use std::io::Read;

use axum::{
    body::Body,
    http::{Method, Request},
};
use flate2::read::GzDecoder;
use http_body_util::BodyExt;
use tower::ServiceExt;

use crate::support::{Setup, TOKEN, World};

#[tokio::test]
async fn health_is_ready_once_the_listeners_are_bound() {
    let world = World::new().await;
    let health = async || world.plain(Method::GET, "/healthz", &[]).await;
    health().await.is_problem(503, "not_ready", None);
    world.health.ready();
    assert_eq!(health().await.is(200).json()["status"], "ok");
    world.health.draining();
    assert_eq!(health().await.is(200).json()["status"], "draining");
    world.health.not_ready();
    health().await.is(503);
}

#[tokio::test]
async fn health_has_a_detail_where_the_dialplan_is_broken() {
    let world = World::new().await;
    world.health.ready();
    let health = async || world.plain(Method::GET, "/healthz", &[]).await.is(200).json();
    assert_eq!(health().await, serde_json::json!({"status": "ok"}));
    let kind = Some("text/plain");
    let put = world.call(Method::PUT, "/dialplans/broken", kind, "fn closed() {}");
    put.await.is(204);
    let report = health().await;
    assert_eq!(report["status"], "ok", "phones are served");
    let detail = report["detail"].as_str().unwrap();
    assert!(
        detail.starts_with("the dialplan files are broken; the last good ones run") && !detail.contains(".rhai"),
        "{detail}"
    );
}

#[tokio::test]
async fn answers_are_compressed_for_clients_that_accept_it() {
    let world = World::new().await;
    let plain = world.get("/openapi.json").await;
    assert!(!plain.is(200).headers.contains_key("content-encoding"));
    let request = Request::builder()
        .uri("/api/v1/openapi.json")
        .header("authorization", format!("Bearer {TOKEN}"))
        .header("accept-encoding", "br, gzip;q=0.8");
    let request = request.body(Body::empty()).unwrap();
    let response = world.router.clone().oneshot(request).await.unwrap();
    assert_eq!(response.headers()["content-encoding"], "gzip");
    let packed = response.into_body().collect().await.unwrap().to_bytes();
    assert!(packed.len() * 4 < plain.text.len(), "{}", packed.len());
    let mut text = String::new();
    GzDecoder::new(&packed[..]).read_to_string(&mut text).unwrap();
    assert_eq!(text, plain.text);
}

#[tokio::test]
async fn metrics_are_open_and_have_the_switch_and_the_requests() {
    let world = World::new().await;
    world.get("/extensions/101").await.is(404);
    let open = [(
        "accept",
        "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5",
    )];
    let answer = world.plain(Method::GET, "/metrics", &open).await;
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert_eq!(answer.is(200).headers["content-type"], kind);
    for line in [
        "# TYPE tandem_calls gauge",
        "tandem_calls 3",
        "tandem_calls_started_total 41",
        "tandem_http_requests_total{method=\"GET\",route=\"/api/v1/extensions/{number}\",status=\"404\"} 1",
        "tandem_http_request_duration_seconds_count 1",
        "tandem_http_event_streams 0",
    ] {
        assert!(
            answer.text.lines().any(|l| l == line),
            "{line} is not in\n{}",
            answer.text
        );
    }
    assert!(answer.text.ends_with("# EOF\n"));
    let answer = world.plain(Method::GET, "/metrics", &[]).await;
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    assert_eq!(answer.is(200).headers["content-type"], kind);
    assert!(answer.text.contains("# TYPE tandem_calls_started_total counter\n"));
}

#[tokio::test]
async fn made_up_methods_and_paths_add_no_time_series() {
    let world = World::new().await;
    for i in 0..5 {
        let method = Method::from_bytes(format!("M{i}").as_bytes()).unwrap();
        world.plain(method, &format!("/x{i}"), &[]).await;
    }
    let text = world.plain(Method::GET, "/metrics", &[]).await.text;
    let series: Vec<_> = text
        .lines()
        .filter(|line| line.starts_with("tandem_http_requests_total"))
        .collect();
    assert_eq!(
        series,
        ["tandem_http_requests_total{method=\"other\",route=\"other\",status=\"405\"} 5"]
    );
}

#[tokio::test]
async fn metrics_want_a_token_where_that_is_configured() {
    let world = World::with(Setup {
        metrics_need_token: true,
        ..Setup::default()
    })
    .await;
    world
        .plain(Method::GET, "/metrics", &[])
        .await
        .is_problem(401, "unauthorized", None);
    let token = format!("Bearer {TOKEN}");
    world
        .plain(Method::GET, "/metrics", &[("authorization", &token)])
        .await
        .is(200);
    world.plain(Method::GET, "/healthz", &[]).await.is(503);
}

#[tokio::test]
async fn metrics_are_served_also_without_the_switch() {
    let world = World::with(Setup {
        switch_runs: false,
        ..Setup::default()
    })
    .await;
    let text = world.plain(Method::GET, "/metrics", &[]).await.is(200).text.clone();
    assert!(!text.contains("tandem_calls ") && text.contains("tandem_http_event_streams 0"));
}

#[tokio::test]
async fn every_answer_has_the_security_headers() {
    let world = World::new().await;
    for path in ["/", "/calls", "/api/v1/calls", "/healthz", "/metrics", "/none.js"] {
        let answer = world.plain(Method::GET, path, &[]).await;
        let policy = answer.headers["content-security-policy"].to_str().unwrap();
        assert!(
            policy.contains("default-src 'none'") && !policy.contains("unsafe"),
            "{policy}"
        );
        assert_eq!(answer.headers["x-content-type-options"], "nosniff");
        assert_eq!(answer.headers["x-frame-options"], "DENY");
        assert_eq!(answer.headers["referrer-policy"], "no-referrer");
    }
    assert_eq!(world.get("/calls").await.headers["cache-control"], "no-store");
}

#[tokio::test]
async fn the_page_answers_for_all_of_its_views() {
    let world = World::new().await;
    for path in ["/", "/calls", "/extensions", "/history"] {
        let answer = world.plain(Method::GET, path, &[]).await;
        assert!(
            answer.is(200).headers["content-type"]
                .to_str()
                .unwrap()
                .starts_with("text/html"),
            "{path}"
        );
        assert!(answer.text.contains("Tandem"));
    }
    assert_eq!(world.plain(Method::HEAD, "/", &[]).await.is(200).text, "");
}

#[tokio::test]
async fn the_page_is_not_sent_again_to_a_browser_that_has_it() {
    let world = World::new().await;
    let first = world.plain(Method::GET, "/", &[]).await;
    // Without the page in the binary there is nothing to know.
    let Some(tag) = first.headers.get("etag").and_then(|tag| tag.to_str().ok()) else {
        return;
    };
    let again = world.plain(Method::GET, "/", &[("if-none-match", tag)]).await;
    assert_eq!(again.is(304).text, "");
}

#[tokio::test]
async fn the_addresses_that_phones_sign_in_at_are_listed() {
    let world = World::new().await;
    let told = world.get("/system").await.is(200).json();
    assert_eq!(
        told,
        serde_json::json!({
            "version": "0.0.0", "domain": "tandem.local",
            "servers": [{"address": "192.0.2.7", "port": 5060, "transports": ["udp", "tcp"]}]
        })
    );
    let stranger = world.plain(axum::http::Method::GET, "/api/v1/system", &[]).await;
    stranger.is_problem(401, "unauthorized", None);
}
