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
    let reply = reply.map_err(|error| Problem::command(error, "parked call"))?;
    let Reply::Parked(parked) = reply else {
        return Err(unexpected(&reply));
    };
    Ok(Json(ParkedPage {
        items: parked.into_iter().map(Into::into).collect(),
        next_cursor: None,
    }))
}
