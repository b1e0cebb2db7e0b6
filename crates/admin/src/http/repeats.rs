//! `Idempotency-Key` on POST (draft-ietf-httpapi-idempotency-key-header): who has lost an answer asks again
//! with the same key and gets it, and nothing is made twice.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use axum::{
    Extension,
    body::{Body, Bytes, to_bytes},
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use sha2::{Digest, Sha256};

use crate::{
    http::{extract::body, problem::Problem},
    shell::state::{App, Limits},
};

/// The header field.
const FIELD: HeaderName = HeaderName::from_static("idempotency-key");
/// Says that an answer was given before.
const REPEATED: HeaderName = HeaderName::from_static("idempotent-replayed");
/// The longest key, in bytes.
const MAX_KEY: usize = 255;

type Hash = [u8; 32];

/// The answers that were given to requests with a key.
#[derive(Debug)]
pub(crate) struct Repeats {
    known: Mutex<Known>,
    /// How long an answer is kept.
    time: Duration,
    /// How many requests are remembered.
    most: usize,
    /// How many bytes their answers take together.
    bytes: usize,
}

#[derive(Debug, Default)]
struct Known {
    by_key: HashMap<Hash, Entry>,
    /// Answered ones, the oldest first.
    answered: VecDeque<(Instant, Hash)>,
    bytes: usize,
}

#[derive(Debug)]
struct Entry {
    /// The request: method, path and body.
    asked: Hash,
    /// None while it is worked on.
    answer: Option<Kept>,
}

/// An answer as it was given. It may hold a generated password: no `Debug` of what is in it.
#[derive(Clone)]
struct Kept {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl std::fmt::Debug for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Kept")
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

impl Kept {
    fn again(self) -> Response {
        let mut response = (self.status, Body::from(self.body)).into_response();
        *response.headers_mut() = self.headers;
        response
            .headers_mut()
            .insert(REPEATED, HeaderValue::from_static("true"));
        response
    }
}

/// A request that is worked on; forgotten again unless it comes to an answer.
struct Turn {
    repeats: Arc<Repeats>,
    key: Hash,
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut known = self.repeats.lock();
        if known.by_key.get(&self.key).is_some_and(|entry| entry.answer.is_none()) {
            known.by_key.remove(&self.key);
        }
    }
}

impl Repeats {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            known: Mutex::default(),
            time: limits.repeats.time,
            most: limits.repeats.most.max(1),
            bytes: limits.repeats.bytes,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a turn for a request that is new; or gives the answer that was given.
    fn begin(self: &Arc<Self>, key: Hash, asked: Hash, now: Instant) -> Result<Result<Turn, Kept>, Problem> {
        let mut known = self.lock();
        known.forget(|since| now.saturating_duration_since(since) >= self.time);
        match known.by_key.get(&key) {
            Some(entry) if entry.asked != asked => {
                let detail = "this key was used for another request";
                Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "key_reused", detail).field("Idempotency-Key"))
            }
            Some(Entry { answer: None, .. }) => {
                let detail = "the first request with this key is not answered yet";
                let problem = Problem::new(StatusCode::CONFLICT, "in_progress", detail);
                Err(problem.header(header::RETRY_AFTER, HeaderValue::from_static("1")))
            }
            Some(Entry { answer: Some(kept), .. }) => Ok(Err(kept.clone())),
            None => {
                while known.by_key.len() >= self.most && known.forget_oldest() {}
                if known.by_key.len() >= self.most {
                    return Err(Problem::unavailable(
                        "busy",
                        "too many requests with a key are worked on",
                    ));
                }
                known.by_key.insert(key, Entry { asked, answer: None });
                let repeats = self.clone();
                Ok(Ok(Turn { repeats, key }))
            }
        }
    }

    /// Keeps the answer to a request that had its turn.
    fn end(&self, turn: &Turn, kept: Kept, now: Instant) {
        let mut known = self.lock();
        let size = kept.body.len();
        // An answer too long for the table is treated as if the request had no key.
        if size > self.bytes {
            return;
        }
        while known.bytes + size > self.bytes && known.forget_oldest() {}
        if let Some(entry) = known.by_key.get_mut(&turn.key) {
            entry.answer = Some(kept);
            known.bytes += size;
            known.answered.push_back((now, turn.key));
        }
    }
}

impl Known {
    fn forget_oldest(&mut self) -> bool {
        let Some((_, key)) = self.answered.pop_front() else {
            return false;
        };
        let gone = self.by_key.remove(&key).and_then(|entry| entry.answer);
        self.bytes -= gone.map_or(0, |kept| kept.body.len());
        true
    }

    fn forget(&mut self, old: impl Fn(Instant) -> bool) {
        while self.answered.front().is_some_and(|(since, _)| old(*since)) {
            self.forget_oldest();
        }
    }
}

