//! Query parameters that the operation does not have are refused: a mistyped filter must not be ignored silently.

use std::{collections::HashMap, sync::Arc};

use axum::{
    extract::{MatchedPath, Request, State},
    http::Method,
    middleware::Next,
    response::{IntoResponse, Response},
};
use switch::did_you_mean;
use utoipa::openapi::{
    OpenApi, RefOr,
    path::{Operation, Parameter, ParameterIn},
};

use crate::http::problem::Problem;

/// The query parameters of each operation, by path and method, as the description has them.
#[derive(Clone)]
pub(crate) struct Known(Arc<HashMap<(String, Method), Vec<String>>>);

impl Known {
    /// Reads them from the description.
    pub(crate) fn of(described: &OpenApi) -> Self {
        let mut known = HashMap::new();
        for (path, item) in &described.paths.paths {
            for (method, operation) in [
                (Method::GET, &item.get),
                (Method::PUT, &item.put),
                (Method::POST, &item.post),
                (Method::PATCH, &item.patch),
                (Method::DELETE, &item.delete),
            ] {
                if let Some(operation) = operation {
                    known.insert((path.clone(), method), names(operation));
                }
            }
        }
        Self(Arc::new(known))
    }

    /// The first parameter of the query that the operation does not have.
    fn check(&self, path: &str, method: &Method, query: &str) -> Result<(), Problem> {
        // HEAD has the parameters of GET (RFC 9110 section 9.3.2).
        let method = if *method == Method::HEAD {
            Method::GET
        } else {
            method.clone()
        };
        let Some(known) = self.0.get(&(path.to_owned(), method)) else {
            return Ok(());
        };
        let mut given = form_urlencoded::parse(query.as_bytes()).map(|(name, _)| name);
        let Some(unknown) = given.find(|name| known.iter().all(|known| known != name)) else {
            return Ok(());
        };
        let near = did_you_mean(&unknown, known.iter().map(String::as_str));
        let there = if known.is_empty() {
            "there are none here".to_owned()
        } else {
            format!("there are {}", known.join(", "))
        };
        let name: String = unknown.chars().take(64).collect();
        Err(Problem::invalid(
            name,
            format!("there is no such query parameter; {there}{near}"),
        ))
    }
}

fn names(operation: &Operation) -> Vec<String> {
    let name = |parameter: &RefOr<Parameter>| match parameter {
        RefOr::T(parameter) if matches!(parameter.parameter_in, ParameterIn::Query) => Some(parameter.name.clone()),
        RefOr::T(_) | RefOr::Ref(_) => None,
    };
    operation.parameters.iter().flatten().filter_map(name).collect()
}

/// Around every operation under `/api/v1`, once the token is known to be good.
pub(crate) async fn check(State(known): State<Known>, request: Request, next: Next) -> Response {
    let path = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    let query = request.uri().query().unwrap_or_default();
    let checked = path.map_or(Ok(()), |path| known.check(path, request.method(), query));
    match checked {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}
