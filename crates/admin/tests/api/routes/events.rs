use std::pin::pin;

use admin::Fault;
use axum::{body::Body, http::Request};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use switch::{CallUid, CauseCode, Cdr, CdrOpen, Disposition, EndedBy, Event, Position, ScriptFault, Segment};
use tower::ServiceExt;

use crate::support::{Setup, TOKEN, World, call, contact};

/// An open event stream, read as a client reads it.
struct Listener {
    body: Body,
    buffer: String,
}

impl Listener {
    async fn new(world: &World) -> Self {
        // As a browser asks: what it takes compressed is not kept back for it.
        let request = Request::builder()
            .uri("/api/v1/events")
            .header("accept-encoding", "gzip, deflate, br")
            .header("authorization", format!("Bearer {TOKEN}"));
        let response = world
            .router
            .clone()
            .oneshot(request.body(Body::empty()).unwrap())
            .await
            .unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert!(!response.headers().contains_key("content-encoding"));
        let mut listener = Self {
            body: response.into_body(),
            buffer: String::new(),
        };
        assert_eq!(listener.next().await, Some(("hello".to_owned(), json!({}))));
        listener
    }

    async fn chunk(&mut self) -> Option<String> {
        loop {
            if let Some((chunk, rest)) = self.buffer.split_once("\n\n") {
                let (chunk, rest) = (chunk.to_owned(), rest.to_owned());
                self.buffer = rest;
                return Some(chunk);
            }
            let frame = self.body.frame().await?.unwrap();
            self.buffer
                .push_str(std::str::from_utf8(frame.data_ref().unwrap()).unwrap());
        }
    }

    async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            let chunk = self.chunk().await?;
            let field = |name: &str| chunk.lines().find_map(|line| line.strip_prefix(name));
            if let (Some(event), Some(data)) = (field("event: "), field("data: ")) {
                return Some((event.to_owned(), serde_json::from_str(data).unwrap()));
            }
        }
    }
}

fn ended() -> Event {
    let open = CdrOpen {
        call_id: CallUid(1),
        from: "101".to_owned(),
        from_name: String::new(),
        dialed: "102".to_owned(),
        sip_call_id: "x".to_owned(),
        started_at: 0,
    };
    Event::CallEnded(Box::new(Cdr {
        open,
        to: "102".to_owned(),
        answered_at: Some(1_000_000),
        ended_at: 3_500_000,
        disposition: Disposition::Answered,
        sip_code: 200,
        ended_by: EndedBy::Caller,
        cause: CauseCode::CallerHungUp,
        detail: "the caller hung up".to_owned(),
        segments: Segment::of_plain_call(0, "101", Some((1_000_000, "102")), 3_500_000),
        links: Vec::new(),
        hidden: false,
    }))
}

#[tokio::test]
async fn events_have_the_names_of_the_contract_and_the_shapes_of_the_lists() {
    let world = World::new().await;
    let mut listener = Listener::new(&world).await;
    let live = || Box::new(call(1, "101", "102"));
    world.events.publish(Event::CallStarted(live()));
    world.events.publish(Event::CallRinging(live()));
    world.events.publish(Event::CallAnswered(live()));
    world.events.publish(ended());
    world
        .events
        .publish(Event::RegistrationAdded(Box::new(contact(5, "101"))));
    world
        .events
        .publish(Event::RegistrationRemoved(Box::new(contact(5, "101"))));
    let position = Position {
        file: "main.rhai".to_owned(),
        line: 3,
        column: 4,
    };
    let fault = ScriptFault {
        position,
        message: "boom".to_owned(),
    };
    world.events.publish(Event::ScriptFailed {
        call: CallUid(1),
        fault,
    });
    world.events.dialplan_reloaded(2);
    let fault = Fault {
        file: "main.rhai".to_owned(),
        line: 7,
        column: 1,
        detail: "no".to_owned(),
    };
    world.events.dialplan_failed(&fault);
    let uid = format!("{:032x}", 1);
    for (name, field, value) in [
        ("call.started", "id", json!(uid)),
        ("call.ringing", "state", json!("ringing")),
        ("call.answered", "from", json!("101")),
        ("call.ended", "talk_seconds", json!(2.5)),
        ("registration.added", "id", json!("5")),
        ("registration.removed", "number", json!("101")),
        ("dialplan.failed", "call_id", json!(uid)),
        ("dialplan.reloaded", "generation", json!(2)),
        ("dialplan.failed", "line", json!(7)),
    ] {
        let (event, data) = listener.next().await.unwrap();
        assert_eq!((event.as_str(), &data[field]), (name, &value));
    }
}

#[tokio::test]
async fn a_listener_that_reads_too_slowly_is_told_so_and_goes_on() {
    let world = World::new().await;
    let mut listener = Listener::new(&world).await;
    for generation in 0..2000 {
        world.events.dialplan_reloaded(generation);
    }
    let (name, data) = listener.next().await.unwrap();
    assert_eq!((name.as_str(), &data["missed"]), ("lagged", &json!(2000 - 1024)));
    let (name, data) = listener.next().await.unwrap();
    assert_eq!((name.as_str(), &data["generation"]), ("dialplan.reloaded", &json!(976)));
}

#[tokio::test]
async fn a_silent_stream_gets_comments() {
    let mut setup = Setup::default();
    setup.limits.keep_alive = std::time::Duration::from_millis(1);
    let world = World::with(setup).await;
    let mut listener = Listener::new(&world).await;
    assert_eq!(listener.chunk().await.as_deref(), Some(":"));
    assert_eq!(listener.chunk().await.as_deref(), Some(":"));
}

#[tokio::test]
async fn listeners_are_limited_and_a_place_is_given_back() {
    let mut setup = Setup::default();
    setup.limits.event_streams = 1;
    let world = World::with(setup).await;
    let first = Listener::new(&world).await;
    world.get("/events").await.is_problem(503, "too_many_streams", None);
    drop(first);
    let mut second = pin!(Listener::new(&world).await);
    world.events.dialplan_reloaded(1);
    assert_eq!(second.next().await.unwrap().0, "dialplan.reloaded");
}

#[tokio::test]
async fn a_later_listener_is_told_that_the_dialplan_has_a_fault() {
    let world = World::new().await;
    let kind = Some("text/plain");
    let put = world.call(axum::http::Method::PUT, "/dialplans/broken", kind, "fn closed() {}");
    put.await.is(204);
    let mut listener = Listener::new(&world).await;
    let (name, fault) = listener.next().await.unwrap();
    assert_eq!(
        (name.as_str(), &fault["file"], &fault["line"]),
        ("dialplan.failed", &json!("broken.rhai"), &json!(7))
    );
}
