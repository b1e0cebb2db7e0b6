//! Extensions: list, make, show, change, remove.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
};
use serde::Deserialize;
use utoipa::IntoParams;

use super::pages::{self, Page};
use crate::{
    extract::{JsonBody, PathText, QueryParams},
    model::{CreatedExtension, Extension, ExtensionPage, ExtensionPatch, NewExtension},
    problem::{Problem, ProblemBody},
    secret::{Shown, generate_password},
    state::App,
    validate,
};

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListQuery {
    /// Part of a number or a name, whatever its case.
    #[param(max_length = 100, example = "ali")]
    q: Option<String>,
    /// How many at most; 50 unless given.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[param(pattern = "^([0-9a-f]{2})*$", max_length = 512)]
    cursor: Option<String>,
}

/// List extensions
///
/// By number, in pages.
#[utoipa::path(
    get, path = "/extensions", tag = "extensions", operation_id = "list_extensions", params(ListQuery),
    responses(
        (status = 200, description = "A page of extensions", body = ExtensionPage),
        (status = 401, description = "No token, or a wrong one", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A parameter at fault", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list(
    State(app): State<App>,
    QueryParams(query): QueryParams<ListQuery>,
) -> Result<Json<ExtensionPage>, Problem> {
    let q = query.q.filter(|q| !q.is_empty());
    if q.as_ref().is_some_and(|q| q.len() > validate::MAX_SEARCH) {
        return Err(Problem::invalid("q", format!("at most {} bytes", validate::MAX_SEARCH)));
    }
    let Page { limit, cursor } = pages::page(query.limit, query.cursor.as_deref())?;
    let page = app
        .store
        .extensions(&app.domain, q.as_deref(), limit, cursor.as_deref())
        .await?;
    let items = page.items.into_iter().map(Extension::from).collect();
    Ok(Json(ExtensionPage {
        items,
        next_cursor: page.next_cursor.as_deref().map(pages::encode),
    }))
}

/// Make an extension
///
/// It gets one device, whose user name is the number. Once this answers, phones can sign in.
#[utoipa::path(
    post, path = "/extensions", tag = "extensions", operation_id = "create_extension", request_body = NewExtension,
    responses(
        (status = 201, description = "Made; a generated password is shown this once", body = CreatedExtension,
            headers(("Location" = String, description = "Where it is"))),
        (status = 400, description = "Not JSON", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No token, or a wrong one", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "The number is taken", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "Too long", body = ProblemBody, content_type = "application/problem+json"),
        (status = 415, description = "Not application/json", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A field at fault", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Stored, but the switch is stopping", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn create(
    State(app): State<App>,
    JsonBody(new): JsonBody<NewExtension>,
) -> Result<(StatusCode, HeaderMap, Json<CreatedExtension>), Problem> {
    let name = check_new(&new)?;
    let (password, shown) = match new.password {
        Some(password) => (password, None),
        None => {
            let password = generate_password().map_err(|error| Problem::internal(&error))?;
            (password.clone(), Some(Shown(password)))
        }
    };
    let location = format!("/api/v1/extensions/{}", new.number.replace('#', "%23"));
    let account = app.accounts.create(new.number, name, password).await?;
    let headers = HeaderValue::try_from(location)
        .map(|value| (header::LOCATION, value))
        .into_iter()
        .collect();
    let created = CreatedExtension {
        extension: account.extension.into(),
        password: shown,
    };
    Ok((StatusCode::CREATED, headers, Json(created)))
}

/// Checks what came in; gives back the name.
pub(crate) fn check_new(new: &NewExtension) -> Result<String, Problem> {
    validate::number("number", &new.number)?;
    let name = new.name.clone().unwrap_or_default();
    validate::name(&name)?;
    new.password.as_deref().map_or(Ok(()), validate::password)?;
    Ok(name)
}

/// Show an extension
#[utoipa::path(
    get, path = "/extensions/{number}", tag = "extensions", operation_id = "read_extension",
    params(("number" = String, Path, description = "Its number", pattern = "^[A-Za-z0-9*#+._-]{1,32}$", example = "101")),
    responses(
        (status = 200, description = "The extension", body = Extension),
        (status = 401, description = "No token, or a wrong one", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such extension", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn read(State(app): State<App>, PathText(number): PathText) -> Result<Json<Extension>, Problem> {
    let account = app.store.account(&app.domain, &existing(number)?).await?;
    Ok(Json(account.extension.into()))
}

/// Change an extension
///
/// Absent fields stay as they are, null empties a field. In force once this answers.
#[utoipa::path(
    patch, path = "/extensions/{number}", tag = "extensions", operation_id = "update_extension", request_body = ExtensionPatch,
    params(("number" = String, Path, description = "Its number", pattern = "^[A-Za-z0-9*#+._-]{1,32}$", example = "101")),
    responses(
        (status = 200, description = "The extension as it is now", body = Extension),
        (status = 400, description = "Not JSON", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No token, or a wrong one", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such extension", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "Too long", body = ProblemBody, content_type = "application/problem+json"),
        (status = 415, description = "Not application/json", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A field at fault", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Stored, but the switch is stopping", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn update(
    State(app): State<App>,
    PathText(number): PathText,
    JsonBody(patch): JsonBody<ExtensionPatch>,
) -> Result<Json<Extension>, Problem> {
    let number = existing(number)?;
    let (patch, password) = check_patch(patch)?;
    let account = app.accounts.update(number, patch, password).await?;
    Ok(Json(account.extension.into()))
}

fn check_patch(patch: ExtensionPatch) -> Result<(store::ExtensionPatch, Option<String>), Problem> {
    let forward = |field, value: &Option<Option<String>>| match value {
        Some(Some(target)) => validate::target(field, target),
        Some(None) | None => Ok(()),
    };
    forward("forward_always", &patch.forward_always)?;
    forward("forward_busy", &patch.forward_busy)?;
    forward("forward_no_answer", &patch.forward_no_answer)?;
    let name = patch.name.map(Option::unwrap_or_default);
    name.as_deref().map_or(Ok(()), validate::name)?;
    patch.password.as_deref().map_or(Ok(()), validate::password)?;
    let change = store::ExtensionPatch {
        name,
        dnd: patch.dnd.map(Option::unwrap_or_default),
        forward_always: patch.forward_always,
        forward_busy: patch.forward_busy,
        forward_no_answer: patch.forward_no_answer,
        voicemail: patch.voicemail.map(Option::unwrap_or_default),
        ha1: None,
    };
    Ok((change, patch.password))
}

/// Remove an extension
///
/// With its device and that device's contacts. Calls in progress go on; records stay.
#[utoipa::path(
    delete, path = "/extensions/{number}", tag = "extensions", operation_id = "delete_extension",
    params(("number" = String, Path, description = "Its number", pattern = "^[A-Za-z0-9*#+._-]{1,32}$", example = "101")),
    responses(
        (status = 204, description = "Removed"),
        (status = 401, description = "No token, or a wrong one", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such extension", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Stored, but the switch is stopping", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn delete(State(app): State<App>, PathText(number): PathText) -> Result<StatusCode, Problem> {
    app.accounts.delete(existing(number)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What cannot be a number is nobody's.
fn existing(number: String) -> Result<String, Problem> {
    if validate::is_number(&number) {
        Ok(number)
    } else {
        Err(Problem::not_found("extension"))
    }
}
