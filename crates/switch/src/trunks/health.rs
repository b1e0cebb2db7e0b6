//! Whether a trunk is there: OPTIONS (RFC 3261 section 11).

use std::time::Duration;

use sip::{HeaderName, Method};

use super::Entry;
use crate::{
    api::TrunkState,
    ids::TrunkId,
    requests::{self, Outline, Outside, Owner, RequestEvent, TrunkRequest},
    stack::{Stack, TimerKey, TrunkTimer},
};

/// Sends an OPTIONS, and will send another one.
pub(super) fn ask(entry: &mut Entry, cx: &mut Stack, id: TrunkId) {
    let next = Duration::from_secs(entry.trunk.options_interval.into());
    cx.timers.set(TimerKey::Trunk(id, TrunkTimer::Ask), cx.now + next);
    if entry.asked {
        return;
    }
    let user = entry.access.user.as_deref().unwrap_or("tandem");
    let from = format!(
        "<sip:{}@{}>;tag={}",
        sip::escape_user(user),
        entry.access.home,
        cx.ids.tag()
    );
    let to = format!("<{}>", entry.trunk.uri);
    let outside = Outside {
        uri: &entry.trunk.uri,
        routes: &[],
        from: &from,
        to: &to,
        max_forwards: 70,
    };
    let outline = Outline::new(&Method::Options)
        .contact(&entry.line)
        .header(HeaderName::Accept, "application/sdp")
        .credentials(entry.access.credentials.clone());
    let targets = entry.targets(str::to_owned);
    let owner = Owner::Trunk(id, TrunkRequest::Options);
    entry.asked = requests::send(cx, outline, &outside, targets, owner).is_some();
}

/// An OPTIONS came to this. Any answer shows that the trunk is there, except that of a server in trouble.
pub(super) fn answered(entry: &mut Entry, cx: &mut Stack, event: &RequestEvent) {
    let fault = match event {
        RequestEvent::Provisional(_) => return,
        RequestEvent::Final(reply) if matches!(reply.code(), 408 | 500 | 502..=504) => Some(format!(
            "it answers OPTIONS with {} {}",
            reply.code(),
            reply.response.reason()
        )),
        RequestEvent::Final(_) => None,
        RequestEvent::Failed(why) => Some(format!("it does not answer OPTIONS ({})", why.reason())),
    };
    entry.asked = false;
    match fault {
        Some(words) => entry.is_now(cx, TrunkState::Down, Some(words)),
        // Whether it is registered is said by the registrar.
        None if entry.registration.is_none() => entry.is_now(cx, TrunkState::Reachable, None),
        None => {}
    }
}
