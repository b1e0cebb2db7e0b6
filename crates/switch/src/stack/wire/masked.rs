//! A whole message as a person may see it. Everything with which a reader could sign in, listen in, or read other
//! people's texts is replaced by `***`.

use sip::{HeaderName, Message};

/// Replaces a secret.
const MASK: &str = "***";

/// Parameters of credentials and challenges (RFC 3261 25.1) that reveal nothing by themselves. All others are masked: a
/// password can be guessed from `response` and `rspauth`.
const PLAIN_PARAMETERS: [&str; 12] = [
    "username",
    "realm",
    "nonce",
    "uri",
    "algorithm",
    "qop",
    "nc",
    "cnonce",
    "opaque",
    "stale",
    "domain",
    "userhash",
];
/// Parts of the names of header fields whose value is secret, such as `X-Api-Key`.
const SECRET_NAMES: [&str; 6] = ["auth", "token", "password", "secret", "key", "cookie"];
/// Secret parameters of any header field: push credentials (RFC 8599 4.1), and passwords in a URI (RFC 3261 19.1.1).
const SECRET_PARAMETERS: [&str; 6] = [
    "pn-prid=",
    "pn-param=",
    "password=",
    "token=",
    "secret=",
    "authorization=",
];
/// Attributes of session descriptions that hold keys: RFC 4568 9.1, RFC 8839 5.4, RFC 4567 3.1.
const SECRET_ATTRIBUTES: [&str; 3] = ["a=crypto:", "a=ice-pwd:", "a=key-mgmt:"];

/// The message, one line for the start line and one for each header field. Then the body if it is a session
/// description; otherwise only its type and size.
pub(super) fn text(message: &Message) -> String {
    let mut text = uris(message.start_line());
    for (name, id, value) in message.fields() {
        text.push('\n');
        text.push_str(name);
        text.push_str(": ");
        text.push_str(&field(name, id, value));
    }
    let body = message.body();
    if !body.is_empty() {
        text.push_str("\n\n");
        text.push_str(&self::body(message.content_type().unwrap_or_default(), body));
    }
    text
}

fn field(name: &str, id: HeaderName, value: &str) -> String {
    let digest = [
        HeaderName::Authorization,
        HeaderName::ProxyAuthorization,
        HeaderName::WwwAuthenticate,
        HeaderName::ProxyAuthenticate,
    ];
    let lower = name.to_ascii_lowercase();
    if digest.contains(&id) {
        credentials(value)
    } else if lower == "authentication-info" {
        parameters(value)
    } else if SECRET_NAMES.iter().any(|part| lower.contains(part)) {
        MASK.to_owned()
    } else {
        let mut value = uris(value);
        for parameter in SECRET_PARAMETERS {
            value = parameter_masked(&value, parameter);
        }
        value
    }
}

/// `Digest username="101", response="***"`; for any other scheme only its name.
fn credentials(value: &str) -> String {
    match value.split_once([' ', '\t']) {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("Digest") => format!("{scheme} {}", parameters(rest)),
        Some((scheme, _)) => format!("{scheme} {MASK}"),
        None => MASK.to_owned(),
    }
}

/// `name=value` separated by commas; values not known to be harmless are masked.
fn parameters(list: &str) -> String {
    let masked = |one: &str| {
        let (name, _) = one.split_once('=').unwrap_or(("", one));
        let name = name.trim();
        if PLAIN_PARAMETERS.iter().any(|plain| name.eq_ignore_ascii_case(plain)) {
            uris(one.trim())
        } else if name.is_empty() {
            MASK.to_owned()
        } else {
            format!("{name}={MASK}")
        }
    };
    by_comma(list).into_iter().map(masked).collect::<Vec<_>>().join(", ")
}

