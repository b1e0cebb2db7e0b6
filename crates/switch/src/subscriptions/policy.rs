//! How much may be watched.

use sip::StatusCode;

use super::Subscriptions;
use crate::{answer::Answer, config, stack::Stack};

/// Whether there is room for one more subscription of an extension. Whom it may watch is for the package to say
/// ([`super::package::Package::watch`]).
///
/// # Errors
/// The answer that refuses it: 403, 503.
pub(super) fn policy(subscriptions: &Subscriptions, cx: &Stack, watcher: &str) -> Result<(), Answer> {
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
