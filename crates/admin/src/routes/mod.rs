//! The routes and their description. A route exists only with its description: both are made by the
//! same line.

mod calls;
mod cdrs;
mod conferences;
mod dialplans;
mod events;
mod extensions;
mod import;
mod pages;
mod phones;
mod recordings;
mod system;
mod trunks;

use std::time::Instant;

use axum::{
    Extension, Router,
    extract::{DefaultBodyLimit, MatchedPath, Request, State},
    http::{HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use tower_http::compression::{
    CompressionLayer, Predicate,
    predicate::{DefaultPredicate, NotForContentType},
};
use utoipa::{
    Modify, OpenApi,
    openapi::{
        ContentBuilder, Ref, ResponseBuilder,
        path::Operation,
        security::{Http, HttpAuthScheme, SecurityScheme},
    },
};
use utoipa_axum::{
    router::{OpenApiRouter, UtoipaMethodRouterExt},
    routes,
};

use self::phones::{presence, registrations, subscriptions};
use crate::{
    auth,
    http::{
        page::{self, SECURITY_HEADERS},
        parameters::{self, Known},
        problem::Problem,
        repeats::once,
    },
    shell::state::{AdminState, App, Limits},
};

/// The API's description.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Tandem",
        description = "Manages a Tandem PBX. Times are RFC 3339 in UTC, durations seconds. Errors are RFC 9457 problem \
            details. Lists come in pages: ask again with `next_cursor` as `cursor` until it is null. The \
            simulation of dialplans is not there yet.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    servers((url = "/", description = "This Tandem")),
    modifiers(&Bearer),
    security(("bearer" = [])),
    tags(
        (name = "extensions", description = "Numbers that people dial, and the passwords of their phones"),
        (name = "registrations", description = "The present addresses of phones, and what they watch"),
        (name = "calls", description = "Calls in progress"),
        (name = "cdrs", description = "Calls that have ended"),
        (name = "recordings", description = "What was recorded, and its sound"),
        (name = "conferences", description = "Conferences in progress, and their members"),
        (name = "trunks", description = "Ways to providers, gateways and other telephone systems"),
        (name = "dialplans", description = "The scripts that decide where calls go"),
        (name = "events", description = "Events of calls, conferences, recordings, registrations and dialplans, as they happen"),
        (name = "system", description = "Health, metrics, this description"),
    ),
    components(schemas(crate::http::problem::ProblemBody)),
)]
struct ApiDoc;

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let mut http = Http::new(HttpAuthScheme::Bearer);
        http.description = Some("An admin token, as `tandem serve` printed it on its first start.".to_owned());
        let components = openapi.components.get_or_insert_default();
        components.add_security_scheme("bearer", SecurityScheme::Http(http));
    }
}

/// The routes under `/api/v1`, which need a token.
fn api(limits: &Limits) -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(extensions::list, extensions::create).layer(middleware::from_fn(once)))
        .routes(routes!(extensions::read, extensions::update, extensions::delete))
        .routes(routes!(extensions::kept_messages))
        .routes(
            // The limit is around the table of answers, which reads the body first.
            routes!(import::import).layer((DefaultBodyLimit::max(limits.import_body), middleware::from_fn(once))),
        )
        .routes(routes!(registrations::list))
        .routes(routes!(registrations::delete))
        .routes(routes!(subscriptions::list))
        .routes(routes!(presence::list))
        .routes(routes!(calls::list, calls::start).layer(middleware::from_fn(once)))
        .routes(routes!(calls::read, calls::hang_up))
        .routes(routes!(calls::record))
        .routes(routes!(calls::parked::list))
        .routes(routes!(calls::transfer))
        .routes(routes!(conferences::list))
        .routes(routes!(conferences::read))
        .routes(routes!(conferences::update_member, conferences::remove_member))
        .routes(routes!(recordings::list))
        .routes(routes!(recordings::read, recordings::delete))
        .routes(routes!(recordings::audio))
        .routes(routes!(recordings::link))
        .routes(routes!(cdrs::list))
        .routes(routes!(cdrs::read))
        .routes(routes!(trunks::list, trunks::create).layer(middleware::from_fn(once)))
        .routes(routes!(trunks::read, trunks::update, trunks::delete))
        .routes(routes!(dialplans::list))
        .routes(
            routes!(dialplans::read, dialplans::put, dialplans::delete)
                .layer(DefaultBodyLimit::max(limits.dialplan_body)),
        )
        .routes(routes!(events::stream))
        .routes(routes!(system::describe_system))
        .routes(routes!(system::describe))
}

