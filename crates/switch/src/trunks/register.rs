//! REGISTER at a provider (RFC 3261 section 10.2).

use std::time::Duration;

use sip::{ConnectionId, Contact, Flow, HeaderName, Message, Method};

use super::{Entry, backoff};
use crate::{
    api::TrunkState,
    ids::{Ids, TrunkId},
    requests::{self, Aim, Outline, Outside, Owner, Reply, RequestEvent, Target, Targets, TrunkRequest},
    stack::{Stack, TimerKey, TrunkTimer},
};

/// What a registration lasts unless the trunk says otherwise: short enough for the address translation of most routers.
const EXPIRES: u32 = 600;
/// The first wait after a failure that may pass.
const SOON: Duration = Duration::from_secs(20);
/// The first wait after the provider has refused the account: trying again soon can lock it.
const LATER: Duration = Duration::from_secs(300);

/// The registration of a trunk.
pub(super) struct Registration {
    /// RFC 3261 10.2: all REGISTERs of one registrar have one Call-ID.
    call_id: String,
    /// The CSeq number of the last REGISTER.
    number: u32,
    tag: String,
    /// What is asked for, in seconds. Raised by a 423.
    expires: u32,
    /// Failures in a row.
    failures: u32,
    /// A REGISTER is under way.
    open: bool,
    /// By which way the registrar has accepted it.
    accepted: Option<Flow>,
    /// Service-Route (RFC 3608): the way of each request to the provider.
    pub(super) route: Vec<String>,
}

impl Registration {
    pub(super) fn new(ids: &mut Ids, expires: u32) -> Self {
        Self {
            call_id: ids.call_id(),
            number: 0,
            tag: ids.tag(),
            expires: if expires == 0 { EXPIRES } else { expires },
            failures: 0,
            open: false,
            accepted: None,
            route: Vec::new(),
        }
    }
}

impl Entry {
    /// The ways to its hosts, the registrar's first: those of each further host with its own URI.
    pub(super) fn targets(&self, uri_at: impl Fn(&str) -> String) -> Targets {
        let mut ways = Vec::new();
        for (at, host) in self.hosts.iter().enumerate() {
            ways.extend(host.flows.iter().map(|way| Target {
                way: *way,
                aim: (at > 0).then(|| {
                    Box::new(Aim {
                        uri: uri_at(&host.uri),
                        routes: Vec::new(),
                    })
                }),
            }));
        }
        Targets {
            ways: ways.into(),
            gateways: true,
        }
    }

    /// Sends a REGISTER.
    pub(super) fn register(&mut self, cx: &mut Stack, id: TrunkId) {
        self.send_register(cx, None, Owner::Trunk(id, TrunkRequest::Register));
    }

    /// Takes our contact away, if it is there.
    pub(super) fn unregister(&mut self, cx: &mut Stack) {
        if self.registration.as_ref().is_some_and(|own| own.accepted.is_some()) {
            self.send_register(cx, Some(0), Owner::Stray);
        }
    }

    fn send_register(&mut self, cx: &mut Stack, expires: Option<u32>, owner: Owner) {
        let targets = self.targets(str::to_owned);
        let Some(own) = self.registration.as_mut() else { return };
        if own.open && expires.is_none() {
            return;
        }
        own.number += 1;
        let user = self.access.user.as_deref().unwrap_or_default();
        let account = format!("sip:{}@{}", sip::escape_user(user), self.access.home);
        let (uri, from, to) = (
            self.trunk.uri.clone(),
            format!("<{account}>;tag={}", own.tag),
            format!("<{account}>"),
        );
        let outside = Outside {
            uri: &uri,
            routes: &[],
            from: &from,
            to: &to,
            max_forwards: 70,
        };
        let outline = Outline::new(&Method::Register)
            .contact(&self.line)
            .header(HeaderName::Expires, expires.unwrap_or(own.expires).to_string())
            .named(own.call_id.clone(), own.number)
            .credentials(self.access.credentials.clone());
        let sent = requests::send(cx, outline, &outside, targets, owner);
        own.open = sent.is_some() && expires.is_none();
        if let (None, Owner::Trunk(id, _)) = (sent, owner) {
            let wait = backoff(cx, SOON, own.failures);
            cx.timers.set(TimerKey::Trunk(id, TrunkTimer::Register), cx.now + wait);
        }
    }

