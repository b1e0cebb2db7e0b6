//! Dialplans: list, read, replace, remove. Files of the same folder may also be edited by hand.

use axum::{
    Json,
    extract::{Request, State},
    http::{StatusCode, header},
    response::IntoResponse,
};

use crate::{
    dialplans::{DialplanError, Dialplans},
    extract::{PathText, body, media_type, unsupported},
    model::DialplanPage,
    problem::{Problem, ProblemBody},
    state::App,
    validate,
};

/// List dialplans
#[utoipa::path(
    get, path = "/dialplans", tag = "dialplans", operation_id = "list_dialplans",
    responses(
        (status = 200, description = "The dialplans, by name", body = DialplanPage),
        (status = 401, description = "No token, or a wrong one", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list(State(app): State<App>) -> Result<Json<DialplanPage>, Problem> {
    let (items, fault) = with_files(&app, |dialplans| Ok((dialplans.list()?, dialplans.fault()))).await?;
    Ok(Json(DialplanPage {
        items,
        fault,
        next_cursor: None,
    }))
}

/// Read a dialplan
#[utoipa::path(
    get, path = "/dialplans/{name}", tag = "dialplans", operation_id = "read_dialplan",
    params(("name" = String, Path, description = "With or without `.rhai`", pattern = "^[A-Za-z0-9_-]{1,64}(\\.rhai)?$", example = "main")),
    responses(
        (status = 200, description = "Its text", body = String, content_type = "text/plain",
            example = "fn on_call(caller) {\n    caller.dial(caller.dialed, #{ timeout: 20 });\n}\n"),
        (status = 401, description = "No token, or a wrong one", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such dialplan", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn read(State(app): State<App>, PathText(name): PathText) -> Result<impl IntoResponse, Problem> {
    let name = existing(&name)?;
    let text = with_files(&app, move |dialplans| dialplans.read(&name)).await?;
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text))
}

/// Replace or add a dialplan
///
/// It is compiled first, together with the others. With a fault nothing changes, on disk or in force.
#[utoipa::path(
    put, path = "/dialplans/{name}", tag = "dialplans", operation_id = "put_dialplan",
    params(("name" = String, Path, description = "1 to 64 of `A-Z a-z 0-9 _ -`, with or without `.rhai`", pattern = "^[A-Za-z0-9_-]{1,64}(\\.rhai)?$", example = "main")),
    request_body(content = String, content_type = "text/plain",
        example = "fn on_call(caller) {\n    caller.dial(caller.dialed, #{ timeout: 20 });\n}\n"),
    responses(
        (status = 204, description = "In force for every call from now on"),
        (status = 400, description = "Not UTF-8", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No token, or a wrong one", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "Not allowed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "Too long", body = ProblemBody, content_type = "application/problem+json"),
        (status = 415, description = "Not text/plain", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "It does not compile: `file`, `line`, `column` and `detail`; or the name is none", body = ProblemBody,
            content_type = "application/problem+json"),
    )
)]
pub(crate) async fn put(
    State(app): State<App>,
    PathText(name): PathText,
    request: Request,
) -> Result<StatusCode, Problem> {
    let Some(name) = validate::dialplan_name(&name).map(str::to_owned) else {
        return Err(Problem::invalid(
            "name",
            "a dialplan's name is 1 to 64 of A-Z a-z 0-9 _ -",
        ));
    };
    if media_type(request.headers()).is_some_and(|kind| kind != "text/plain") {
        return Err(unsupported("text/plain"));
    }
    let text = body(request, &app).await?;
    let text = String::from_utf8(text.into()).map_err(|_| Problem::malformed("the text is not UTF-8"))?;
    // Somebody forgot the body; nobody means to have calls end here.
    if text.trim().is_empty() {
        return Err(Problem::invalid("body", "the text is empty; DELETE removes a dialplan"));
    }
    let put = name.clone();
    with_files(&app, move |dialplans| dialplans.put(&put, &text)).await?;
    tracing::info!(name, "dialplan changed");
    Ok(StatusCode::NO_CONTENT)
}

/// Remove a dialplan
#[utoipa::path(
    delete, path = "/dialplans/{name}", tag = "dialplans", operation_id = "delete_dialplan",
    params(("name" = String, Path, description = "With or without `.rhai`", pattern = "^[A-Za-z0-9_-]{1,64}(\\.rhai)?$", example = "night")),
    responses(
        (status = 204, description = "Removed"),
        (status = 401, description = "No token, or a wrong one", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such dialplan", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "Not allowed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "What remains does not compile", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn delete(State(app): State<App>, PathText(name): PathText) -> Result<StatusCode, Problem> {
    let name = existing(&name)?;
    let removed = name.clone();
    with_files(&app, move |dialplans| dialplans.delete(&removed)).await?;
    tracing::info!(name, "dialplan removed");
    Ok(StatusCode::NO_CONTENT)
}

/// What cannot be a name is no dialplan.
fn existing(name: &str) -> Result<String, Problem> {
    validate::dialplan_name(name)
        .map(str::to_owned)
        .ok_or_else(|| Problem::not_found("dialplan"))
}

/// Compiling and the disk take their time: on a thread of their own.
async fn with_files<T: Send + 'static>(
    app: &App,
    work: impl FnOnce(&dyn Dialplans) -> Result<T, DialplanError> + Send + 'static,
) -> Result<T, Problem> {
    let dialplans = app.dialplans.clone();
    let done = tokio::task::spawn_blocking(move || work(&*dialplans)).await;
    Ok(done.map_err(|error| Problem::internal(&error))??)
}
