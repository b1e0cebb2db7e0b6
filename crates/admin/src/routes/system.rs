//! Health, metrics, and the description of the API.

use std::sync::LazyLock;

use axum::{
    Json,
    extract::State,
    http::{Extensions, HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use switch::{Command, Reply};

use crate::{
    auth,
    http::{
        http_metrics::{self, Format},
        problem::{NoToken, Problem, ProblemBody},
    },
    model::HealthReport,
    shell::{health::HealthState, state::App, system::System},
};

/// Whether Tandem is ready
///
/// 200 once every listener is bound. `detail` says where something is wrong although phones are served: a dialplan that
/// does not compile.
#[utoipa::path(
    get, path = "/healthz", tag = "system", operation_id = "read_health", security(()),
    responses(
        (status = 200, description = "Every listener is bound", body = HealthReport),
        (status = 503, description = "Not every listener is bound", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn healthz(State(app): State<App>) -> Result<Response, Problem> {
    let status = match app.health.get() {
        HealthState::Ready => "ok",
        HealthState::Draining => "draining",
        HealthState::Starting => return Err(Problem::unavailable("not_ready", "not every listener is bound")),
    };
    // Not which line: everybody may ask this.
    let detail = match (app.dialplans.fault(), app.dialplans.is_running()) {
        (None, _) => None,
        (Some(_), true) => Some("the dialplan files are broken; the last good ones run. The log says which line"),
        (Some(_), false) => {
            Some("the dialplan files are broken; every call is refused with 500. The log says which line")
        }
    };
    Ok((
        [(header::CACHE_CONTROL, "no-store")],
        Json(HealthReport { status, detail }),
    )
        .into_response())
}

/// Metrics
///
/// In the text format of Prometheus, or in that of OpenMetrics for who accepts it. Wants a token only where
/// the setting `metrics_need_token` says so.
#[utoipa::path(
    get, path = "/metrics", tag = "system", operation_id = "read_metrics", security((), ("bearer" = [])),
    responses(
        (status = 200, description = "The metrics", body = String, content_type = "text/plain",
            example = "# HELP tandem_calls Calls in progress.\n# TYPE tandem_calls gauge\ntandem_calls 3\n"),
        (status = 401, description = "A token is configured, and there was none", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn metrics(
    State(app): State<App>,
    headers: HeaderMap,
    extensions: Extensions,
) -> Result<Response, Problem> {
    if app.metrics.need_token {
        auth::check(&app, &headers, &extensions).await?;
    }
    let stats = if let Ok(Ok(Reply::Stats(stats))) = app.switch.command(Command::Stats).await {
        Some(stats)
    } else {
        None
    };
    let accept = headers
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .unwrap_or_default();
    let format = Format::accepted(accept);
    let text = http_metrics::render(stats.as_deref(), &app.metrics.registry, format)
        .map_err(|error| Problem::internal(&error))?;
    Ok((StatusCode::OK, [(header::CONTENT_TYPE, format.content_type())], text).into_response())
}

/// Where phones sign in
///
/// The addresses, ports and transports to type into a phone, and what this Tandem is.
#[utoipa::path(
    get, path = "/system", tag = "system", operation_id = "read_system",
    responses(
        (status = 200, description = "Where phones sign in", body = System),
        NoToken,
    )
)]
pub(crate) async fn describe_system(State(app): State<App>) -> Json<System> {
    Json(app.system.clone())
}

/// This description
#[utoipa::path(
    get, path = "/openapi.json", tag = "system", operation_id = "read_openapi",
    responses(
        (status = 200, description = "OpenAPI", content_type = "application/json", body = Object),
        NoToken,
    )
)]
pub(crate) async fn describe() -> Json<&'static utoipa::openapi::OpenApi> {
    static DESCRIPTION: LazyLock<utoipa::openapi::OpenApi> = LazyLock::new(super::openapi);
    Json(&DESCRIPTION)
}
