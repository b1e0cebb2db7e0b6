//! From a target to phones that ring: extensions with their forwards, trunks, URIs.

use ::media::Spec;
use sip::{Flow, HeaderName, Instant, Scheme, Uri};

use super::{Branch, Hunt, Quest, Trail, asleep, auto_answer, location::is_by_cid, trail::SentOn};
use crate::{
    activity::LineState,
    api::{CauseCode, Extension, Target},
    bridge,
    core::{Core, QueryUse},
    diversion::Step,
    ids::{CallId, LegId},
    leg::{Invitation, Leg, NoRoom, Place, Talk, outbound, session_id},
    locations::{Instance, Location, Peer, Way},
    own::OWN_CODECS,
};

/// A location whose address is being looked up.
pub(super) struct Lookup {
    pub location: Location,
    trail: Trail,
}

impl Lookup {
    /// When it has taken long enough.
    pub const fn until(&self) -> Instant {
        self.trail.until
    }
}

/// The session that a phone is offered.
fn offer(quest: &Quest, x: &Core) -> Spec {
    let subject = quest.subject.and_then(|leg| x.legs.get(leg));
    let Some((leg, heard)) = subject.and_then(|leg| Some((leg, leg.heard()?.clone()))) else {
        return Spec::own(OWN_CODECS);
    };
    // The party that transferred it held it; it did not hold the call itself. So it can talk with the next party. If it
    // holds, the next party hears music.
    if quest.transferred && bridge::hides_hold(x, leg) {
        heard.opened()
    } else {
        // RFC 3264 5.1: keeps the direction of the caller's offer, so that no phone sends media that the caller does
        // not hear.
        heard
    }
}

/// The extension or the phone of ours to which a phone sends a call on (RFC 3261 8.1.3.4): a telephone number that is an
/// extension, or any number or GRUU at an address of ours by which the phone or the caller knows us.
fn own_target(x: &Core, legs: [Option<LegId>; 2], uri: &Uri<'_>) -> Option<Target> {
    let number = uri.number();
    let ours = match uri.scheme {
        Scheme::Tel => x.accounts.is_extension(&number),
        Scheme::Sip | Scheme::Sips => {
            let legs = legs.into_iter().flatten();
            let mut flows = legs.filter_map(|leg| x.legs.get(leg)).map(|leg| leg.path.flow);
            flows.any(|flow| x.domain.is_meant_by(uri, &flow))
        }
        Scheme::Other => false,
    };
    ours.then(|| match uri.gruu() {
        Some(_) => Target::Uri(uri.to_string()),
        None => Target::Extension(number.into_owned()),
    })
}

/// Reads the text of a forward: a number, or a SIP or tel URI.
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

/// Where an extension forwards its calls while no phone of it can be reached.
fn when_unreachable(extension: &Extension) -> Option<String> {
    let target = extension.forward_unreachable.as_ref();
    target.or(extension.forward_no_answer.as_ref()).cloned()
}

impl Hunt {
    /// Rings a target, or notes why that is not possible.
    pub(super) fn place(&mut self, x: &mut Core, target: &Target, trail: &Trail) {
        if self.room(x) == 0 {
            // RFC 5393 section 5.3.3.2.
            if self.quest.max_breadth == Some(0) {
                return self.best.note(CauseCode::NumberLoop, 440, "Max-Breadth Exceeded");
            }
            return self.best.note(CauseCode::NumberBadTarget, 480, "Too Many Targets");
        }
        match target {
            Target::Extension(number) => self.place_extension(x, number, trail),
            Target::Trunk { trunk, number } => match x.outside.trunks.way(&x.stack, trunk, number) {
                Ok(location) => self.reach(x, location, trail.clone()),
                Err((cause, code, reason)) => self.best.note(cause, code, reason),
            },
            Target::Uri(uri) => self.place_uri(x, uri, trail),
        }
    }

    /// How many more phones and look-ups the limit allows.
    fn room(&self, x: &Core) -> usize {
        let under_way = self.branches.len() + self.lookups.len() + self.asleep.len();
        let most = x.stack.config.limits.branches;
        self.quest
            .max_breadth
            .unwrap_or(most)
            .min(most)
            .saturating_sub(under_way)
    }

