//! What a server says about itself to a client that has proved its own name (RFC 7616 section 3.5).

use std::fmt::Write as _;

use super::{Credentials, Ha1Pair, Qop, params::Quoted, response};

/// The value of `Authentication-Info` in the 2xx to a request with these credentials, which were right: the proof that
/// this server knows the password, too (`rspauth`), and the nonce for the client's next request (`nextnonce`).
///
/// `None` if there is nothing to say: a client of RFC 2069 cannot check a proof, and there is no next nonce. With
/// `qop=auth-int` the proof would cover the body of the response, which is not known here: none is given.
pub fn authentication_info(credentials: &Credentials<'_>, ha1: &Ha1Pair, next_nonce: Option<&str>) -> Option<String> {
    let mut value = String::new();
    if let Some(nonce) = next_nonce {
        let _ = write!(value, "nextnonce={}", Quoted(nonce));
    }
    if credentials.qop == Some(Qop::Auth) {
        let comma = if value.is_empty() { "" } else { ", " };
        // RFC 7616 3.5: as `response`, with an A2 that begins with the colon.
        let proof = response(credentials, &ha1.hex(credentials.algorithm), "", b"");
        let (proof, cnonce) = (
            proof.as_str(),
            Quoted(credentials.cnonce.as_deref().unwrap_or_default()),
        );
        let count = &credentials.nc_text;
        let _ = write!(
            value,
            "{comma}qop=auth, rspauth=\"{proof}\", cnonce={cnonce}, nc={count}"
        );
    }
    Some(value).filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 2617 section 3.5, whose request is the first one of a nonce.
    const EXAMPLE: &str = "Digest username=\"Mufasa\", realm=\"testrealm@host.com\", \
        nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", uri=\"/dir/index.html\", qop=auth, nc=00000001, \
        cnonce=\"0a4f113b\", response=\"6629fae49393a05397450978507c4ef1\"";

    #[test]
    fn the_server_proves_that_it_knows_the_password() {
        let credentials = Credentials::parse(EXAMPLE).unwrap();
        let ha1 = Ha1Pair::new("Mufasa", "testrealm@host.com", "Circle Of Life");
        let info = authentication_info(&credentials, &ha1, None).unwrap();
        // MD5(HA1:nonce:00000001:0a4f113b:auth:MD5(":/dir/index.html")), computed by another program.
        assert_eq!(
            info,
            "qop=auth, rspauth=\"376602cfd2f4e8e5e78b948a85263e85\", cnonce=\"0a4f113b\", nc=00000001"
        );
        let next = authentication_info(&credentials, &ha1, Some("abc")).unwrap();
        assert_eq!(next, format!("nextnonce=\"abc\", {info}"));
        let other = authentication_info(&credentials, &Ha1Pair::new("Mufasa", "testrealm@host.com", "x"), None);
        assert_ne!(other.unwrap(), info);
    }

    #[test]
    fn a_client_without_qop_gets_no_proof() {
        let old = "Digest username=\"a\", realm=\"b\", nonce=\"c\", uri=\"sip:d\", response=\"00000000000000000000000000000000\"";
        let credentials = Credentials::parse(old).unwrap();
        let ha1 = Ha1Pair::new("a", "b", "x");
        assert_eq!(authentication_info(&credentials, &ha1, None), None);
        assert_eq!(
            authentication_info(&credentials, &ha1, Some("n")).unwrap(),
            "nextnonce=\"n\""
        );
    }
}
