//! Transfers: REFER and its NOTIFYs (RFC 3515), INVITE with Replaces (RFC 3891).

use sip::{Builder, HeaderName, Message, Method, StatusCode, transaction::ServerId};

use super::{Phone, Purpose};

/// The state of a transfer that a phone asked for in a call.
#[derive(Clone, Debug, Default)]
pub struct Transfer {
    /// The final status of its last REFER.
    pub code: Option<u16>,
    /// The NOTIFYs that came, in order.
    pub notices: Vec<Notice>,
    /// REFERs sent in the call.
    pub asked: u32,
}

/// One NOTIFY of a transfer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Its Event.
    pub event: String,
    /// Its Subscription-State.
    pub state: String,
    /// The status in its body: the progress of the call to the target.
    pub code: u16,
}

impl Notice {
    fn of(notify: &Message) -> Result<Self, u16> {
        let field = |name| notify.header(name).unwrap_or_default().to_owned();
        let notice = Self {
            event: field(HeaderName::Event),
            state: field(HeaderName::SubscriptionState),
            code: 0,
        };
        if !notice.event.starts_with("refer") {
            return Err(489);
        }
        // RFC 3515 2.4.5: the body begins with a status line.
        let kind = notify.content_type().unwrap_or_default();
        assert!(kind.starts_with("message/sipfrag"), "{notify:?}");
        let body = notify.body_text();
        let status = body.strip_prefix("SIP/2.0 ").and_then(|rest| rest.get(..3));
        let code = status.and_then(|code| code.parse().ok());
        Ok(Self {
            code: code.unwrap_or_else(|| panic!("no status line: {body:?}")),
            ..notice
        })
    }

    /// True if it is the last NOTIFY of its subscription.
    pub fn is_last(&self) -> bool {
        self.state.starts_with("terminated")
    }
}

impl Transfer {
    /// True if a NOTIFY may come: a REFER was not refused, and not all subscriptions have ended.
    pub fn is_open(&self) -> bool {
        let ended = self.notices.iter().filter(|notice| notice.is_last()).count();
        u32::try_from(ended).is_ok_and(|ended| ended < self.asked)
    }
}

impl Phone {
    /// Sends REFER within a call. `edit` adds Refer-To and other fields.
    pub fn refer(&mut self, index: usize, edit: impl FnOnce(Builder) -> Builder) {
        let contact = self.contact();
        if let Some(builder) = self.inside(index, &Method::Refer) {
            let request = edit(builder.header(HeaderName::Contact, contact)).finish();
            let transfer = &mut self.calls[index].transfer;
            transfer.code = None;
            transfer.asked += 1;
            self.send(request, Purpose::Refer(index));
        }
        self.drain();
    }

    /// Blind transfer: the other party of the call is to call this number or URI.
    pub fn transfer(&mut self, index: usize, to: &str) {
        let uri = self.uri_of(to);
        let by = format!("<sip:{}@{}>", self.number, self.domain);
        self.refer(index, |builder| {
            builder
                .header(HeaderName::ReferTo, format_args!("<{uri}>"))
                .header(HeaderName::ReferredBy, by)
        });
    }

    /// Blind transfer to a URI, about which the phone wants no NOTIFY (RFC 4488).
    pub fn refer_silently(&mut self, index: usize, uri: &str) {
        self.refer(index, |builder| {
            builder
                .header(HeaderName::ReferTo, format_args!("<{uri}>"))
                .header(HeaderName::ReferSub, "false")
                .header(HeaderName::Supported, "norefersub")
        });
    }

    /// Attended transfer: the other party of `first` takes the place of this phone in `second`. False where one of
    /// them has no dialog.
    pub fn join(&mut self, first: usize, second: usize) -> bool {
        let Some(replaces) = self.replaces(second) else {
            return false;
        };
        // RFC 3261 19.1.1: the headers of a URI are escaped.
        let escaped = replaces
            .replace('%', "%25")
            .replace(';', "%3B")
            .replace('=', "%3D")
            .replace('@', "%40");
        let number = self.calls[second].number();
        let uri = format!("sip:{number}@{}?Replaces={escaped}", self.domain);
        let by = format!("<sip:{}@{}>", self.number, self.domain);
        let has = self.calls[first].dialog.is_some();
        self.calls[second].given = true;
        self.refer(first, |builder| {
            builder
                .header(HeaderName::ReferTo, format_args!("<{uri}>"))
                .header(HeaderName::ReferredBy, by)
        });
        has
    }

    /// The Replaces that names the dialog of a call, as the PBX sees it (RFC 3891 6.1): `to-tag` is the tag of the PBX.
    /// While a call of this phone rings, its early dialog is named.
    pub fn replaces(&self, index: usize) -> Option<String> {
        let call = &self.calls[index];
        let (remote, local) = match &call.dialog {
            Some(dialog) => (dialog.remote_tag(), dialog.local_tag()),
            None => (call.last.to_tag()?, call.invite.from_tag()?),
        };
        let call_id = call.invite.call_id();
        Some(format!("{call_id};to-tag={remote};from-tag={local}"))
    }

    /// Calls with Replaces: takes the place of another phone in the dialog that is named. The call is the last of
    /// `calls`.
    pub fn call_replacing(&mut self, number: &str, replaces: &str) -> usize {
        let replaces = replaces.to_owned();
        self.call_with(number, |builder| {
            builder
                .header(HeaderName::Require, "replaces")
                .header(HeaderName::Replaces, replaces)
        })
    }

    /// Calls with Join: wants to be the third in the call of the dialog that is named (RFC 3911).
    pub fn call_joining(&mut self, number: &str, dialog: &str) -> usize {
        let dialog = dialog.to_owned();
        self.call_with(number, |builder| {
            builder
                .header(HeaderName::Require, "join")
                .header(HeaderName::Join, dialog)
        })
    }

    /// A NOTIFY came within the dialog of a call, whose session may be over (RFC 5057 2: the subscription goes on).
    pub(super) fn notified(&mut self, index: usize, id: ServerId, notify: &Message) {
        let refused = self.mood.refuses_notices;
        let transfer = &mut self.calls[index].transfer;
        if !transfer.is_open() {
            return self.simple(id, notify, 481);
        }
        let code = match (Notice::of(notify), refused) {
            (Err(code), _) => code,
            (Ok(_), Some(code)) => code,
            (Ok(notice), None) => {
                transfer.notices.push(notice);
                200
            }
        };
        // Not by `simple`, which counts refused changes of the session.
        let reply = Builder::reply(notify, StatusCode::new(code).unwrap(), None).finish();
        let _ = self.layer.respond(self.now, id, reply);
    }
}
