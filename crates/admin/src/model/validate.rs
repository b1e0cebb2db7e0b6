//! Checks of values. Each error says in plain words which values are accepted.

use std::{collections::HashSet, sync::LazyLock};

pub(crate) use records::MAX_TARGET;
use records::is_number;

use crate::http::problem::Problem;

/// The longest name of an extension, in characters.
pub(crate) const MAX_NAME: usize = 64;
/// The shortest password that a person may give, in characters.
pub(crate) const MIN_PASSWORD: usize = 8;
/// The longest password, in bytes.
pub(crate) const MAX_PASSWORD: usize = 128;
/// The longest dialplan name, in bytes.
pub(crate) const MAX_DIALPLAN_NAME: usize = 64;
/// The longest search text, in bytes.
pub(crate) const MAX_SEARCH: usize = 100;

pub(crate) fn number(field: &'static str, text: &str) -> Result<(), Problem> {
    if is_number(text) {
        return Ok(());
    }
    Err(Problem::invalid(
        field,
        "a number is 1 to 32 of A-Z a-z 0-9 * # + . _ -",
    ))
}

/// A name is shown on phones and written into headers: no control characters.
pub(crate) fn name(text: &str) -> Result<(), Problem> {
    if text.chars().count() > MAX_NAME {
        return Err(Problem::invalid(
            "name",
            format!("a name has at most {MAX_NAME} characters"),
        ));
    }
    if text.chars().any(char::is_control) {
        return Err(Problem::invalid("name", "a name has no control characters"));
    }
    Ok(())
}

/// Passwords that every guesser tries first, in lower case: those of at least [`MIN_PASSWORD`] characters that lead
/// the public lists of leaked passwords, and what people put into PBXs.
const COMMONEST: &str = include_str!("commonest_passwords.txt");

/// A password that a person gives for an extension; leaving it out gives a strong one.
///
/// A phone's password is guessed over the network by everybody who reaches the SIP port, its number first.
pub(crate) fn password(number: &str, text: &str) -> Result<(), Problem> {
    let fault = |detail: String| Err(Problem::invalid("password", detail));
    if text.chars().count() < MIN_PASSWORD {
        return fault(format!("a password has at least {MIN_PASSWORD} characters"));
    }
    if text.len() > MAX_PASSWORD {
        return fault(format!("a password has at most {MAX_PASSWORD} bytes"));
    }
    if text.chars().any(char::is_control) {
        return fault("a password has no control characters".to_owned());
    }
    if is_repeated(number, text) {
        return fault("a password is not the number, once or repeated".to_owned());
    }
    if is_common(text) {
        return fault("this password is one of the commonest; leave it out, and a strong one is made".to_owned());
    }
    Ok(())
}

/// The digits with which people log on to another phone.
pub(crate) fn pin(text: &str) -> Result<(), Problem> {
    let digits = (4..=16).contains(&text.len()) && text.bytes().all(|digit| digit.is_ascii_digit());
    // 1111 and the like are tried first.
    let plain = text.bytes().all(|digit| Some(digit) == text.bytes().next());
    if digits && !plain {
        return Ok(());
    }
    Err(Problem::invalid(
        "pin",
        "a PIN is 4 to 16 digits, not all of them the same",
    ))
}

/// True if the text is the number, once or several times.
fn is_repeated(number: &str, text: &str) -> bool {
    let number = number.as_bytes();
    !number.is_empty()
        && text.len().is_multiple_of(number.len())
        && text
            .as_bytes()
            .chunks(number.len())
            .all(|part| part.eq_ignore_ascii_case(number))
}

fn is_common(text: &str) -> bool {
    static KNOWN: LazyLock<HashSet<&str>> = LazyLock::new(|| COMMONEST.lines().collect());
    KNOWN.contains(text.to_lowercase().as_str())
}

/// A dialplan's name, with or without `.rhai`; anything else names no dialplan.
pub(crate) fn dialplan_name(text: &str) -> Option<&str> {
    let name = text.strip_suffix(".rhai").unwrap_or(text);
    let fine = (1..=MAX_DIALPLAN_NAME).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
    fine.then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dialplan_names_are_no_paths() {
        assert_eq!(dialplan_name("main.rhai"), Some("main"));
        assert_eq!(dialplan_name("night-shift"), Some("night-shift"));
        for bad in [
            "",
            ".rhai",
            "..",
            "../main",
            "a/b",
            "a\\b",
            "a.b",
            "a\0",
            "ü",
            &"a".repeat(65),
        ] {
            assert_eq!(dialplan_name(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn names_and_passwords_have_limits() {
        assert!(name("Zoë Ωmega").is_ok() && name(&"é".repeat(64)).is_ok());
        assert!(name(&"é".repeat(65)).is_err() && name("a\nb").is_err());
        assert!(password("101", &"xy".repeat(64)).is_ok() && password("101", &"xy".repeat(65)).is_err());
        assert!(password("101", "otter-7\0quiet").is_err());
    }

    #[test]
    fn a_password_is_long_enough_and_none_that_is_guessed_first() {
        for good in ["otter-7-quiet", "pass word", "ööööüüüü", "10110110", "1011011012"] {
            assert!(password("101", good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "secret",
            "1234567",
            "üüüüüüü",
            "101101101",
            "12345678",
            "password",
            "PassWord",
            "P@ssw0rd",
            "changeme",
        ] {
            let problem = password("101", bad).unwrap_err();
            assert_eq!(problem.field_at_fault(), Some("password"), "{bad}");
        }
        assert!(password("alexandria", "Alexandria").is_err());
        assert!(password("alexandria", "Alexandria7").is_ok());
    }

    #[test]
    fn the_commonest_passwords_are_a_sorted_list_of_what_would_pass_otherwise() {
        let words: Vec<&str> = COMMONEST.lines().collect();
        assert!(words.is_sorted() && words.len() > 300);
        for word in words {
            assert!(
                word.chars().count() >= MIN_PASSWORD && word.to_lowercase() == word,
                "{word}"
            );
        }
    }
}
