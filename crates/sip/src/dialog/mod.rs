//! Dialogs: RFC 3261 section 12, for either side of a call or subscription.

mod effect;
mod saved;
#[cfg(test)]
mod tests;

use std::fmt::Display;

use serde::{Deserialize, Serialize};

pub use self::{effect::Effect, saved::Saved};
use crate::{Builder, Contact, HeaderName, Message, Method, NameAddr, Scheme, Uri, headers::dialogs::Replaces};

/// The highest sequence number (RFC 3261 8.1.1.5: below 2^31).
const MAX_SEQUENCE: u32 = (1 << 31) - 1;
/// Most Record-Route entries a dialog takes: real ones have a handful.
const MAX_ROUTES: usize = 32;

/// What names a dialog (RFC 3261 section 12): the Call-ID and both tags, seen from this side.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DialogId {
    /// The Call-ID.
    pub call_id: Box<str>,
    /// Our tag.
    pub local_tag: Box<str>,
    /// The peer's tag; empty for one that has none (RFC 2543).
    pub remote_tag: Box<str>,
}

impl DialogId {
    /// The dialog a received request belongs to; `None` if it is outside any (it has no To tag).
    pub fn of_request(request: &Message) -> Option<Self> {
        Some(Self::new(request.call_id(), request.to_tag()?, request.from_tag()))
    }

    /// The dialogs that a `Replaces` received from a phone may mean: the one with the tags that it names, then those
    /// where a tag `0` stands for none (RFC 3891 section 3).
    pub fn of_replaces(replaces: &Replaces<'_>) -> impl Iterator<Item = Self> {
        let (local, remote) = (&*replaces.to_tag, &*replaces.from_tag);
        let name = |local: &str, remote: &str| Self::new(&replaces.call_id, local, Some(remote));
        // Our own tag is never empty.
        let without = (remote == "0").then(|| name(local, ""));
        std::iter::once(name(local, remote)).chain(without)
    }

    /// RFC 3261 12.1.1, 12.1.2: a missing remote tag is a tag with a null value.
    fn new(call_id: &str, local: &str, remote: Option<&str>) -> Self {
        Self {
            call_id: call_id.into(),
            local_tag: local.into(),
            remote_tag: remote.unwrap_or_default().into(),
        }
    }
}

/// Why a message makes no dialog.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DialogError {
    /// There is no Contact with a SIP or SIPS URI (RFC 3261 8.1.1.8, 12.1.1).
    #[error("no usable Contact")]
    Contact,
    /// A Record-Route entry is malformed, or there are too many.
    #[error("unusable Record-Route")]
    Route,
    /// A 100, a provisional response without a To tag, or a failure.
    #[error("the response makes no dialog")]
    NoDialog,
    /// From, To or CSeq cannot be read, or the Call-ID holds a control octet, which no message of ours can repeat.
    #[error("malformed message")]
    Malformed,
}

/// A request came after a later one: answer it with 500 (RFC 3261 12.2.2).
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("sequence number {given} is not above {last}")]
pub struct OutOfOrder {
    /// The request's sequence number.
    pub given: u32,
    /// The highest one seen.
    pub last: u32,
}

#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Role {
    Uac,
    Uas,
}

/// One side's state of a dialog (RFC 3261 section 12): who, where to, and which number comes next.
///
/// It can be written and read with serde: what is read back goes on where the written one stood. Only text that this
/// program has written may be read: nothing in it is checked again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dialog {
    id: DialogId,
    role: Role,
    /// From, as our requests carry it, tag included.
    local: Box<str>,
    /// To, as our requests carry it, tag included.
    remote: Box<str>,
    remote_target: Box<str>,
    /// Route entries in the order our requests carry them.
    routes: Vec<Box<str>>,
    local_seq: Option<u32>,
    remote_seq: Option<u32>,
    secure: bool,
    /// Session-ID of our requests.
    #[serde(default)]
    session: Option<Box<str>>,
}

