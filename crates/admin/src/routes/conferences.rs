//! Conferences in progress: list, mute a member, remove a member.

use axum::{Json, extract::State, http::StatusCode};
use switch::{CallUid, Command, Reply};

use super::unexpected;
use crate::{
    http::{
        extract::{JsonBody, PathPair, PathText},
        problem::{NoToken, Problem, ProblemBody, SwitchBusy},
    },
    model::{Conference, ConferenceMember, ConferencePage, MemberPatch},
    shell::state::App,
};

/// List conferences
///
/// Those in progress, by name, with their members. The events `conference.joined`, `conference.changed` and
/// `conference.left` tell what changes.
#[utoipa::path(
    get, path = "/conferences", tag = "conferences", operation_id = "list_conferences",
    responses(
        (status = 200, description = "Conferences in progress", body = ConferencePage),
        NoToken,
        SwitchBusy,
    )
)]
pub(crate) async fn list(State(app): State<App>) -> Result<Json<ConferencePage>, Problem> {
    Ok(Json(ConferencePage {
        items: ask(&app, Command::ListConferences, "conference").await?,
        next_cursor: None,
    }))
}

/// Show a conference
#[utoipa::path(
    get, path = "/conferences/{room}", tag = "conferences", operation_id = "read_conference",
    params(("room" = String, Path, description = "Its name", example = "sales")),
    responses(
        (status = 200, description = "The conference", body = Conference),
        NoToken,
        (status = 404, description = "No such conference in progress", body = ProblemBody, content_type = "application/problem+json"),
        SwitchBusy,
    )
)]
pub(crate) async fn read(State(app): State<App>, PathText(room): PathText) -> Result<Json<Conference>, Problem> {
    let all = ask(&app, Command::ListConferences, "conference").await?;
    let found = all.into_iter().find(|conference| conference.room == room);
    found.map(Json).ok_or_else(|| Problem::not_found("conference"))
}

async fn ask(app: &App, command: Command, what: &str) -> Result<Vec<Conference>, Problem> {
    let reply = app.switch.command(command).await?;
    let reply = reply.map_err(|error| Problem::command(error, what))?;
    let Reply::Conferences(conferences) = reply else {
        return Err(unexpected(&reply));
    };
    Ok(conferences.into_iter().map(Conference::from).collect())
}

/// Mute a member of a conference, let it be heard again, or set its volume
#[utoipa::path(
    patch, path = "/conferences/{room}/members/{id}", tag = "conferences", operation_id = "update_conference_member",
    request_body = MemberPatch,
    params(
        ("room" = String, Path, description = "The name of the conference", example = "sales"),
        ("id" = String, Path, description = "The member, as the conference shows it", example = "5f0c6f2e8d3b4a1c9e7d5b3a1f2e4d6c"),
    ),
    responses(
        (status = 200, description = "The member as it is now", body = ConferenceMember),
        (status = 400, description = "Not JSON", body = ProblemBody, content_type = "application/problem+json"),
        NoToken,
        (status = 404, description = "No such conference in progress, or no such member", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "Too long", body = ProblemBody, content_type = "application/problem+json"),
        (status = 415, description = "Not application/json", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A field at fault", body = ProblemBody, content_type = "application/problem+json"),
        SwitchBusy,
    )
)]
pub(crate) async fn update_member(
    State(app): State<App>,
    PathPair(room, id): PathPair,
    JsonBody(patch): JsonBody<MemberPatch>,
) -> Result<Json<ConferenceMember>, Problem> {
    let member = member_id(&id)?;
    if patch.volume.is_some_and(|volume| !(-40..=20).contains(&volume)) {
        return Err(Problem::invalid("volume", "expected -40 to 20 decibels"));
    }
    let mute = patch.muted.map(|muted| Command::MuteMember {
        room: room.clone(),
        member,
        muted,
    });
    let volume = patch
        .volume
        .map(|volume| Command::SetMemberVolume { room, member, volume });
    let mut conferences = Err(Problem::invalid("muted", "a change has muted, volume, or both"));
    for command in mute.into_iter().chain(volume) {
        conferences = Ok(ask(&app, command, "member of a conference").await?);
    }
    let conferences = conferences?;
    let mut members = conferences.into_iter().flat_map(|conference| conference.members);
    let member = members.find(|member| member.id.eq_ignore_ascii_case(&id));
    member
        .map(Json)
        .ok_or_else(|| Problem::not_found("member of a conference"))
}

/// Remove a member from a conference
///
/// Its dialplan goes on after `conference`.
#[utoipa::path(
    delete, path = "/conferences/{room}/members/{id}", tag = "conferences", operation_id = "remove_conference_member",
    params(
        ("room" = String, Path, description = "The name of the conference", example = "sales"),
        ("id" = String, Path, description = "The member, as the conference shows it", example = "5f0c6f2e8d3b4a1c9e7d5b3a1f2e4d6c"),
    ),
    responses(
        (status = 204, description = "Removed"),
        NoToken,
        (status = 404, description = "No such conference in progress, or no such member", body = ProblemBody, content_type = "application/problem+json"),
        SwitchBusy,
    )
)]
pub(crate) async fn remove_member(State(app): State<App>, PathPair(room, id): PathPair) -> Result<StatusCode, Problem> {
    let member = member_id(&id)?;
    let reply = app.switch.command(Command::RemoveMember { room, member }).await?;
    reply.map_err(|error| Problem::command(error, "member of a conference"))?;
    Ok(StatusCode::NO_CONTENT)
}

fn member_id(text: &str) -> Result<CallUid, Problem> {
    CallUid::parse(text).ok_or_else(|| Problem::not_found("member of a conference"))
}
