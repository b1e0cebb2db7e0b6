//! The number that a URI names (RFC 3966, RFC 3261 sections 19.1.1 and 19.1.6).

use std::borrow::Cow;

use super::{Scheme, Uri};

/// The visual separators of a telephone number (RFC 3966 section 3): they are no part of it.
pub(super) const fn is_separator(byte: u8) -> bool {
    matches!(byte, b'-' | b'.' | b'(' | b')')
}

/// A telephone number without its visual separators; `None` if the text is none (RFC 3966 section 3: `global-number-digits`
/// and `local-number-digits`).
fn telephone(text: &str) -> Option<Cow<'_, str>> {
    let digit = |byte: u8| match text.starts_with('+') {
        true => byte.is_ascii_digit(),
        false => byte.is_ascii_hexdigit() || matches!(byte, b'*' | b'#'),
    };
    let digits = text.strip_prefix('+').unwrap_or(text);
    let good = digits.bytes().all(|byte| digit(byte) || is_separator(byte)) && digits.bytes().any(digit);
    let separated = digits.bytes().any(is_separator);
    match (good, separated) {
        (false, _) => None,
        (true, false) => Some(Cow::Borrowed(text)),
        (true, true) => Some(Cow::Owned(
            text.replace(|c: char| c.is_ascii() && is_separator(c as u8), ""),
        )),
    }
}

impl<'a> Uri<'a> {
    /// Whom a URI names at its host: a number or a user name, with escapes resolved; empty if there is no user part.
    ///
    /// This is how a number is read wherever one stands: in a Request-URI, From, To, Contact and the rest. Of a tel URI and
    /// of a sip or sips URI with `user=phone` it is the telephone number without visual separators and parameters
    /// (RFC 3261 section 19.1.6, RFC 3966 section 5.1.1: `+1-555-1234;ext=5` is `+15551234`). Of any other sip or sips
    /// URI it is the user part without parameters: `-` and `.` may be part of a user name.
    pub fn number(&self) -> Cow<'a, str> {
        let user = self.user_unescaped();
        let name = match user {
            Cow::Borrowed(user) => Cow::Borrowed(user.split(';').next().unwrap_or_default()),
            Cow::Owned(user) => Cow::Owned(user.split(';').next().unwrap_or_default().to_owned()),
        };
        let is_telephone = match self.scheme {
            Scheme::Tel => true,
            Scheme::Sip | Scheme::Sips => self
                .param("user")
                .is_some_and(|kind| kind.eq_ignore_ascii_case("phone")),
            Scheme::Other => false,
        };
        if !is_telephone {
            return name;
        }
        // Some phones say `user=phone` of user names, too.
        let number = telephone(&name).map(Cow::into_owned);
        number.map_or(name, Cow::Owned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_telephone_number_is_the_same_in_all_its_forms() {
        for (uri, number) in [
            ("tel:+1-555-123-4567", "+15551234567"),
            ("tel:+1(555)123.4567;ext=9", "+15551234567"),
            ("tel:7042;phone-context=example.com", "7042"),
            ("tel:*21#", "*21#"),
            ("sip:+15551234567@d;user=phone", "+15551234567"),
            ("sip:+1-555-123-4567@d;user=phone", "+15551234567"),
            (
                "sips:+1%28555%29123.4567@d:5061;transport=tcp;USER=Phone",
                "+15551234567",
            ),
            ("sip:+1-555-123-4567;isub=1411;postd=p22@d;user=phone", "+15551234567"),
            ("sip:1-0-1;phone-context=d@d;user=phone", "101"),
            // Without `user=phone` these are user names (19.1.6).
            ("sip:+1-555-123-4567@d", "+1-555-123-4567"),
            ("sip:door-1@d", "door-1"),
            ("sip:a.b@d;user=ip", "a.b"),
            ("sip:101;x=y@d", "101"),
            // `user=phone` of what is no telephone number.
            ("sip:door-1@d;user=phone", "door-1"),
            ("sip:+1-5x@d;user=phone", "+1-5x"),
            ("sip:--@d;user=phone", "--"),
            ("sip:d", ""),
            ("urn:service:sos", ""),
        ] {
            assert_eq!(Uri::parse(uri).unwrap().number(), number, "{uri}");
        }
    }
}
