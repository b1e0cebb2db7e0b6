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
    let limit = page.limit as usize;
    let after = page
        .cursor
        .map(|cursor| split_cursor(&cursor).ok_or_else(pages::bad_cursor))
        .transpose()?;
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
            && after
                .as_ref()
                .is_none_or(|(watcher, id)| (watcher.as_str(), *id) < (item.watcher.as_str(), item.id))
    });
    items.sort_unstable_by(|a, b| (&a.watcher, a.id).cmp(&(&b.watcher, b.id)));
    let more = items.len() > limit;
    items.truncate(limit);
    let last = items.last().filter(|_| more);
    let next_cursor = last.map(|item| pages::encode(&format!("{} {}", item.watcher, item.id)));
    Ok(Json(SubscriptionPage {
        items: items.into_iter().map(Subscription::from).collect(),
        next_cursor,
    }))
}

fn split_cursor(text: &str) -> Option<(String, u64)> {
    let (watcher, id) = text.split_once(' ')?;
    Some((watcher.to_owned(), id.parse().ok()?))
}
