//! Calls in progress: list, show, begin, end. `parked.rs` lists parked calls.

pub(crate) mod parked;

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
};
use switch::{CallUid, Command, CommandError, Reply};

use super::unexpected;
use crate::{
    http::{
        extract::{JsonBody, PathText},
        problem::{NoToken, Problem, ProblemBody, SwitchBusy},
    },
    model::{Call, CallPage, CallRecordingChange, CallTransfer, NewCall, StartedCall, validate},
    shell::state::App,
};

/// List calls
///
/// Those in progress, oldest first.
#[utoipa::path(
    get, path = "/calls", tag = "calls", operation_id = "list_calls",
    responses(
        (status = 200, description = "Calls in progress", body = CallPage),
        NoToken,
        SwitchBusy,
    )
)]
pub(crate) async fn list(State(app): State<App>) -> Result<Json<CallPage>, Problem> {
    let calls = ask(&app, Command::ListCalls).await?;
    Ok(Json(CallPage {
        items: calls,
        next_cursor: None,
    }))
}

/// Show a call
#[utoipa::path(
    get, path = "/calls/{id}", tag = "calls", operation_id = "read_call",
    params(("id" = String, Path, description = "As the list shows it", example = "5f0c6f2e8d3b4a1c9e7d5b3a1f2e4d6c")),
    responses(
        (status = 200, description = "The call", body = Call),
        NoToken,
        (status = 404, description = "No such call in progress", body = ProblemBody, content_type = "application/problem+json"),
        SwitchBusy,
    )
)]
pub(crate) async fn read(State(app): State<App>, PathText(id): PathText) -> Result<Json<Call>, Problem> {
    let calls = ask(&app, Command::GetCall(call_id(&id)?)).await?;
    calls
        .into_iter()
        .next()
        .map(Json)
        .ok_or_else(|| Problem::not_found("call"))
}

async fn ask(app: &App, command: Command) -> Result<Vec<Call>, Problem> {
    let reply = app
        .switch
        .command(command)
        .await?
        .map_err(|error| Problem::command(error, "call"))?;
    let Reply::Calls(calls) = reply else {
        return Err(unexpected(&reply));
    };
    Ok(calls.into_iter().map(Call::from).collect())
}

/// Begin a call
///
/// Rings the phones of `from`. After an answer there, `to` is dialled through the dialplan, as if
/// that extension had done it.
#[utoipa::path(
    post, path = "/calls", tag = "calls", operation_id = "start_call", request_body = NewCall,
    params(("Idempotency-Key" = Option<String>, Header, description = "Chosen by the client; the same request with the same key gets the same answer for 10 minutes, and no phone is called twice", max_length = 255)),
    responses(
        (status = 201, description = "Begun: phones ring", body = StartedCall,
            headers(("Location" = String, description = "Where the call is"))),
        (status = 400, description = "Not JSON", body = ProblemBody, content_type = "application/problem+json"),
        NoToken,
        (status = 409, description = "`no_phone`: no phone is registered for `from`; `in_progress`: the first request with this key is not answered yet", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "Too long", body = ProblemBody, content_type = "application/problem+json"),
        (status = 415, description = "Not application/json", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A field at fault; `from` is no extension; the key is that of another request", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Too many calls, or Tandem is stopping", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn start(
    State(app): State<App>,
    JsonBody(new): JsonBody<NewCall>,
) -> Result<(StatusCode, HeaderMap, Json<StartedCall>), Problem> {
    validate::number("from", &new.from)?;
    validate::number("to", &new.to)?;
    let reply = app
        .switch
        .command(Command::Originate {
            from: new.from,
            to: new.to,
        })
        .await?;
    let reply = reply.map_err(|error| match error {
        CommandError::NotFound => Problem::invalid("from", "there is no such extension"),
        CommandError::NoPhone(_) | CommandError::Busy | CommandError::Conflict(_) => Problem::command(error, "call"),
    })?;
    let Reply::Started(id) = reply else {
        return Err(unexpected(&reply));
    };
    let location = HeaderValue::try_from(format!("/api/v1/calls/{id}"));
    let headers = location.map(|value| (header::LOCATION, value)).into_iter().collect();
    Ok((StatusCode::CREATED, headers, Json(StartedCall { id: id.to_string() })))
}

/// What a call is told to do, and nothing is answered.
async fn done(app: &App, command: Command) -> Result<StatusCode, Problem> {
    let reply = app.switch.command(command).await?;
    reply.map_err(|error| Problem::command(error, "call"))?;
    Ok(StatusCode::NO_CONTENT)
}

/// End a call
///
/// Both sides get BYE, or whatever ends them as far as they are.
#[utoipa::path(
    delete, path = "/calls/{id}", tag = "calls", operation_id = "hang_up_call",
    params(("id" = String, Path, description = "As the list shows it", example = "5f0c6f2e8d3b4a1c9e7d5b3a1f2e4d6c")),
    responses(
        (status = 204, description = "Being ended"),
        NoToken,
        (status = 404, description = "No such call in progress", body = ProblemBody, content_type = "application/problem+json"),
        SwitchBusy,
    )
)]
pub(crate) async fn hang_up(State(app): State<App>, PathText(id): PathText) -> Result<StatusCode, Problem> {
    done(&app, Command::HangUp(call_id(&id)?)).await
}

