//! What a request demands by `Require` that is more than a name: priorities, security agreements, preconditions.

use sip::{HeaderName, Message, Method, StatusCode};

use crate::{answer::Answer, stack::body::description};

/// The namespaces of Resource-Priority that are registered (RFC 4412 section 9, RFC 7134 and others). Tandem passes
/// each on and gives none more than the others.
const NAMESPACES: [&str; 6] = ["dsn", "drsn", "q735", "ets", "wps", "esnet"];

/// The only mechanism that Tandem agrees on (RFC 3329 section 2.2): digest, as every request is challenged.
const MECHANISM: &str = "digest;d-alg=MD5;q=0.1";

/// Whether a request is acceptable; the answer that refuses it where not.
pub(super) fn met(message: &Message) -> Result<(), Answer> {
    let requires = |tag: &str| message.lists(HeaderName::Require, tag) || message.lists(HeaderName::ProxyRequire, tag);
    if requires("resource-priority") {
        priority(message)?;
    }
    if requires("sec-agree") {
        agreed(message)?;
    }
    if requires("precondition") && *message.method() == Method::Invite {
        preconditions(message)?;
    }
    Ok(())
}

/// RFC 4412 section 4.6.2: where the request requires that its priority is understood, one namespace must be known.
fn priority(message: &Message) -> Result<(), Answer> {
    let known = |value: &str| {
        let namespace = value.trim().rsplit_once('.').map_or("", |(namespace, _)| namespace);
        let name = namespace.split('-').next().unwrap_or_default();
        NAMESPACES.iter().any(|known| known.eq_ignore_ascii_case(name))
    };
    if message.values(HeaderName::ResourcePriority).any(known) {
        return Ok(());
    }
    // RFC 4412 section 3.2.
    Err(Answer::of(417).with(HeaderName::AcceptResourcePriority, "ets.0, wps.0, q735.4, dsn.routine"))
}

/// RFC 3329 section 2.3.1: without the list that it was given before, the client gets the list. A client that shows a
/// changed list was tampered with.
fn agreed(message: &Message) -> Result<(), Answer> {
    let mut verified = message.values(HeaderName::SecurityVerify);
    let same = |value: &str| {
        let plain = |text: &str| text.replace([' ', '\t', '"'], "").to_ascii_lowercase();
        plain(value) == plain(MECHANISM)
    };
    let agrees = verified.next().is_some_and(same) && verified.next().is_none();
    if agrees {
        return Ok(());
    }
    let answer = Answer::new(StatusCode::SECURITY_AGREEMENT_REQUIRED);
    Err(answer.with(HeaderName::SecurityServer, MECHANISM))
}

/// RFC 3312 sections 5 and 8: mandatory preconditions that are not met yet are refused, since Tandem reserves nothing.
fn preconditions(message: &Message) -> Result<(), Answer> {
    let text = description(message).map(String::from_utf8_lossy).unwrap_or_default();
    let mut current = Vec::new();
    for line in text.lines() {
        let Some((kind, rest)) = line.split_once(":qos ") else {
            continue;
        };
        let words: Vec<&str> = rest.split_ascii_whitespace().collect();
        match (kind, &words[..]) {
            ("a=curr", [status, direction]) => current.push(((*status).to_owned(), (*direction).to_owned())),
            ("a=des", ["mandatory", status, direction]) => {
                let reached = current
                    .iter()
                    .any(|(at, now)| at == status && (now == direction || now == "sendrecv" || *direction == "none"));
                if !reached {
                    return Err(Answer::of(580));
                }
            }
            (_, _) => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use sip::Builder;

    use super::*;

    fn asks(tag: &str, name: HeaderName, value: &str, body: &str) -> u16 {
        let mut request = Builder::request(&Method::Invite, "sip:1@t").header(HeaderName::Require, tag);
        if !value.is_empty() {
            request = request.header(name, value);
        }
        let request = request.body("application/sdp", body.as_bytes()).finish();
        met(&request).map_or_else(|answer| answer.status.code(), |()| 200)
    }

    #[test]
    fn a_required_priority_needs_a_known_namespace() {
        for (value, code) in [
            ("ets.0", 200),
            ("x.1, wps.3", 200),
            ("dsn-000000.flash", 200),
            ("x.1", 417),
            ("", 417),
        ] {
            assert_eq!(
                asks("resource-priority", HeaderName::ResourcePriority, value, ""),
                code,
                "{value}"
            );
        }
    }

    #[test]
    fn a_security_agreement_is_repeated_as_it_was_given() {
        for (value, code) in [
            ("", 494),
            (MECHANISM, 200),
            ("digest; d-alg=MD5; q=0.1", 200),
            ("tls;q=0.1", 494),
            ("digest;d-alg=MD5;q=0.1, tls", 494),
        ] {
            assert_eq!(
                asks("sec-agree", HeaderName::SecurityVerify, value, ""),
                code,
                "{value}"
            );
        }
    }

    #[test]
    fn mandatory_preconditions_that_are_not_met_draw_580() {
        let sdp = |lines: &str| format!("v=0\r\nm=audio 9000 RTP/AVP 0\r\n{lines}");
        for (lines, code) in [
            (
                "a=curr:qos local sendrecv\r\na=des:qos mandatory local sendrecv\r\n",
                200,
            ),
            ("a=curr:qos e2e sendrecv\r\na=des:qos mandatory e2e send\r\n", 200),
            ("a=curr:qos local none\r\na=des:qos optional local sendrecv\r\n", 200),
            ("a=curr:qos local none\r\na=des:qos mandatory local sendrecv\r\n", 580),
            ("a=des:qos mandatory remote send\r\n", 580),
        ] {
            assert_eq!(
                asks("precondition", HeaderName::Other, "", &sdp(lines)),
                code,
                "{lines}"
            );
        }
    }
}
