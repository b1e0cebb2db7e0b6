//! Where a `dial` rings: extensions with their forwards, and URIs.

use ::media::{SdpDirection, Spec};
use sip::{Flow, HeaderName, NameAddr, Scheme, Uri};

use crate::{
    api::{Extension, Target},
    bridge,
    call::Call,
    core::{Core, QueryUse},
    ids::LegId,
    leg::{CallerId, Invitation, Leg, NoRoom, Place},
    locations::{Location, Number, Peer, Way},
    own::OWN_CODECS,
};

use super::{Branch, Dialing};

/// A location whose address is being looked up.
pub(super) struct Lookup {
    pub(super) location: Location,
    trail: Trail,
}

/// How a call came to where it rings.
#[derive(Clone, Default)]
pub(super) struct Trail {
    /// Who sent it on, as Diversion values (RFC 5806), the latest first.
    steps: Vec<String>,
    /// The extensions that did.
    through: Vec<Number>,
}

/// How many Diversion values of the caller's are passed on.
const DIVERSIONS: usize = 5;

/// The trail with one more step: which extension sent the call on, and why. A peer outside is not named.
pub(super) fn diverted(x: &Core, trail: &Trail, from: &Peer, reason: &str) -> Trail {
    let mut longer = trail.clone();
    if let Some(number) = from.number() {
        let (user, domain) = (sip::escape_user(number), &x.stack.config.domain);
        longer.steps.insert(0, format!("<sip:{user}@{domain}>;reason={reason}"));
        longer.through.push(number.clone());
    }
    longer
}

/// Where the caller's call was sent on before it came to us, without the addresses of where that was.
fn diverted_before(call: &Call, x: &Core) -> Vec<String> {
    let domain = &x.stack.config.domain;
    // RFC 5806 section 4, RFC 3261 7.3.1: a list, in however many rows.
    let invite = call.request(x).into_iter();
    let values = invite.flat_map(|invite| invite.values(HeaderName::Diversion));
    let step = |value: &str| {
        let address = NameAddr::parse(value).ok()?;
        let uri = address.uri().ok()?;
        let name = address.display_name().filter(|name| !name.is_empty());
        let name = name.map(|name| format!("{} ", sip::quote(&name))).unwrap_or_default();
        let user = uri.number();
        let mut step = format!("{name}<sip:{}@{domain}>", sip::escape_user(&user));
        for known in ["reason", "counter", "limit", "privacy", "screen"] {
            let value = address.param(known).filter(|value| is_token(value));
            step.extend(value.map(|value| format!(";{known}={value}")));
        }
        Some(step)
    };
    values.take(DIVERSIONS).filter_map(step).collect()
}

/// Whether a URI is one of our own numbers. Another port of an address of ours may be another program's.
fn is_inside(call: &Call, x: &Core, uri: &Uri<'_>) -> bool {
    let flow = call.subject_leg(x).map(|leg| leg.flow);
    flow.is_some_and(|flow| x.domain.is_own_socket(uri, &flow))
}

fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

/// The number of ours that a phone sends a call on to (RFC 3261 8.1.3.4): a telephone number that one of us has, or any
/// number at one of our addresses, by whichever of them that phone or the caller's knows us.
fn own_number(x: &Core, legs: &[LegId], uri: &Uri<'_>) -> Option<String> {
    let number = uri.number();
    let ours = match uri.scheme {
        Scheme::Tel => x.accounts.is_extension(&number),
        Scheme::Sip | Scheme::Sips => {
            let mut flows = legs.iter().filter_map(|leg| x.legs.get(*leg)).map(|leg| leg.flow);
            flows.any(|flow| x.domain.is_meant_by(uri, &flow))
        }
        Scheme::Other => false,
    };
    ours.then(|| number.into_owned())
}

/// Reads what a person writes into a forward: a number, or a SIP or tel URI.
fn target_of(text: &str) -> Target {
    let scheme = Uri::parse(text).map(|uri| (uri.scheme, uri.number()));
    match text.split_once('/') {
        _ if matches!(scheme, Ok((Scheme::Sip | Scheme::Sips, _))) => Target::Uri(text.to_owned()),
        _ if let Ok((Scheme::Tel, number)) = scheme => Target::Extension(number.into_owned()),
        Some((trunk, number)) => Target::Trunk {
            trunk: trunk.to_owned(),
            number: number.to_owned(),
        },
        None => Target::Extension(text.to_owned()),
    }
}

