//! Requests within a leg's dialog (RFC 3261 12.2).

use ::media::Command;
use sip::{Builder, Flow, HeaderName, Message, Method, StatusCode, transaction::ServerId};

use super::{ALLOW, Leg, LegEvent, Phase, Refusal};
use crate::stack::{ClientUse, Stack};

impl Leg {
    /// A request came within the dialog.
    pub fn request(&mut self, cx: &mut Stack, server: ServerId, flow: Flow, request: Message) {
        let Some(dialog) = &mut self.dialog else {
            return cx.respond(server, Refusal::new(481).reply(&request, &self.local_tag));
        };
        if let Err(answer) = crate::endpoint::understood(&request) {
            return cx.respond(server, answer.reply(&request, &self.local_tag).finish());
        }
        if dialog.accept_order(&request).is_err() {
            // RFC 3261 12.2.2: out of order.
            return cx.respond(server, Refusal::new(500).reply(&request, &self.local_tag));
        }
        // The phone is where it speaks from: its NAT may have given it another port, and another address where it has
        // shown who it is.
        self.flow = Flow {
            local: self.flow.local,
            ..flow
        };
        match request.method() {
            Method::Bye => self.bye_received(cx, server, &request),
            Method::Invite => {
                cx.servers.insert(server, self.id);
                self.change_requested(cx, server, request);
            }
            Method::Update => self.change_requested(cx, server, request),
            Method::Info | Method::Message => self.pass_received(cx, server, request),
            Method::Options => {
                let reply = Builder::reply(&request, StatusCode::OK, None)
                    .header(HeaderName::Allow, ALLOW)
                    .finish();
                cx.respond(server, reply);
            }
            // RFC 3262 section 3: there is no reliable provisional response to acknowledge.
            Method::Prack => cx.respond(server, Refusal::new(481).reply(&request, &self.local_tag)),
            Method::Ack | Method::Cancel => {}
            Method::Register | Method::Subscribe | Method::Notify | Method::Publish | Method::Refer => {
                self.not_allowed(cx, server, &request, 405);
            }
            Method::Other(_) => self.not_allowed(cx, server, &request, 501),
        }
    }

    fn not_allowed(&self, cx: &mut Stack, server: ServerId, request: &Message, code: u16) {
        let refusal = Refusal {
            code,
            reason: None,
            header: Some((HeaderName::Allow, ALLOW.into())),
        };
        cx.respond(server, refusal.reply(request, &self.local_tag));
    }

    fn pass_received(&mut self, cx: &mut Stack, server: ServerId, request: Message) {
        if !matches!(
            self.phase,
            Phase::Up | Phase::Unacked | Phase::Incoming | Phase::Calling
        ) {
            return cx.respond(server, Refusal::new(481).reply(&request, &self.local_tag));
        }
        if *request.method() == Method::Info && request.header(HeaderName::InfoPackage).is_some() {
            // RFC 6086 section 4.2.2: none was asked for.
            let refusal = Refusal {
                header: Some((HeaderName::RecvInfo, String::new())),
                ..Refusal::new(469)
            };
            return cx.respond(server, refusal.reply(&request, &self.local_tag));
        }
        self.tell(cx, LegEvent::Passed { server, request });
    }

    /// Answers an INFO or MESSAGE. What of an INFO is not understood is said (RFC 6086 section 4.2.2).
    pub fn answer_passed(&self, cx: &mut Stack, server: ServerId, request: &Message, code: u16) {
        let mut refusal = Refusal::new(code);
        if code == 415 {
            refusal.header = Some((HeaderName::Accept, "application/dtmf-relay, application/dtmf".into()));
        }
        cx.respond(server, refusal.reply(request, &self.local_tag));
    }

