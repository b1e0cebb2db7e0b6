//! GRUUs: URIs that reach one phone of a person, and no other (RFC 5627).
//!
//! A public GRUU is the address-of-record with the phone's instance in `gr`. A temporary one hides both: its user part is
//! sealed, and only the registrar that made it can open it. So any number of them can be given out, and none is kept.

use std::{borrow::Cow, fmt};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chacha20poly1305::{AeadInOut, ChaCha20Poly1305, KeyInit, Nonce, Tag};
use sha2::{Digest as _, Sha256};

use super::{Uri, escape::escape_param, unescape};

/// The octets of a nonce, of what is sealed, and of its proof (RFC 8439 section 2.8).
const NONCE: usize = 12;
const NAMED: usize = 16;
const PROOF: usize = 16;
const LEN: usize = NONCE + NAMED + PROOF;

/// The user part of a temporary GRUU begins so.
const TEMPORARY: &str = "tgruu.";

/// What a GRUU names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gruu<'a> {
    /// This instance of its address-of-record, without angle brackets.
    Public(Cow<'a, str>),
    /// What is sealed in this text: see [`Sealer::open`].
    Temporary(&'a str),
}

/// What a temporary GRUU names.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The binding.
    pub binding: u64,
    /// The run of registrations, as [`run_of`] gives it: a phone that registers with another Call-ID ends its temporary
    /// GRUUs (RFC 5627 section 5.1).
    pub run: u64,
}

/// See [`Uri::gruu`].
pub(super) fn read<'a>(uri: &Uri<'a>) -> Option<Gruu<'a>> {
    Some(match uri.param("gr")? {
        "" => {
            let user = uri.user.unwrap_or_default();
            Gruu::Temporary(user.strip_prefix(TEMPORARY).unwrap_or_default())
        }
        instance => Gruu::Public(unescape(instance)),
    })
}

/// The public GRUU of an instance (RFC 5627 section 5.4). `aor` is the address-of-record as a URI without parameters;
/// `instance` is the value of `+sip.instance`, with angle brackets or without.
pub fn public(aor: &str, instance: &str) -> String {
    format!("{aor};gr={}", escape_param(bare(instance)))
}

/// A temporary GRUU at this scheme and host, of text that [`Sealer::seal`] gave.
pub fn temporary(scheme: &str, sealed: &str, host: impl fmt::Display) -> String {
    format!("{scheme}:{TEMPORARY}{sealed}@{host};gr")
}

/// An instance without the angle brackets of `+sip.instance` (RFC 5626 section 4.1).
pub fn bare(instance: &str) -> &str {
    let inner = instance.strip_prefix('<').and_then(|rest| rest.strip_suffix('>'));
    inner.unwrap_or(instance)
}

/// A name for all registrations with one Call-ID.
pub fn run_of(call_id: &str) -> u64 {
    let hash: [u8; 32] = Sha256::digest(call_id.as_bytes()).into();
    let mut first = [0; 8];
    first.copy_from_slice(&hash[..8]);
    u64::from_be_bytes(first)
}

/// Makes and opens the user parts of temporary GRUUs.
///
/// Who lacks the key learns nothing from such a text, not even whether two of them name the same phone (RFC 5627 section
/// 5.4), and cannot make one.
pub struct Sealer(ChaCha20Poly1305);

impl Sealer {
    /// With this key, which stays secret. What was sealed with another key cannot be opened.
    pub fn new(key: &[u8; 32]) -> Self {
        Self(ChaCha20Poly1305::new(key.into()))
    }

