//! Header fields of a phone's refusal that the caller gets, too: what a person or the caller's phone can use (RFC 3261
//! 20.18, 20.33, 20.43).

use std::net::IpAddr;

use sip::{HeaderName, Host, Message, NameAddr, Scheme, Uri};

/// How many values of one name go on.
const VALUES: usize = 4;
/// The longest value that goes on, in octets.
const LONGEST: usize = 1_024;

/// The header fields of a refusal that go on. No address of a phone is among them.
pub(crate) fn passed(response: &Message, domain: &str) -> Vec<(HeaderName, String)> {
    let mut fields = Vec::new();
    if let Some(after) = response.header(HeaderName::RetryAfter).filter(|value| fits(value)) {
        fields.push((HeaderName::RetryAfter, after.to_owned()));
    }
    let warnings = response.values(HeaderName::Warning).take(VALUES);
    let warnings = warnings.filter_map(|value| warning(value, domain));
    fields.extend(warnings.map(|value| (HeaderName::Warning, value)));
    let errors = response.values(HeaderName::ErrorInfo).take(VALUES);
    let errors = errors.filter(|value| fits(value) && names_no_address(value));
    fields.extend(errors.map(|value| (HeaderName::ErrorInfo, value.to_owned())));
    fields
}

/// A Warning of a phone as one of ours: its agent, often an address, becomes our name.
fn warning(value: &str, domain: &str) -> Option<String> {
    let mut parts = value.trim().splitn(3, ' ');
    let (code, _agent, text) = (parts.next()?, parts.next()?, parts.next()?);
    let is_code = code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_digit());
    (is_code && text.starts_with('"') && fits(text)).then(|| format!("{code} {domain} {text}"))
}

/// Whether a value is short enough.
pub(crate) fn fits(value: &str) -> bool {
    value.len() <= LONGEST
}

/// Whether the URI of a value, with or without `<>`, names no address of a network. What a URI means is not looked at.
pub(crate) fn names_no_address(value: &str) -> bool {
    let uri = NameAddr::parse(value).map_or(value, |address| address.uri);
    if let Ok(uri) = Uri::parse(uri)
        && uri.scheme != Scheme::Other
    {
        return matches!(uri.host, Host::Name(_));
    }
    let rest = uri.split_once("://").map_or(uri, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    let name = host.split(':').next().unwrap_or_default();
    !host.starts_with('[') && name.parse::<IpAddr>().is_err()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_found_in_any_kind_of_uri() {
        for (value, clean) in [
            ("<http://www.example.com/busy.html>", true),
            ("<sip:busy@announcements.example.com>", true),
            ("\"A\" <sip:7@example.com>;purpose=x", true),
            ("<http://192.0.2.1/x>", false),
            ("<https://a@192.0.2.1:8443/x>", false),
            ("<http://[2001:db8::1]/x>", false),
            ("<sip:7@192.0.2.1>", false),
            ("<sip:7@[2001:db8::1]:5060>", false),
            ("<cid:a@192.0.2.1>", false),
        ] {
            assert_eq!(names_no_address(value), clean, "{value}");
        }
    }

    #[test]
    fn a_warning_goes_on_without_the_name_of_its_phone() {
        assert_eq!(
            warning("399 192.0.2.7:5060 \"no more \\\"lines\\\"\"", "example.com").as_deref(),
            Some("399 example.com \"no more \\\"lines\\\"\"")
        );
        for bad in ["399", "399 a", "39 a \"b\"", "399 a b"] {
            assert_eq!(warning(bad, "d"), None, "{bad}");
        }
    }
}
