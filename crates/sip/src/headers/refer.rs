//! The fields of a REFER: Refer-To and Refer-Sub (RFC 3515, RFC 4488), Referred-By (RFC 3892).

use std::fmt;

use super::{Header, address::NameAddr, dialogs::Replaces, name::HeaderName};
use crate::{Method, Scheme, Uri};

/// Whom the receiver of a REFER is asked to contact (RFC 3515 section 2.1).
#[derive(Copy, Clone, Debug)]
pub struct ReferTo<'a> {
    /// The address as it came.
    pub address: NameAddr<'a>,
    /// Its URI, of any scheme, read.
    pub uri: Uri<'a>,
}

impl<'a> Header<'a> for ReferTo<'a> {
    const NAME: HeaderName = HeaderName::ReferTo;

    fn read(value: &'a str) -> Result<Self, &'static str> {
        let address = NameAddr::parse(value)?;
        let uri = address.uri().map_err(|_| "the URI is malformed")?;
        Ok(Self { address, uri })
    }
}

impl ReferTo<'_> {
    /// The method of the request that is asked for: the URI's `method` parameter, or INVITE where there is none.
    ///
    /// # Errors
    /// A parameter that is no method name: answer 400.
    pub fn method(&self) -> Result<Method, &'static str> {
        // RFC 3515 2.4.2: how other schemes are contacted is theirs; RFC 3261 19.1.1: INVITE is the default.
        match (self.uri.scheme, self.uri.param("method")) {
            (Scheme::Sip | Scheme::Sips, Some(name)) => Method::parse(&crate::unescape(name)).ok_or("malformed method"),
            (Scheme::Sip | Scheme::Sips | Scheme::Tel | Scheme::Other, _) => Ok(Method::Invite),
        }
    }

    /// The dialog that the new INVITE shall replace (attended transfer, RFC 5589 section 7.1): the header `Replaces` of
    /// the URI, if there is one.
    ///
    /// # Errors
    /// A `Replaces` that cannot be read, or that is there more than once: answer 400.
    pub fn replaces(&self) -> Result<Option<Replaces<'static>>, &'static str> {
        let field = self.uri.header_field(HeaderName::Replaces.as_str());
        let field = field.map_err(|_| "the URI holds Replaces more than once")?;
        field
            .map(|value| Replaces::read(&value).map(Replaces::into_owned))
            .transpose()
    }
}

impl fmt::Display for ReferTo<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)
    }
}

/// Who asked for the request: copied by the receiver of a REFER into the request that it sends (RFC 3892 section 2.1).
#[derive(Copy, Clone, Debug)]
pub struct ReferredBy<'a> {
    /// The address as it came. Nothing proves it: the sender wrote it.
    pub address: NameAddr<'a>,
    /// The Content-ID of the body part that proves the address, without angle brackets.
    pub cid: Option<&'a str>,
}

impl<'a> Header<'a> for ReferredBy<'a> {
    const NAME: HeaderName = HeaderName::ReferredBy;

    fn read(value: &'a str) -> Result<Self, &'static str> {
        let address = NameAddr::parse(value)?;
        address.uri().map_err(|_| "the URI is malformed")?;
        Ok(Self {
            address,
            cid: address.param("cid"),
        })
    }
}

impl fmt::Display for ReferredBy<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)
    }
}

/// Whether a REFER makes a subscription that tells its sender what came of it (RFC 4488 section 4). Where the field is
/// missing, it does.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct ReferSub(pub bool);

impl Header<'_> for ReferSub {
    const NAME: HeaderName = HeaderName::ReferSub;

    fn read(value: &str) -> Result<Self, &'static str> {
        let value = value.split(';').next().unwrap_or("").trim_end();
        match value {
            text if text.eq_ignore_ascii_case("true") => Ok(Self(true)),
            text if text.eq_ignore_ascii_case("false") => Ok(Self(false)),
            _ => Err("neither true nor false"),
        }
    }
}