impl Dialing {
    /// Rings a target, or notes why that cannot be.
    pub(super) fn place(&mut self, call: &mut Call, x: &mut Core, target: &Target, trail: &Trail) {
        if self.branches.len() + self.lookups.len() >= x.stack.config.limits.branches {
            return self.best.note(480, "Too Many Targets");
        }
        match target {
            Target::Extension(number) => self.place_extension(call, x, number, trail),
            Target::Trunk { trunk, number } => {
                let peer = Peer::Trunk {
                    name: trunk.as_str().into(),
                    number: number.as_str().into(),
                };
                self.place_outside(call, x, &peer, trail);
            }
            Target::Uri(uri) => self.place_uri(call, x, uri, trail),
        }
    }

    fn place_extension(&mut self, call: &mut Call, x: &mut Core, number: &str, trail: &Trail) {
        let Some(extension) = x.accounts.extension(number).cloned() else {
            return self.best.note(404, "Not Found");
        };
        let peer = Peer::extension(number);
        if trail.through.iter().any(|seen| &**seen == number) {
            return self.best.note(482, "Loop Detected"); // forwards that go round
        }
        if self.rings_at(number) {
            return; // named twice, or another's calls go there too
        }
        if let Some(to) = extension.forward_always.as_deref().filter(|_| self.may_redirect(x)) {
            return self.place(call, x, &target_of(to), &diverted(x, trail, &peer, "unconditional"));
        }
        if extension.dnd {
            return match extension.forward_busy.as_deref().filter(|_| self.may_redirect(x)) {
                Some(to) => self.place(call, x, &target_of(to), &diverted(x, trail, &peer, "do-not-disturb")),
                None => self.best.note_callee(486, "Do Not Disturb", None),
            };
        }
        let places = x.locations.ways(&peer, &x.accounts);
        if places.is_empty() {
            return match extension.forward_no_answer.as_deref().filter(|_| self.may_redirect(x)) {
                Some(to) => self.place(call, x, &target_of(to), &diverted(x, trail, &peer, "unavailable")),
                None => self.best.note(480, "No Phone Registered"),
            };
        }
        let under_way = self.branches.len() + self.lookups.len();
        let left = x.stack.config.limits.branches.saturating_sub(under_way);
        for location in places.into_iter().take(left) {
            self.reach(call, x, location, trail.clone());
        }
    }

    fn place_uri(&mut self, call: &mut Call, x: &mut Core, uri: &str, trail: &Trail) {
        match Uri::parse(uri) {
            Ok(parsed) if is_inside(call, x, &parsed) => self.place_extension(call, x, &parsed.number(), trail),
            Ok(_) | Err(_) => self.place_outside(call, x, &Peer::Uri(uri.into()), trail),
        }
    }

    fn place_outside(&mut self, call: &mut Call, x: &mut Core, peer: &Peer, trail: &Trail) {
        let places = x.locations.ways(peer, &x.accounts);
        if places.is_empty() {
            tracing::warn!(%peer, "there is no way to whom the dialplan wants");
            let reason = match peer {
                Peer::Trunk { .. } => "No Such Trunk",
                Peer::Extension(_) | Peer::Uri(_) => "Bad Target",
            };
            self.best.note(404, reason);
        }
        for location in places {
            self.reach(call, x, location, trail.clone());
        }
    }

    /// Rings at a location, once it is known where that is (RFC 3263).
    fn reach(&mut self, call: &mut Call, x: &mut Core, location: Location, trail: Trail) {
        match &location.way {
            Way::Flow(flow) => {
                let flow = *flow;
                self.ring(call, x, Lookup { location, trail }, &[flow]);
            }
            Way::Look(look) => {
                let query = x.ask(look.query(), QueryUse::Resolve(call.id));
                self.lookups.push((query, Lookup { location, trail }));
            }
        }
    }