impl Dialog {
    /// The dialog of a request that we answer with `local_tag` (RFC 3261 12.1.1).
    ///
    /// # Errors
    /// [`DialogError::Contact`] and [`DialogError::Route`]: answer 400.
    pub fn uas(request: &Message, local_tag: &str) -> Result<Self, DialogError> {
        let to = request.header(HeaderName::To).ok_or(DialogError::Malformed)?;
        let local = match request.to_tag() {
            Some(_) => to.to_owned(),
            None => format!("{to};tag={local_tag}"),
        };
        let tag = request.to_tag().unwrap_or(local_tag);
        let cseq = request.cseq().map_err(|_| DialogError::Malformed)?;
        let remote = request.header(HeaderName::From).ok_or(DialogError::Malformed)?;
        Ok(Self {
            id: DialogId::new(call_id(request)?, tag, request.from_tag()),
            role: Role::Uas,
            local: local.into(),
            remote: remote.into(),
            remote_target: target(request).ok_or(DialogError::Contact)?.into(),
            // RFC 3261 12.1.1: in order.
            routes: routes(request)?,
            local_seq: None,
            remote_seq: Some(cseq.number),
            secure: is_secure(request.uri()) || top_is_secure(request),
            session: None,
        })
    }

    /// The dialog that a response to our `request` makes (RFC 3261 12.1.2): early for 101-199,
    /// confirmed for a 2xx. A response without a usable Contact leaves the Request-URI as the target, and one whose
    /// Record-Route is not usable makes a dialog without routes: the peer has answered, and there is no one to tell.
    ///
    /// # Errors
    /// [`DialogError::NoDialog`] for any other response.
    pub fn uac(request: &Message, response: &Message) -> Result<Self, DialogError> {
        let status = response.status().ok_or(DialogError::NoDialog)?;
        // RFC 3261 12.1: a 100, or a provisional response without a tag, makes none. A 2xx without
        // one does: its sender speaks RFC 2543 (12.1.2).
        let early = status.is_provisional() && status.code() > 100 && response.to_tag().is_some();
        if !early && !status.is_success() {
            return Err(DialogError::NoDialog);
        }
        let mut routes = routes(response).unwrap_or_default();
        // RFC 3261 12.1.2: in reverse order.
        routes.reverse();
        let cseq = request.cseq().map_err(|_| DialogError::Malformed)?;
        let local = request.header(HeaderName::From).ok_or(DialogError::Malformed)?;
        let remote = response.answered_to(request);
        let local_tag = request.from_tag().unwrap_or_default();
        Ok(Self {
            id: DialogId::new(call_id(request)?, local_tag, response.to_tag()),
            role: Role::Uac,
            local: local.into(),
            remote: remote.into_owned().into(),
            remote_target: target(response).unwrap_or(request.uri()).into(),
            routes,
            local_seq: Some(cseq.number),
            remote_seq: None,
            secure: needs_sips(request.uri(), request.values(HeaderName::Route).next()),
            session: None,
        })
    }

    /// Its name.
    pub const fn id(&self) -> &DialogId {
        &self.id
    }

    /// Makes an early dialog of ours a confirmed one: the route set and the Contact of the 2xx replace those of the
    /// provisional response (RFC 3261 13.2.2.4). An unusable Record-Route leaves the route set as it is. For a dialog
    /// whose first request we received, nothing changes.
    pub fn confirm(&mut self, response: &Message) {
        if self.role == Role::Uac {
            if let Ok(mut routes) = routes(response) {
                routes.reverse();
                self.routes = routes;
            }
            self.refresh_target(response);
        }
    }

    /// Whether our Contact must be a `sips:` URI: the Request-URI was one, or the topmost
    /// Record-Route or else the Contact of the request we received, or the topmost Route of the one
    /// we sent (RFC 3261 12.1.1, 12.1.2).
    pub const fn is_secure(&self) -> bool {
        self.secure
    }

    /// A new request within the dialog (RFC 3261 12.2.1.1), with the next sequence number. `via`
    /// is the value of our Via. The caller adds Contact and the rest. An ACK is made by
    /// [`Dialog::ack`], a CANCEL by the transaction layer.
    ///
    /// The highest number that there is (RFC 3261 8.1.1.5) stays where it is.
    pub fn request(&mut self, method: &Method, via: impl Display) -> Builder {
        let number = self.next_number();
        self.write(method, number, via)
    }

    /// Takes the sequence number of a new request within the dialog: for one that is sent again after it was challenged
    /// (RFC 3261 22.2) or refused for its interval (RFC 4028 section 7.4), and otherwise stays as it is.
    pub fn next_number(&mut self) -> u32 {
        let number = match self.local_seq {
            // RFC 3261 12.2.1.1: an empty number begins anywhere below 2^31.
            None => 1,
            Some(last) => last.saturating_add(1).min(MAX_SEQUENCE),
        };
        self.local_seq = Some(number);
        number
    }

