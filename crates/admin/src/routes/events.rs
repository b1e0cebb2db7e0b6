//! What happens, as Server-Sent Events.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use axum::{
    extract::State,
    response::{
        Sse,
        sse::{Event, KeepAlive},
    },
};
use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::OwnedSemaphorePermit;
use tokio_stream::{
    Stream, StreamExt,
    wrappers::{BroadcastStream, WatchStream, errors::BroadcastStreamRecvError},
};

use crate::{
    http::problem::{NoToken, Problem, ProblemBody},
    shell::{events::AdminEvent, state::App},
};

/// Listen to events
///
/// `call.started`, `call.ringing`, `call.answered` (a `Call`), `call.ended` (a `Cdr` without `id`),
/// `registration.added`, `registration.removed` (a `Registration`), `extension.changed` (`{"number"}`: its settings are
/// others now, changed here, by a key of a phone or by the dialplan), `recording.started`, `recording.ended` (a `Recording`
/// without `call`), `conference.joined`, `conference.changed` (muted, or begins or ends to speak), `conference.left`
/// (`{"room","member"}`, a `ConferenceMember`), `parked.added` (a `ParkedCall`), `parked.removed` (a `ParkedCall` with
/// `why`: `retrieved`, `returned`, `timeout` or `ended`), `dialplan.reloaded`
/// (`{"generation"}`), `dialplan.failed` (`{"file","line","column","detail","call_id"}`; without a
/// call where files do not compile). Names may be added. The first event is `hello`, sent once
/// everything that happens from then on will be told; `dialplan.failed` follows where the dialplan's files do not compile
/// now.
///
/// Events are not numbered and not kept, so `Last-Event-ID` means nothing here: after a pause, read
/// the lists again. Who reads too slowly gets `lagged` (`{"missed"}`) in place of what was missed, and
/// the stream goes on.
#[utoipa::path(
    get, path = "/events", tag = "events", operation_id = "stream_events",
    responses(
        (status = 200, description = "An endless stream; comments keep it alive", body = String, content_type = "text/event-stream",
            example = "event: hello\ndata: {}\n\nevent: registration.removed\ndata: {\"id\":\"7\",\"number\":\"101\"}\n\n"),
        NoToken,
        (status = 503, description = "Too many listen already", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn stream(
    State(app): State<App>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let place = app.streams.places.clone().try_acquire_owned();
    let place = place.map_err(|_| Problem::unavailable("too_many_streams", "too many listen to events already"))?;
    let events = Events {
        events: BroadcastStream::new(app.events.subscribe()),
        closing: WatchStream::new(app.streams.closing.subscribe()),
        _place: Place::take(place, app.metrics.http.event_streams.clone()),
    };
    let hello = Event::default()
        .event("hello")
        .retry(std::time::Duration::from_secs(2))
        .data("{}");
    // Faults from before this listener came that still hold.
    let failed = app.dialplans.fault();
    let failed = failed.map(|fault| Ok(render(Ok(AdminEvent::dialplan_failed(&fault)))));
    let events = tokio_stream::iter([Ok(hello)].into_iter().chain(failed)).chain(events);
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(app.limits.keep_alive)))
}

/// Ends when the server closes.
struct Events {
    events: BroadcastStream<AdminEvent>,
    closing: WatchStream<bool>,
    _place: Place,
}

impl Stream for Events {
    type Item = Result<Event, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        while let Poll::Ready(closing) = Pin::new(&mut self.closing).poll_next(cx) {
            if closing != Some(false) {
                return Poll::Ready(None);
            }
        }
        Pin::new(&mut self.events)
            .poll_next(cx)
            .map(|event| event.map(|event| Ok(render(event))))
    }
}

fn render(event: Result<AdminEvent, BroadcastStreamRecvError>) -> Event {
    match event {
        Ok(event) => Event::default().event(event.name()).data(event.data()),
        Err(BroadcastStreamRecvError::Lagged(missed)) => Event::default()
            .event("lagged")
            .data(format!("{{\"missed\":{missed}}}")),
    }
}

/// One of the places for listeners; given back when the stream is dropped.
struct Place(
    Gauge,
    #[expect(dead_code, reason = "held, not read")] OwnedSemaphorePermit,
);

impl Place {
    fn take(permit: OwnedSemaphorePermit, gauge: Gauge) -> Self {
        gauge.inc();
        Self(gauge, permit)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.dec();
    }
}
