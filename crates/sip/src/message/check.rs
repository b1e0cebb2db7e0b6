//! What must hold of a message's values before a transaction sees it.

use std::fmt;

use super::{Builder, Message};
use crate::{Contact, HeaderError, HeaderName, Method, NameAddr, Scheme, StatusCode, Transport, UriError, fnv1a};

/// What is wrong with a message, as the answer that says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The status code.
    pub status: StatusCode,
    /// The reason phrase.
    pub reason: &'static str,
    /// The field that is wrong, where it is one.
    pub name: Option<HeaderName>,
    /// A field that the answer must carry, such as Unsupported.
    pub extra: Option<(HeaderName, String)>,
}

impl Fault {
    /// A fault without more to say.
    pub const fn new(status: StatusCode, reason: &'static str) -> Self {
        Self {
            status,
            reason,
            name: None,
            extra: None,
        }
    }

    /// The answer to `request`; `None` if it is an ACK or a response, which are never answered, or
    /// has no Via to go back along.
    pub fn reply(&self, request: &Message) -> Option<Message> {
        let has_via = request.header(HeaderName::Via).is_some();
        if request.is_response() || *request.method() == Method::Ack || !has_via {
            return None;
        }
        let tag = stateless_tag(request);
        let phrase = match self.name {
            Some(name) => format!("{} ({name}: {})", self.status.reason(), self.reason),
            None => self.reason.to_owned(),
        };
        let mut builder = Builder::reply_with_reason(request, self.status, &phrase, Some(&tag));
        if let Some((name, value)) = &self.extra {
            builder = builder.header(*name, value);
        }
        Some(builder.finish())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.status, self.reason)?;
        if let Some(name) = self.name {
            write!(f, " in {name}")?;
        }
        Ok(())
    }
}

impl From<HeaderError> for Fault {
    fn from(error: HeaderError) -> Self {
        Self {
            name: Some(error.name),
            ..Self::new(StatusCode::BAD_REQUEST, error.fault)
        }
    }
}

/// A To tag that is the same for every retransmission of a request, for answers that leave no
/// state behind (RFC 3261 section 8.2.7). It is no secret.
pub fn stateless_tag(request: &Message) -> String {
    // What identifies the transaction.
    let branch = request.top_via().ok().and_then(|via| via.branch());
    let parts = [
        branch.unwrap_or(""),
        request.call_id(),
        request.header(HeaderName::CSeq).unwrap_or(""),
    ];
    let hash = fnv1a(parts.iter().flat_map(|part| part.bytes().chain([0])));
    format!("{hash:016x}")
}

const fn uri_fault(error: UriError) -> &'static str {
    match error {
        UriError::Scheme => "the URI has no scheme",
        UriError::Character => "the URI holds a character that must be escaped",
        UriError::Escape => "the URI holds an incomplete escape",
        UriError::User => "the user part of the URI is malformed",
        UriError::Host => "the host of the URI is malformed",
        UriError::Port => "the port of the URI is malformed",
        UriError::Param => "a parameter of the URI is malformed",
        UriError::Header => "the headers of the URI are malformed",
        UriError::Number => "the telephone number is malformed",
    }
}

fn check_address(name: HeaderName, address: &NameAddr<'_>) -> Result<(), Fault> {
    address
        .uri()
        .map_err(|error| HeaderError::new(name, uri_fault(error)))?;
    Ok(())
}

/// See [`Message::check`].
pub(super) fn check(message: &Message) -> Result<(), Fault> {
    check_repeated(message)?;
    if message.is_response() {
        message.top_via()?;
        message.cseq()?;
        return Ok(());
    }
    if check_identity(message)? {
        check_request_uri(message)?;
        check_needs(message)?;
    }
    Ok(())
}

/// See [`Message::check_from`].
pub(super) fn check_from(message: &Message, transport: Transport) -> Result<(), Fault> {
    let cut = match transport {
        Transport::Tcp | Transport::Tls => true,
        // RFC 7118 section 5: a WebSocket message has its own length.
        Transport::Udp | Transport::Ws | Transport::Wss => false,
    };
    if cut {
        message.single(HeaderName::ContentLength)?;
    }
    check(message)
}

/// RFC 3261 7.3.1, RFC 4475 3.3.8: which of two would be meant cannot be known. That matters where the field
/// decides something; of one that only informs, the first is taken (8.2.2).
pub(super) fn check_repeated(message: &Message) -> Result<(), HeaderError> {
    let mut seen = [0_u64; 4];
    for field in message.inner.fields.iter().filter(|field| field.name.is_single()) {
        let index = field.name as usize;
        let bit = 1 << (index % 64);
        if let Some(word) = seen.get_mut(index / 64) {
            if *word & bit != 0 && is_decided_by(message, field.name) {
                return Err(HeaderError::new(field.name, "the header field appears more than once"));
            }
            *word |= bit;
        }
    }
    Ok(())
}

/// Whether what is done with this message depends on a field of which there may be one.
#[expect(clippy::wildcard_enum_match_arm, reason = "a field that is not named informs")]
fn is_decided_by(message: &Message, name: HeaderName) -> bool {
    use HeaderName as H;
    if message.is_response() {
        return name == H::CSeq;
    }
    let method = message.method();
    match name {
        H::From | H::To | H::CallId | H::CSeq | H::ContentLength => true,
        H::MaxForwards => matches!(method, Method::Invite | Method::Message) && message.to_tag().is_none(),
        // The body of an ACK is an answer or nothing; the others mean the same with any body.
        H::ContentType | H::ContentDisposition => !matches!(
            method,
            Method::Ack | Method::Bye | Method::Cancel | Method::Register | Method::Options
        ),
        H::Expires => matches!(method, Method::Register | Method::Subscribe | Method::Publish),
        H::SessionExpires | H::MinSe => matches!(method, Method::Invite | Method::Update),
        H::Replaces | H::Join | H::TargetDialog | H::AnswerMode | H::PrivAnswerMode => {
            matches!(method, Method::Invite | Method::Refer | Method::Subscribe)
        }
        H::ReferTo | H::ReferSub | H::ReferredBy => *method == Method::Refer,
        H::Event | H::SipIfMatch | H::SuppressIfMatch => {
            matches!(method, Method::Subscribe | Method::Notify | Method::Publish)
        }
        H::RAck => *method == Method::Prack,
        H::InfoPackage => *method == Method::Info,
        // Date, Organization, Server, Subject, User-Agent and whatever else informs.
        _ => false,
    }
}