/// Record a call, or change its recording
///
/// Only where two phones are connected. Once it has ended, the recording is under `/recordings`.
#[utoipa::path(
    post, path = "/calls/{id}/recording", tag = "calls", operation_id = "record_call", request_body = CallRecordingChange,
    params(("id" = String, Path, description = "As the list shows it", example = "5f0c6f2e8d3b4a1c9e7d5b3a1f2e4d6c")),
    responses(
        (status = 204, description = "Done"),
        (status = 400, description = "Not JSON", body = ProblemBody, content_type = "application/problem+json"),
        NoToken,
        (status = 404, description = "No such call in progress", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "`conflict`: not possible now: the call is not connected, is recorded already, or is not recorded", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "Too long", body = ProblemBody, content_type = "application/problem+json"),
        (status = 415, description = "Not application/json", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A field at fault", body = ProblemBody, content_type = "application/problem+json"),
        SwitchBusy,
    )
)]
pub(crate) async fn record(
    State(app): State<App>,
    PathText(id): PathText,
    JsonBody(change): JsonBody<CallRecordingChange>,
) -> Result<StatusCode, Problem> {
    let command = Command::Record {
        call: call_id(&id)?,
        action: change.action.into(),
    };
    done(&app, command).await
}

/// Transfer a party
///
/// That party leaves the call and dials `to` through the dialplan, in a call of its own. The other party waits, hears music,
/// and is hung up once a phone has answered; where none does, the two are together again. A caller without a callee leaves for
/// good.
#[utoipa::path(
    post, path = "/calls/{id}/transfer", tag = "calls", operation_id = "transfer_call", request_body = CallTransfer,
    params(("id" = String, Path, description = "As the list shows it", example = "5f0c6f2e8d3b4a1c9e7d5b3a1f2e4d6c")),
    responses(
        (status = 204, description = "Being transferred; the new call is among `/calls`, and its record names this one"),
        (status = 400, description = "Not JSON", body = ProblemBody, content_type = "application/problem+json"),
        NoToken,
        (status = 404, description = "No such call in progress", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "`conflict`: not possible now: that party is not there, or the call is being transferred", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "Too long", body = ProblemBody, content_type = "application/problem+json"),
        (status = 415, description = "Not application/json", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A field at fault", body = ProblemBody, content_type = "application/problem+json"),
        SwitchBusy,
    )
)]
pub(crate) async fn transfer(
    State(app): State<App>,
    PathText(id): PathText,
    JsonBody(transfer): JsonBody<CallTransfer>,
) -> Result<StatusCode, Problem> {
    validate::number("to", &transfer.to)?;
    let command = Command::Transfer {
        call: call_id(&id)?,
        party: transfer.leg.into(),
        to: transfer.to,
    };
    done(&app, command).await
}

fn call_id(text: &str) -> Result<CallUid, Problem> {
    CallUid::parse(text).ok_or_else(|| Problem::not_found("call"))
}
