//! Parked calls.

use axum::{Json, extract::State};
use switch::{Command, Reply};

use super::super::unexpected;
use crate::{
    http::problem::{NoToken, Problem, SwitchBusy},
    model::ParkedPage,
    shell::state::App,
};

/// List parked calls
///
/// Those that wait in a slot now, by slot. The events `parked.added` and `parked.removed` tell what changes. A parked
/// call is ended as any other call.
#[utoipa::path(
    get, path = "/parked", tag = "calls", operation_id = "list_parked_calls",
    responses(
        (status = 200, description = "Parked calls", body = ParkedPage),
        NoToken,
        SwitchBusy,
    )
)]
pub(crate) async fn list(State(app): State<App>) -> Result<Json<ParkedPage>, Problem> {
    let reply = app.switch.command(Command::ListParked).await?;
    match reply.map_err(|error| Problem::command(error, "parked call"))? {
        Reply::Parked(parked) => Ok(Json(ParkedPage {
            items: parked.into_iter().map(Into::into).collect(),
            next_cursor: None,
        })),
        other @ (Reply::Done
        | Reply::Calls(_)
        | Reply::Started(_)
        | Reply::Registrations(_)
        | Reply::Conferences(_)
        | Reply::Subscriptions(_)
        | Reply::Presence(_)
        | Reply::Trunks(_)
        | Reply::Stats(_)) => Err(unexpected(&other)),
    }
}