    /// Rings one phone of an extension. Nothing that sends calls of the extension elsewhere counts: the caller wants this
    /// phone (RFC 5627 section 6.1).
    fn place_phone(&mut self, x: &mut Core, phone: &Instance, trail: &Trail) {
        let Some(extension) = x.accounts.extension(&phone.number).cloned() else {
            return self.best.note(CauseCode::NumberUnknown, 404, "Not Found");
        };
        let peer = Peer::Extension(phone.number.clone());
        if extension.rules.reject_anonymous && self.quest.caller.is_hidden() && self.quest.follows {
            return self.best.note(CauseCode::CallerAnonymous, 433, "Anonymity Disallowed");
        }
        if self.rings_at(&peer) {
            return;
        }
        if self.quest.auto_answer && x.activity.is_busy(&peer) {
            return self.best.note_callee(CauseCode::PhoneBusy, 486, "In A Call", None);
        }
        if let Some((cause, phrase, _)) = self.refuses(x, &peer, &extension) {
            return self.best.note_callee(cause, 486, phrase, None);
        }
        match x.locations.way_to(phone, &x.accounts) {
            Some(location) => self.reach(x, location, trail.to_phone(phone)),
            None => self
                .best
                .note(CauseCode::PhoneNotRegistered, 480, "This Phone Is Not Registered"),
        }
    }

    fn place_extension(&mut self, x: &mut Core, number: &str, trail: &Trail) {
        let asked = self.quest.phone.as_ref().filter(|_| trail.is_direct());
        if let Some(phone) = asked.filter(|phone| *phone.number == *number).cloned() {
            return self.place_phone(x, &phone, trail);
        }
        let Some(extension) = x.accounts.extension(number).cloned() else {
            return self.best.note(CauseCode::NumberUnknown, 404, "Not Found");
        };
        let peer = Peer::extension(number);
        // RFC 5079 section 4, before any forward: the person does not want such calls anywhere.
        if extension.rules.reject_anonymous && self.quest.caller.is_hidden() && self.quest.follows {
            return self.best.note(CauseCode::CallerAnonymous, 433, "Anonymity Disallowed");
        }
        if trail.goes_through(number) {
            return self.best.note(CauseCode::NumberLoop, 482, "Loop Detected"); // a loop of forwards
        }
        if self.rings_at(&peer) {
            return; // named twice, or another extension forwards to it too
        }
        if self.quest.auto_answer && trail.is_direct() && x.activity.is_busy(&peer) {
            return self.best.note_callee(CauseCode::PhoneBusy, 486, "In A Call", None);
        }
        if let Some(to) = extension.forward_always.as_deref().filter(|_| self.may_redirect(x)) {
            return self.send_on(x, (&peer, trail), &target_of(to), &SentOn::by_setting("unconditional"));
        }
        if let Some((cause, phrase, reason)) = self.refuses(x, &peer, &extension) {
            return match extension.forward_busy.as_deref().filter(|_| self.may_redirect(x)) {
                Some(to) => self.send_on(x, (&peer, trail), &target_of(to), &SentOn::by_setting(reason)),
                None => self.best.note_callee(cause, 486, phrase, None),
            };
        }
        let places = x.locations.ways(&peer, &x.accounts);
        if places.is_empty() {
            return match when_unreachable(&extension).filter(|_| self.may_redirect(x)) {
                Some(to) => self.send_on(x, (&peer, trail), &target_of(&to), &SentOn::by_setting("unavailable")),
                None => self
                    .best
                    .note(CauseCode::PhoneNotRegistered, 480, "No Phone Registered"),
            };
        }
        for location in places.into_iter().take(self.room(x)) {
            self.reach(x, location, trail.clone());
        }
    }

    /// Why an extension takes no further call: the cause, the phrase for the caller, and the reason of a forward.
    fn refuses(&self, x: &Core, peer: &Peer, extension: &Extension) -> Option<(CauseCode, &'static str, &'static str)> {
        if !self.quest.follows {
            return None;
        }
        if extension.dnd {
            return Some((CauseCode::PhoneDnd, "Do Not Disturb", "do-not-disturb"));
        }
        let limit = extension.rules.call_limit?;
        // Several phones that ring for one call are one call.
        let lines = x
            .activity
            .of(peer)
            .iter()
            .filter(|line| line.state != LineState::Ending);
        let calls = lines.filter_map(|line| x.legs.get(line.leg)).map(|leg| leg.call);
        let mut calls: Vec<CallId> = calls.filter(|call| *call != self.quest.call).collect();
        calls.sort_unstable();
        calls.dedup();
        (calls.len() >= limit.into()).then_some((CauseCode::PhoneCallLimit, "Busy Here", "user-busy"))
    }

    fn place_uri(&mut self, x: &mut Core, uri: &str, trail: &Trail) {
        match Uri::parse(uri) {
            Ok(parsed) if parsed.gruu().is_some() && self.is_gruu_of_ours(x, &parsed) => match x.phone_at(&parsed) {
                Some(phone) => self.place_phone(x, &phone, trail),
                None => self.best.note(CauseCode::NumberUnknown, 404, "Not Found"),
            },
            Ok(parsed) if self.is_inside(x, &parsed) => self.place_extension(x, &parsed.number(), trail),
            Ok(_) | Err(_) => self.place_outside(x, &Peer::Uri(uri.into()), trail),
        }
    }