    /// The ACK to a 2xx whose INVITE had the number `cseq` (RFC 3261 13.2.2.4). The caller adds
    /// the INVITE's credentials, and an answer if the 2xx had the offer.
    pub fn ack(&self, cseq: u32, via: impl Display) -> Builder {
        self.write(&Method::Ack, cseq, via)
    }

    fn write(&self, method: &Method, number: u32, via: impl Display) -> Builder {
        let target = &*self.remote_target;
        let strict = self.routes.first().filter(|first| !is_loose(first));
        let uri = match strict {
            // RFC 3261 12.2.1.1: the first router expects itself in the Request-URI.
            Some(first) => request_uri(route_uri(first)),
            None => request_uri(target),
        };
        let mut builder = Builder::request(method, &uri)
            .header(HeaderName::Via, via)
            .header(HeaderName::MaxForwards, 70);
        for route in self.routes.iter().skip(usize::from(strict.is_some())) {
            builder = builder.header(HeaderName::Route, route);
        }
        if strict.is_some() {
            builder = builder.header(HeaderName::Route, format_args!("<{target}>"));
        }
        builder = builder
            .header(HeaderName::From, &self.local)
            .header(HeaderName::To, &self.remote)
            .header(HeaderName::CallId, &self.id.call_id)
            .header(HeaderName::CSeq, format_args!("{number} {method}"));
        match &self.session {
            Some(session) => builder.header(HeaderName::SessionId, session),
            None => builder,
        }
    }

    /// From now on our requests have this Session-ID (RFC 7989), or none.
    pub fn name_session(&mut self, value: Option<&str>) {
        self.session = value.map(Into::into);
    }

    /// The URI that our requests go to: the first Route, or the remote target (RFC 3261 8.1.2).
    pub fn next_hop(&self) -> &str {
        self.routes
            .first()
            .map_or(&*self.remote_target, |first| route_uri(first))
    }

    /// Takes a request within the dialog if it is in order (RFC 3261 12.2.2). ACK and CANCEL have the number of their
    /// INVITE and are always in order.
    ///
    /// The target stays: the request may yet be refused, and then changes nothing (RFC 3261 12.2.2, RFC 6141 section 4).
    /// When an INVITE, UPDATE, SUBSCRIBE or NOTIFY is accepted, [`Dialog::refresh_target`] takes its target.
    ///
    /// # Errors
    /// [`OutOfOrder`]: nothing has changed.
    pub fn accept_order(&mut self, request: &Message) -> Result<(), OutOfOrder> {
        if matches!(request.method(), Method::Ack | Method::Cancel) {
            return Ok(());
        }
        // A request without a readable CSeq did not pass Message::check; it is out of any order.
        let given = request.cseq().map_or(0, |cseq| cseq.number);
        match self.remote_seq {
            // Numbers grow strictly (12.2.1.1), so the same one again is no better than a lower.
            Some(last) if given <= last => Err(OutOfOrder { given, last }),
            Some(_) | None => {
                self.remote_seq = Some(given);
                Ok(())
            }
        }
    }

    /// Takes the remote target from a message's Contact, if it has a usable one: from a target
    /// refresh request, or from the 2xx to one (RFC 3261 12.2.1.2, 12.2.2).
    pub fn refresh_target(&mut self, message: &Message) {
        if let Some(target) = target(message) {
            self.remote_target = target.into();
        }
    }

    /// The number of our last request.
    pub const fn local_seq(&self) -> Option<u32> {
        self.local_seq
    }

    /// The number of the peer's last request.
    pub const fn remote_seq(&self) -> Option<u32> {
        self.remote_seq
    }

    /// The peer's Contact.
    pub fn remote_target(&self) -> &str {
        &self.remote_target
    }

    /// Our tag.
    pub fn local_tag(&self) -> &str {
        &self.id.local_tag
    }

    /// The peer's tag; empty if it has none.
    pub fn remote_tag(&self) -> &str {
        &self.id.remote_tag
    }

    /// The Call-ID.
    pub fn call_id(&self) -> &str {
        &self.id.call_id
    }

    /// Our address with its tag, as our requests' From has it.
    pub fn local(&self) -> &str {
        &self.local
    }

    /// Our requests carry this address in From from now on; the tag stays (RFC 4916 section 4.4.1). `address` is a
    /// `name-addr` without parameters of its own.
    pub fn rename(&mut self, address: &str) {
        self.local = format!("{address};tag={}", self.id.local_tag).into();
    }

