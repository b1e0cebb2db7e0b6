//! Subscriptions: lamps and the like, who watches what.

use axum::{Json, extract::State};
use serde::Deserialize;
use switch::{Command, Reply};
use utoipa::IntoParams;

use super::super::{pages, unexpected};
use crate::{
    http::{
        extract::QueryParams,
        problem::{NoToken, Problem, ProblemBody, SwitchBusy},
    },
    model::{Subscription, SubscriptionPage},
    shell::state::App,
};

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListQuery {
    /// Only those of this extension's phones.
    #[param(example = "103")]
    watcher: Option<String>,
    /// Only those of this number.
    #[param(example = "102")]
    number: Option<String>,
    /// Only those of this event package.
    #[param(example = "dialog")]
    package: Option<String>,
    /// How many at most.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[param(pattern = "^([0-9a-f]{2})*$", max_length = 512)]
    cursor: Option<String>,
}

/// List subscriptions
///
/// What phones watch: lamps (`dialog`), waiting messages (`message-summary`), registrations (`reg`). By watcher.
#[utoipa::path(
    get, path = "/subscriptions", tag = "registrations", operation_id = "list_subscriptions", params(ListQuery),
    responses(
        (status = 200, description = "The subscriptions", body = SubscriptionPage),
        NoToken,
        (status = 422, description = "A parameter at fault", body = ProblemBody, content_type = "application/problem+json"),
        SwitchBusy,
    )
)]
pub(crate) async fn list(
    State(app): State<App>,
    QueryParams(query): QueryParams<ListQuery>,
) -> Result<Json<SubscriptionPage>, Problem> {
    let page = pages::page(query.limit, query.cursor.as_deref())?;
    let after = page.after()?;
    let reply = app.switch.command(Command::ListSubscriptions).await?;
    let reply = reply.map_err(|error| Problem::command(error, "subscription"))?;
    let Reply::Subscriptions(mut items) = reply else {
        return Err(unexpected(&reply));
    };
    let wanted = |asked: &Option<String>, value: &str| asked.as_deref().is_none_or(|asked| asked == value);
    items.retain(|item| {
        wanted(&query.watcher, &item.watcher)
            && wanted(&query.number, &item.number)
            && wanted(&query.package, &item.package)
    });
    let next_cursor = pages::cut(&mut items, after.as_ref(), page.limit as usize, |item| {
        (&item.watcher, item.id)
    });
    Ok(Json(SubscriptionPage {
        items: items.into_iter().map(Subscription::from).collect(),
        next_cursor,
    }))
}
