//! Trunks: list, make, show, change, remove.

use std::collections::HashMap;

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
};
use records::{Trunk, TrunkStatus};
use serde_json::{Map, Value};
use switch::{Command, Reply};

use super::unexpected;
use crate::{
    http::{
        extract::{JsonBody, PathText},
        problem::{NoToken, Problem, ProblemBody, StoredOnly, SwitchBusy},
    },
    model::trunks::{NewTrunk, TrunkPage, TrunkPatch, TrunkView, change_of, checked},
    shell::state::App,
};

/// List trunks
///
/// By name, with their states. The events `trunk.registered`, `trunk.reachable` and `trunk.down` tell what changes.
#[utoipa::path(
    get, path = "/trunks", tag = "trunks", operation_id = "list_trunks",
    responses((status = 200, description = "The trunks", body = TrunkPage), NoToken, SwitchBusy)
)]
pub(crate) async fn list(State(app): State<App>) -> Result<Json<TrunkPage>, Problem> {
    let stored = app.store.trunks(&app.domain).list().await?;
    let mut states = states(&app).await?;
    let items = stored.into_iter().map(|stored| {
        let status = states.remove(&stored.trunk.name);
        TrunkView::new(stored, status)
    });
    Ok(Json(TrunkPage {
        items: items.collect(),
        next_cursor: None,
    }))
}

/// What the switch knows of each trunk.
async fn states(app: &App) -> Result<HashMap<String, TrunkStatus>, Problem> {
    let reply = app.switch.command(Command::ListTrunks).await?;
    let reply = reply.map_err(|error| Problem::command(error, "trunk"))?;
    let Reply::Trunks(trunks) = reply else {
        return Err(unexpected(&reply));
    };
    Ok(trunks.into_iter().map(|status| (status.name.clone(), status)).collect())
}

/// Make a trunk
///
/// Name and URI are enough. In force once this answers: it is looked up, and registers where it shall.
#[utoipa::path(
    post, path = "/trunks", tag = "trunks", operation_id = "create_trunk", request_body = NewTrunk,
    params(("Idempotency-Key" = Option<String>, Header, description = "Chosen by the client; the same request with the same key gets the same answer for 10 minutes, and nothing is made twice", max_length = 255)),
    responses(
        (status = 201, description = "Made", body = TrunkView, headers(("Location" = String, description = "Where it is"))),
        (status = 400, description = "Not JSON", body = ProblemBody, content_type = "application/problem+json"),
        NoToken,
        (status = 409, description = "The name is taken; or the first request with this key is not answered yet", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "Too long", body = ProblemBody, content_type = "application/problem+json"),
        (status = 415, description = "Not application/json", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A field at fault, or the key of another request", body = ProblemBody, content_type = "application/problem+json"),
        StoredOnly,
    )
)]
pub(crate) async fn create(
    State(app): State<App>,
    JsonBody(body): JsonBody<Map<String, Value>>,
) -> Result<(StatusCode, HeaderMap, Json<TrunkView>), Problem> {
    let (trunk, password) = change_of(&Trunk::default(), body)?;
    checked(&trunk)?;
    let name = trunk.name.clone();
    app.changes.trunks.create(trunk, password.flatten()).await?;
    let location = HeaderValue::try_from(format!("/api/v1/trunks/{name}"));
    let headers = location.into_iter().map(|value| (header::LOCATION, value)).collect();
    Ok((StatusCode::CREATED, headers, Json(view(&app, &name).await?)))
}

/// Show a trunk
#[utoipa::path(
    get, path = "/trunks/{name}", tag = "trunks", operation_id = "read_trunk",
    params(("name" = String, Path, description = "Its name", pattern = "^[A-Za-z0-9._-]{1,32}$", example = "provider")),
    responses(
        (status = 200, description = "The trunk", body = TrunkView),
        NoToken,
        (status = 404, description = "No such trunk", body = ProblemBody, content_type = "application/problem+json"),
        SwitchBusy,
    )
)]
pub(crate) async fn read(State(app): State<App>, PathText(name): PathText) -> Result<Json<TrunkView>, Problem> {
    Ok(Json(view(&app, &name).await?))
}

async fn view(app: &App, name: &str) -> Result<TrunkView, Problem> {
    let stored = app.store.trunks(&app.domain).read(name).await?;
    let status = states(app).await?.remove(name);
    Ok(TrunkView::new(stored, status))
}

/// Change a trunk
///
/// Absent fields stay as they are, null empties a field; the password stays unless it is given. In force once this answers:
/// only this trunk begins anew. Its calls go on.
#[utoipa::path(
    patch, path = "/trunks/{name}", tag = "trunks", operation_id = "update_trunk", request_body = TrunkPatch,
    params(("name" = String, Path, description = "Its name", pattern = "^[A-Za-z0-9._-]{1,32}$", example = "provider")),
    responses(
        (status = 200, description = "The trunk as it is now", body = TrunkView),
        (status = 400, description = "Not JSON", body = ProblemBody, content_type = "application/problem+json"),
        NoToken,
        (status = 404, description = "No such trunk", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "Too long", body = ProblemBody, content_type = "application/problem+json"),
        (status = 415, description = "Not application/json", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A field at fault", body = ProblemBody, content_type = "application/problem+json"),
        StoredOnly,
    )
)]
pub(crate) async fn update(
    State(app): State<App>,
    PathText(name): PathText,
    JsonBody(body): JsonBody<Map<String, Value>>,
) -> Result<Json<TrunkView>, Problem> {
    let before = app.store.trunks(&app.domain).read(&name).await?.trunk;
    let (trunk, password) = change_of(&before, body)?;
    if trunk.name != before.name {
        return Err(Problem::invalid("name", "a trunk keeps its name: dialplans have it"));
    }
    checked(&trunk)?;
    app.changes.trunks.update(trunk, password).await?;
    Ok(Json(view(&app, &name).await?))
}

/// Remove a trunk
///
/// Tandem is no longer registered there. Calls in progress go on; records stay.
#[utoipa::path(
    delete, path = "/trunks/{name}", tag = "trunks", operation_id = "delete_trunk",
    params(("name" = String, Path, description = "Its name", pattern = "^[A-Za-z0-9._-]{1,32}$", example = "provider")),
    responses(
        (status = 204, description = "Removed"),
        NoToken,
        (status = 404, description = "No such trunk", body = ProblemBody, content_type = "application/problem+json"),
        StoredOnly,
    )
)]
pub(crate) async fn delete(State(app): State<App>, PathText(name): PathText) -> Result<StatusCode, Problem> {
    app.changes.trunks.delete(name).await?;
    Ok(StatusCode::NO_CONTENT)
}
