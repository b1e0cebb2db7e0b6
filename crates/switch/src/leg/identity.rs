//! With whom a phone talks, as the phone is told (connected identity: RFC 4916, RFC 5876, RFC 3325).
//!
//! The answers to a call name who is called or has answered. A phone that is up is told by UPDATE, where its Allow lists
//! UPDATE (RFC 3311 5.1); by re-INVITE only where it has said that it takes a changed From (`from-change`, RFC 4916
//! section 4.3); and otherwise by the next re-INVITE that is sent for another reason. At most one such request is under
//! way, never during an open offer, and the latest identity counts.

use std::time::Duration;

use sip::{Builder, HeaderName, Message, Method, Uri, privacy::Privacy};

use super::{Leg, LegTimer, change::ours, end};
use crate::{
    api::CauseCode,
    diversion::{self, Step},
    requests::{self, Outline, Owner, Reply, RequestId},
    stack::Stack,
};

/// How many times a phone is told of an identity that it puts off each time.
const TRIES: u8 = 5;

/// A party, as another party is shown it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct CallerId {
    /// A number, or a SIP, SIPS or tel URI. `anonymous` for a party that hides (RFC 3323 4.1.1.3).
    pub number: String,
    /// The display name; may be empty.
    pub name: String,
}

impl CallerId {
    /// A party that hides its number.
    pub fn hidden() -> Self {
        Self {
            number: "anonymous".into(),
            name: "Anonymous".into(),
        }
    }

    /// Whether the party hides its number.
    pub fn is_hidden(&self) -> bool {
        self.number == "anonymous"
    }

    /// The party as an address that a phone can call back; `home` is our address as the phone knows us. An empty number
    /// is an address without a user.
    pub fn address(&self, home: &str) -> String {
        if self.is_hidden() {
            return "\"Anonymous\" <sip:anonymous@anonymous.invalid>".to_owned();
        }
        let name = match self.name.as_str() {
            "" => String::new(),
            name => format!("{} ", sip::quote(name)),
        };
        format!("{name}<{}>", self.uri(home))
    }

    /// The URI of that address.
    fn uri(&self, home: &str) -> String {
        match Uri::parse(&self.number) {
            Ok(uri) if uri.scheme == sip::Scheme::Tel => format!("tel:{}", uri.number()),
            // Without password, parameters and header fields: these are for the server that is called.
            Ok(uri) if uri.scheme != sip::Scheme::Other => {
                let user = uri.user.map(|user| format!("{user}@")).unwrap_or_default();
                let port = uri.port.map(|port| format!(":{port}")).unwrap_or_default();
                format!("sip:{user}{}{port}", uri.host)
            }
            Ok(_) | Err(_) if self.number.is_empty() => format!("sip:{home}"),
            Ok(_) | Err(_) => format!("sip:{}@{home}", sip::escape_user(&self.number)),
        }
    }

    /// The header fields that name the party: P-Asserted-Identity (RFC 3325 9.1), and Remote-Party-ID
    /// (draft-ietf-sip-privacy-04 section 5), which is older and what many phones read.
    /// `called`: whether the party is, for the phone, the one that is called. A party that hides is named by neither
    /// (RFC 3325 section 7), only by Privacy.
    pub fn header_fields(&self, home: &str, called: bool) -> Vec<(HeaderName, String)> {
        let party = if called { "called" } else { "calling" };
        let address = self.address(home);
        if self.is_hidden() {
            return vec![
                (HeaderName::Privacy, "id".to_owned()),
                (
                    HeaderName::RemotePartyId,
                    format!("{address};party={party};privacy=full;screen=yes"),
                ),
            ];
        }
        vec![
            (
                HeaderName::RemotePartyId,
                format!("{address};party={party};privacy=off;screen=yes"),
            ),
            (HeaderName::PAssertedIdentity, address),
        ]
    }
}