/// The routes outside of `/api/v1`.
fn open() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(system::healthz))
        .routes(routes!(system::metrics))
}

/// The OpenAPI description of every route.
pub fn openapi() -> utoipa::openapi::OpenApi {
    let (_, api) = api(&Limits::default()).split_for_parts();
    let (_, open) = open().split_for_parts();
    let mut described = ApiDoc::openapi().nest("/api/v1", api).merge_from(open);
    for item in described.paths.paths.values_mut() {
        let operations = [
            &mut item.get,
            &mut item.put,
            &mut item.post,
            &mut item.patch,
            &mut item.delete,
        ]
        .into_iter()
        .flatten();
        operations.for_each(describe_every_error);
    }
    described
}

/// What any operation may answer besides: a wrong token too often (429), a request that took too long
/// (408), our own faults (500, 503).
fn describe_every_error(operation: &mut Operation) {
    let content = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name("ProblemBody")))
        .build();
    let response = ResponseBuilder::new()
        .description("Any other error: 408 took too long, 429 too many wrong tokens, 500, 503")
        .content("application/problem+json", content)
        .build();
    operation
        .responses
        .responses
        .insert("default".to_owned(), response.into());
}

/// Everything over HTTP as one service, for those who bring their own server; `http::serve` is the
/// usual way.
pub fn router(state: AdminState) -> Router {
    assemble(state.share())
}

pub(crate) fn assemble(app: App) -> Router {
    let (api, _) = api(&app.limits).split_for_parts();
    let api = api
        .method_not_allowed_fallback(method_not_allowed)
        .fallback(|| async { page::no_route() })
        .layer(middleware::from_fn_with_state(Known::of(&openapi()), parameters::check))
        // Also what does not exist is not told to strangers.
        .layer(middleware::from_fn_with_state(app.clone(), auth::require_token))
        .layer(Extension(app.clone()))
        .layer(middleware::from_fn(no_store));
    let (open, _) = open().split_for_parts();
    let open = open.method_not_allowed_fallback(method_not_allowed);
    Router::new()
        .nest("/api/v1", api)
        .merge(open)
        .fallback(page::fallback)
        .layer(DefaultBodyLimit::max(app.limits.body))
        .layer(middleware::from_fn_with_state(app.clone(), observe))
        // Streams of events are left out: a compressor would keep them back. So is sound: a part of it must have the length
        // that was asked for, and Opus is compressed already.
        .layer(
            CompressionLayer::new().compress_when(DefaultPredicate::new().and(NotForContentType::const_new("audio/"))),
        )
        .with_state(app)
}

async fn method_not_allowed() -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        "this path has no such method; see Allow",
    )
}

/// Answers hold what is true now, and sometimes a password.
async fn no_store(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Around every request: the time limit, what is counted, and the headers of every answer.
async fn observe(State(app): State<App>, request: Request, next: Next) -> Response {
    let start = Instant::now();
    let method = request.method().clone();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("other", MatchedPath::as_str)
        .to_owned();
    let mut response = match tokio::time::timeout(app.limits.request_timeout, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::new(StatusCode::REQUEST_TIMEOUT, "timeout", "this took too long").into_response(),
    };
    let (status, took) = (response.status().as_u16(), start.elapsed());
    tracing::debug!(%method, %route, status, milliseconds = took.as_secs_f64() * 1e3, "admin request");
    let standard = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"].into_iter();
    // A client can make methods up; the number of time series stays small.
    let method = standard
        .into_iter()
        .find(|name| *name == method.as_str())
        .unwrap_or("other");
    app.metrics.http.answered(method.to_owned(), route, status, took);
    for (name, value) in &SECURITY_HEADERS {
        response.headers_mut().insert(name.clone(), value.clone());
    }
    response
}

/// The switch answered something else than was asked. Cannot happen; if it does, it is our fault.
fn unexpected(reply: &switch::Reply) -> Problem {
    Problem::internal(&format_args!("the switch answered {:?}", std::mem::discriminant(reply)))
}
