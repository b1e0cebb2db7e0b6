//! Extensions: list, make, show, change, remove.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use utoipa::IntoParams;

use super::pages::{self, Page};
use crate::{
    accounts::New,
    http::{
        extract::{JsonBody, PathText, QueryParams},
        problem::{NoToken, Problem, ProblemBody, StoredOnly},
        versions::{Conditions, Version},
    },
    model::{
        CreatedExtension, Extension, ExtensionPage, ExtensionPatch, KeptMessages, NewExtension,
        secret::{Shown, generate_password},
        table, validate,
    },
    shell::state::App,
};

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListQuery {
    /// Part of a number or a name, whatever its case.
    #[param(max_length = 100, example = "ali")]
    pub(super) q: Option<String>,
    /// How many at most; 50 unless given.
    #[param(minimum = 1, maximum = 500)]
    pub(super) limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[param(pattern = "^([0-9a-f]{2})*$", max_length = 512)]
    pub(super) cursor: Option<String>,
}

/// List extensions
///
/// By number, in pages. With `Accept: text/csv` all of them at once, as the import takes them (without passwords:
/// only their hashes are kept); `limit` and `cursor` do not count then.
#[utoipa::path(
    get, path = "/extensions", tag = "extensions", operation_id = "list_extensions", params(ListQuery),
    responses(
        (status = 200, description = "A page of extensions", content(
            (ExtensionPage = "application/json"),
            (String = "text/csv", example = "number,name,dnd,forward_always,forward_busy,forward_no_answer,forward_unreachable,voicemail,require_qop,transcode,dtmf,no_answer_seconds,call_limit,pickup_group,music,reject_anonymous,hide_number,intercom\n101,Alice,false,,,102,,true,false,auto,auto,20,2,sales,,false,false,true\n"),
        )),
        NoToken,
        (status = 422, description = "A parameter at fault", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list(
    State(app): State<App>,
    headers: HeaderMap,
    QueryParams(query): QueryParams<ListQuery>,
) -> Result<Response, Problem> {
    let q = pages::text("q", query.q, validate::MAX_SEARCH)?;
    let Page { limit, cursor } = pages::page(query.limit, query.cursor.as_deref())?;
    if wants_table(&headers) {
        return export(&app, q.as_deref()).await;
    }
    let page = app
        .store
        .extensions(&app.domain, q.as_deref(), limit, cursor.as_deref())
        .await?;
    let items = page.items.into_iter().map(Extension::from).collect();
    let page = ExtensionPage {
        items,
        next_cursor: page.next_cursor.as_deref().map(pages::encode),
    };
    Ok(Json(page).into_response())
}

/// True if the request asks for a table and not for JSON.
fn wants_table(headers: &HeaderMap) -> bool {
    let accept = headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok());
    let mut kinds = accept
        .flat_map(|value| value.split(','))
        .map(|range| range.split(';').next().unwrap_or_default().trim().to_ascii_lowercase());
    kinds
        .find(|kind| kind == "text/csv" || kind == "application/json")
        .as_deref()
        == Some("text/csv")
}

async fn export(app: &App, q: Option<&str>) -> Result<Response, Problem> {
    let (mut all, mut cursor) = (Vec::new(), None);
    loop {
        let page = app
            .store
            .extensions(&app.domain, q, pages::MAX, cursor.as_deref())
            .await?;
        all.extend(page.items);
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    let text = table::write(all).map_err(|error| Problem::internal(&error))?;
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8; header=present"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"extensions.csv\""),
    ];
    Ok((headers, text).into_response())
}