    /// Whether we are its registrar: it names our domain, or an address by which the caller knows us.
    fn is_gruu_of_ours(&self, x: &Core, uri: &Uri<'_>) -> bool {
        let subject = self.quest.subject.and_then(|leg| x.legs.get(leg));
        x.domain.is_name(uri.host) || subject.is_some_and(|leg| x.domain.is_meant_by(uri, &leg.path.flow))
    }

    /// Whether a URI is a number of ours. Another port at our address may belong to another program.
    fn is_inside(&self, x: &Core, uri: &Uri<'_>) -> bool {
        let subject = self.quest.subject.and_then(|leg| x.legs.get(leg));
        subject.is_some_and(|leg| x.domain.is_own_socket(uri, &leg.path.flow))
    }

    fn place_outside(&mut self, x: &mut Core, peer: &Peer, trail: &Trail) {
        let places = x.locations.ways(peer, &x.accounts);
        if places.is_empty() {
            tracing::warn!(%peer, "there is no way to this target");
            self.best.note(CauseCode::NumberBadTarget, 404, "Bad Target");
        }
        for location in places {
            self.reach(x, location, trail.clone());
        }
    }

    /// Rings at a location; if its address is not known, looks that up first (RFC 3263).
    pub(super) fn reach(&mut self, x: &mut Core, location: Location, trail: Trail) {
        match &location.way {
            Way::Flow(flow) => {
                let flow = *flow;
                self.ring(x, Lookup { location, trail }, &[flow]);
            }
            Way::Look(look) => {
                let query = x.ask(look.query(), QueryUse::Resolve(self.quest.call));
                self.lookups.push((query, Lookup { location, trail }));
            }
            Way::Asleep(push) => {
                let push = push.clone();
                asleep::wake(self, x, location.peer, push, trail);
            }
        }
    }

    /// Sends an INVITE to a location whose address is known; `flows` are the ways to it, best first.
    pub(super) fn ring(&mut self, x: &mut Core, found: Lookup, flows: &[Flow]) {
        let Lookup { location, trail } = found;
        let peer = location.peer.clone();
        let told = trail.header_fields(&self.quest.diverted, &location, &x.stack.config.domain);
        let Some(place) = Place::at(location, flows) else {
            return self
                .best
                .note(CauseCode::NumberUnresolved, 480, "Destination Not Found");
        };
        let quest = &self.quest;
        let mut headers = quest.headers.clone();
        headers.extend(told);
        // RFC 5393 section 5.3.3.1: all branches together get no more than there was.
        if let Some(breadth) = quest.max_breadth {
            let share = breadth / x.stack.config.limits.branches.min(breadth).max(1);
            headers.push(("Max-Breadth".to_owned(), share.to_string()));
        }
        // The owner of a phone to which the call is forwarded was not asked for.
        if let Some(number) = peer.number().filter(|_| quest.auto_answer && trail.is_direct()) {
            headers.extend(auto_answer(x, number).unwrap_or_default());
        }
        let offer = offer(quest, x);
        if offer.has_audio() && !Talk::first_offer(&place.audio, &offer).has_audio() {
            return self.best.note(CauseCode::CodecNoneInCommon, 488, "No Codec In Common");
        }
        let subject = quest.subject.and_then(|leg| x.legs.get(leg));
        let session = subject.and_then(session_id::of).map(str::to_owned);
        if !place.outside || quest.attached.is_none() {
            headers.retain(|(name, value)| name != HeaderName::Geolocation.as_str() || !is_by_cid(value));
        }
        let caller = match &peer {
            Peer::Trunk { name, .. } => {
                let is_extension = subject.is_some_and(|leg| leg.peer.number().is_some());
                &x.outside.trunks.caller_at(name, &quest.caller, is_extension)
            }
            Peer::Extension(_) | Peer::Uri(_) => &quest.caller,
        };
        let invitation = Invitation {
            caller,
            offer: &offer,
            headers: &headers,
            beside: subject.and_then(Leg::port),
            max_forwards: quest.max_forwards,
            hides_callee: trail.hidden,
            session: session.as_deref(),
            attached: quest.attached.as_ref().filter(|_| place.outside),
        };
        match x.new_leg(|cx, id| outbound::call(cx, id, quest.call, &place, &invitation)) {
            Ok(leg) => {
                self.rung.push((leg, peer.clone()));
                self.branches.push(Branch {
                    leg,
                    until: self.rings_until(x, &peer, trail.until),
                    peer,
                    trail,
                    rings: false,
                });
            }
            Err(NoRoom) => self
                .best
                .note(CauseCode::SwitchOverloaded, 503, "No Room For Another Leg"),
        }
    }

