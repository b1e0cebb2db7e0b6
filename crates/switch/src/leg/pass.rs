//! INFO and MESSAGE within a dialog: they pass to the other phone of the call, whose answer comes back.

use std::time::Duration;

use ::media::Command;
use sip::{HeaderName, Message, Method, StatusCode, transaction::ServerId};

use super::{Leg, LegEvent, Phase};
use crate::{
    answer::Answer,
    stack::{ClientUse, Stack, TimerKey},
};

/// How long the other phone has to answer. Whoever asked would take the silence of its whole transaction, 32 s, for the
/// end of the call (RFC 3261 12.2.1.2).
const PATIENCE: Duration = Duration::from_secs(10);

impl Leg {
    pub(super) fn pass_received(&mut self, cx: &mut Stack, server: ServerId, request: Message) {
        if !matches!(
            self.phase,
            Phase::Up | Phase::Unacked | Phase::Incoming | Phase::Calling
        ) {
            return cx.answer(server, &request, &Answer::of(481));
        }
        if *request.method() == Method::Info && request.header(HeaderName::InfoPackage).is_some() {
            // RFC 6086 section 4.2.2: none was asked for.
            return cx.answer(server, &request, &Answer::of(469).with(HeaderName::RecvInfo, ""));
        }
        self.tell(cx, LegEvent::Passed { server, request });
    }

    /// Sends what the other leg's phone sent by INFO or MESSAGE; digits go as RFC 4733 events to a
    /// phone that does not allow INFO. Returns the status the other phone is to get, unless that is to come.
    pub fn pass(&mut self, cx: &mut Stack, server: ServerId, passed: &Message) -> Option<u16> {
        if !self.is_up() {
            return Some(480);
        }
        let (method, body) = (passed.method(), passed.body());
        if *method == Method::Info && !self.can.info {
            return Some(match body {
                [] => 200,
                _ if self.press(cx, passed) => 200,
                _ => 415,
            });
        }
        let Some(dialog) = &mut self.dialog else {
            return Some(480);
        };
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
            builder.body(passed.content_type().unwrap_or_default(), body).finish()
        };
        if cx.request(way, request, ClientUse::Passed(self.id, server)).is_none() {
            return Some(503);
        }
        cx.timers.set(TimerKey::Passed(server), cx.now + PATIENCE);
        None
    }

    /// The phone answered what was sent on to it. A key that it does not take by INFO, though it allows INFO, is an event.
    pub fn passed_on(&mut self, cx: &mut Stack, server: ServerId, code: u16) {
        let Some(passed) = cx.layer.server_request(server).cloned() else {
            return;
        };
        match code {
            481 => {
                answer_passed(cx, server, code);
                self.unknown(cx);
            }
            // Not after 408: it would be pressed long after it was.
            300..=407 | 409..=699 if *passed.method() == Method::Info && self.press(cx, &passed) => {
                self.can.info = false;
                answer_passed(cx, server, 200);
            }
            _ => answer_passed(cx, server, code),
        }
    }

    /// Tells the phone of the key in an INFO by RFC 4733 events, if there is one and it hears them.
    fn press(&self, cx: &mut Stack, info: &Message) -> bool {
        let key = info_digit(info.content_type().unwrap_or_default(), info.body());
        let (Some((digit, millis)), Some(port), true) = (key, self.port, self.hears_events()) else {
            return false;
        };
        cx.media(Command::Dtmf { port, digit, millis });
        true
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

/// Answers an INFO or MESSAGE that came within a dialog. What of an INFO is not understood is said (RFC 6086 section
/// 4.2.2).
pub(crate) fn answer_passed(cx: &mut Stack, server: ServerId, code: u16) {
    cx.timers.clear(TimerKey::Passed(server));
    let Some(passed) = cx.layer.server_request(server).cloned() else {
        return;
    };
    let mut answer = Answer::of(crate::message::told(code));
    if answer.status == StatusCode::UNSUPPORTED_MEDIA_TYPE && *passed.method() == Method::Info {
        answer = answer.with(HeaderName::Accept, "application/dtmf-relay, application/dtmf");
    }
    cx.answer(server, &passed, &answer);
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