/// Make an extension
///
/// It gets one device, whose user name is the number. Once this answers, phones can sign in.
#[utoipa::path(
    post, path = "/extensions", tag = "extensions", operation_id = "create_extension", request_body = NewExtension,
    params(("Idempotency-Key" = Option<String>, Header, description = "Chosen by the client; the same request with the same key gets the same answer for 10 minutes, and nothing is made twice", max_length = 255)),
    responses(
        (status = 201, description = "Made; a generated password is shown this once", body = CreatedExtension,
            headers(("Location" = String, description = "Where it is"), ("ETag" = String, description = "Its version"))),
        (status = 400, description = "Not JSON", body = ProblemBody, content_type = "application/problem+json"),
        NoToken,
        (status = 409, description = "The number is taken; or the first request with this key is not answered yet", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "Too long", body = ProblemBody, content_type = "application/problem+json"),
        (status = 415, description = "Not application/json", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A field at fault, or the key of another request", body = ProblemBody, content_type = "application/problem+json"),
        StoredOnly,
    )
)]
pub(crate) async fn create(
    State(app): State<App>,
    JsonBody(mut new): JsonBody<NewExtension>,
) -> Result<(StatusCode, HeaderMap, Json<CreatedExtension>), Problem> {
    let extension = check_new(&mut new)?;
    let (password, shown) = match new.password {
        Some(password) => (password, None),
        None => {
            let password = generate_password().map_err(|error| Problem::internal(&error))?;
            (password.clone(), Some(Shown(password)))
        }
    };
    let location = format!("/api/v1/extensions/{}", new.number.replace('#', "%23"));
    let new = New {
        extension,
        require_qop: new.require_qop.unwrap_or_default(),
        transcode: new.transcode.unwrap_or_default(),
        dtmf: new.dtmf.unwrap_or_default(),
        password,
    };
    let account = app.changes.accounts.create(new).await?;
    let location = HeaderValue::try_from(location).map(|value| (header::LOCATION, value));
    let version = Version::of_extension(&account);
    let headers = location.into_iter().chain(version.header()).collect();
    let created = CreatedExtension {
        extension: account.into(),
        password: shown,
    };
    Ok((StatusCode::CREATED, headers, Json(created)))
}

/// Checks what came in; gives back the extension that it describes.
pub(crate) fn check_new(new: &mut NewExtension) -> Result<records::Extension, Problem> {
    let settings = std::mem::take(&mut new.settings);
    validate::number("number", &new.number)?;
    let name = new.name.clone().unwrap_or_default();
    validate::name(&name)?;
    if let Some(password) = &new.password {
        validate::password(&new.number, password)?;
    }
    let mut extension = records::Extension {
        number: new.number.clone(),
        name,
        voicemail: new.voicemail.unwrap_or_default(),
        ..records::Extension::default()
    };
    settings.change()?.apply(&mut extension);
    Ok(extension)
}

