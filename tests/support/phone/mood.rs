//! The habits of a phone: actions without a command of the test.

use sip::{Builder, HeaderName};

use super::{odd::replaced, reliable::Reliable};

/// Names the side that refreshes the session, if the phone has that habit.
pub(super) fn grant_timer(mood: &Mood, builder: Builder) -> Builder {
    match mood.grants_timer {
        Some(value) => builder
            .header(HeaderName::Supported, "timer")
            .header(HeaderName::SessionExpires, value),
        None => builder,
    }
}

/// Adds Allow, if the phone has that habit.
pub(super) fn say_allow(mood: &Mood, builder: Builder) -> Builder {
    match mood.allow {
        "" => builder,
        allow => builder.header(HeaderName::Allow, allow),
    }
}

/// The habits of a phone: actions without a command of the test, and how it writes its messages.
#[derive(Clone, Debug)]
pub struct Mood {
    /// Final status to incoming calls at once, instead of ringing.
    pub refuses: Option<u16>,
    /// Contact of a 3xx in `refuses`.
    pub sends_to: Option<String>,
    /// Answers incoming calls at once.
    pub answers: bool,
    /// Status to re-INVITE and UPDATE with an offer, instead of accepting the offer.
    pub refuses_changes: Option<u16>,
    /// Leaves re-INVITEs unanswered until [`crate::Phone::decide`].
    pub waits_with_changes: bool,
    /// Never sends an ACK for a 2xx.
    pub forgets_ack: bool,
    /// Has no power: receives nothing and sends nothing.
    pub dead: bool,
    /// Says `Supported: timer`.
    pub timer: bool,
    /// Its codecs.
    pub codecs: Vec<&'static str>,
    /// What it makes of reliable provisional responses.
    pub reliable: Reliable,
    /// Makes calls without an offer.
    pub late_offer: bool,
    /// The value of Allow; empty: no Allow.
    pub allow: &'static str,
    /// Session-Expires of its INVITEs, re-INVITEs and UPDATEs.
    pub asks_timer: Option<&'static str>,
    /// Session-Expires of its answers.
    pub grants_timer: Option<&'static str>,
    /// The shortest session interval it accepts; it answers a shorter one with 422.
    pub min_se: Option<u32>,
    /// Further header fields of its INVITEs.
    pub adds: Vec<(&'static str, String)>,
    /// Further header fields of its REGISTERs.
    pub register_adds: Vec<(&'static str, String)>,
    /// Parameters of the Contact of its REGISTERs, each with a semicolon before it.
    pub contact_adds: String,
    /// Answers challenges as a client of RFC 2069 does: without qop, cnonce and nonce count.
    pub old_digest: bool,
    /// The user in From, if it is not its number.
    pub claims: Option<&'static str>,
    /// Leaves the answer out of an ACK that should have one.
    pub forgets_answer: bool,
    /// Status to every UPDATE.
    pub refuses_updates: Option<u16>,
    /// The direction of its answers to changes, if it is not the mirrored direction.
    pub answers_with: Option<media::SdpDirection>,
    /// Status to every MESSAGE.
    pub refuses_texts: Option<u16>,
    /// Sends 180 to a change before it decides.
    pub ponders: bool,
    /// Answers each call twice, with two tags.
    pub twins: bool,
    /// Status to INFO and MESSAGE within a call, and its Accept.
    pub refuses_within: Option<(u16, Option<&'static str>)>,
    /// Text to replace in its messages, and by what: control octets, malformed fields.
    pub garbles: Vec<(&'static str, &'static str)>,
    /// The Reason of its refusals and of its BYE.
    pub explains: Option<&'static str>,
    /// Sends needless header fields that are unreadable or there twice, and answers that are slightly broken.
    pub odd: bool,
    /// The keep-alive it sends before and after each message on a stream.
    pub keeps_alive: Option<&'static str>,
    /// The direction of its first offers, if it is not `sendrecv`.
    pub offers_with: Option<media::SdpDirection>,
    /// Status to every NOTIFY of a transfer.
    pub refuses_notices: Option<u16>,
    /// The kind of oddity of its descriptions: below [`super::ODDITIES`].
    pub odd_sdp: Option<usize>,
}

impl Mood {
    /// A message as it leaves the phone.
    pub(super) fn garble(&self, bytes: bytes::Bytes) -> bytes::Bytes {
        if self.garbles.is_empty() {
            return bytes;
        }
        // As bytes: a description may be in any charset.
        let garble = |bytes: Vec<u8>, (from, to): &(&str, &str)| replaced(&bytes, from.as_bytes(), to.as_bytes());
        self.garbles.iter().fold(bytes.to_vec(), garble).into()
    }
}

impl Default for Mood {
    fn default() -> Self {
        Self {
            refuses: None,
            sends_to: None,
            answers: false,
            refuses_changes: None,
            waits_with_changes: false,
            forgets_ack: false,
            dead: false,
            timer: true,
            codecs: vec!["PCMU", "PCMA", "TELEPHONE-EVENT"],
            reliable: Reliable::No,
            late_offer: false,
            allow: "INVITE, ACK, CANCEL, BYE, UPDATE, PRACK, INFO, MESSAGE, OPTIONS, NOTIFY",
            asks_timer: None,
            grants_timer: None,
            min_se: None,
            adds: Vec::new(),
            register_adds: Vec::new(),
            contact_adds: String::new(),
            old_digest: false,
            claims: None,
            forgets_answer: false,
            refuses_updates: None,
            answers_with: None,
            refuses_texts: None,
            ponders: false,
            twins: false,
            refuses_within: None,
            garbles: Vec::new(),
            explains: None,
            odd: false,
            keeps_alive: None,
            offers_with: None,
            refuses_notices: None,
            odd_sdp: None,
        }
    }
}
