//! Presence: what extensions do.

use axum::{Json, extract::State};
use switch::{Command, Reply};

use super::super::{
    extensions::ListQuery,
    pages::{self, Page},
    unexpected,
};
use crate::{
    http::{
        extract::QueryParams,
        problem::{NoToken, Problem, ProblemBody, SwitchBusy},
    },
    model::{Presence, PresencePage, validate},
    shell::state::App,
};

/// List what extensions do
///
/// Whether an extension has a phone, rings, is in a call, or wants no calls; and what its phones have published (RFC 3903).
/// By number, in the pages of `GET /extensions`.
#[utoipa::path(
    get, path = "/presence", tag = "registrations", operation_id = "list_presence", params(ListQuery),
    responses(
        (status = 200, description = "What extensions do", body = PresencePage),
        NoToken,
        (status = 422, description = "A parameter at fault", body = ProblemBody, content_type = "application/problem+json"),
        SwitchBusy,
    )
)]
pub(crate) async fn list(
    State(app): State<App>,
    QueryParams(query): QueryParams<ListQuery>,
) -> Result<Json<PresencePage>, Problem> {
    let q = pages::text("q", query.q, validate::MAX_SEARCH)?;
    let Page { limit, cursor } = pages::page(query.limit, query.cursor.as_deref())?;
    let page = app
        .store
        .extensions(&app.domain, q.as_deref(), limit, cursor.as_deref())
        .await?;
    let numbers = page.items.into_iter().map(|account| account.extension.number).collect();
    let reply = app.switch.command(Command::ReadPresence(numbers)).await?;
    let reply = reply.map_err(|error| Problem::command(error, "presence"))?;
    let Reply::Presence(items) = reply else {
        return Err(unexpected(&reply));
    };
    Ok(Json(PresencePage {
        items: items.into_iter().map(Presence::from).collect(),
        next_cursor: page.next_cursor.as_deref().map(pages::encode),
    }))
}
