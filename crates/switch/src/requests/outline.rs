//! One builder for all requests: the header fields of RFC 3261 8.1.1 and 12.2.1.1, and those of the owner.

use std::sync::Arc;

use sip::{
    Builder, Flow, HeaderName, Message, Method,
    dialog::{Dialog, needs_sips},
};

use crate::stack::{
    Stack,
    capabilities::{Place, allow, supported},
    credentials::Credentials,
};

/// The content of a request, whatever way it takes.
pub(crate) struct Outline<'a> {
    method: &'a Method,
    contact: Option<&'a str>,
    /// Our Contact is a conference (RFC 4579).
    focus: bool,
    headers: Vec<(&'a str, String)>,
    body: Option<(&'a str, &'a [u8])>,
    name: Option<(String, u32)>,
    pub(super) credentials: Option<Arc<Credentials>>,
}

/// The addresses and the Max-Forwards of a request outside of any dialog.
pub(crate) struct Outside<'a> {
    /// The Request-URI.
    pub uri: &'a str,
    /// Route values, topmost first.
    pub routes: &'a [String],
    /// From, with its tag.
    pub from: &'a str,
    /// To, which has no tag.
    pub to: &'a str,
    pub max_forwards: u32,
}

impl<'a> Outline<'a> {
    /// A request with only the header fields that every request has.
    pub fn new(method: &'a Method) -> Self {
        Self {
            method,
            contact: None,
            focus: false,
            headers: Vec::new(),
            body: None,
            name: None,
            credentials: None,
        }
    }

    /// With a Contact of this user. A request that makes a dialog or may move its target needs one (RFC 3261 8.1.1.8).
    pub fn contact(mut self, user: &'a str) -> Self {
        self.contact = Some(user);
        self
    }

    /// Where our Contact is a conference (RFC 4579 section 5.1).
    pub fn focus(mut self, focus: bool) -> Self {
        self.focus = focus;
        self
    }

    /// With one more header field.
    pub fn header(self, name: HeaderName, value: impl Into<String>) -> Self {
        self.other(name.as_str(), value)
    }

    /// With one more header field, of any name.
    pub fn other(mut self, name: &'a str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// With a body.
    pub fn body(mut self, content_type: &'a str, body: &'a [u8]) -> Self {
        self.body = Some((content_type, body));
        self
    }

    /// Outside of any dialog: under this Call-ID and sequence number, by which a peer knows the request again that it has had
    /// before.
    pub fn named(mut self, call_id: String, number: u32) -> Self {
        self.name = Some((call_id, number));
        self
    }

    /// With credentials, for a server that challenges the request.
    pub fn credentials(mut self, credentials: Option<Arc<Credentials>>) -> Self {
        self.credentials = credentials;
        self
    }

    /// The request outside of any dialog, under a new Call-ID unless another one was chosen.
    pub(super) fn outside(&self, cx: &mut Stack, way: &Flow, outside: &Outside<'_>) -> Message {
        let (call_id, number) = self.name.clone().unwrap_or_else(|| (cx.ids.call_id(), 1));
        let mut builder = Builder::request(self.method, outside.uri)
            .header(HeaderName::Via, cx.via(way))
            .header(HeaderName::MaxForwards, outside.max_forwards);
        for route in outside.routes {
            builder = builder.header(HeaderName::Route, route);
        }
        let builder = builder
            .header(HeaderName::From, outside.from)
            .header(HeaderName::To, outside.to)
            .header(HeaderName::CallId, call_id)
            .header(HeaderName::CSeq, format_args!("{number} {}", self.method));
        let secure = needs_sips(outside.uri, outside.routes.first().map(String::as_str));
        self.complete(cx, way, secure, builder)
    }

    /// The request within a dialog, under its next sequence number.
    pub(super) fn within(&self, cx: &mut Stack, way: &Flow, dialog: &mut Dialog) -> Message {
        let (via, secure) = (cx.via(way), dialog.is_secure());
        self.complete(cx, way, secure, dialog.request(self.method, via))
    }

    fn complete(&self, cx: &Stack, way: &Flow, secure: bool, mut builder: Builder) -> Message {
        if let Some(user) = self.contact {
            let focus = if self.focus { ";isfocus" } else { "" };
            builder = builder.header(HeaderName::Contact, cx.contact(way, user, secure) + focus);
        }
        // RFC 3261 13.2.1, 20.5; RFC 3311 section 5.1.
        if matches!(self.method, Method::Invite | Method::Update) {
            builder = builder
                .header(HeaderName::Allow, allow(Place::Within))
                .header(HeaderName::Supported, supported(Place::Within));
        }
        builder = builder.header(HeaderName::UserAgent, &cx.config.product);
        for (name, value) in &self.headers {
            builder = builder.other(name, value);
        }
        match self.body {
            Some((content_type, body)) => builder.body(content_type, body).finish(),
            None => builder.finish(),
        }
    }
}
