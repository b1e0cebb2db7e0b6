//! Recordings: list, hear, remove.

use std::{io::ErrorKind, time::SystemTime};

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, Method, StatusCode},
    response::Response,
};
use jiff::Timestamp;
use records::{CallUid, RecordingKind, RecordingUid};
use serde::Deserialize;
use store::{RecordingFilter, StoredRecording};
use utoipa::IntoParams;

use super::pages::{self, Page};
use crate::{
    http::{
        extract::{PathText, QueryParams},
        links,
        problem::{NoToken, Problem, ProblemBody},
        ranges::{self, Sent},
        versions::{Conditions, Version},
    },
    model::{Recording, RecordingLink, RecordingPage, RecordingState, validate},
    shell::{recordings::NotRemoved, state::App},
};

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListQuery {
    /// Begun at this time or later.
    #[param(example = "2026-01-05T00:00:00Z")]
    from: Option<Timestamp>,
    /// Begun before this time.
    #[param(example = "2026-01-06T00:00:00Z")]
    to: Option<Timestamp>,
    /// The caller of the call, the party that was reached, or the number that was dialled. A page then looks at 50,000
    /// recordings at most, as with `q`.
    #[param(example = "101", max_length = 256)]
    number: Option<String>,
    /// Of this call.
    #[param(pattern = "^[0-9A-Fa-f]{32}$", example = "5f0c6f2e8d3b4a1c9e7d5b3a1f2e4d6c")]
    call_id: Option<String>,
    /// Of this kind.
    #[param(inline)]
    kind: Option<RecordingKind>,
    /// Part of the recording's name, of one of these numbers or of the caller's name, whatever its case. A page then
    /// looks at 50,000 recordings at most: it may hold few or none, and still have a `next_cursor`.
    #[param(example = "ali", max_length = 100)]
    q: Option<String>,
    /// How many at most; 50 unless given.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[param(pattern = "^([0-9a-f]{2})*$", max_length = 512)]
    cursor: Option<String>,
}

impl ListQuery {
    fn filter(&mut self, most: u32) -> Result<RecordingFilter, Problem> {
        let call = self.call_id.take().filter(|id| !id.is_empty());
        let call = call.map(|id| {
            let problem = || Problem::invalid("call_id", "a call id is 32 hexadecimal digits");
            CallUid::parse(&id).ok_or_else(problem)
        });
        Ok(RecordingFilter {
            from: self.from.map(Timestamp::as_microsecond),
            to: self.to.map(Timestamp::as_microsecond),
            call: call.transpose()?,
            kind: self.kind,
            number: pages::text("number", self.number.take(), validate::MAX_TARGET)?,
            text: pages::text("q", self.q.take(), validate::MAX_SEARCH)?,
            most,
        })
    }
}