    /// A request of the peer is accepted whose From may have another address than before: our requests carry that in To
    /// from now on (RFC 4916 section 4.3). The tag is the same, since the request is of this dialog.
    pub fn rename_peer(&mut self, request: &Message) {
        if let Some(from) = request.header(HeaderName::From).filter(|from| **from != *self.remote) {
            self.remote = from.into();
        }
    }

    /// The peer's address with its tag, as our requests' To has it.
    pub fn remote(&self) -> &str {
        &self.remote
    }

    /// The Route entries of our requests, before a strict router's turn.
    pub fn routes(&self) -> impl Iterator<Item = &str> {
        self.routes.iter().map(|route| &**route)
    }
}

/// Whether the Contact of a request outside of a dialog must be a `sips:` URI: its Request-URI is one, or its topmost
/// Route, given as the value of that header field (RFC 3261 8.1.1.8).
pub fn needs_sips(request_uri: &str, top_route: Option<&str>) -> bool {
    is_secure(request_uri) || top_route.is_some_and(address_is_secure)
}

fn call_id(message: &Message) -> Result<&str, DialogError> {
    // RFC 3261 25.1: a `word` holds no control octet. Our requests would be of another call.
    let call_id = message.call_id();
    match call_id.contains(|c: char| c.is_ascii_control()) {
        true => Err(DialogError::Malformed),
        false => Ok(call_id),
    }
}

/// The URI of a message's first Contact, if it can be written into a request again: a SIP or SIPS URI (RFC 3261
/// 8.1.1.8).
fn target(message: &Message) -> Option<&str> {
    let Contact::Address(address) = message.contacts().next()?.ok()? else {
        return None;
    };
    let uri = Uri::parse(address.uri).ok()?;
    matches!(uri.scheme, Scheme::Sip | Scheme::Sips).then_some(address.uri)
}

fn routes(message: &Message) -> Result<Vec<Box<str>>, DialogError> {
    let mut routes = Vec::new();
    for value in message.values(HeaderName::RecordRoute) {
        let address = NameAddr::parse(value).map_err(|_| DialogError::Route)?;
        Uri::parse(address.uri).map_err(|_| DialogError::Route)?;
        if routes.len() == MAX_ROUTES {
            return Err(DialogError::Route);
        }
        routes.push(value.into());
    }
    Ok(routes)
}

fn route_uri(route: &str) -> &str {
    // It was read once when it was taken.
    NameAddr::parse(route).map_or("", |address| address.uri)
}

fn is_loose(route: &str) -> bool {
    Uri::parse(route_uri(route)).is_ok_and(|uri| uri.is_loose())
}

fn is_secure(uri: &str) -> bool {
    Uri::parse(uri).is_ok_and(|uri| uri.scheme == Scheme::Sips)
}

fn address_is_secure(value: &str) -> bool {
    NameAddr::parse(value).is_ok_and(|address| is_secure(address.uri))
}

/// RFC 3261 12.1.1: whether the next hop back is reached by a SIPS URI.
fn top_is_secure(request: &Message) -> bool {
    let record = request.values(HeaderName::RecordRoute).next();
    record
        .or(request.values(HeaderName::Contact).next())
        .is_some_and(address_is_secure)
}

/// A URI as a Request-URI: without what may not stand there, a method parameter and headers
/// (RFC 3261 19.1.1, 12.2.1.1).
fn request_uri(text: &str) -> String {
    let Ok(uri) = Uri::parse(text) else {
        return text.to_owned();
    };
    let sip = matches!(uri.scheme, Scheme::Sip | Scheme::Sips);
    if !sip || (uri.headers.is_empty() && uri.param("method").is_none()) {
        return text.to_owned();
    }
    // A user part may hold semicolons and question marks; parameters come behind the host.
    let host_at = text.rfind('@').map_or(0, |at| at + 1);
    let (user, rest) = text.split_at(host_at);
    let rest = rest.split_once('?').map_or(rest, |(before, _)| before);
    let kept = |param: &&str| {
        let name = param.split_once('=').map_or(*param, |(name, _)| name);
        !name.eq_ignore_ascii_case("method")
    };
    let rest: Vec<&str> = rest.split(';').filter(kept).collect();
    format!("{user}{}", rest.join(";"))
}
