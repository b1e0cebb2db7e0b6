//! Links that need no token: for an audio element and a download, which send no header of ours. A link is for one
//! recording, for reading only, and for a while.

use std::time::Duration;

use axum::http::Method;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use records::RecordingUid;
use sha2::Sha256;

use crate::http::problem::Problem;

/// The name of the query parameter that makes a path a link.
pub(crate) const PARAMETER: &str = "ticket";

/// Signs links, and tells ours from others. The key is a new one at each start.
pub(crate) struct Links {
    /// `None` where the system had no randomness to give: then there are no links.
    key: Option<[u8; 32]>,
    time: Duration,
}

impl Links {
    /// Links that are good for `time`.
    pub(crate) fn new(time: Duration) -> Self {
        let mut key = [0; 32];
        let filled = getrandom::fill(&mut key).is_ok();
        Self {
            key: filled.then_some(key),
            time,
        }
    }

    /// The ticket for a recording, and when it ends.
    pub(crate) fn ticket(&self, id: RecordingUid, now: Timestamp) -> Result<(String, Timestamp), Problem> {
        let no_key = || Problem::internal(&"the system has no randomness to give");
        // Whole seconds, so that what is shown is what is signed.
        let seconds = i64::try_from(self.time.as_secs()).unwrap_or(i64::MAX);
        let until = now.as_second().saturating_add(seconds);
        let signed = self.sign(id, until).ok_or_else(no_key)?.finalize().into_bytes();
        let signed: String = signed.iter().map(|byte| format!("{byte:02x}")).collect();
        let until = Timestamp::from_second(until).unwrap_or(Timestamp::MAX);
        Ok((format!("{:x}-{signed}", until.as_second()), until))
    }

    /// True if a request is a good link. `path`: below `/api/v1`.
    pub(crate) fn opens(&self, method: &Method, path: &str, query: Option<&str>, now: Timestamp) -> bool {
        let of_path = || {
            let id = path.strip_prefix("/recordings/")?.strip_suffix("/audio")?;
            RecordingUid::parse(id)
        };
        let read = method == Method::GET || method == Method::HEAD;
        let (true, Some(id), Some(query)) = (read, of_path(), query) else {
            return false;
        };
        let mut tickets = form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name == PARAMETER);
        tickets.next().is_some_and(|(_, ticket)| self.is_good(id, &ticket, now))
    }

    fn is_good(&self, id: RecordingUid, ticket: &str, now: Timestamp) -> bool {
        let read = || {
            let (until, signed) = ticket.split_once('-')?;
            let until = i64::from_str_radix(until, 16).ok()?;
            if signed.len() != 64 || !signed.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                return None;
            }
            let byte = |i| u8::from_str_radix(signed.get(i..i + 2)?, 16).ok();
            let signed = (0..64).step_by(2).map(byte).collect::<Option<Vec<u8>>>()?;
            // In constant time.
            let ours = self.sign(id, until)?.verify_slice(&signed).is_ok();
            (ours && now.as_second() < until).then_some(())
        };
        read().is_some()
    }

    fn sign(&self, id: RecordingUid, until: i64) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.key.as_ref()?).ok()?;
        mac.update(format!("recording {id} {until}").as_bytes());
        Some(mac)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_opens_its_recording_for_reading_until_its_time_is_over() {
        let links = Links::new(Duration::from_secs(60));
        let (id, now) = (RecordingUid(7), Timestamp::from_second(1_000).unwrap());
        let (ticket, until) = links.ticket(id, now).unwrap();
        assert_eq!(until.as_second(), 1_060);
        let path = format!("/recordings/{id}/audio");
        let query = format!("a=b&ticket={ticket}");
        let opens = |method: Method, path: &str, query: &str, at: i64| {
            links.opens(&method, path, Some(query), Timestamp::from_second(at).unwrap())
        };
        assert!(opens(Method::GET, &path, &query, 1_000) && opens(Method::HEAD, &path, &query, 1_059));
        assert!(!opens(Method::GET, &path, &query, 1_060), "its time is over");
        assert!(!opens(Method::DELETE, &path, &query, 1_000));
        let other = format!("/recordings/{}/audio", RecordingUid(8));
        for path in [
            other.as_str(),
            "/recordings/0000000000000007",
            "/cdrs",
            "/recordings/7/audio",
        ] {
            assert!(!opens(Method::GET, path, &query, 1_000), "{path}");
        }
        let (time, signed) = ticket.split_once('-').unwrap();
        for wrong in [
            format!("ticket={:x}-{signed}", 9_999_999),
            format!("ticket={time}-{}", "0".repeat(64)),
            format!("ticket={time}-{}", "+1".repeat(32)),
            format!("ticket={time}-{}", &signed[..62]),
            format!("ticket={time}"),
            "ticket=é".to_owned(),
            "ticket=".to_owned(),
            String::new(),
            // The first of two counts.
            format!("ticket=x&ticket={ticket}"),
        ] {
            assert!(!opens(Method::GET, &path, &wrong, 1_000), "{wrong}");
        }
        assert!(
            !Links::new(Duration::from_secs(60)).opens(&Method::GET, &path, Some(&query), now),
            "another start"
        );
    }
}
