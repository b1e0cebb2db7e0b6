//! What of the answer of one phone the other one hears.

/// What the sender hears of a phone's answer. RFC 4320 4.2: a 408 to a non-INVITE is never useful; a phone's own 5xx is
/// not ours to say, nor is what speaks of our own request: a challenge, a method that it does not know, an extension.
pub(crate) const fn told(code: u16) -> u16 {
    match code {
        200..=299 => 200,
        0..=199 | 300..=399 | 500..=599 => 480,
        401 | 402 | 405 | 407 | 408 | 420 | 421 | 481 | 491 | 494 => 480,
        code => code,
    }
}