/// Show an extension
#[utoipa::path(
    get, path = "/extensions/{number}", tag = "extensions", operation_id = "read_extension",
    params(
        ("number" = String, Path, description = "Its number", pattern = "^[A-Za-z0-9*#+._-]{1,32}$", example = "101"),
        ("If-None-Match" = Option<String>, Header, description = "An `ETag` that was read: 304 where it is still that version"),
    ),
    responses(
        (status = 200, description = "The extension", body = Extension, headers(("ETag" = String, description = "Its version, for `If-Match`"))),
        (status = 304, description = "Still the version that `If-None-Match` names"),
        NoToken,
        (status = 404, description = "No such extension", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn read(
    State(app): State<App>,
    conditions: Conditions,
    PathText(number): PathText,
) -> Result<Response, Problem> {
    let account = app.store.account(&app.domain, &existing(number)?).await?;
    let version = Version::of_extension(&account);
    if conditions.excludes(Some(&version)) {
        return Ok((StatusCode::NOT_MODIFIED, tagged(&version)).into_response());
    }
    Ok((tagged(&version), Json(Extension::from(account))).into_response())
}

fn tagged(version: &Version) -> HeaderMap {
    version.header().into_iter().collect()
}

/// Change an extension
///
/// Absent fields stay as they are, null empties a field. In force once this answers. With `If-Match` only the
/// version that was read is changed: two administrators cannot overwrite one another without noticing.
#[utoipa::path(
    patch, path = "/extensions/{number}", tag = "extensions", operation_id = "update_extension", request_body = ExtensionPatch,
    params(
        ("number" = String, Path, description = "Its number", pattern = "^[A-Za-z0-9*#+._-]{1,32}$", example = "101"),
        ("If-Match" = Option<String>, Header, description = "An `ETag` that was read: only that version is changed"),
    ),
    responses(
        (status = 200, description = "The extension as it is now", body = Extension, headers(("ETag" = String, description = "Its version"))),
        (status = 400, description = "Not JSON, or an `If-Match` that is none", body = ProblemBody, content_type = "application/problem+json"),
        NoToken,
        (status = 404, description = "No such extension", body = ProblemBody, content_type = "application/problem+json"),
        (status = 412, description = "It is not the version of `If-Match`; `ETag` is what it is", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "Too long", body = ProblemBody, content_type = "application/problem+json"),
        (status = 415, description = "Not application/json", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A field at fault", body = ProblemBody, content_type = "application/problem+json"),
        StoredOnly,
    )
)]
pub(crate) async fn update(
    State(app): State<App>,
    conditions: Conditions,
    PathText(number): PathText,
    JsonBody(patch): JsonBody<ExtensionPatch>,
) -> Result<(HeaderMap, Json<Extension>), Problem> {
    let number = existing(number)?;
    let (patch, secrets) = check_patch(&number, patch)?;
    let account = app.changes.accounts.update(number, patch, secrets, conditions).await?;
    let version = Version::of_extension(&account);
    Ok((tagged(&version), Json(account.into())))
}

/// A new password and a new PIN.
type Secrets = (Option<String>, Option<Option<String>>);

fn check_patch(number: &str, patch: ExtensionPatch) -> Result<(store::ExtensionPatch, Secrets), Problem> {
    let settings = patch.settings.change()?;
    let name = patch.name.map(Option::unwrap_or_default);
    name.as_deref().map_or(Ok(()), validate::name)?;
    if let Some(password) = &patch.password {
        validate::password(number, password)?;
    }
    if let Some(Some(pin)) = &patch.pin {
        validate::pin(pin)?;
    }
    let change = store::ExtensionPatch {
        name,
        voicemail: patch.voicemail.map(Option::unwrap_or_default),
        settings,
        pin: None,
        ha1: None,
        require_qop: patch.require_qop.map(Option::unwrap_or_default),
        transcode: patch.transcode.map(Option::unwrap_or_default),
        dtmf: patch.dtmf.map(Option::unwrap_or_default),
    };
    Ok((change, (patch.password, patch.pin)))
}

/// Remove an extension
///
/// With its device and that device's contacts. Calls in progress go on; records stay.
#[utoipa::path(
    delete, path = "/extensions/{number}", tag = "extensions", operation_id = "delete_extension",
    params(
        ("number" = String, Path, description = "Its number", pattern = "^[A-Za-z0-9*#+._-]{1,32}$", example = "101"),
        ("If-Match" = Option<String>, Header, description = "An `ETag` that was read: only that version is removed"),
    ),
    responses(
        (status = 204, description = "Removed"),
        (status = 400, description = "An `If-Match` that is none", body = ProblemBody, content_type = "application/problem+json"),
        NoToken,
        (status = 404, description = "No such extension", body = ProblemBody, content_type = "application/problem+json"),
        (status = 412, description = "It is not the version of `If-Match`", body = ProblemBody, content_type = "application/problem+json"),
        StoredOnly,
    )
)]
pub(crate) async fn delete(
    State(app): State<App>,
    conditions: Conditions,
    PathText(number): PathText,
) -> Result<StatusCode, Problem> {
    app.changes.accounts.delete(existing(number)?, conditions).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Show how many messages wait for an extension
///
/// SIP messages (MESSAGE) that came while no phone of it could be reached. They are delivered when a phone registers, or are
/// forgotten after a week (`--kept-message-days`).
#[utoipa::path(
    get, path = "/extensions/{number}/kept-messages", tag = "extensions", operation_id = "read_kept_messages",
    params(("number" = String, Path, description = "Its number", pattern = "^[A-Za-z0-9*#+._-]{1,32}$", example = "101")),
    responses(
        (status = 200, description = "How many, and since when", body = KeptMessages),
        NoToken,
        (status = 404, description = "No such extension", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn kept_messages(
    State(app): State<App>,
    PathText(number): PathText,
) -> Result<Json<KeptMessages>, Problem> {
    let account = app.store.account(&app.domain, &existing(number)?).await?;
    let kept = app.store.count_messages(&app.domain, &account.extension.number).await?;
    Ok(Json(kept.into()))
}

/// 404 for a text that cannot be a number.
fn existing(number: String) -> Result<String, Problem> {
    if records::is_number(&number) {
        Ok(number)
    } else {
        Err(Problem::not_found("extension"))
    }
}
