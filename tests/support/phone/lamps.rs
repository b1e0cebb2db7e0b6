//! Subscriptions: SUBSCRIBE, and the NOTIFYs that come.

use std::time::Duration;

use sip::{
    Builder, HeaderName, Instant, Message, Method, StatusCode,
    dialog::Dialog,
    headers::event::{SubState, SubscriptionState},
    transaction::ServerId,
};

use super::{Phone, Purpose};

/// What a phone is subscribed to.
#[derive(Clone)]
pub struct Lamp {
    /// The event package.
    pub package: String,
    /// The number that it watches.
    pub number: String,
    call_id: String,
    tag: String,
    dialog: Option<Dialog>,
    /// The last answer to its SUBSCRIBEs.
    pub code: Option<u16>,
    /// Expires of the last 2xx.
    pub granted: Option<u32>,
    /// The documents that came, the latest last.
    pub documents: Vec<String>,
    /// The value of Subscription-State in the last NOTIFY.
    pub state: String,
    version: Option<u32>,
    /// Status to its NOTIFYs, and Retry-After. With status 0 the phone answers nothing.
    pub answers: (u16, Option<u32>),
    /// The phone has refused a NOTIFY, or has not answered one.
    pub refused: bool,
    /// When it is over, by the last 2xx.
    fresh_until: Option<Instant>,
    /// The phone knows nothing of it any more.
    forgotten: bool,
}

impl Lamp {
    /// The last document.
    pub fn document(&self) -> &str {
        self.documents.last().map_or("", String::as_str)
    }

    /// The states of the dialogs in the last document, in their order.
    pub fn states(&self) -> Vec<&str> {
        let rest = self.document().split("<state>").skip(1);
        rest.filter_map(|rest| rest.split('<').next()).collect()
    }

    /// What a phone shows: the last dialog that is not over counts.
    pub fn shows(&self) -> &str {
        let states = self.states();
        let live = states.iter().rfind(|state| **state != "terminated");
        live.copied()
            .unwrap_or(if states.is_empty() { "unreachable" } else { "idle" })
    }

    /// Whether the phone is subscribed, and will be for so long.
    pub fn is_on(&self, now: Instant, spare: Duration) -> bool {
        let fresh = self.fresh_until.is_some_and(|until| now + spare < until);
        fresh && !self.forgotten && !self.is_over() && self.dialog.is_some()
    }

    /// The phone knows nothing of it any more.
    pub(super) fn forget(&mut self) {
        self.forgotten = true;
    }

    /// Whether no message of it may come or go any more.
    pub(super) fn is_through(&self, now: Instant) -> bool {
        self.forgotten || self.is_over() || self.fresh_until.is_none_or(|until| until < now)
    }

    /// The value of `id` in Event.
    pub fn event_id(&self) -> &str {
        self.package.split_once(";id=").map_or("", |(_, id)| id)
    }

    /// Whether it is over.
    pub fn is_over(&self) -> bool {
        self.state.starts_with("terminated")
    }

    /// What somebody knows of it who has read its messages.
    pub fn overheard(&self) -> Self {
        self.clone()
    }
}

impl Phone {
    /// Subscribes to a package of a number; its place in `lamps`.
    pub fn subscribe(
        &mut self,
        package: &str,
        number: &str,
        expires: u32,
        edit: impl FnOnce(Builder) -> Builder,
    ) -> usize {
        let (uri, call_id, index) = (format!("sip:{number}@{}", self.domain), self.id("s"), self.lamps.len());
        let request = self
            .outside(&Method::Subscribe, &uri, &uri)
            .header(HeaderName::CallId, &call_id)
            .header(HeaderName::CSeq, "1 SUBSCRIBE")
            .header(HeaderName::Contact, self.contact())
            .header(HeaderName::Event, package)
            .header(HeaderName::Expires, expires);
        let request = edit(request).finish();
        self.lamps.push(Lamp {
            package: package.into(),
            number: number.into(),
            tag: request.from_tag().unwrap_or_default().to_owned(),
            call_id,
            dialog: None,
            code: None,
            granted: None,
            documents: Vec::new(),
            state: String::new(),
            version: None,
            answers: (200, None),
            refused: false,
            fresh_until: None,
            forgotten: false,
        });
        self.send(request, Purpose::Lamp(index));
        self.drain();
        index
    }

