//! What values are acceptable. Each says so in words that the person who typed it understands.

use crate::problem::Problem;

/// The longest name of an extension, in characters.
pub(crate) const MAX_NAME: usize = 64;
/// The longest password, in bytes.
pub(crate) const MAX_PASSWORD: usize = 128;
/// The longest forwarding target, in bytes.
pub(crate) const MAX_TARGET: usize = 256;
/// The longest dialplan name, in bytes.
pub(crate) const MAX_DIALPLAN_NAME: usize = 64;
/// The longest search text, in bytes.
pub(crate) const MAX_SEARCH: usize = 100;

/// Whether this can be an extension's number, or be dialled.
pub(crate) fn is_number(text: &str) -> bool {
    (1..=32).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'*' | b'#' | b'+' | b'.' | b'_' | b'-'))
}

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

/// How strong it is remains the operator's choice; leaving it out gives a strong one.
pub(crate) fn password(text: &str) -> Result<(), Problem> {
    if text.is_empty() || text.len() > MAX_PASSWORD {
        return Err(Problem::invalid(
            "password",
            format!("a password has 1 to {MAX_PASSWORD} bytes"),
        ));
    }
    if text.chars().any(char::is_control) {
        return Err(Problem::invalid("password", "a password has no control characters"));
    }
    Ok(())
}

/// Where calls are forwarded: a number, `trunk/number`, or a SIP URI.
pub(crate) fn target(field: &'static str, text: &str) -> Result<(), Problem> {
    let scheme = text
        .split_once(':')
        .map(|(scheme, rest)| (scheme.to_ascii_lowercase(), rest));
    let fine = match scheme {
        Some((scheme, rest)) => {
            matches!(scheme.as_str(), "sip" | "sips" | "tel")
                && !rest.is_empty()
                // These would break out of the header that the URI is written into.
                && !rest.bytes().any(|b| !b.is_ascii_graphic() || matches!(b, b'<' | b'>' | b'"' | b',' | b'\\'))
        }
        None => match text.split_once('/') {
            Some((trunk, to)) => is_number(trunk) && is_number(to),
            None => is_number(text),
        },
    };
    if fine && text.len() <= MAX_TARGET {
        return Ok(());
    }
    Err(Problem::invalid(
        field,
        "a target is a number, a trunk's name with /number, or a SIP URI",
    ))
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
    fn numbers_are_what_the_dialplan_can_dial() {
        for good in ["1", "101", "*97", "#31#", "+4930123", "a.b_c-D", &"9".repeat(32)] {
            assert!(is_number(good), "{good}");
        }
        for bad in ["", " ", "1 0", "é", "a/b", "101\r\n", "a@b", &"9".repeat(33)] {
            assert!(!is_number(bad), "{bad}");
        }
    }

    #[test]
    fn targets_cannot_break_out_of_a_header() {
        for good in [
            "102",
            "carrier/+4930",
            "sip:bob@example.com",
            "sips:bob@[::1]:5061;transport=tcp",
            "tel:+1-201",
        ] {
            assert!(target("forward_always", good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "sip:",
            "http://x",
            "sip:a@b>\r\nX: y",
            "sip:a b",
            "a/b/c",
            "sip:a,b",
            "sip:é@x",
        ] {
            assert!(target("forward_always", bad).is_err(), "{bad:?}");
        }
        assert!(target("forward_always", &format!("sip:{}@x", "a".repeat(300))).is_err());
    }

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
        assert!(password("x").is_ok() && password("").is_err() && password(&"x".repeat(129)).is_err());
        assert!(password("a\0").is_err());
    }
}