/// What a phone is told of the other party.
#[derive(Debug, Default)]
pub(super) struct Identity {
    /// With whom the phone is connected; `None` before that is known.
    now: Option<CallerId>,
    /// What the phone has been told.
    told: Option<CallerId>,
    /// What a re-INVITE or UPDATE under way says that is sent for another reason.
    rides: Option<CallerId>,
    /// The UPDATE under way.
    asked: Option<RequestId>,
    /// The party at the other end hides its number, by its INVITE or its answers (RFC 3323).
    hides: bool,
    /// The phone's network is trusted: what its messages say of other parties is believed.
    trusted: bool,
    /// The forwards that the phone's 3xx told of, the latest first.
    diverted: Vec<Step>,
    /// The phone is told again when the timer is due.
    waits: bool,
    tries: u8,
}

impl Identity {
    /// A phone that was called, and told in the INVITE who calls. `hides`: whose phone it is stays hidden.
    pub fn told(caller: &CallerId, hides: bool) -> Self {
        Self {
            now: Some(caller.clone()),
            told: Some(caller.clone()),
            hides,
            ..Self::default()
        }
    }

    /// A phone that calls. `trusted`: whether its network is trusted.
    pub fn of_caller(invite: &Message, trusted: bool) -> Self {
        Self {
            hides: Privacy::of(invite).hides(),
            trusted,
            ..Self::default()
        }
    }

    /// A called phone has answered: what that says of the party, and of forwards.
    pub fn learn(&mut self, response: &Message, most: usize) {
        self.hides |= Privacy::of(response).hides();
        if response
            .status()
            .is_some_and(|status| (300..=399).contains(&status.code()))
        {
            self.diverted = diversion::told_by(response, most);
        }
    }

    /// With whom the phone is connected, as it is told.
    pub const fn now(&self) -> Option<&CallerId> {
        self.now.as_ref()
    }

    /// Whether the party hides its number.
    pub const fn hides(&self) -> bool {
        self.hides
    }

    /// Whether the phone's network is trusted.
    pub const fn is_trusted(&self) -> bool {
        self.trusted
    }

    /// The forwards that the phone's 3xx told of.
    pub fn diverted(&self) -> &[Step] {
        &self.diverted
    }

    /// Whether the phone has to be told.
    fn is_news(&self) -> bool {
        self.now.is_some() && self.now != self.told
    }

    /// Whether nothing is under way.
    pub const fn is_quiet(&self) -> bool {
        self.asked.is_none() && !self.waits
    }

    /// Adds the identity to a request for another purpose.
    pub fn ride<'a>(&mut self, mut outline: Outline<'a>, home: &str, called: bool) -> Outline<'a> {
        self.rides = self.now.clone();
        for (name, value) in self.now.iter().flat_map(|now| now.header_fields(home, called)) {
            outline = outline.header(name, value);
        }
        outline
    }

    /// The request for another purpose has its answer.
    pub fn arrived(&mut self, accepted: bool) {
        let rode = self.rides.take();
        if accepted && rode.is_some() {
            self.told = rode;
        }
    }
}

/// Tells a phone with whom it talks from now on: in the answer where that is still to be sent, otherwise by a request
/// as soon as nothing else is under way. Does nothing where the phone knows, or can be told by no means.
///
/// `with` is what the phone may show: a party that hides is [`CallerId::hidden`].
pub(crate) fn connected(leg: &mut Leg, cx: &mut Stack, with: &CallerId) {
    is_with(leg, with);
    tell(leg, cx);
}

/// As [`connected`], but sends nothing yet: what is sent next says it.
pub(crate) fn is_with(leg: &mut Leg, with: &CallerId) {
    if leg.identity.now.as_ref() != Some(with) {
        leg.identity.now = Some(with.clone());
        leg.identity.tries = 0;
    }
}

/// The header fields of an answer to the phone's INVITE.
pub(super) fn answered(leg: &Leg, cx: &Stack, mut reply: Builder) -> Builder {
    let home = cx.home(&leg.path.flow);
    for (name, value) in leg.identity.now.iter().flat_map(|now| now.header_fields(&home, true)) {
        reply = reply.header(name, value);
    }
    reply
}

/// Our 200 to the phone's INVITE has told what there is to tell.
pub(super) fn told(leg: &mut Leg) {
    leg.identity.told = leg.identity.now.clone();
}