/// Split at the commas outside of quotes.
fn by_comma(list: &str) -> Vec<&str> {
    let (mut parts, mut from, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (at, c) in list.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ',' if !quoted => {
                parts.push(list.get(from..at).unwrap_or_default());
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(list.get(from..).unwrap_or_default());
    parts
}

/// `sip:user:password@host` without the password (RFC 3261 19.1.1), wherever such a URI stands.
fn uris(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = scheme_end(rest) {
        let (before, uri) = rest.split_at(at);
        out.push_str(before);
        let end = uri
            .find(|c: char| c.is_whitespace() || "<>\",".contains(c))
            .unwrap_or(uri.len());
        let (uri, after) = uri.split_at(end);
        match uri
            .rsplit_once('@')
            .and_then(|(user, host)| Some((user.split_once(':')?.0, host)))
        {
            Some((user, host)) => {
                out.push_str(user);
                out.push(':');
                out.push_str(MASK);
                out.push('@');
                out.push_str(host);
            }
            None => out.push_str(uri),
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

/// Where the first URI's scheme and colon end.
fn scheme_end(text: &str) -> Option<usize> {
    let lower = text.to_ascii_lowercase();
    let ends = ["sip:", "sips:"]
        .into_iter()
        .filter_map(|scheme| Some(lower.find(scheme)? + scheme.len()));
    ends.min()
}

/// Every `name=value` without its value.
fn parameter_masked(text: &str, parameter: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.to_ascii_lowercase().find(parameter) {
        let (before, value) = rest.split_at(at + parameter.len());
        out.push_str(before);
        out.push_str(MASK);
        let end = match value.strip_prefix('"') {
            Some(quoted) => quoted.find('"').map_or(value.len(), |end| end + 2),
            None => value
                .find(|c: char| c.is_whitespace() || ";>,&\"".contains(c))
                .unwrap_or(value.len()),
        };
        rest = value.split_at(end).1;
    }
    out.push_str(rest);
    out
}

/// Texts that people send to each other, and keys they press, are not shown.
fn body(content_type: &str, body: &[u8]) -> String {
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/sdp") {
        return format!(
            "({} bytes of {})",
            body.len(),
            if kind.is_empty() { "no known type" } else { kind }
        );
    }
    let text = String::from_utf8_lossy(body);
    let line = |line: &str| {
        let secret = SECRET_ATTRIBUTES.iter().find(|name| line.starts_with(*name));
        match secret {
            Some(name) => format!("{name}{MASK}"),
            // RFC 4566 5.12: `k=` is a key, or tells where to get one.
            None if line.starts_with("k=") => format!("k={MASK}"),
            None => line.to_owned(),
        }
    };
    text.split(['\r', '\n'])
        .filter(|text| !text.is_empty())
        .map(line)
        .collect::<Vec<_>>()
        .join("\n")
}

#[cfg(test)]
mod tests {
    use sip::Limits;

    use super::*;

    fn shown(message: &str) -> String {
        let bytes = message.replace('\n', "\r\n").into_bytes();
        text(&Message::parse(bytes.into(), &Limits::default()).unwrap())
    }

    fn with(field: &str) -> String {
        let head = "INVITE sip:102:pass1@pbx SIP/2.0\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\nFrom: <sip:a@b>;tag=1\nTo: <sip:c@d>\nCall-ID: x\nCSeq: 1 INVITE\n";
        shown(&format!("{head}{field}\nContent-Length: 0\n\n"))
    }

    #[test]
    fn credentials_are_shown_without_what_a_password_can_be_guessed_from() {
        let digest = with(
            "Authorization: Digest username=\"10,1\", realm=\"r\", uri=\"sip:x:hush@y\", response=\"abcdef\" , new=\"abcdef\"",
        );
        assert!(
            digest.contains("Digest username=\"10,1\", realm=\"r\", uri=\"sip:x:***@y\", response=***, new=***"),
            "{digest}"
        );
        for field in [
            "Authorization: Basic abcdef",
            "Proxy-Authorization: abcdef",
            "Proxy-Authorization: DIGEST response=abcdef",
            "Authentication-Info: rspauth=\"abcdef\", nc=1",
            "X-Api-Key: abcdef",
            "Cookie: a=abcdef",
            "Contact: <sip:a@b;pn-provider=apns;pn-prid=abcdef>;+x=\"y\"",
            "Contact: \"abc\" <sips:a:abcdef@b;pn-prid=abcdef;x>, <sip:b:abcdef@c>",
            "Refer-To: <sip:a@b?Authorization=abcdef&x=y>",
        ] {
            let shown = with(field);
            assert!(!shown.contains("abcdef") && shown.contains("***"), "{shown}");
        }
        assert!(with("Subject: x").starts_with("INVITE sip:102:***@pbx SIP/2.0\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\n"));
    }

    #[test]
    fn only_session_descriptions_are_shown_and_without_keys() {
        let message = |kind: &str, body: &str| {
            let length = body.replace('\n', "\r\n").len();
            shown(&format!(
                "MESSAGE sip:a@b SIP/2.0\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\nFrom: <sip:a@b>;tag=1\nTo: <sip:c@d>\nCall-ID: x\nCSeq: 1 MESSAGE\nContent-Type: {kind}\nContent-Length: {length}\n\n{body}"
            ))
        };
        let sdp = message(
            "application/SDP",
            "v=0\nk=clear:abcdef\na=crypto:1 AES inline:abcdef\na=ice-pwd:abcdef\na=sendrecv\n",
        );
        assert!(
            sdp.ends_with("\n\nv=0\nk=***\na=crypto:***\na=ice-pwd:***\na=sendrecv"),
            "{sdp}"
        );
        let text = message("text/plain;charset=utf-8", "abcdef");
        assert!(text.ends_with("\n\n(6 bytes of text/plain)"), "{text}");
    }
}
