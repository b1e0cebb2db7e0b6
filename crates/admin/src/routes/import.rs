//! Many extensions at once, all or nothing.

use axum::{
    Json,
    extract::{Request, State},
    http::StatusCode,
};
use records::Extension;
use serde::Deserialize;
use serde_json::Value;
use store::ImportOutcome;
use utoipa::IntoParams;

use super::extensions::check_new;
use crate::{
    accounts::New,
    http::{
        extract::{QueryParams, body, is_json, media_type, parse_json, parse_object, unsupported},
        problem::{NoToken, Problem, ProblemBody, StoredOnly},
    },
    model::{
        ImportLine, ImportReport, ImportStatus, NewExtension,
        secret::{Shown, generate_password},
        table::{self, Row},
    },
    shell::state::App,
};

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ImportQuery {
    /// Only tell what would happen.
    #[serde(default)]
    #[param(default = false)]
    dry_run: bool,
}

/// A line as it was read: where it was, and the extension or what is wrong.
struct Line {
    line: u32,
    number: String,
    read: Result<Ready, Problem>,
}

/// A line that is fine by itself.
struct Ready {
    extension: Extension,
    require_qop: bool,
    transcode: records::Transcode,
    dtmf: records::Dtmf,
    password: String,
    generated: bool,
}

/// Make many extensions
///
/// CSV with a header line (`number`, and if wanted `name`, `password`, `voicemail`, `require_qop`, `transcode`, `dtmf` and any
/// field of what an extension wants done with its calls, in any order), or a JSON list of what `POST /extensions` takes. Fields are
/// separated as the header's are: by comma, semicolon or tab. All extensions are made, or none. Missing passwords
/// are generated and shown in the report this once; a given one has at least 8 characters and is not the number nor
/// one of the commonest. `GET /extensions` with `Accept: text/csv` gives the same form.
#[utoipa::path(
    post, path = "/extensions/import", tag = "extensions", operation_id = "import_extensions", params(
        ImportQuery,
        ("Idempotency-Key" = Option<String>, Header, description = "Chosen by the client; the same request with the same key gets the same answer for 10 minutes, and nothing is made twice", max_length = 255),
    ),
    request_body(content(
        (String = "text/csv", example = "number,name,password,forward_busy\n101,Alice,,\n102,Bob,s3cret-of-bob,101\n"),
        (String = "text/tab-separated-values", example = "number\tname\n101\tAlice\n"),
        (Vec<NewExtension> = "application/json"),
    )),
    responses(
        (status = 200, description = "All made; or, with dry_run, what would happen", body = ImportReport),
        (status = 400, description = "Not JSON", body = ProblemBody, content_type = "application/problem+json"),
        NoToken,
        (status = 409, description = "The first request with this key is not answered yet", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "Too long, or too many", body = ProblemBody, content_type = "application/problem+json"),
        (status = 415, description = "Neither text/csv, text/tab-separated-values nor application/json", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "None made; `lines` tells why. Or the key is that of another request", body = ProblemBody, content_type = "application/problem+json"),
        StoredOnly,
    )
)]
pub(crate) async fn import(
    State(app): State<App>,
    QueryParams(query): QueryParams<ImportQuery>,
    request: Request,
) -> Result<Json<ImportReport>, Problem> {
    let kind = media_type(request.headers()).unwrap_or_default();
    let csv = matches!(kind.as_str(), "text/csv" | "text/tab-separated-values");
    if !csv && !is_json(&kind) {
        return Err(unsupported("text/csv, text/tab-separated-values or application/json"));
    }
    let bytes = body(request, &app).await?;
    let lines = if csv { read_table(&bytes)? } else { read_json(&bytes)? };
    if lines.len() > app.limits.import_lines {
        let detail = format!("at most {} extensions in one import", app.limits.import_lines);
        return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", detail));
    }
    // With a faulty line nothing will be made; the others are still looked at, for the report.
    let faulty = lines.iter().any(|line| line.read.is_err());
    let ready = lines.iter().filter_map(|line| {
        let ready = line.read.as_ref().ok()?;
        Some(New {
            extension: ready.extension.clone(),
            require_qop: ready.require_qop,
            transcode: ready.transcode,
            dtmf: ready.dtmf,
            password: ready.password.clone(),
        })
    });
    let outcome = app
        .changes
        .accounts
        .import(ready.collect(), query.dry_run || faulty)
        .await?;
    let lines = report(lines, outcome.lines, outcome.applied);
    let count = |status| lines.iter().filter(|line| line.status == status).count();
    let failed = count(ImportStatus::Failed);
    if failed > 0 && !query.dry_run {
        let detail = format!("{failed} of {} lines are at fault; nothing was made", lines.len());
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "import_failed", detail).lines(lines));
    }
    let created = count(ImportStatus::Created);
    Ok(Json(ImportReport {
        dry_run: query.dry_run,
        created,
        failed,
        lines,
    }))
}