/// Nothing else is under way by now: tells what is still to be told.
pub(super) fn tell(leg: &mut Leg, cx: &mut Stack) {
    if !leg.identity.is_news() || !leg.identity.is_quiet() {
        return;
    }
    let Some(up) = leg.stage.up() else { return };
    if !up.is_free() || up.wanted.is_some() || up.passing.is_some() {
        return;
    }
    if leg.identity.tries == TRIES {
        return;
    }
    leg.identity.tries += 1;
    if leg.can.from_change {
        // RFC 4916 section 4.4.1: From changes, its tag stays.
        let home = cx.home(&leg.path.flow);
        if let Some(address) = leg.identity.now.as_ref().map(|now| now.address(&home))
            && let Some(up) = leg.stage.up()
        {
            up.confirmed.dialog.rename(&address);
        }
    }
    if leg.can.update {
        update(leg, cx);
    } else if leg.can.from_change {
        ours::refresh_identity(leg, cx);
    }
}

/// Sends the UPDATE. It describes no session, so it is no change of the session, and offers of either side may begin
/// meanwhile (RFC 3311 5.1).
fn update(leg: &mut Leg, cx: &mut Stack) {
    let Some(up) = leg.stage.up() else { return };
    let dialog = &mut up.confirmed.dialog;
    let way = leg.path.within(dialog);
    let home = cx.home(&leg.path.flow);
    let contact = Outline::new(&Method::Update)
        .contact(leg.path.name())
        .credentials(leg.path.credentials());
    let outline = leg.timer.ask_again(contact.focus(leg.path.focus.is_some()));
    let outline = leg.identity.ride(outline, &home, leg.inbound);
    leg.identity.asked = requests::within(cx, outline, dialog, way, Owner::Change(leg.id));
    if leg.identity.asked.is_none() {
        later(leg, cx, Duration::ZERO);
    }
}

/// The answer to the UPDATE came; `None` where none came in time. Returns false where the request is none of ours.
pub(super) fn response(leg: &mut Leg, cx: &mut Stack, request: RequestId, reply: Option<&Reply>) -> bool {
    if leg.identity.asked != Some(request) {
        return false;
    }
    let code = reply.map_or(408, Reply::code);
    if code < 200 {
        return true;
    }
    leg.identity.asked = None;
    leg.identity.arrived((200..=299).contains(&code));
    match reply {
        Some(reply) if reply.is_success() => {
            ours::refreshed(leg, cx, reply);
            tell(leg, cx);
        }
        // RFC 3261 12.2.1.2: the phone knows no such dialog, or does not answer.
        _ if matches!(code, 408 | 481) => {
            end::lost(leg, cx, CauseCode::PhoneLost, "the phone no longer answers");
        }
        // RFC 3261 14.1, 12.2.2: another request is under way, or has overtaken this one.
        _ if matches!(code, 491 | 500) => {
            let response = reply.map(|reply| &reply.response);
            let wait = ours::not_now(code, response).unwrap_or_default();
            later(leg, cx, wait);
        }
        _ => {
            leg.can.update &= !matches!(code, 405 | 501);
            refused(leg, cx, code);
        }
    }
    true
}

/// The phone takes no such request: it is not told of this identity again.
pub(super) fn refused(leg: &mut Leg, cx: &mut Stack, code: u16) {
    tracing::debug!(code, "the phone was not told with whom it talks");
    if !matches!(code, 405 | 501) {
        leg.identity.told = leg.identity.now.clone();
    }
    tell(leg, cx);
}

/// Tells the phone later, after glare.
pub(super) fn later(leg: &mut Leg, cx: &mut Stack, at_least: Duration) {
    leg.identity.waits = true;
    ours::retry_later(leg, cx, LegTimer::Identity, at_least);
}

/// The dialog ends: the phone is told nothing more.
pub(super) fn end(leg: &mut Leg) {
    let identity = &mut leg.identity;
    (identity.now, identity.asked, identity.waits) = (None, None, false);
}

/// The wait after glare is over.
pub(super) fn due(leg: &mut Leg, cx: &mut Stack) {
    leg.identity.waits = false;
    tell(leg, cx);
}
