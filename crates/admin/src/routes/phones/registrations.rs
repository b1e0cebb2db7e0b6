//! Registrations: where phones are now.

use axum::{Json, extract::State, http::StatusCode};
use serde::Deserialize;
use switch::{Command, Reply};
use utoipa::IntoParams;

use super::super::{pages, unexpected};
use crate::{
    http::{
        extract::{PathText, QueryParams},
        problem::{NoToken, Problem, ProblemBody, SwitchBusy},
    },
    model::{Registration, RegistrationPage},
    shell::state::App,
};

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListQuery {
    /// Only this extension's.
    #[param(example = "101")]
    number: Option<String>,
    /// How many at most; all unless given.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[param(pattern = "^([0-9a-f]{2})*$", max_length = 512)]
    cursor: Option<String>,
}

/// List registrations
///
/// By number: one entry a contact.
#[utoipa::path(
    get, path = "/registrations", tag = "registrations", operation_id = "list_registrations", params(ListQuery),
    responses(
        (status = 200, description = "The contacts", body = RegistrationPage),
        NoToken,
        (status = 422, description = "A parameter at fault", body = ProblemBody, content_type = "application/problem+json"),
        SwitchBusy,
    )
)]
pub(crate) async fn list(
    State(app): State<App>,
    QueryParams(query): QueryParams<ListQuery>,
) -> Result<Json<RegistrationPage>, Problem> {
    let page = pages::page(query.limit.or(Some(pages::MAX)), query.cursor.as_deref())?;
    let limit = query.limit.map_or(usize::MAX, |limit| limit as usize);
    let after = page.after()?;
    let reply = app.switch.command(Command::ListRegistrations).await?;
    let reply = reply.map_err(|error| Problem::command(error, "registration"))?;
    let Reply::Registrations(mut contacts) = reply else {
        return Err(unexpected(&reply));
    };
    contacts.retain(|contact| query.number.as_ref().is_none_or(|number| *number == contact.number));
    let next_cursor = pages::cut(&mut contacts, after.as_ref(), limit, |contact| {
        (&contact.number, contact.id)
    });
    Ok(Json(RegistrationPage {
        items: contacts.into_iter().map(Registration::from).collect(),
        next_cursor,
    }))
}

/// Remove a registration
///
/// The phone is not told; it registers again when its time is over.
#[utoipa::path(
    delete, path = "/registrations/{id}", tag = "registrations", operation_id = "delete_registration",
    params(("id" = String, Path, description = "As the list shows it", example = "6917529027641081857")),
    responses(
        (status = 204, description = "Removed"),
        NoToken,
        (status = 404, description = "No such registration", body = ProblemBody, content_type = "application/problem+json"),
        SwitchBusy,
    )
)]
pub(crate) async fn delete(State(app): State<App>, PathText(id): PathText) -> Result<StatusCode, Problem> {
    let id = id.parse().map_err(|_| Problem::not_found("registration"))?;
    let reply = app.switch.command(Command::RemoveRegistration(id)).await?;
    reply.map_err(|error| Problem::command(error, "registration"))?;
    Ok(StatusCode::NO_CONTENT)
}