    /// A REGISTER came to this.
    pub(super) fn registered(&mut self, cx: &mut Stack, id: TrunkId, event: &RequestEvent) {
        let Some(own) = self.registration.as_mut() else { return };
        let reply = match event {
            RequestEvent::Provisional(_) => return,
            RequestEvent::Final(reply) => reply,
            RequestEvent::Failed(why) => {
                own.open = false;
                return self.failed(
                    cx,
                    id,
                    &format!("the registrar did not answer ({})", why.reason()),
                    SOON,
                    None,
                );
            }
        };
        own.open = false;
        own.number = reply.request.cseq().map_or(own.number, |cseq| cseq.number);
        match reply.code() {
            200..=299 => self.accepted(cx, id, reply),
            423 => {
                let least = number_in(&reply.response, HeaderName::MinExpires);
                match least.filter(|least| *least > own.expires && *least <= 86_400) {
                    Some(least) => {
                        own.expires = least;
                        self.register(cx, id);
                    }
                    None => self.failed(cx, id, "the registrar wants another time (423)", LATER, None),
                }
            }
            code => {
                let (words, first) = match code {
                    401 | 407 => ("the provider refuses the user name or the password", LATER),
                    403 => ("the provider forbids this account to register", LATER),
                    404 => ("the provider does not know this account", LATER),
                    500..=599 => ("the registrar has a fault", SOON),
                    _ => ("the registrar refuses", LATER),
                };
                let told = format!("{words} ({code} {})", reply.response.reason());
                let after = number_in(&reply.response, HeaderName::RetryAfter);
                self.failed(cx, id, &told, first, after);
            }
        }
    }

    fn accepted(&mut self, cx: &mut Stack, id: TrunkId, reply: &Reply) {
        let Some(own) = self.registration.as_mut() else { return };
        own.failures = 0;
        own.accepted = Some(reply.flow);
        let routes = reply.response.values(HeaderName::ServiceRoute);
        own.route = routes.map(str::to_owned).collect();
        // RFC 3261 10.2.4: the registrar says how long, for each contact or for all.
        let granted = granted(&reply.response, &self.line)
            .or_else(|| number_in(&reply.response, HeaderName::Expires))
            .unwrap_or(own.expires)
            .clamp(30, 86_400);
        // Well before the end, so that a lost packet costs nothing.
        let refresh = Duration::from_secs((granted / 2).max(granted.saturating_sub(120)).into());
        cx.timers
            .set(TimerKey::Trunk(id, TrunkTimer::Register), cx.now + refresh);
        self.is_now(cx, TrunkState::Registered, None);
    }

    fn failed(&mut self, cx: &mut Stack, id: TrunkId, words: &str, first: Duration, after: Option<u32>) {
        let Some(own) = self.registration.as_mut() else { return };
        let wait = backoff(cx, first, own.failures);
        own.failures += 1;
        own.accepted = None;
        // RFC 3261 20.33: not before the server says, and not only after days.
        let told = after.map(|seconds| Duration::from_secs(seconds.min(3_600).into()));
        let at = cx.now + wait.max(told.unwrap_or_default());
        cx.timers.set(TimerKey::Trunk(id, TrunkTimer::Register), at);
        self.is_now(cx, TrunkState::Down, Some(words.to_owned()));
    }

    /// A connection has ended. Calls to us came over it.
    pub(super) fn lost(&mut self, cx: &mut Stack, id: TrunkId, connection: ConnectionId) {
        let Some(own) = self.registration.as_mut() else { return };
        if own.accepted.is_some_and(|flow| flow.connection == Some(connection)) {
            let wait = backoff(cx, Duration::from_secs(2), 0);
            cx.timers.set(TimerKey::Trunk(id, TrunkTimer::Register), cx.now + wait);
        }
    }
}

/// How long the registrar keeps the contact with this user part, in seconds.
fn granted(response: &Message, line: &str) -> Option<u32> {
    let contacts = response.values(HeaderName::Contact);
    let mut own = contacts.filter_map(|value| match Contact::parse(value).ok()? {
        Contact::Address(address) => Some(address),
        Contact::Star => None,
    });
    let own = own.find(|address| address.uri().is_ok_and(|uri| uri.user == Some(line)))?;
    own.param("expires").and_then(|expires| expires.parse().ok())
}

/// The number at the beginning of a header field.
fn number_in(response: &Message, name: HeaderName) -> Option<u32> {
    let value = response.header(name)?;
    let digits = value.trim().split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}
