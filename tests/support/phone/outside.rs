//! Registration and MESSAGE: requests outside of calls.

use sip::{
    Builder, HeaderName, Message, Method,
    digest::{ChallengeParsed, answer},
};

use super::{Phone, Purpose};

impl Phone {
    /// Registers for so many seconds (0 unregisters).
    pub fn register(&mut self, expires: u32) {
        self.registered = None;
        self.seq += 1;
        let request = self
            .outside(
                &Method::Register,
                &format!("sip:{}", self.domain),
                &format!("sip:{}@{}", self.number, self.domain),
            )
            .header(HeaderName::CallId, self.register_id.clone())
            .header(HeaderName::CSeq, format_args!("{} REGISTER", self.seq))
            .header(HeaderName::Contact, self.contact() + self.mood.contact_adds.as_str())
            .header(HeaderName::Expires, expires)
            .header(HeaderName::UserAgent, "Simulated/1.0");
        let adds = self.mood.register_adds.iter();
        let request = adds.fold(request, |request, (name, value)| request.other(name, value));
        self.send(request.finish(), Purpose::Register);
        self.drain();
    }

    pub(super) fn outside(&mut self, method: &Method, uri: &str, to: &str) -> Builder {
        let tag = self.id("t");
        let user = self.mood.claims.map_or_else(|| self.number.clone(), str::to_owned);
        Builder::request(method, uri)
            .header(HeaderName::Via, self.via())
            .header(HeaderName::MaxForwards, 70)
            .header(
                HeaderName::From,
                format_args!("\"Phone {user}\" <sip:{user}@{}>;tag={tag}", self.domain),
            )
            .header(HeaderName::To, format_args!("<{to}>"))
    }

    /// Sends a request outside of calls; its final answer is in `answer`.
    pub fn ask(&mut self, method: &Method, uri: &str, edit: impl FnOnce(Builder) -> Builder) {
        self.answer = None;
        let call_id = self.id("o");
        let builder = self
            .outside(method, uri, uri)
            .header(HeaderName::CallId, call_id)
            .header(HeaderName::CSeq, format_args!("1 {method}"));
        self.send(edit(builder).finish(), Purpose::Other);
        self.drain();
    }

    /// Sends a text.
    pub fn text(&mut self, to: &str, text: &str) {
        self.message_code = None;
        let uri = format!("sip:{to}@{}", self.domain);
        let call_id = self.id("m");
        let request = self
            .outside(&Method::Message, &uri, &uri)
            .header(HeaderName::CallId, call_id)
            .header(HeaderName::CSeq, "1 MESSAGE")
            .body("text/plain", text.as_bytes())
            .finish();
        self.send(request, Purpose::Message);
        self.drain();
    }

    /// The same request again, with credentials for the challenge in `response`.
    pub(super) fn again(&mut self, request: &Message, response: &Message) -> Option<Message> {
        let mut challenge = ChallengeParsed::choose(response.headers(HeaderName::WwwAuthenticate))?;
        challenge.auth &= !self.mood.old_digest;
        if request.header(HeaderName::Authorization).is_some() && !challenge.stale {
            return None; // the password is wrong
        }
        self.nonces += 1;
        let (user, password, nonce) = (self.number.clone(), self.password.clone(), self.id("c"));
        let credentials = answer(&challenge, &user, &password, request.method(), request.uri(), 1, &nonce);
        let seq = request.cseq().unwrap().number + 1;
        let mut builder = Builder::request(request.method(), request.uri()).header(HeaderName::Via, self.via());
        let dropped = [
            HeaderName::Via,
            HeaderName::CSeq,
            HeaderName::Authorization,
            HeaderName::ContentLength,
            HeaderName::ContentType,
        ];
        for (name, id, value) in request.fields() {
            if !dropped.contains(&id) {
                builder = builder.other(name, value);
            }
        }
        builder = builder
            .header(HeaderName::CSeq, format_args!("{seq} {}", request.method()))
            .header(HeaderName::Authorization, credentials);
        self.seq = self.seq.max(seq);
        Some(match request.content_type() {
            Some(kind) => builder.body(kind, request.body()).finish(),
            None => builder.finish(),
        })
    }
}
