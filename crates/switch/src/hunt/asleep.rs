//! Phones that sleep: woken by their push service, they ring when they have registered (RFC 8599 section 5.3).

use sip::Instant;

use super::{Hunt, Trail};
use crate::{
    api::{CauseCode, PushTarget, Query, QueryId, Wake, WakeFor},
    core::{Core, QueryUse},
    locations::Peer,
};

/// A phone that is being woken.
pub(super) struct Asleep {
    /// Names the wait.
    query: QueryId,
    push: PushTarget,
    pub(super) peer: Peer,
    pub(super) trail: Trail,
    /// When its REGISTER has taken long enough.
    pub(super) until: Instant,
}

/// Wakes a phone of a peer, and waits for its REGISTER.
pub(super) fn wake(hunt: &mut Hunt, x: &mut Core, peer: Peer, push: PushTarget, trail: Trail) {
    let number = peer.number().map(|number| number.to_string()).unwrap_or_default();
    let wake = Wake {
        number,
        push: push.clone(),
        why: WakeFor::Call,
    };
    let call = hunt.quest.call;
    let query = x.ask(Query::Wake(Box::new(wake)), QueryUse::Resolve(call));
    x.locations.sleepers.wait(&push, call, query);
    tracing::info!(%peer, provider = push.provider, "a phone is woken");
    let until = (x.stack.now + x.stack.config.registrar.push.wait).min(trail.until);
    hunt.asleep.push(Asleep {
        query,
        push,
        peer,
        trail,
        until,
    });
}

/// The wait with this number has ended: the phone has registered, or its push service could not be asked. False if the
/// hunt has no such wait.
pub(super) fn ended(hunt: &mut Hunt, x: &mut Core, query: QueryId, registered: bool) -> bool {
    let Some(at) = hunt.asleep.iter().position(|asleep| asleep.query == query) else {
        return false;
    };
    let Asleep { push, peer, trail, .. } = hunt.asleep.swap_remove(at);
    x.locations.sleepers.give_up(&push, query);
    let place = x.locations.way_to_woken(&peer, &push, &x.accounts);
    match place.filter(|_| registered) {
        Some(location) => hunt.reach(x, location, trail),
        None => hunt
            .best
            .note(CauseCode::PhoneUnreachable, 480, "Phone Could Not Be Woken"),
    }
    true
}

/// Gives up the waits for which `so` holds. Returns whether there were any.
pub(super) fn give_up(hunt: &mut Hunt, x: &mut Core, so: impl Fn(&Asleep) -> bool) -> bool {
    let gone: Vec<Asleep> = hunt.asleep.extract_if(.., |asleep| so(asleep)).collect();
    for asleep in &gone {
        x.queries.remove(&asleep.query);
        x.locations.sleepers.give_up(&asleep.push, asleep.query);
    }
    !gone.is_empty()
}
