//! Who may watch whom.

use sip::StatusCode;

use super::{
    Subscriptions,
    package::{Package, Whom},
};
use crate::{answer::Answer, api::is_number, config, stack::Stack};

/// Whether an extension may subscribe to a package of a number, and whether there is room for one more.
///
/// So far every extension may watch the lines of every number: lamps show no more than a colleague at the next desk sees.
/// A number that is not an extension may be one of a dialplan (a parking slot, a conference): its lines come and go.
///
/// # Errors
/// The answer that refuses it: 404, 403, 503.
pub(super) fn policy(
    subscriptions: &Subscriptions,
    cx: &Stack,
    watcher: &str,
    package: &Package,
    number: &str,
) -> Result<(), Answer> {
    // The conference is there: who has asked for it has seen to that. Its name need not be a number.
    if !is_number(number) && package.whom != Whom::Conference {
        return Err(Answer::new(StatusCode::NOT_FOUND));
    }
    if package.whom == Whom::Own && watcher != number {
        return Err(Answer::because(StatusCode::FORBIDDEN, "Not Your Own"));
    }
    let limits: &config::Subscriptions = &cx.config.limits.services.subscriptions;
    let own = subscriptions.by_watcher.get(watcher).map_or(0, |ids| ids.len());
    if own >= limits.per_extension {
        return Err(Answer::because(StatusCode::FORBIDDEN, "Too Many Subscriptions"));
    }
    if subscriptions.len() >= limits.most {
        return Err(Answer::busy(60));
    }
    Ok(())
}
