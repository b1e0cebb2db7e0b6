//! Reading a message.

use std::borrow::Cow;

use bytes::Bytes;

use super::{Message, Part, Span, Start, multipart};
use crate::{
    CSeq, Contact, HeaderError, HeaderName, Limits, Method, NameAddr, StatusCode, Uri, UriError, Via,
    headers::{Header, Values, number},
};

impl Message {
    /// The whole message.
    pub fn bytes(&self) -> &Bytes {
        &self.inner.bytes
    }

    pub(super) fn text(&self, span: Span) -> &str {
        self.inner.head.get(span.range()).unwrap_or("")
    }

    /// The first line, without its end.
    pub fn start_line(&self) -> &str {
        let end = memchr::memchr(b'\r', &self.inner.bytes).unwrap_or(0);
        self.text(Span::new(0, end))
    }

    /// Whether it is a request.
    pub fn is_request(&self) -> bool {
        matches!(self.inner.start, Start::Request { .. })
    }

    /// Whether it is a response.
    pub fn is_response(&self) -> bool {
        !self.is_request()
    }

    /// The method; a response's is its CSeq's (an empty `Other` if that is unreadable).
    pub fn method(&self) -> &Method {
        &self.inner.method
    }

    /// The Request-URI as it came; empty for a response.
    pub fn uri(&self) -> &str {
        match self.inner.start {
            Start::Request { uri } => self.text(uri),
            Start::Response { .. } => "",
        }
    }