impl fmt::Display for ReferSub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of RFC 3515 section 2.1.
    #[test]
    fn a_refer_to_names_a_uri_a_method_and_a_dialog_to_replace() {
        let blind = ReferTo::read("sip:alice@atlanta.example.com").unwrap();
        assert_eq!((blind.uri.user, blind.method()), (Some("alice"), Ok(Method::Invite)));
        assert_eq!(blind.replaces(), Ok(None));

        let text = "<sip:bob@biloxi.example.net?Accept-Contact=sip:bobsdesk.biloxi.example.net&\
                    Call-ID%3D55432%40alicepc.atlanta.example.com=x>";
        assert_eq!(ReferTo::read(text).unwrap().to_string(), text);

        let attended =
            "<sip:dave@denver.example.org?Replaces=12345%40192.168.118.3%3Bto-tag%3D12345%3Bfrom-tag%3D5FFE-3994>";
        let replaces = ReferTo::read(attended).unwrap().replaces().unwrap().unwrap();
        assert_eq!(
            replaces.to_string(),
            "12345@192.168.118.3;to-tag=12345;from-tag=5FFE-3994"
        );
        let written = format!(
            "<sip:dave@denver.example.org?Replaces={}>",
            crate::escape_header(&replaces.to_string())
        );
        assert_eq!(written, attended);

        let message = ReferTo::read("<sip:carol@cleveland.example.org;method=SUBSCRIBE>").unwrap();
        assert_eq!(message.method(), Ok(Method::Subscribe));
        assert!(ReferTo::read("<sip:a@b;method=A%20B>").unwrap().method().is_err());
        let page = ReferTo::read("http://www.ietf.org").unwrap();
        assert_eq!((page.uri.scheme, page.method()), (Scheme::Other, Ok(Method::Invite)));
    }

    #[test]
    fn a_malformed_refer_to_is_refused() {
        for bad in [
            "",
            "alice",
            "<sip:>",
            "<sip:a@b>, <sip:c@d>",
            "sip:a@b?Replaces=x",
            "<sip:a@b?Replaces>",
        ] {
            assert!(ReferTo::read(bad).is_err(), "{bad}");
        }
        for bad in [
            "Replaces=",
            "Replaces=a",
            "Replaces=a%3Bto-tag%3D1",
            "Replaces=a%3Bto-tag%3D1%3Bfrom-tag%3D2&replaces=b%3Bto-tag%3D1%3Bfrom-tag%3D2",
            "Replaces=a%0D%0AVia:x%3Bto-tag%3D1%3Bfrom-tag%3D2",
            "Replaces=a%3Bto-tag%3D%221%0A%22%3Bfrom-tag%3D2",
            "Replaces=%00%3Bto-tag%3D1%3Bfrom-tag%3D2",
        ] {
            let text = format!("<sip:a@b?{bad}>");
            assert!(ReferTo::read(&text).unwrap().replaces().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_referred_by_names_the_referrer() {
        let text = "\"Bob\" <sips:bob@b.example>;cid=\"2UWQFN309shb3@referrer.example\"";
        let read = ReferredBy::read(text).unwrap();
        assert_eq!(read.cid, Some("2UWQFN309shb3@referrer.example"));
        assert_eq!(
            (read.address.uri, read.to_string().as_str()),
            ("sips:bob@b.example", text)
        );
        assert_eq!(ReferredBy::read("sip:bob@h").unwrap().cid, None);
        assert!(ReferredBy::read("bob").is_err() && ReferredBy::read("<sip:>").is_err());
    }

    #[test]
    fn a_refer_sub_is_true_or_false() {
        assert_eq!(ReferSub::read("false"), Ok(ReferSub(false)));
        assert_eq!(ReferSub::read("TRUE ;x=y"), Ok(ReferSub(true)));
        assert_eq!(ReferSub(false).to_string(), "false");
        assert!(ReferSub::read("").is_err() && ReferSub::read("no").is_err());
    }
}