    fn rings_at(&self, peer: &Peer) -> bool {
        let branches = self.branches.iter().map(|branch| &branch.peer);
        let lookups = self.lookups.iter().map(|(_, lookup)| &lookup.location.peer);
        let asleep = self.asleep.iter().map(|asleep| &asleep.peer);
        branches.chain(lookups).chain(asleep).any(|other| other == peer)
    }

    /// Where the branch's extension forwards its calls; `None` without a forward, or after too many forwards.
    fn forward(&mut self, x: &Core, branch: &Branch, pick: impl Fn(&Extension) -> Option<String>) -> Option<Target> {
        let number = branch.peer.number()?;
        // The caller wants that phone, or another phone of the same extension still rings: it may still answer.
        if branch.trail.exact || self.branches.iter().any(|other| other.peer == branch.peer) {
            return None;
        }
        let to = pick(x.accounts.extension(number)?)?;
        self.may_redirect(x).then(|| target_of(&to))
    }

    /// A phone has refused. Rings where its extension forwards such calls; false if it does not forward them.
    pub(super) fn forward_refused(&mut self, x: &mut Core, branch: &Branch, code: u16) -> bool {
        let (target, reason) = match code {
            486 | 600 => (self.forward(x, branch, |to| to.forward_busy.clone()), "user-busy"),
            // A phone that rings first tells that the person did not come.
            408 | 480 if branch.rings => (self.forward(x, branch, |to| to.forward_no_answer.clone()), "no-answer"),
            408 | 480 | 503 => (self.forward(x, branch, when_unreachable), "unavailable"),
            _ => (None, ""),
        };
        if let Some(target) = &target {
            let why = SentOn {
                code: Some(code),
                ..SentOn::by_setting(reason)
            };
            self.send_on(x, (&branch.peer, &branch.trail), target, &why);
        }
        target.is_some()
    }

    /// These phones have rung long enough. Rings where their extensions forward such calls.
    pub(super) fn forward_unanswered(&mut self, x: &mut Core, branches: &[Branch]) {
        for branch in branches {
            let target = self.forward(x, branch, |to| to.forward_no_answer.clone());
            let rang = |target: &Target| {
                let is_at = |number: &str| branches.iter().any(|branch| branch.peer.is_extension(number));
                matches!(target, Target::Extension(number) if is_at(number))
            };
            if let Some(target) = target.filter(|target| !rang(target)) {
                let trail = branch.trail.longer(x.stack.now + self.quest.timeout);
                self.send_on(x, (&branch.peer, &trail), &target, &SentOn::by_setting("no-answer"));
            }
        }
    }

    /// An extension forwards the call.
    fn send_on(&mut self, x: &mut Core, (peer, trail): (&Peer, &Trail), target: &Target, why: &SentOn) {
        let trail = trail.with(x, peer, why);
        self.forwarded = true;
        self.place(x, target, &trail);
    }

    /// A phone sends the call elsewhere (3xx, RFC 3261 8.1.3.4).
    pub(super) fn redirected(&mut self, x: &mut Core, branch: &Branch, code: u16, contacts: &[String]) {
        // RFC 3261 21.3.4, 21.3.5: the Contact of a 305 is a proxy, and a 380 names other services in its body. Neither is
        // another place of the person who is called.
        let other = match code {
            305 => Some("Use Proxy"),
            380 => Some("Alternative Service"),
            _ => None,
        };
        if let Some(reason) = other {
            return self.best.note(CauseCode::PhoneRedirected, code, reason);
        }
        let legs = [Some(branch.leg), self.quest.subject];
        let inside = |contact: &String| {
            let uri = Uri::parse(contact).ok()?;
            // RFC 4458 section 2: the phone says why.
            let cause = uri.param("cause").and_then(|cause| cause.parse().ok());
            Some((own_target(x, legs, &uri)?, cause.map_or("deflection", Step::reason_of)))
        };
        // Only to our own numbers: a call that a phone sends outside can cost money.
        let to: Vec<(Target, &'static str)> = contacts.iter().filter_map(inside).collect();
        if to.is_empty() {
            return self.best.note(CauseCode::PhoneRedirected, code, "Redirected Outside");
        }
        let told = x.legs.get(branch.leg).map(|leg| leg.diverted().to_vec());
        let told = told.unwrap_or_default();
        for (target, reason) in to {
            if !self.may_redirect(x) {
                return self.best.note(CauseCode::PhoneRedirected, 480, "Too Many Redirections");
            }
            let why = SentOn {
                reason,
                code: Some(code),
                told: told.clone(),
            };
            self.send_on(x, (&branch.peer, &branch.trail), &target, &why);
        }
    }

    /// Whether one more forward or 3xx may be followed. Counts it.
    fn may_redirect(&mut self, x: &Core) -> bool {
        if self.quest.follows {
            self.redirects += 1;
        }
        self.quest.follows && self.redirects <= x.stack.config.limits.redirects
    }
}