    /// Sends what the other leg's phone sent by INFO or MESSAGE; digits go as RFC 4733 events to a
    /// phone that does not allow INFO. Returns the status the other phone is to get.
    pub fn pass(&mut self, cx: &mut Stack, passed: &Message) -> u16 {
        let (method, content_type, body) = (
            passed.method(),
            passed.content_type().unwrap_or_default(),
            passed.body(),
        );
        if !self.is_up() {
            return 480;
        }
        if *method == Method::Info && !self.can.info {
            return match (
                info_digit(content_type, body),
                self.port.filter(|_| self.hears_events()),
            ) {
                (Some((digit, millis)), Some(port)) => {
                    cx.media(Command::Dtmf { port, digit, millis });
                    200
                }
                (None, _) if body.is_empty() => 200,
                (Some(_) | None, _) => 415,
            };
        }
        let Some(dialog) = &mut self.dialog else { return 480 };
        let way = Stack::way(dialog.next_hop(), &self.flow, self.outside);
        let via = cx.via(&way);
        let mut builder = dialog
            .request(method, via)
            .header(HeaderName::UserAgent, &cx.config.product);
        if *method == Method::Info {
            builder = builder.header(HeaderName::Contact, cx.contact(&self.flow, &self.user));
        }
        let request = if body.is_empty() {
            builder.finish()
        } else {
            builder.body(content_type, body).finish()
        };
        let sent = cx.request(way, request, ClientUse::Info(self.id));
        if sent.is_some() { 200 } else { 503 }
    }

    /// Whether keys can be told to the phone as RFC 4733 events.
    fn hears_events(&self) -> bool {
        let remote = self
            .session
            .as_ref()
            .map(|session| session.remote(self.flow.remote.ip()));
        remote.is_some_and(|remote| {
            let mut payloads = remote.send_payloads.iter();
            payloads.any(|payload| payload.codec == ::media::spec::TELEPHONE_EVENT)
        })
    }
}

/// The key in an INFO of the kinds phones send: `application/dtmf-relay` (`Signal=5`, `Duration=160`)
/// and `application/dtmf` (the bare digit).
pub(crate) fn info_digit(content_type: &str, body: &[u8]) -> Option<(char, u16)> {
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    let text = std::str::from_utf8(body).ok()?;
    let field = |name: &str| {
        text.lines().find_map(|line| {
            let (key, value) = line.split_once('=')?;
            key.trim().eq_ignore_ascii_case(name).then(|| value.trim())
        })
    };
    let signal = if kind.eq_ignore_ascii_case("application/dtmf-relay") {
        field("Signal")?
    } else if kind.eq_ignore_ascii_case("application/dtmf") {
        text.trim()
    } else {
        return None;
    };
    let digit = match signal {
        "10" => '*',
        "11" => '#',
        one => one.chars().next().filter(|_| one.len() == 1)?.to_ascii_uppercase(),
    };
    let known = digit.is_ascii_digit() || matches!(digit, '*' | '#' | 'A'..='D');
    let millis = field("Duration").and_then(|value| value.parse().ok()).unwrap_or(160u16);
    known.then_some((digit, millis.clamp(40, 5_000)))
}

#[cfg(test)]
mod tests {
    use super::info_digit;

    #[test]
    fn keys_in_info_are_read_in_the_forms_phones_send() {
        let relay = "application/dtmf-relay";
        assert_eq!(info_digit(relay, b"Signal=5\r\nDuration=100\r\n"), Some(('5', 100)));
        assert_eq!(info_digit(relay, b"Signal= *\r\n"), Some(('*', 160)));
        assert_eq!(info_digit(relay, b"Signal=11\r\nDuration=9\r\n"), Some(('#', 40)));
        assert_eq!(info_digit("application/dtmf; x=y", b"d"), Some(('D', 160)));
        assert_eq!(info_digit(relay, b"Signal=!\r\n"), None);
        assert_eq!(info_digit("text/plain", b"5"), None);
        assert_eq!(info_digit(relay, b"\xff\xff"), None);
    }
}
