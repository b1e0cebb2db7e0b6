//! Passwords and tokens: made here, shown once, kept as hashes.

use std::fmt;

use serde::Serialize;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

/// A generated password on its one way to the client: in the answer, never in a log.
#[derive(Clone, Serialize, ToSchema)]
#[schema(value_type = String, example = "h7kqm2xw9tbn4rsa")]
pub(crate) struct Shown(pub(crate) String);

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("..")
    }
}

/// No `i l o 0 1`: nothing that is taken for something else when read aloud or typed on a phone.
const ALPHABET: &[u8] = b"abcdefghjkmnpqrstuvwxyz23456789";

/// Almost 5 bits a character: 79 bits for a password, which is typed into desk phones.
const PASSWORD_LENGTH: usize = 16;

/// 198 bits for a token, which is pasted.
const TOKEN_LENGTH: usize = 40;

/// A strong password of lower-case letters and digits that cannot be misread.
///
/// # Errors
/// The system has no randomness to give.
pub fn generate_password() -> Result<String, getrandom::Error> {
    random_text(PASSWORD_LENGTH)
}

/// A token for the admin API.
///
/// # Errors
/// The system has no randomness to give.
pub fn generate_token() -> Result<String, getrandom::Error> {
    Ok(format!("tdm_{}", random_text(TOKEN_LENGTH)?))
}

/// What is kept of a token. A plain hash is enough for a value that cannot be guessed; one given by
/// a person is guarded by the limit on wrong attempts.
pub fn hash_token(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

fn random_text(length: usize) -> Result<String, getrandom::Error> {
    // Bytes past the last whole multiple of the alphabet are thrown away: no character is likelier than another.
    let fair = 256 - 256 % ALPHABET.len();
    let mut text = String::with_capacity(length);
    let mut bytes = [0_u8; 64];
    loop {
        getrandom::fill(&mut bytes)?;
        for byte in bytes.iter().map(|b| usize::from(*b)).filter(|b| *b < fair) {
            if text.len() == length {
                return Ok(text);
            }
            text.push(char::from(ALPHABET[byte % ALPHABET.len()]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_password_is_long_unambiguous_and_new_each_time() {
        let (one, two) = (generate_password().unwrap(), generate_password().unwrap());
        assert_eq!(one.len(), PASSWORD_LENGTH);
        assert!(one.bytes().all(|b| ALPHABET.contains(&b)), "{one}");
        assert_ne!(one, two);
        assert!(!ALPHABET.iter().any(|b| b"ilo01".contains(b)));
    }

    #[test]
    fn every_character_of_the_alphabet_occurs_about_as_often() {
        let text = random_text(31_000).unwrap();
        for wanted in ALPHABET {
            let count = text.bytes().filter(|b| b == wanted).count();
            // Six standard deviations around 1,000.
            assert!((810..1190).contains(&count), "{}: {count}", char::from(*wanted));
        }
    }

    #[test]
    fn a_password_that_is_shown_is_not_logged() {
        assert_eq!(format!("{:?}", Shown("secret".to_owned())), "..");
    }

    #[test]
    fn a_token_is_kept_as_its_sha_256() {
        // FIPS 180-2, appendix B.1.
        assert_eq!(hash_token("abc")[..4], [0xba, 0x78, 0x16, 0xbf]);
        assert!(generate_token().unwrap().starts_with("tdm_"));
    }
}
