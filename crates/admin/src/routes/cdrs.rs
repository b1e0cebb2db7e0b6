//! Call detail records.

use axum::{Json, extract::State};
use jiff::Timestamp;
use records::{CallUid, Disposition};
use serde::Deserialize;
use store::{CdrFilter, CdrSearch};
use utoipa::IntoParams;

use super::{
    pages::{self, Page},
    recordings,
};
use crate::{
    http::{
        extract::{PathText, QueryParams},
        problem::{NoToken, Problem, ProblemBody},
    },
    model::{Cdr, CdrDetail, CdrPage, validate},
    shell::state::App,
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
    /// The caller, the party that was reached, or the number that was dialled.
    #[param(example = "101", max_length = 256)]
    number: Option<String>,
    /// Part of one of these numbers or of the caller's name, whatever its case. A page then looks at 50,000
    /// records at most: it may hold few or none, and still have a `next_cursor`.
    #[param(example = "ali", max_length = 100)]
    q: Option<String>,
    /// How the call ended.
    #[param(inline)]
    disposition: Option<Disposition>,
    /// How many at most; 50 unless given.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[param(pattern = "^([0-9a-f]{2})*$", max_length = 512)]
    cursor: Option<String>,
}

/// List call detail records
///
/// Calls that have ended, newest first, in pages.
#[utoipa::path(
    get, path = "/cdrs", tag = "cdrs", operation_id = "list_cdrs", params(ListQuery),
    responses(
        (status = 200, description = "A page of records", body = CdrPage),
        NoToken,
        (status = 422, description = "A parameter at fault", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list(
    State(app): State<App>,
    QueryParams(query): QueryParams<ListQuery>,
) -> Result<Json<CdrPage>, Problem> {
    let number = pages::text("number", query.number, validate::MAX_TARGET)?;
    let q = pages::text("q", query.q, validate::MAX_SEARCH)?;
    let Page { limit, cursor } = pages::page(query.limit, query.cursor.as_deref())?;
    let filter = CdrFilter {
        from: query.from.map(Timestamp::as_microsecond),
        to: query.to.map(Timestamp::as_microsecond),
        number,
        disposition: query.disposition,
        search: q.map(|text| CdrSearch {
            text,
            records: app.limits.search_records,
        }),
    };
    let page = app.store.cdrs(&app.domain, &filter, limit, cursor.as_deref()).await?;
    let items = page.items.into_iter().map(Cdr::from).collect();
    Ok(Json(CdrPage {
        items,
        next_cursor: page.next_cursor.as_deref().map(pages::encode),
    }))
}

/// Show the call detail record of a call
///
/// With the recordings of the call.
#[utoipa::path(
    get, path = "/cdrs/{call_id}", tag = "cdrs", operation_id = "read_cdr",
    params(("call_id" = String, Path, description = "The call, as its record and its events name it", example = "5f0c6f2e8d3b4a1c9e7d5b3a1f2e4d6c")),
    responses(
        (status = 200, description = "The record", body = CdrDetail),
        NoToken,
        (status = 404, description = "No such call, or it goes on", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn read(State(app): State<App>, PathText(call): PathText) -> Result<Json<CdrDetail>, Problem> {
    let call = CallUid::parse(&call).ok_or_else(|| Problem::not_found("record"))?;
    let cdr = app.store.cdr(&app.domain, call).await?.into();
    let recordings = recordings::of_call(&app, call).await?;
    Ok(Json(CdrDetail { cdr, recordings }))
}