    /// Subscribes again within the dialog; 0 ends the subscription.
    pub fn subscribe_again(&mut self, index: usize, expires: u32, edit: impl FnOnce(Builder) -> Builder) {
        let (via, contact) = (self.via(), self.contact());
        let lamp = &mut self.lamps[index];
        lamp.code = None;
        let dialog = lamp.dialog.as_mut().expect("it has subscribed");
        let request = dialog
            .request(&Method::Subscribe, via)
            .header(HeaderName::Contact, contact)
            .header(HeaderName::Event, &lamp.package)
            .header(HeaderName::Expires, expires);
        self.send(edit(request).finish(), Purpose::Lamp(index));
        self.drain();
    }

    pub(super) fn lamp_response(&mut self, index: usize, code: u16, message: &Message, request: Option<&Message>) {
        let lamp = &mut self.lamps[index];
        if code < 200 {
            return;
        }
        lamp.code = Some(code);
        lamp.forgotten |= code == 481;
        self.answer = Some(message.clone());
        if code >= 300 {
            return;
        }
        lamp.granted = message.expires().ok().flatten();
        let granted = lamp.granted.map(|seconds| Duration::from_secs(seconds.into()));
        lamp.fresh_until = granted.map(|granted| self.now + granted);
        match (&mut lamp.dialog, request) {
            // A NOTIFY may have come first (RFC 6665 section 4.4.1).
            (Some(dialog), _) => dialog.refresh_target(message),
            (none, Some(request)) => *none = Dialog::uac(request, message).ok(),
            (None, None) => {}
        }
    }

    /// The lamp that a NOTIFY belongs to.
    pub(super) fn lamp_of(&self, message: &Message) -> Option<usize> {
        let mine = |lamp: &Lamp| {
            let named = lamp.call_id == message.call_id() && Some(lamp.tag.as_str()) == message.to_tag();
            named && !lamp.forgotten
        };
        let found = self.lamps.iter().position(mine)?;
        (*message.method() == Method::Notify).then_some(found)
    }

    pub(super) fn lit(&mut self, index: usize, id: ServerId, message: &Message) {
        let lamp = &mut self.lamps[index];
        let fresh = lamp.dialog.is_none();
        let other = |dialog: &Dialog| Some(dialog.remote_tag()) != message.from_tag();
        if fresh {
            lamp.dialog = Dialog::uas(message, &lamp.tag).ok();
        } else if lamp.dialog.as_ref().is_some_and(other) {
            // RFC 6665 section 4.4.1: a dialog of which the phone wants nothing.
            return self.simple(id, message, 481);
        } else if let Some(dialog) = &mut lamp.dialog
            && dialog.accept_order(message).is_err()
        {
            self.complaints
                .push(format!("the CSeq of {} {} goes backwards", lamp.package, lamp.number));
            return self.simple(id, message, 500);
        }
        let (code, wait) = lamp.answers;
        let reply = Builder::reply(message, StatusCode::new(code).unwrap(), None);
        let reply = match wait {
            Some(seconds) => reply.header(HeaderName::RetryAfter, seconds),
            None => reply,
        };
        let reply = reply.finish();
        lamp.forgotten |= code == 481;
        lamp.refused |= code >= 300;
        if code < 300 {
            let state = message.read::<SubscriptionState<'_>>().unwrap().unwrap();
            if lamp.is_over() {
                self.complaints
                    .push(format!("a NOTIFY of {} {} after its end", lamp.package, lamp.number));
            }
            assert!(matches!(state.state, SubState::Active | SubState::Terminated));
            lamp.state = state.to_string();
            let document = message.body_text().into_owned();
            // Not the version of XML, which is no whole number.
            let mut versions = document.split(" version=\"").skip(1);
            let version: Option<u32> = versions.find_map(|rest| rest.split('"').next()?.parse().ok());
            if lamp.version.is_some() && lamp.version >= version {
                self.complaints.push(format!(
                    "the version of {} {} goes backwards",
                    lamp.package, lamp.number
                ));
            }
            lamp.version = version;
            lamp.documents.push(document);
        }
        let _ = self.layer.respond(self.now, id, reply);
    }

    /// Sends another request within the dialog of a subscription; its final answer is in `answer`.
    pub fn ask_in_lamp(&mut self, index: usize, method: &Method) {
        self.answer = None;
        let via = self.via();
        let dialog = self.lamps[index].dialog.as_mut().expect("it has subscribed");
        let request = dialog.request(method, via).finish();
        self.send(request, Purpose::Other);
        self.drain();
    }
}
