//! What a REGISTER changes in the bindings: RFC 3261 section 10.3, steps 6 and 7.

use std::{sync::Arc, time::Duration};

use sip::{Instant, StatusCode, Uri};

use super::{
    Config,
    contact::Contact,
    request::{Request, Wanted, Wants},
    table::{Bound, Plan, Table},
};
use crate::{Answer, Binding};

/// The time, on both clocks.
#[derive(Copy, Clone)]
pub(super) struct Clock {
    pub(super) now: Instant,
    pub(super) unix_micros: i64,
}

/// Finds out what to save and what to remove. The bindings change later, when that is stored. Ids of new bindings are
/// drawn from `last_id`.
pub(super) fn plan(
    request: &Request,
    table: &Table,
    config: &Config,
    clock: Clock,
    last_id: &mut u64,
) -> Result<Plan, Answer> {
    let contacts = match &request.wants {
        Wants::Fetch => return Ok(Plan::default()),
        Wants::RemoveAll => {
            let current = table.of(&request.number);
            current.clone().try_for_each(|bound| in_order(request, bound))?;
            return Ok(Plan {
                saves: Vec::new(),
                removes: current.map(|bound| bound.binding().id).collect(),
            });
        }
        Wants::Update(contacts) => contacts,
    };
    let mut plan = Plan::default();
    for wanted in contacts {
        let mut matches = Vec::new();
        for bound in table
            .of(&request.number)
            .filter(|bound| is_same(request, wanted, bound))
        {
            in_order(request, bound)?;
            if plan.saves_id(bound.binding().id) || plan.removes.contains(&bound.binding().id) {
                return Err(twice());
            }
            matches.push(bound);
        }
        if plan
            .saves
            .iter()
            .any(|bound| same_uri(&wanted.contact, &bound.binding().contact))
        {
            return Err(twice());
        }
        let mut matches = matches.into_iter();
        if wanted.expires > 0 {
            plan.saves.push(bind(request, wanted, matches.next(), clock, last_id));
        }
        plan.removes.extend(matches.map(|bound| bound.binding().id));
    }
    make_room(request, table, config, &mut plan)?;
    Ok(plan)
}

fn twice() -> Answer {
    Answer::because(StatusCode::BAD_REQUEST, "Contact Listed Twice")
}

/// Step 7: a request of the same phone run must be newer than the binding it changes, or it fails.
fn in_order(request: &Request, bound: &Bound) -> Result<(), Answer> {
    if bound.binding().call_id == request.call_id && request.cseq <= bound.binding().cseq {
        return Err(Answer::because(StatusCode::SERVER_INTERNAL_ERROR, "CSeq Out of Order"));
    }
    Ok(())
}

/// Whether the contact in the request is this binding's contact.
fn is_same(request: &Request, wanted: &Wanted, bound: &Bound) -> bool {
    let binding = bound.binding();
    let (same_instance, other_instance) = match (&wanted.instance, &binding.instance) {
        (Some(one), Some(two)) => {
            let same = one.eq_ignore_ascii_case(two);
            (same && binding.username == request.username, !same)
        }
        (Some(_) | None, Some(_) | None) => (false, false),
    };
    let elsewhere = request.flow.remote.ip().to_canonical() != binding.flow.remote.ip().to_canonical();
    match (wanted.reg_id, binding.reg_id) {
        // RFC 5626 section 6: instance and reg-id name an outbound binding, whatever the URI is. Phones in two homes
        // may well have the same URI.
        (Some(one), Some(two)) => same_instance && one == two,
        // Not in RFC 3261: an instance that comes back with another Call-ID has restarted. Its former contact reaches
        // no phone any more.
        (None, None) if same_instance && binding.call_id != request.call_id => true,
        // Not in RFC 3261 either: two phones behind two NATs may have the same private address.
        (None, None) if other_instance && elsewhere => false,
        (Some(_) | None, Some(_) | None) => same_uri(&wanted.contact, &binding.contact),
    }
}

/// RFC 3261 19.1.4. Both URIs were parsed before, so parsing cannot fail here.
fn same_uri(one: &str, two: &str) -> bool {
    one == two || matches!((Uri::parse(one), Uri::parse(two)), (Ok(one), Ok(two)) if one.same_as(&two))
}

fn bind(request: &Request, wanted: &Wanted, former: Option<&Bound>, clock: Clock, last_id: &mut u64) -> Bound {
    let (id, registered_at) = match former {
        Some(bound) => (bound.binding().id, bound.binding().registered_at),
        None => {
            // Microseconds of the wall clock, or the next number: unique even after a restart.
            *last_id = last_id.saturating_add(1).max(clock.unix_micros.unsigned_abs());
            (*last_id, clock.unix_micros)
        }
    };
    let binding = Binding {
        id,
        number: request.number.clone(),
        username: request.username.clone(),
        contact: wanted.contact.clone(),
        flow: request.flow,
        path: request.path.clone(),
        instance: wanted.instance.clone(),
        reg_id: wanted.reg_id,
        q: wanted.q,
        call_id: request.call_id.clone(),
        cseq: request.cseq,
        user_agent: request.user_agent.clone(),
        registered_at,
        expires_at: clock.unix_micros.saturating_add(i64::from(wanted.expires) * 1_000_000),
    };
    let expires = clock.now + Duration::from_secs(u64::from(wanted.expires));
    let contact = Contact {
        lost: request.flow.transport.is_reliable() && request.flow.connection.is_none(),
        leads_back: wanted.leads_back,
        push: wanted.push.clone().map(Box::new),
        binding,
    };
    Bound {
        contact: Arc::new(contact),
        expires,
        refreshed: clock.now,
    }
}

/// Keeps the limits. A device with too many contacts loses the contact it refreshed longest ago: phones that restart on
/// another port leave old contacts behind. Contacts of other devices stay.
fn make_room(request: &Request, table: &Table, config: &Config, plan: &mut Plan) -> Result<(), Answer> {
    let (mut all, mut own) = (0, 0);
    let mut victims = Vec::new();
    for bound in table
        .of(&request.number)
        .filter(|bound| !plan.removes.contains(&bound.binding().id))
    {
        let is_own = bound.binding().username == request.username;
        if plan.saves_id(bound.binding().id) {
            continue;
        }
        all += 1;
        own += usize::from(is_own);
        if is_own {
            // A contact that cannot be reached any more goes first.
            victims.push((!bound.contact.lost, bound.refreshed, bound.binding().id));
        }
    }
    all += plan.saves.len();
    own += plan.saves.len();
    victims.sort_unstable();
    let mut victims = victims.into_iter();
    while !plan.saves.is_empty() && (own > config.contacts_per_device || all > config.contacts_per_extension) {
        let Some((_, _, id)) = victims.next() else {
            return Err(Answer::because(StatusCode::FORBIDDEN, "Too Many Contacts"));
        };
        plan.removes.push(id);
        all -= 1;
        own -= 1;
    }
    let new = plan
        .saves
        .iter()
        .filter(|bound| table.get(bound.binding().id).is_none())
        .count();
    if new > 0 && table.len() + new > config.contacts + plan.removes.len() {
        return Err(Answer::busy(60));
    }
    Ok(())
}