/// List recordings
///
/// Newest first, in pages; those in progress, too.
#[utoipa::path(
    get, path = "/recordings", tag = "recordings", operation_id = "list_recordings", params(ListQuery),
    responses(
        (status = 200, description = "A page of recordings", body = RecordingPage),
        NoToken,
        (status = 422, description = "A parameter at fault", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list(
    State(app): State<App>,
    QueryParams(mut query): QueryParams<ListQuery>,
) -> Result<Json<RecordingPage>, Problem> {
    let filter = query.filter(app.limits.search_records)?;
    let Page { limit, cursor } = pages::page(query.limit, query.cursor.as_deref())?;
    let page = app
        .store
        .recordings(&app.domain, &filter, limit, cursor.as_deref())
        .await?;
    Ok(Json(RecordingPage {
        items: shown(&app, page.items).await,
        next_cursor: page.next_cursor.as_deref().map(pages::encode),
    }))
}

/// The recordings of a call, newest first.
pub(crate) async fn of_call(app: &App, call: CallUid) -> Result<Vec<Recording>, Problem> {
    let filter = RecordingFilter {
        call: Some(call),
        ..RecordingFilter::default()
    };
    let page = app.store.recordings(&app.domain, &filter, 100, None).await?;
    Ok(shown(app, page.items).await)
}

/// With a look at the files.
async fn shown(app: &App, stored: Vec<StoredRecording>) -> Vec<Recording> {
    let files = stored.iter().map(|stored| stored.recording.file.clone()).collect();
    let there = app.recordings.are_there(files).await;
    let show = |(stored, there): (StoredRecording, bool)| {
        let mut recording = Recording::from(stored);
        if recording.state == RecordingState::Ended && !there {
            recording.state = RecordingState::Missing;
        }
        recording
    };
    stored.into_iter().zip(there).map(show).collect()
}

/// Show a recording
#[utoipa::path(
    get, path = "/recordings/{id}", tag = "recordings", operation_id = "read_recording",
    params(("id" = String, Path, description = "As the list shows it", example = "9e7d5b3a1f2e4d6c")),
    responses(
        (status = 200, description = "The recording", body = Recording),
        NoToken,
        (status = 404, description = "No such recording", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn read(State(app): State<App>, PathText(id): PathText) -> Result<Json<Recording>, Problem> {
    let stored = find(&app, &id).await?;
    let shown = shown(&app, vec![stored]).await.pop();
    shown.map(Json).ok_or_else(|| Problem::not_found("recording"))
}

async fn find(app: &App, id: &str) -> Result<StoredRecording, Problem> {
    let id = RecordingUid::parse(id).ok_or_else(|| Problem::not_found("recording"))?;
    Ok(app.store.recording(&app.domain, id).await?)
}

/// Hear a recording
///
/// The file, whole or a range of its bytes, as a player asks when a person goes to another second. Without a token it can
/// be had by a link (`POST /recordings/{id}/link`).
#[utoipa::path(
    get, path = "/recordings/{id}/audio", tag = "recordings", operation_id = "hear_recording",
    params(
        ("id" = String, Path, description = "As the list shows it", example = "9e7d5b3a1f2e4d6c"),
        ("ticket" = Option<String>, Query, description = "Part of a link; then no token is needed", max_length = 100),
        ("Range" = Option<String>, Header, description = "One range of bytes; of several, all bytes are sent", example = "bytes=0-65535"),
        ("If-Range" = Option<String>, Header, description = "The version (`ETag`) that the range is of"),
        ("If-None-Match" = Option<String>, Header, description = "The version (`ETag`) that the client has"),
    ),
    responses(
        (status = 200, description = "All of it: audio/wav, or audio/ogg (Opus)", content((String = "audio/wav"), (String = "audio/ogg")),
            headers(("ETag" = String, description = "The version of the file"), ("Accept-Ranges" = String, description = "bytes"))),
        (status = 206, description = "The range", content((String = "audio/wav"), (String = "audio/ogg")),
            headers(("Content-Range" = String, description = "The range, and how many bytes there are"))),
        (status = 304, description = "The client has this version"),
        NoToken,
        (status = 404, description = "No such recording; `file_missing`: its file is gone", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "`in_progress`: it can be heard once it has ended", body = ProblemBody, content_type = "application/problem+json"),
        (status = 412, description = "Another version than the one of If-Match", body = ProblemBody, content_type = "application/problem+json"),
        (status = 416, description = "No such bytes", body = ProblemBody, content_type = "application/problem+json",
            headers(("Content-Range" = String, description = "How many bytes there are"))),
    )
)]
pub(crate) async fn audio(
    State(app): State<App>,
    PathText(id): PathText,
    method: Method,
    headers: HeaderMap,
    conditions: Conditions,
) -> Result<Response, Problem> {
    let stored = find(&app, &id).await?;
    if stored.recording.ended.is_none() {
        return Err(in_progress());
    }
    let opened = app.recordings.open(&stored.recording.file).await;
    let (file, about) = opened.map_err(|error| {
        if error.kind() == ErrorKind::NotFound {
            return Problem::new(
                StatusCode::NOT_FOUND,
                "file_missing",
                "the file of this recording is not there",
            );
        }
        Problem::internal(&error)
    })?;
    let changed = about.modified().unwrap_or(SystemTime::UNIX_EPOCH);
    let sent = Sent {
        file,
        length: about.len(),
        version: Version::of_file(about.len(), changed),
        media_type: stored.recording.format.media_type(),
        name: file_name(&stored),
    };
    ranges::send(sent, &method, &headers, &conditions).await
}

fn in_progress() -> Problem {
    Problem::new(
        StatusCode::CONFLICT,
        "in_progress",
        "the recording goes on; end it first",
    )
}

/// The name under which a browser saves the file: when, and with whom or where. Only characters that any system takes.
fn file_name(stored: &StoredRecording) -> String {
    let recording = Recording::from(stored.clone());
    let what = match (recording.kind, recording.call) {
        (RecordingKind::Call | RecordingKind::Caller, Some(call)) => {
            let to = if call.to.is_empty() { call.dialed } else { call.to };
            format!("{}-{to}", call.from)
        }
        (RecordingKind::Conference, _) | (_, None) => recording.name,
    };
    let seconds = recording.started_at.as_second();
    let time = Timestamp::from_second(seconds).unwrap_or(recording.started_at);
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || "-+_.".contains(c) {
            c
        } else {
            '_'
        }
    };
    let name: String = format!("{time}-{what}").chars().map(plain).take(100).collect();
    format!("{name}.{}", recording.format.name())
}

/// Make a link to the sound
///
/// For an audio element or a download, which send no token. Whoever has the link can hear this recording until it expires;
/// a restart of Tandem ends all links.
#[utoipa::path(
    post, path = "/recordings/{id}/link", tag = "recordings", operation_id = "link_recording",
    params(("id" = String, Path, description = "As the list shows it", example = "9e7d5b3a1f2e4d6c")),
    responses(
        (status = 201, description = "The link", body = RecordingLink),
        NoToken,
        (status = 404, description = "No such recording", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn link(
    State(app): State<App>,
    PathText(id): PathText,
) -> Result<(StatusCode, Json<RecordingLink>), Problem> {
    let id = find(&app, &id).await?.recording.id;
    let (ticket, expires_at) = app.guard.links.ticket(id, Timestamp::now())?;
    let url = format!("/api/v1/recordings/{id}/audio?{}={ticket}", links::PARAMETER);
    Ok((StatusCode::CREATED, Json(RecordingLink { url, expires_at })))
}

/// Remove a recording
///
/// With its file. Whoever hears it now can hear it to its end.
#[utoipa::path(
    delete, path = "/recordings/{id}", tag = "recordings", operation_id = "delete_recording",
    params(("id" = String, Path, description = "As the list shows it", example = "9e7d5b3a1f2e4d6c")),
    responses(
        (status = 204, description = "Removed"),
        NoToken,
        (status = 404, description = "No such recording", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "`in_progress`: it goes on", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn delete(State(app): State<App>, PathText(id): PathText) -> Result<StatusCode, Problem> {
    let stored = find(&app, &id).await?;
    match app.recordings.remove(&stored.recording).await {
        Ok(()) => Ok(StatusCode::NO_CONTENT),
        Err(NotRemoved::InProgress) => Err(in_progress()),
        Err(NotRemoved::File(error)) => Err(Problem::internal(&error)),
        Err(NotRemoved::Row(error)) => Err(error.into()),
    }
}
