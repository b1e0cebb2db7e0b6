//! Subscriptions: SUBSCRIBE, and the NOTIFYs that come.

use sip::{
    Builder, HeaderName, Message, Method, StatusCode,
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
    /// Status to its NOTIFYs, and Retry-After.
    pub answers: (u16, Option<u32>),
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
        self.answer = Some(message.clone());
        if code >= 300 {
            return;
        }
        lamp.granted = message.expires().ok().flatten();
        match (&mut lamp.dialog, request) {
            // A NOTIFY may have come first (RFC 6665 section 4.4.1).
            (Some(dialog), _) => dialog.refresh_target(message),
            (none, Some(request)) => *none = Dialog::uac(request, message).ok(),
            (None, None) => {}
        }
    }

    /// The lamp that a NOTIFY belongs to.
    pub(super) fn lamp_of(&self, message: &Message) -> Option<usize> {
        let mine = |lamp: &Lamp| lamp.call_id == message.call_id() && Some(lamp.tag.as_str()) == message.to_tag();
        let found = self.lamps.iter().position(mine)?;
        (*message.method() == Method::Notify).then_some(found)
    }

    pub(super) fn lit(&mut self, index: usize, id: ServerId, message: &Message) {
        let lamp = &mut self.lamps[index];
        let fresh = lamp.dialog.is_none();
        if fresh {
            lamp.dialog = Dialog::uas(message, &lamp.tag).ok();
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