    /// Sends an INVITE to a location that was found; `flows` are the ways to it, best first.
    pub(super) fn ring(&mut self, call: &mut Call, x: &mut Core, found: Lookup, flows: &[Flow]) {
        let Lookup { location, trail } = found;
        let peer = location.peer.clone();
        let Some(place) = Place::at(location, flows) else {
            return self.best.note(480, "Destination Not Found");
        };
        let mut headers = self.request.headers.clone();
        let before = diverted_before(call, x);
        headers.extend(
            trail
                .steps
                .iter()
                .chain(&before)
                .map(|step| ("Diversion".to_owned(), step.clone())),
        );
        let caller = match &self.request.caller_id {
            Some((number, name)) => CallerId {
                number: number.clone(),
                name: name.clone(),
            },
            None => call.caller_id(),
        };
        let heard = call.subject_leg(x).and_then(|leg| {
            let heard = leg.heard()?.clone();
            // Held by the party that transferred it, not by itself: it talks to the next one.
            let held = call.is_transferred() && bridge::is_held_by_other(leg);
            Some(if held {
                heard.with_direction(SdpDirection::SendRecv)
            } else {
                heard
            })
        });
        // RFC 3264 5.1: with the direction the caller offers, so that nobody is asked for sound that nobody hears.
        let offer = heard.unwrap_or_else(|| Spec::own(OWN_CODECS));
        if !place.codecs.is_empty() && !offer.clone().restrict(&place.codecs).has_audio() {
            return self.best.note(488, "No Codec In Common");
        }
        let max_forwards = call.max_forwards;
        let invitation = Invitation {
            caller: &caller,
            offer: &offer,
            headers: &headers,
            max_forwards,
        };
        match x.new_leg(|cx, id| Leg::outbound(cx, id, call.id, &place, &invitation)) {
            Ok(leg) => {
                call.adopt(x, leg);
                if call.record.to.is_empty() {
                    call.record.to = peer.to_string();
                }
                self.branches.push(Branch {
                    leg,
                    peer,
                    trail,
                    rings: false,
                });
            }
            Err(NoRoom) => self.best.note(503, "No Room For Another Leg"),
        }
    }

    fn rings_at(&self, number: &str) -> bool {
        let branches = self.branches.iter().map(|branch| &branch.peer);
        let lookups = self.lookups.iter().map(|(_, lookup)| &lookup.location.peer);
        branches.chain(lookups).any(|peer| peer.is_extension(number))
    }

    /// Where the branch's extension sends its calls on, if it does and it has not gone too far.
    pub(super) fn forward(
        &mut self,
        x: &Core,
        branch: &Branch,
        pick: impl Fn(&Extension) -> Option<String>,
    ) -> Option<Target> {
        let number = branch.peer.number()?;
        // Another phone of the same extension still rings: it may yet answer.
        if self.branches.iter().any(|other| other.peer == branch.peer) {
            return None;
        }
        let to = pick(x.accounts.extension(number)?)?;
        self.may_redirect(x).then(|| target_of(&to))
    }

    /// The branch's extension sends the call on.
    pub(super) fn send_on(&mut self, call: &mut Call, x: &mut Core, branch: &Branch, target: &Target, reason: &str) {
        let trail = diverted(x, &branch.trail, &branch.peer, reason);
        self.place(call, x, target, &trail);
    }

    /// A phone sends the call elsewhere (3xx, RFC 3261 8.1.3.4).
    pub(super) fn redirected(&mut self, call: &mut Call, x: &mut Core, branch: &Branch, code: u16, to: &[String]) {
        let legs: Vec<LegId> = call.subject().into_iter().chain([branch.leg]).collect();
        let inside = |contact: &String| own_number(x, &legs, &Uri::parse(contact).ok()?);
        // Only to our own numbers: a phone that sends calls out of the house costs somebody money.
        let to: Vec<String> = to.iter().filter_map(inside).collect();
        if to.is_empty() {
            return self.best.note(code, "Redirected Outside");
        }
        for number in to {
            if !self.may_redirect(x) {
                return self.best.note(480, "Too Many Redirections");
            }
            let trail = diverted(x, &branch.trail, &branch.peer, "deflection");
            self.place(call, x, &Target::Extension(number), &trail);
        }
    }

    fn may_redirect(&mut self, x: &Core) -> bool {
        self.redirects += 1;
        self.redirects <= x.stack.config.limits.redirects
    }
}