/// RFC 3261 8.1.1: To, From, CSeq, Call-ID and Via. Whether the request begins something, so that more is
/// needed of it: within a dialog the tags tell whose it is, and a CANCEL is matched by its Via (9.2).
fn check_identity(message: &Message) -> Result<bool, Fault> {
    let (from, to) = (message.address(HeaderName::From)?, message.address(HeaderName::To)?);
    let begins = to.tag().is_none() && !matches!(message.method(), Method::Ack | Method::Cancel);
    let call_id = message.single(HeaderName::CallId)?;
    // RFC 3261 25.1: a `word` holds no control octet; no answer could repeat it.
    if call_id.is_empty() || call_id.contains(|c: char| c == ' ' || c.is_ascii_control()) {
        return Err(HeaderError::new(HeaderName::CallId, "not one word").into());
    }
    message.top_via()?;
    if begins {
        check_address(HeaderName::From, &from)?;
        check_address(HeaderName::To, &to)?;
        for via in message.vias() {
            via?;
        }
    }
    let cseq = message.cseq()?;
    if cseq.method != *message.method() {
        // RFC 4475 3.1.2.17; RFC 4475 3.1.2.18 would have 501 for a method nobody knows.
        let known = !matches!(message.method(), Method::Other(_));
        if known {
            return Err(HeaderError::new(HeaderName::CSeq, "the method is not that of the request").into());
        }
        return Err(Fault::new(StatusCode::NOT_IMPLEMENTED, "Not Implemented"));
    }
    Ok(begins)
}

/// What a request that begins something needs besides who it is from and for.
fn check_needs(message: &Message) -> Result<(), Fault> {
    match message.method() {
        Method::Invite => {
            message.max_forwards()?;
            check_route_set(message)?;
            check_target(message)
        }
        Method::Subscribe | Method::Refer => {
            check_route_set(message)?;
            check_target(message)
        }
        // It is sent on (16.3 step 3).
        Method::Message => Ok(message.max_forwards().map(|_| ())?),
        Method::Register => check_bindings(message),
        Method::Ack | Method::Bye | Method::Cancel | Method::Info | Method::Notify | Method::Options => Ok(()),
        Method::Prack | Method::Publish | Method::Update | Method::Other(_) => Ok(()),
    }
}

/// RFC 3261 12.1.1: what our own requests within the dialog will go along.
fn check_route_set(message: &Message) -> Result<(), Fault> {
    for route in message.addresses(HeaderName::RecordRoute) {
        check_address(HeaderName::RecordRoute, &route?)?;
    }
    Ok(())
}

/// RFC 3261 8.1.1.8: where a dialog may begin there is exactly one Contact, with a SIP or SIPS URI. RFC 2543 had
/// none; whoever makes the dialog sees to that.
fn check_target(message: &Message) -> Result<(), Fault> {
    let fault = |why| Err(HeaderError::new(HeaderName::Contact, why).into());
    let mut contacts = message.contacts();
    let Some(contact) = contacts.next() else { return Ok(()) };
    let Contact::Address(contact) = contact? else {
        return fault("an asterisk stands alone in a REGISTER");
    };
    let uri = contact
        .uri()
        .map_err(|error| HeaderError::new(HeaderName::Contact, uri_fault(error)))?;
    if !matches!(uri.scheme, Scheme::Sip | Scheme::Sips) {
        return fault("it is no SIP or SIPS URI");
    }
    match contacts.next() {
        Some(_) => fault("there may be only one in this request"),
        None => Ok(()),
    }
}

/// RFC 3261 10.2: every Contact of a REGISTER can be read, and (10.2.2) an asterisk stands alone.
fn check_bindings(message: &Message) -> Result<(), Fault> {
    let (mut stars, mut count) = (0, 0);
    for contact in message.contacts() {
        count += 1;
        match contact? {
            Contact::Star => stars += 1,
            Contact::Address(contact) => check_address(HeaderName::Contact, &contact)?,
        }
    }
    if stars > 0 && count > 1 {
        return Err(HeaderError::new(HeaderName::Contact, "an asterisk stands alone in a REGISTER").into());
    }
    Ok(())
}

fn check_request_uri(message: &Message) -> Result<(), Fault> {
    let bad = |why| Fault::new(StatusCode::BAD_REQUEST, why);
    let uri = message.request_uri().map_err(|error| bad(uri_fault(error)))?;
    match uri.scheme {
        // RFC 3261 19.1.1, table 1: a Request-URI has neither headers nor a method.
        Scheme::Sip | Scheme::Sips if !uri.headers.is_empty() => Err(bad("the Request-URI has headers")),
        Scheme::Sip | Scheme::Sips | Scheme::Tel => Ok(()),
        // RFC 3261 8.2.2.1.
        Scheme::Other => Err(Fault::new(StatusCode::UNSUPPORTED_URI_SCHEME, "Unsupported URI Scheme")),
    }
}
