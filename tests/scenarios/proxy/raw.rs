//! Messages that are written by the test: a trusted caller, and servers outside.

use sip::{Builder, HeaderName, Message, Method};
use switch::Trusted;
use tests::{Settings, Stage, Wire, sdp};

/// The caller: what comes from its network is taken as that of 101.
pub(crate) const CALLER: &str = "198.51.9.9:5060";
/// Two servers outside.
pub(crate) const ONE: &str = "198.51.7.1:5060";
/// See [`ONE`].
pub(crate) const OTHER: &str = "198.51.7.2:5060";

/// A world with this dialplan, whose 101 is trusted by its network.
pub(crate) fn trusting(plan: &str) -> Settings {
    let mut settings = Settings {
        plan: plan.into(),
        ..Settings::default()
    };
    settings.config.trusted.push(Trusted {
        network: "198.51.9.0".parse().unwrap(),
        prefix: 24,
        extension: "101".into(),
    });
    settings
}

/// A stage, the caller, and the two servers.
pub(crate) struct Raw {
    pub stage: Stage,
    pub caller: Wire,
    pub one: Wire,
    pub other: Wire,
}

impl Raw {
    /// With this body of `on_call`.
    pub fn plan(plan: &str) -> Self {
        Self::new(trusting(&format!("fn on_call(caller) {{ {plan} }}")))
    }

    /// With these settings.
    pub fn new(settings: Settings) -> Self {
        let stage = Stage::new(settings);
        stage.unregistered("101");
        let [caller, one, other] = [CALLER, ONE, OTHER].map(|address| stage.wire(address));
        Self {
            stage,
            caller,
            one,
            other,
        }
    }

    /// The caller sends an INVITE for 900.
    pub fn invites(&self, edit: impl FnOnce(Builder) -> Builder) -> Message {
        let invite = invite("sip:900@192.0.2.1", edit);
        self.caller.sends(invite.clone());
        invite
    }

    /// A call that is answered by the first server: the request of the caller, that of the server, and the answer as the
    /// caller got it.
    pub fn talks(&self, edit: impl FnOnce(Builder) -> Builder) -> (Message, Message, Message) {
        let invite = self.invites(|builder| builder);
        let passed = self.one.takes_request(Method::Invite);
        self.one.replies(&passed, 200, "callee", |reply| {
            edit(reply).body("application/sdp", sdp("198.51.7.1", 4_000).as_bytes())
        });
        let answer = self.caller.takes_response(200);
        self.caller.sends(within(&invite, &answer, &Method::Ack, 1, |ack| ack));
        self.one.takes_request(Method::Ack);
        (invite, passed, answer)
    }

    /// Nothing is left.
    pub fn clears(&self) {
        self.stage.clears();
    }
}

/// An INVITE of the caller.
pub(crate) fn invite(uri: &str, edit: impl FnOnce(Builder) -> Builder) -> Message {
    let builder = Builder::request(&Method::Invite, uri)
        .header(
            HeaderName::Via,
            format_args!("SIP/2.0/UDP {CALLER};branch=z9hG4bKcaller1"),
        )
        .header(HeaderName::From, "<sip:101@192.0.2.1>;tag=caller")
        .header(HeaderName::To, "<sip:900@192.0.2.1>")
        .header(HeaderName::CallId, "proxied")
        .header(HeaderName::CSeq, "1 INVITE")
        .header(HeaderName::Contact, format_args!("<sip:101@{CALLER}>"));
    let builder = edit(builder);
    let builder = match builder.has(HeaderName::MaxForwards) {
        true => builder,
        false => builder.header(HeaderName::MaxForwards, 70),
    };
    builder
        .body("application/sdp", sdp("198.51.9.9", 4_000).as_bytes())
        .finish()
}

/// The URI of the Contact.
pub(crate) fn contact(message: &Message) -> String {
    message.address(HeaderName::Contact).unwrap().uri.to_owned()
}

/// The Routes of the caller within the dialog: the Record-Route of the answer, turned round (RFC 3261 12.1.2).
pub(crate) fn routes(answer: &Message) -> Vec<String> {
    let mut routes: Vec<String> = answer
        .values(HeaderName::RecordRoute)
        .map(|value| value.trim().to_owned())
        .collect();
    routes.reverse();
    routes
}

/// A request of the caller within the dialog, to the Contact of the answer and by its Routes.
pub(crate) fn within(
    invite: &Message,
    answer: &Message,
    method: &Method,
    number: u32,
    edit: impl FnOnce(Builder) -> Builder,
) -> Message {
    let target = contact(answer);
    let routes = routes(answer);
    written(invite, answer, method, number, &target, &routes, edit)
}

/// The same with another Request-URI and other Routes.
pub(crate) fn written(
    invite: &Message,
    answer: &Message,
    method: &Method,
    number: u32,
    uri: &str,
    routes: &[String],
    edit: impl FnOnce(Builder) -> Builder,
) -> Message {
    let via = format!("SIP/2.0/UDP {CALLER};branch=z9hG4bK{method}{number}");
    let builder = Builder::request(method, uri)
        .header(HeaderName::Via, via)
        .header(HeaderName::MaxForwards, 70);
    let builder = routes
        .iter()
        .fold(builder, |builder, route| builder.header(HeaderName::Route, route));
    let builder = builder
        .copy(invite, HeaderName::From)
        .copy(answer, HeaderName::To)
        .header(HeaderName::CSeq, format_args!("{number} {method}"));
    let builder = edit(builder);
    match builder.has(HeaderName::CallId) {
        true => builder.finish(),
        false => builder.copy(invite, HeaderName::CallId).finish(),
    }
}
