//! Log lines about requests that were refused: enough to find a mistyped password, and not so many that strangers could
//! fill the disk.

use std::time::Duration;

use sip::{Flow, Instant, Message, StatusCode, Uri};

use crate::Answer;

/// Lines a second; the next line says how many were left out.
const LINES: u32 = 10;
/// How many bytes of a stranger's name are shown.
const SHOWN: usize = 64;

/// Counts the lines.
#[derive(Debug, Default)]
pub(crate) struct Refused {
    began: Instant,
    lines: u32,
    left_out: u64,
}

impl Refused {
    /// A request was answered with an error. A challenge does not count as an error; a request for a call that is over
    /// is not logged.
    pub fn request(&mut self, now: Instant, flow: Option<Flow>, request: &Message, answer: &Answer) {
        let status = answer.status;
        if status.code() < 400 || status == StatusCode::UNAUTHORIZED || status == StatusCode::CALL_DOES_NOT_EXIST {
            return;
        }
        let Some(left_out) = self.line(now) else { return };
        let from = request.from();
        let from = from.as_ref().ok().and_then(|from| from.uri().ok());
        tracing::info!(
            method = %request.method(),
            from = from.as_ref().map(user),
            to = request.request_uri().ok().as_ref().map(user),
            source = flow.map(|flow| tracing::field::display(flow.remote)),
            code = status.code(),
            reason = answer.reason.as_deref().unwrap_or_else(|| status.reason()),
            left_out,
            "request refused"
        );
    }

    /// Credentials are wrong. Only the log says whether there is such a user.
    pub fn credentials(&mut self, now: Instant, flow: &Flow, request: &Message, username: &str, known: bool) {
        let Some(left_out) = self.line(now) else { return };
        let why = if known { "wrong password" } else { "no such user" };
        tracing::warn!(method = %request.method(), user = cut(username), source = %flow.remote, left_out, "{why}");
    }

    /// Whether another line may be logged, and how many were left out since the last line.
    fn line(&mut self, now: Instant) -> Option<Option<u64>> {
        if now.since(self.began) >= Duration::from_secs(1) {
            self.began = now;
            self.lines = 0;
        }
        if self.lines == LINES {
            self.left_out += 1;
            return None;
        }
        self.lines += 1;
        let left_out = std::mem::take(&mut self.left_out);
        Some(Some(left_out).filter(|count| *count > 0))
    }
}

/// The user part, which does not contain the password (RFC 3261 19.1.1).
fn user(uri: &Uri<'_>) -> String {
    cut(&uri.user_unescaped()).to_owned()
}

fn cut(text: &str) -> &str {
    text.get(..text.floor_char_boundary(SHOWN)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_makes_ten_log_lines_a_second_and_a_count_of_the_rest() {
        let mut refused = Refused::default();
        let at = |millis: u64| Instant::from_micros(millis * 1_000);
        for _ in 0..10 {
            assert_eq!(refused.line(at(5_000)), Some(None));
        }
        for _ in 0..990 {
            assert_eq!(refused.line(at(5_999)), None);
        }
        assert_eq!(refused.line(at(6_000)), Some(Some(990)));
        assert_eq!(refused.line(at(6_001)), Some(None));
    }

    #[test]
    fn a_long_name_is_cut_between_two_characters() {
        assert_eq!(cut("101"), "101");
        assert_eq!(cut(&"é".repeat(100)).len(), 64);
        assert_eq!(cut(&format!("a{}", "é".repeat(100))).len(), 63);
    }
}