/// Around every POST: a request with a key is worked on once, to its end, also when the client hangs up.
pub(crate) async fn once(Extension(app): Extension<App>, request: Request, next: Next) -> Result<Response, Problem> {
    if request.method() != Method::POST {
        return Ok(next.run(request).await);
    }
    let Some(key) = key_of(request.headers())? else {
        return Ok(next.run(request).await);
    };
    let (parts, whole) = request.into_parts();
    let bytes = body(Request::from_parts(parts.clone(), whole), &app).await?;
    let target = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let kind = parts
        .headers
        .get(header::CONTENT_TYPE)
        .map_or(&b""[..], HeaderValue::as_bytes);
    let asked = hash(&[target.as_bytes(), kind, &bytes]);
    let turn = match app.repeats.begin(key, asked, Instant::now())? {
        Ok(turn) => turn,
        Err(kept) => return Ok(kept.again()),
    };
    let request = Request::from_parts(parts, Body::from(bytes));
    let worked = tokio::spawn(async move {
        let (parts, whole) = next.run(request).await.into_parts();
        // A body that we made ourselves is in memory already.
        let bytes = to_bytes(whole, usize::MAX)
            .await
            .map_err(|error| Problem::internal(&error))?;
        // A request that failed on our side, or that took too long, may succeed the next time.
        let lasting = !parts.status.is_server_error() && parts.status != StatusCode::REQUEST_TIMEOUT;
        if lasting {
            let kept = Kept {
                status: parts.status,
                headers: parts.headers.clone(),
                body: bytes.clone(),
            };
            app.repeats.end(&turn, kept, Instant::now());
        }
        Ok(Response::from_parts(parts, Body::from(bytes)))
    });
    worked.await.map_err(|error| Problem::internal(&error))?
}

/// The key with its token: a client gets only answers to requests with its own token.
fn key_of(headers: &HeaderMap) -> Result<Option<Hash>, Problem> {
    let mut values = headers.get_all(&FIELD).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let text = value.to_str().unwrap_or_default().trim();
    // The draft has a string in quotes; many clients send it bare.
    let key = text
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .unwrap_or(text);
    if key.is_empty() || key.len() > MAX_KEY || values.next().is_some() {
        let detail = format!("one key of 1 to {MAX_KEY} printable characters");
        return Err(Problem::malformed(detail).field("Idempotency-Key"));
    }
    let token = headers
        .get(header::AUTHORIZATION)
        .map_or(&b""[..], HeaderValue::as_bytes);
    Ok(Some(hash(&[key.as_bytes(), token])))
}

/// Of several parts, each with its length, so that none runs into the next.
fn hash(parts: &[&[u8]]) -> Hash {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repeats(most: usize, bytes: usize) -> Arc<Repeats> {
        Arc::new(Repeats::new(&Limits {
            repeats: crate::RepeatLimits {
                time: Duration::from_secs(60),
                most,
                bytes,
            },
            ..Limits::default()
        }))
    }

    fn kept(length: usize) -> Kept {
        Kept {
            status: StatusCode::CREATED,
            headers: HeaderMap::new(),
            body: vec![b'x'; length].into(),
        }
    }

    fn ask(repeats: &Arc<Repeats>, key: u8, now: Instant) -> Result<Result<Turn, Kept>, Problem> {
        repeats.begin([key; 32], [1; 32], now)
    }

    /// How many are known, and the bytes of their answers.
    fn size(repeats: &Repeats) -> (usize, usize) {
        let known = repeats.lock();
        (known.by_key.len(), known.bytes)
    }

    fn answer(repeats: &Arc<Repeats>, key: u8, length: usize, now: Instant) {
        let turn = ask(repeats, key, now).unwrap().ok().unwrap();
        repeats.end(&turn, kept(length), now);
    }

    #[test]
    fn an_answer_is_kept_for_its_time_and_no_longer() {
        let (repeats, start) = (repeats(10, 100), Instant::now());
        answer(&repeats, 1, 10, start);
        let soon = ask(&repeats, 1, start + Duration::from_secs(59)).unwrap();
        assert_eq!(soon.err().unwrap().body.len(), 10);
        assert!(ask(&repeats, 1, start + Duration::from_secs(60)).unwrap().is_ok());
        assert_eq!(size(&repeats).1, 0);
    }

    #[test]
    fn the_table_has_bounds_and_forgets_the_oldest_answers() {
        let (repeats, now) = (repeats(3, 100), Instant::now());
        for key in 1..=4 {
            answer(&repeats, key, 10, now);
        }
        assert_eq!(size(&repeats), (3, 30));
        assert!(ask(&repeats, 2, now).unwrap().is_err(), "kept");
        answer(&repeats, 5, 95, now);
        assert_eq!(size(&repeats), (1, 95));
        // An answer longer than the table leaves nothing behind.
        answer(&repeats, 6, 101, now);
        assert!(!repeats.lock().by_key.contains_key(&[6; 32]));
        // Requests in progress are never forgotten.
        let turns: Vec<_> = (7..=9)
            .map(|key| ask(&repeats, key, now).unwrap().ok().unwrap())
            .collect();
        assert_eq!(ask(&repeats, 10, now).err().unwrap().code(), "busy");
        assert_eq!(ask(&repeats, 7, now).err().unwrap().code(), "in_progress");
        drop(turns);
        assert!(repeats.lock().by_key.is_empty());
    }

    #[test]
    fn a_key_is_one_text_and_belongs_to_its_token() {
        let of = |values: &[&str], token: &str| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(FIELD, value.parse().unwrap());
            }
            headers.insert(header::AUTHORIZATION, token.parse().unwrap());
            key_of(&headers)
        };
        assert_eq!(of(&["\"abc\""], "t").unwrap(), of(&["abc"], "t").unwrap());
        assert_ne!(of(&["abc"], "t").unwrap(), of(&["abc"], "u").unwrap());
        assert_eq!(of(&[], "t").unwrap(), None);
        for bad in [&[""][..], &["\"\""], &["a", "b"], &[&"x".repeat(256)]] {
            assert_eq!(
                of(bad, "t").unwrap_err().field_at_fault(),
                Some("Idempotency-Key"),
                "{bad:?}"
            );
        }
    }
}