    /// The Request-URI.
    pub fn request_uri(&self) -> Result<Uri<'_>, UriError> {
        Uri::parse(self.uri())
    }

    /// A response's status code.
    pub fn status(&self) -> Option<StatusCode> {
        match self.inner.start {
            Start::Request { .. } => None,
            Start::Response { status, .. } => Some(status),
        }
    }

    /// A response's reason phrase as it came; empty for a request.
    pub fn reason(&self) -> &str {
        match self.inner.start {
            Start::Request { .. } => "",
            Start::Response { reason, .. } => self.text(reason),
        }
    }

    /// The first field of that name: its value, unfolded and trimmed.
    pub fn header(&self, name: HeaderName) -> Option<&str> {
        let field = self.inner.fields.iter().find(|field| field.name == name)?;
        Some(self.text(field.value))
    }

    /// Every field of that name.
    pub fn headers(&self, name: HeaderName) -> impl Iterator<Item = &str> + Clone {
        self.inner
            .fields
            .iter()
            .filter(move |field| field.name == name)
            .map(|field| self.text(field.value))
    }

    /// Every element of every field of that name: split at the commas outside quotes and `<>`.
    pub fn values(&self, name: HeaderName) -> impl Iterator<Item = &str> + Clone {
        self.headers(name).flat_map(Values::new)
    }

    /// The only field of that name; an error if there is none, or more than one where the field
    /// may appear once.
    pub fn single(&self, name: HeaderName) -> Result<&str, HeaderError> {
        self.optional(name)?
            .ok_or(HeaderError::new(name, "the header field is missing"))
    }

    /// The only field of that name, if there is one; an error if there is more than one.
    pub fn optional(&self, name: HeaderName) -> Result<Option<&str>, HeaderError> {
        let mut found = self.headers(name);
        match (found.next(), found.next()) {
            (_, Some(_)) => Err(HeaderError::new(name, "the header field appears more than once")),
            (first, None) => Ok(first),
        }
    }

    /// The field that `T` is read from, if there is one: `message.read::<SessionExpires>()`. An
    /// error if its value is malformed, or if it is there twice where it may be once; the first
    /// element where it is a list.
    pub fn read<'a, T: Header<'a>>(&'a self) -> Result<Option<T>, HeaderError> {
        let value = if T::NAME.is_single() {
            self.optional(T::NAME)?
        } else {
            self.values(T::NAME).next()
        };
        value
            .map(|value| T::read(value).map_err(|why| HeaderError::new(T::NAME, why)))
            .transpose()
    }

    /// Every element of the fields that `T` is read from.
    pub fn read_all<'a, T: Header<'a>>(&'a self) -> impl Iterator<Item = Result<T, HeaderError>> {
        self.values(T::NAME)
            .map(|value| T::read(value).map_err(|why| HeaderError::new(T::NAME, why)))
    }

    /// The first field with that name, known or not, full or compact, in any case.
    pub fn other(&self, name: &str) -> Option<&str> {
        let known = HeaderName::parse(name.as_bytes());
        if known != HeaderName::Other {
            return self.header(known);
        }
        let field = self
            .inner
            .fields
            .iter()
            .find(|field| field.name == HeaderName::Other && self.text(field.text).eq_ignore_ascii_case(name))?;
        Some(self.text(field.value))
    }

    /// The whole value of the field with that name, known or not, full or compact, in any case. The rows of a list are
    /// joined by commas, which means the same (RFC 3261 section 7.3.1); of a field that may appear once it is the first.
    pub fn joined(&self, name: &str) -> Option<Cow<'_, str>> {
        let known = HeaderName::parse(name.as_bytes());
        let mut rows = self
            .fields()
            .filter(|(text, id, _)| *id == known && (known != HeaderName::Other || text.eq_ignore_ascii_case(name)));
        let (_, _, first) = rows.next()?;
        if known.is_single() {
            return Some(Cow::Borrowed(first));
        }
        Some(rows.fold(Cow::Borrowed(first), |all, (_, _, row)| {
            Cow::Owned(format!("{all}, {row}"))
        }))
    }

    /// Every field in order: the name as it came, what it is, and the value.
    pub fn fields(&self) -> impl Iterator<Item = (&str, HeaderName, &str)> {
        self.inner
            .fields
            .iter()
            .map(|field| (self.text(field.text), field.name, self.text(field.value)))
    }

    /// The first Via.
    pub fn top_via(&self) -> Result<Via<'_>, HeaderError> {
        let fault = |why| HeaderError::new(HeaderName::Via, why);
        let first = self
            .header(HeaderName::Via)
            .ok_or(fault("the header field is missing"))?;
        let end = crate::headers::find_top(first, b',', false).unwrap_or(first.len());
        Via::parse(first.get(..end).unwrap_or("")).map_err(fault)
    }

    /// Every Via, the first first.
    pub fn vias(&self) -> impl Iterator<Item = Result<Via<'_>, HeaderError>> {
        self.values(HeaderName::Via)
            .map(|value| Via::parse(value).map_err(|why| HeaderError::new(HeaderName::Via, why)))
    }

    /// The From field.
    pub fn from(&self) -> Result<NameAddr<'_>, HeaderError> {
        self.address(HeaderName::From)
    }

    /// The To field.
    pub fn to(&self) -> Result<NameAddr<'_>, HeaderError> {
        self.address(HeaderName::To)
    }

    /// A field that holds exactly one address, such as Refer-To.
    pub fn address(&self, name: HeaderName) -> Result<NameAddr<'_>, HeaderError> {
        NameAddr::parse(self.single(name)?).map_err(|why| HeaderError::new(name, why))
    }

    /// A field that holds a list of addresses, such as Route or P-Asserted-Identity.
    pub fn addresses(&self, name: HeaderName) -> impl Iterator<Item = Result<NameAddr<'_>, HeaderError>> {
        self.values(name)
            .map(move |value| NameAddr::parse(value).map_err(|why| HeaderError::new(name, why)))
    }

    /// From's tag.
    pub fn from_tag(&self) -> Option<&str> {
        self.from().ok()?.tag()
    }

    /// To's tag. A response is matched without it (RFC 3261 17.1.3), so that the first one is taken where To cannot
    /// be read as a whole, as with a tag that is there twice.
    pub fn to_tag(&self) -> Option<&str> {
        match self.to() {
            Ok(to) => to.tag(),
            Err(_) if self.is_response() => NameAddr::first_tag(self.header(HeaderName::To)?),
            Err(_) => None,
        }
    }

    /// The To of what is sent after this response to `request`, such as its ACK (RFC 3261 12.1.2, 17.1.1.3): the
    /// response's own, or the request's with the response's tag where the response has none that can be read.
    pub fn answered_to<'a>(&'a self, request: &'a Self) -> Cow<'a, str> {
        match (self.to(), self.header(HeaderName::To)) {
            (Ok(_), Some(to)) => Cow::Borrowed(to),
            (_, _) => {
                let asked = request.header(HeaderName::To).unwrap_or_default();
                match self.to_tag().filter(|_| request.to_tag().is_none()) {
                    Some(tag) => Cow::Owned(format!("{asked};tag={tag}")),
                    None => Cow::Borrowed(asked),
                }
            }
        }
    }

    /// The Call-ID; empty if there is none.
    pub fn call_id(&self) -> &str {
        self.header(HeaderName::CallId).unwrap_or("")
    }

    /// The CSeq.
    pub fn cseq(&self) -> Result<CSeq, HeaderError> {
        CSeq::parse(self.single(HeaderName::CSeq)?)
    }

    /// Every contact.
    pub fn contacts(&self) -> impl Iterator<Item = Result<Contact<'_>, HeaderError>> {
        self.values(HeaderName::Contact)
            .map(|value| Contact::parse(value).map_err(|why| HeaderError::new(HeaderName::Contact, why)))
    }

    /// Max-Forwards, 0 to 255 (RFC 3261 section 20.22).
    pub fn max_forwards(&self) -> Result<Option<u32>, HeaderError> {
        let fault = HeaderError::new(HeaderName::MaxForwards, "not a number from 0 to 255");
        self.optional(HeaderName::MaxForwards)?
            .map(|value| number(value).filter(|&hops| hops <= 255).ok_or(fault))
            .transpose()
    }

    /// Expires, in seconds.
    pub fn expires(&self) -> Result<Option<u32>, HeaderError> {
        self.seconds(HeaderName::Expires)
    }

    /// A field that holds a number of seconds, such as Min-Expires.
    pub fn seconds(&self, name: HeaderName) -> Result<Option<u32>, HeaderError> {
        let fault = HeaderError::new(name, "not a number of seconds below 2^32");
        self.optional(name)?.map(|value| number(value).ok_or(fault)).transpose()
    }

    /// Whether Supported names this option.
    pub fn supports(&self, option_tag: &str) -> bool {
        self.lists(HeaderName::Supported, option_tag)
    }

    /// Whether a list of tokens such as Allow or Allow-Events holds this one, in any case.
    pub fn lists(&self, name: HeaderName, token: &str) -> bool {
        self.values(name).any(|value| value.eq_ignore_ascii_case(token))
    }

    /// The Content-Type as it came.
    pub fn content_type(&self) -> Option<&str> {
        self.header(HeaderName::ContentType)
    }

    /// The body: as long as Content-Length says, or all that followed the head in its datagram.
    pub fn body(&self) -> &[u8] {
        self.inner.bytes.get(self.inner.body.range()).unwrap_or(&[])
    }

    /// The body as text; octets that are not UTF-8 become U+FFFD.
    pub fn body_text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(self.body())
    }

    /// The body's parts. A part that is itself multipart is replaced by the parts in it. There is one part if the body
    /// is not multipart, and none if it is empty.
    ///
    /// An error if Content-Type or a boundary is malformed, or if there are more parts or levels
    /// than the limits allow.
    pub fn parts(&self, limits: &Limits) -> Result<Vec<Part<'_>>, HeaderError> {
        multipart::parts(self, limits)
    }

    /// The first part of that media type, such as `application`, `sdp`.
    pub fn part(&self, kind: &str, subtype: &str, limits: &Limits) -> Result<Option<Part<'_>>, HeaderError> {
        Ok(self.parts(limits)?.into_iter().find(|part| part.is(kind, subtype)))
    }
}