fn report(lines: Vec<Line>, outcomes: Vec<ImportOutcome>, applied: bool) -> Vec<ImportLine> {
    let mut outcomes = outcomes.into_iter();
    let places: Vec<u32> = lines
        .iter()
        .filter(|line| line.read.is_ok())
        .map(|line| line.line)
        .collect();
    let one = |Line { line, number, read }: Line| {
        let good = if applied {
            ImportStatus::Created
        } else {
            ImportStatus::Valid
        };
        let fault = |field: &str, detail: String| ImportLine {
            line,
            number: number.clone(),
            status: ImportStatus::Failed,
            field: Some(field.to_owned()),
            detail: Some(detail),
            password: None,
        };
        let ready = match read {
            Ok(ready) => ready,
            Err(problem) => return fault(problem.field_at_fault().unwrap_or("line"), problem.detail().to_owned()),
        };
        match outcomes.next() {
            Some(ImportOutcome::Created) => {
                let password = (applied && ready.generated).then_some(Shown(ready.password));
                ImportLine {
                    line,
                    number,
                    status: good,
                    field: None,
                    detail: None,
                    password,
                }
            }
            Some(ImportOutcome::Exists) => fault("number", "this number is taken".to_owned()),
            Some(ImportOutcome::Repeats { line: earlier }) => {
                let earlier = places.get(earlier).copied().unwrap_or_default();
                fault("number", format!("line {earlier} has the same number"))
            }
            Some(ImportOutcome::Invalid { field, reason }) => fault(field, reason.to_owned()),
            None => fault("line", "it was not looked at".to_owned()),
        }
    };
    lines.into_iter().map(one).collect()
}

fn check(line: u32, mut new: NewExtension) -> Line {
    let number = shortened(&new.number);
    let read = check_new(&mut new).and_then(|extension| {
        let generated = new.password.is_none();
        let password = new
            .password
            .map_or_else(generate_password, Ok)
            .map_err(|error| Problem::internal(&error))?;
        Ok(Ready {
            extension,
            require_qop: new.require_qop.unwrap_or_default(),
            transcode: new.transcode.unwrap_or_default(),
            dtmf: new.dtmf.unwrap_or_default(),
            password,
            generated,
        })
    });
    Line { line, number, read }
}

/// What is repeated of a number that may be no number.
fn shortened(number: &str) -> String {
    number.chars().take(32).filter(|c| !c.is_control()).collect()
}

fn read_json(bytes: &[u8]) -> Result<Vec<Line>, Problem> {
    let items: Vec<Value> = parse_json(bytes)?;
    let line = |(i, item): (usize, Value)| {
        let line = u32::try_from(i + 1).unwrap_or(u32::MAX);
        let number = item
            .get("number")
            .and_then(Value::as_str)
            .map(shortened)
            .unwrap_or_default();
        // Through text again, so that a fault is told in the same words as for a single extension.
        match parse_object(item.to_string().as_bytes()) {
            Ok(new) => check(line, new),
            Err(problem) => Line {
                line,
                number,
                read: Err(problem),
            },
        }
    };
    Ok(items.into_iter().enumerate().map(line).collect())
}

fn read_table(bytes: &[u8]) -> Result<Vec<Line>, Problem> {
    let line = |Row { line, number, read }: Row| match read {
        Ok(new) => check(line, new),
        Err(problem) => Line {
            line,
            number: shortened(&number),
            read: Err(problem),
        },
    };
    Ok(table::read(bytes)?.into_iter().map(line).collect())
}