    /// Seals a name. `nonce` must be random: no two names may be sealed with the same one.
    pub fn seal(&self, nonce: [u8; NONCE], named: Named) -> String {
        let mut text = [0; LEN];
        text[..NONCE].copy_from_slice(&nonce);
        text[NONCE..NONCE + 8].copy_from_slice(&named.binding.to_be_bytes());
        text[NONCE + 8..NONCE + NAMED].copy_from_slice(&named.run.to_be_bytes());
        let inner = &mut text[NONCE..NONCE + NAMED];
        // Only a text of more than 256 GB is refused.
        if let Ok(proof) = self.0.encrypt_inout_detached(&Nonce::from(nonce), b"", inner.into()) {
            text[NONCE + NAMED..].copy_from_slice(&proof);
        }
        URL_SAFE_NO_PAD.encode(text)
    }

    /// What is sealed in a text; `None` for a text that was not made with this key.
    pub fn open(&self, sealed: &str) -> Option<Named> {
        // Longer by one octet: `decode_slice` wants room for a whole group.
        let mut text = [0; LEN + 1];
        let length = URL_SAFE_NO_PAD.decode_slice(sealed, &mut text).ok()?;
        if length != LEN {
            return None;
        }
        let (nonce, rest) = text[..LEN].split_first_chunk::<NONCE>()?;
        let (inner, proof) = rest.split_first_chunk::<NAMED>()?;
        let (mut inner, proof) = (*inner, <[u8; PROOF]>::try_from(proof).ok()?);
        let opened =
            self.0
                .decrypt_inout_detached(&Nonce::from(*nonce), b"", (&mut inner[..]).into(), &Tag::from(proof));
        opened.ok()?;
        let (binding, run) = inner.split_first_chunk::<8>()?;
        Some(Named {
            binding: u64::from_be_bytes(*binding),
            run: u64::from_be_bytes(run.try_into().ok()?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PHONE: Named = Named {
        binding: 0x1234_5678,
        run: 77,
    };

    fn named(text: &str) -> Option<Gruu<'_>> {
        Uri::parse(text).unwrap().gruu()
    }

    #[test]
    fn a_public_gruu_is_the_address_of_record_with_the_instance() {
        for (instance, gruu) in [
            ("<urn:uuid:f81d>", "sip:101@a.example;gr=urn:uuid:f81d"),
            ("urn:x;y=\"1\"", "sip:101@a.example;gr=urn:x%3By%3D%221%22"),
        ] {
            let made = public("sip:101@a.example", instance);
            assert_eq!(made, gruu);
            assert_eq!(named(&made), Some(Gruu::Public(bare(instance).into())));
        }
        assert_eq!(named("sip:101@a.example"), None);
        assert_eq!(named("sip:101@a.example;gr"), Some(Gruu::Temporary("")));
    }

    #[test]
    fn a_temporary_gruu_is_opened_by_its_maker_alone() {
        let (ours, other) = (Sealer::new(&[1; 32]), Sealer::new(&[2; 32]));
        let sealed = ours.seal([7; 12], PHONE);
        let uri = temporary("sips", &sealed, "a.example");
        assert_eq!(named(&uri), Some(Gruu::Temporary(&sealed)), "{uri}");
        assert_eq!(ours.open(&sealed), Some(PHONE));
        assert_eq!(other.open(&sealed), None);
        assert_ne!(ours.seal([8; 12], PHONE), sealed);
    }

    #[test]
    fn a_text_that_was_changed_or_cut_opens_nothing() {
        let ours = Sealer::new(&[1; 32]);
        let sealed = ours.seal([7; 12], PHONE);
        for at in 0..sealed.len() {
            let other = if &sealed[at..=at] == "B" { "C" } else { "B" };
            let changed = format!("{}{other}{}", &sealed[..at], &sealed[at + 1..]);
            assert!(changed == sealed || ours.open(&changed).is_none(), "{changed}");
            assert_eq!(ours.open(&sealed[..at]), None);
        }
        for text in ["", "=", "\u{e4}", &"A".repeat(10_000), &format!("{sealed}AA")] {
            assert_eq!(ours.open(text), None);
        }
    }

    #[test]
    fn runs_differ_by_call_id() {
        assert_eq!(run_of("a"), run_of("a"));
        assert_ne!(run_of("a"), run_of("b"));
    }
}
