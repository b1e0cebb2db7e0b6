//! Which status the other phone hears for the answer of one phone.

/// The status that the sender of a request gets for a phone's answer. RFC 4320 4.2: a 408 to a non-INVITE request is
/// never useful. Tandem does not pass on a phone's 5xx, and no status that concerns only our own request: a challenge,
/// a method or an extension that the phone does not know.
pub(crate) const fn told(code: u16) -> u16 {
    match code {
        200..=299 => 200,
        0..=199 | 300..=399 | 500..=599 => 480,
        401 | 402 | 405 | 407 | 408 | 420 | 421 | 481 | 491 | 494 => 480,
        code => code,
    }
}
