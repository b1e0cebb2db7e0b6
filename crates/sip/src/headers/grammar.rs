//! Whether a value keeps to the grammar of its field, for every known field: one table, for tests,
//! for what a script wants to send, and for whoever must judge a message as a whole.

use super::{
    Header, HeaderError, Values,
    address::{Contact, NameAddr},
    comment,
    cseq::CSeq,
    date::{Date, Timestamp},
    dialogs::{Join, Replaces, SessionId, TargetDialog},
    event::{Event, SubscriptionState},
    is_blank, is_token,
    item::Item,
    media::{ContentDisposition, MediaType},
    name::HeaderName,
    number, quoted_len,
    reason::{Reason, RetryAfter, Warning},
    session::{MinSe, RAck, RSeq, SessionExpires},
    trim,
    via::Via,
};

type Fault = &'static str;

/// Checks one field's value, unfolded; `Other` may hold anything that stands on one line.
pub fn check(name: HeaderName, value: &str) -> Result<(), HeaderError> {
    if value.contains(['\r', '\n']) {
        return Err(HeaderError::new(name, "a line break in the value"));
    }
    judge(name, trim(value)).map_err(|fault| HeaderError::new(name, fault))
}

fn read<'a, T: Header<'a>>(value: &'a str) -> Result<(), Fault> {
    T::read(value).map(drop)
}

/// At least one element, and each of them good.
fn list(value: &str, good: impl Fn(&str) -> Result<(), Fault>) -> Result<(), Fault> {
    if Values::new(value).next().is_none() {
        return Err("the list is empty");
    }
    Values::new(value).try_for_each(good)
}

/// As `list`, where nothing at all means something, too (RFC 3261 sections 20.1 to 20.5).
fn list_or_none(value: &str, good: impl Fn(&str) -> Result<(), Fault>) -> Result<(), Fault> {
    Values::new(value).try_for_each(good)
}

fn token(value: &str) -> Result<(), Fault> {
    if is_token(value.as_bytes()) {
        Ok(())
    } else {
        Err("a token is expected")
    }
}

fn item(value: &str) -> Result<(), Fault> {
    Item::parse(value)?.quality().map(drop)
}

fn media(value: &str) -> Result<(), Fault> {
    let MediaType { params, .. } = MediaType::parse(value)?;
    Item { value: "", params }.quality().map(drop)
}

fn address(value: &str) -> Result<(), Fault> {
    let address = NameAddr::parse(value)?;
    address.uri().map(drop).map_err(|_| "the URI is malformed")
}

fn contact(value: &str) -> Result<(), Fault> {
    match Contact::parse(value)? {
        Contact::Star => Ok(()),
        Contact::Address(contact) => {
            Item {
                value: "",
                params: contact.params,
            }
            .quality()?;
            contact.uri().map(drop).map_err(|_| "the URI is malformed")
        }
    }
}

/// An address with a URI that may be anything in angle brackets, such as `<cid:x@y>`.
fn reference(value: &str) -> Result<(), Fault> {
    if value.starts_with('<') {
        address(value)
    } else {
        Err("a URI in angle brackets is expected")
    }
}

fn word(value: &str) -> Result<(), Fault> {
    if value.is_empty() || value.contains(is_blank) {
        Err("one word is expected")
    } else {
        Ok(())
    }
}

fn below(value: &str, limit: u32) -> Result<(), Fault> {
    number(value)
        .filter(|&number| number <= limit)
        .map(drop)
        .ok_or("not a number in range")
}

/// RFC 3261 20.35: products and comments.
fn products(value: &str) -> Result<(), Fault> {
    let mut rest = value;
    while !rest.is_empty() {
        let len = match rest.as_bytes().first() {
            Some(b'(') => comment(rest, super::MAX_COMMENT_DEPTH)?,
            Some(b'"') => quoted_len(rest).ok_or("a quoted string has no end")?,
            Some(_) | None => rest.find([' ', '\t', '(']).unwrap_or(rest.len()),
        };
        rest = trim(rest.get(len..).unwrap_or(""));
    }
    Ok(())
}

/// `scheme` and then at least one parameter; the digest reader looks closer.
fn credentials(value: &str) -> Result<(), Fault> {
    let (scheme, rest) = value
        .split_once(is_blank)
        .ok_or("a scheme and parameters are expected")?;
    if rest.contains('=') {
        token(scheme)
    } else {
        Err("a parameter is expected")
    }
}

fn parameters(value: &str) -> Result<(), Fault> {
    if value.contains('=') {
        Ok(())
    } else {
        Err("a parameter is expected")
    }
}

/// RFC 3323 4.2: tokens between semicolons.
fn privacy(value: &str) -> Result<(), Fault> {
    value.split(';').try_for_each(|part| token(trim(part)))
}

/// RFC 4412 3.1: a namespace and a priority.
fn priority(value: &str) -> Result<(), Fault> {
    let (namespace, priority) = value.split_once('.').ok_or("a namespace and a priority are expected")?;
    token(namespace)?;
    token(priority)
}

/// RFC 8224 4: a signature and where its certificate is.
fn identity(value: &str) -> Result<(), Fault> {
    let end = value.find(';').unwrap_or(value.len());
    let signature = trim(value.get(..end).unwrap_or(""));
    // RFC 4474 had it in quotes.
    let signature = crate::params::strip_quotes(signature);
    let base64 = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'-' | b'_' | b'.');
    if signature.is_empty() || !signature.bytes().all(base64) {
        Err("the signature is malformed")
    } else {
        Ok(())
    }
}

fn judge(name: HeaderName, value: &str) -> Result<(), Fault> {
    use HeaderName as H;
    match name {
        H::Via => list(value, |via| Via::parse(via).map(drop)),
        H::CSeq => CSeq::parse(value).map(drop).map_err(|error| error.fault),
        H::Contact => list(value, contact),
        H::CallId => word(value),
        H::InReplyTo => list(value, word),
        H::From | H::To | H::ReferTo | H::ReferredBy | H::ReplyTo | H::PCalledPartyId | H::PProfileKey => {
            address(value)
        }
        H::Route | H::RecordRoute | H::Path | H::ServiceRoute | H::HistoryInfo => list(value, reference),
        H::PAssertedIdentity | H::PPreferredIdentity | H::PAssociatedUri | H::PServedUser | H::Diversion => {
            list(value, address)
        }
        H::RemotePartyId | H::AdditionalIdentity | H::PermissionMissing | H::PolicyContact => list(value, address),
        H::AlertInfo | H::CallInfo | H::ErrorInfo | H::Geolocation | H::TriggerConsent => list(value, reference),
        H::ReferEventsAt | H::IdentityInfo | H::PUserDatabase => reference(value),
        H::MaxForwards | H::MaxBreadth => below(value, 255),
        H::ContentLength | H::Expires | H::MinExpires | H::FlowTimer => below(value, u32::MAX),
        H::MinSe => read::<MinSe>(value),
        H::SessionExpires => read::<SessionExpires>(value),
        H::RAck => read::<RAck>(value),
        H::RSeq => read::<RSeq>(value),
        H::ContentType => media(value),
        H::ContentDisposition => read::<ContentDisposition<'_>>(value),
        H::Accept => list_or_none(value, media),
        H::AcceptEncoding | H::AcceptLanguage => list_or_none(value, item),
        H::Allow | H::Supported => list_or_none(value, token),
        H::Require | H::ProxyRequire | H::Unsupported | H::AllowEvents => list(value, token),
        H::ContentEncoding | H::ContentLanguage | H::RequestDisposition => list(value, token),
        H::RecvInfo => list_or_none(value, item),
        H::AcceptContact | H::RejectContact | H::FeatureCaps => list(value, item),
        H::SecurityClient | H::SecurityServer | H::SecurityVerify => list(value, item),
        H::AnswerMode | H::PrivAnswerMode | H::InfoPackage | H::ReferSub => item(value),
        H::Priority | H::SipETag | H::SipIfMatch => token(value),
        H::ResourcePriority | H::AcceptResourcePriority => list_or_none(value, priority),
        H::Event => read::<Event<'_>>(value),
        H::SubscriptionState => read::<SubscriptionState<'_>>(value),
        H::Replaces => read::<Replaces<'_>>(value),
        H::Join => read::<Join<'_>>(value),
        H::TargetDialog => read::<TargetDialog<'_>>(value),
        H::SessionId => read::<SessionId<'_>>(value),
        H::Reason => list(value, |one| read::<Reason<'_>>(one)),
        H::Warning => list(value, |one| read::<Warning<'_>>(one)),
        H::RetryAfter => read::<RetryAfter<'_>>(value),
        H::Date => read::<Date>(value),
        H::Timestamp => read::<Timestamp<'_>>(value),
        H::Privacy => privacy(value),
        H::Identity => list(value, identity),
        H::MimeVersion => value.split_once('.').map_or(Err("not a version"), |(one, two)| {
            below(trim(one), u32::MAX)?;
            below(trim(two), u32::MAX)
        }),
        H::Authorization | H::ProxyAuthorization | H::WwwAuthenticate | H::ProxyAuthenticate => credentials(value),
        H::AuthenticationInfo | H::ProxyAuthenticationInfo => parameters(value),
        H::UserAgent | H::Server => products(value),
        // Free text, obsolete fields, and those that only pass through a PBX.
        H::Subject | H::Organization | H::Encryption | H::Hide | H::ResponseKey | H::Other => Ok(()),
        H::AlertMsgError | H::CellularNetworkInfo | H::ContentId | H::GeolocationError | H::GeolocationRouting => {
            Ok(())
        }
        H::PAccessNetworkInfo | H::PAnswerState | H::PAssertedService | H::PChargingFunctionAddresses => Ok(()),
        H::PChargingVector | H::PEarlyMedia | H::PMediaAuthorization | H::PPreferredService => Ok(()),
        H::PRefusedUriList | H::PVisitedNetworkId | H::PolicyId | H::PriorityShare | H::RelayedCharge => Ok(()),
        H::ResourceShare | H::ResponseSource | H::RestorationInfo | H::ServiceInteractInfo => Ok(()),
        H::SuppressIfMatch | H::UserToUser => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A good value and a bad one for every field that is read here.
    const SAMPLES: &[(&str, &str, &str)] = &[
        (
            "Accept",
            "application/sdp;level=1, application/x-private, text/html;q=0.5",
            "sdp",
        ),
        ("Accept-Encoding", "gzip;q=1.0, identity; q=0.5", "gzip;q=2"),
        ("Accept-Language", "da, en-gb;q=0.8, en;q=0.7", "da;;"),
        (
            "Alert-Info",
            "<http://www.example.com/sounds/moo.wav>;x=1",
            "http://x y",
        ),
        ("Allow", "INVITE, ACK, OPTIONS", "INVITE ACK"),
        (
            "Authentication-Info",
            "nextnonce=\"47364c23432d2e131a5fb210812c\"",
            "nextnonce",
        ),
        ("Authorization", "Digest username=\"Alice\", realm=\"a\"", "Digest"),
        ("Call-ID", "f81d4fae-7dec-11d0-a765-00a0c91e6bf6@biloxi.com", "a b"),
        (
            "Call-Info",
            "<http://wwww.example.com/alice/photo.jpg> ;purpose=icon",
            "icon",
        ),
        (
            "Contact",
            "\"Mr. Watson\" <sip:watson@example.com>;q=0.7; expires=3600, <mailto:a@b>",
            "<sip:a@b>;q=7",
        ),
        ("Content-Disposition", "session;handling=optional", ";x"),
        ("Content-Encoding", "gzip, tar", "g zip"),
        ("Content-Language", "fr", ""),
        ("Content-Length", "349", "-1"),
        ("Content-Type", "text/html; charset=ISO-8859-4", "text"),
        ("CSeq", "4711 INVITE", "INVITE"),
        ("Date", "Sat, 13 Nov 2010 23:29:00 GMT", "today"),
        ("Error-Info", "<sip:not-in-service-recording@atlanta.com>", "sip:x"),
        ("Expires", "5", "soon"),
        (
            "From",
            "Anonymous <sip:c8oqz84zk7z@privacy.org>;tag=hyh8",
            "\"A <sip:a@b>",
        ),
        (
            "In-Reply-To",
            "70710@saturn.bell-tel.com, 17320@saturn.bell-tel.com",
            "",
        ),
        ("Max-Forwards", "6", "256"),
        ("MIME-Version", "1.0", "1"),
        ("Min-Expires", "60", "x"),
        ("Priority", "emergency", "very high"),
        ("Proxy-Authenticate", "Digest realm=\"atlanta.com\", qop=\"auth\"", ""),
        ("Proxy-Authorization", "Digest username=\"Alice\"", "Alice"),
        ("Proxy-Require", "foo", ""),
        (
            "Record-Route",
            "<sip:server10.biloxi.com;lr>, <sip:bigbox3.site3.atlanta.com;lr>",
            "sip:a",
        ),
        ("Reply-To", "Bob <sip:bob@biloxi.com>", "Bob"),
        ("Require", "100rel", "100 rel"),
        ("Retry-After", "18000;duration=3600", "later"),
        ("Route", "<sip:server10.biloxi.com;lr>", "<sip:>"),
        ("Server", "HomeServer v2 (a (nested) one)", "x (open"),
        ("Supported", "100rel, timer", "100rel timer"),
        ("Timestamp", "54", "x"),
        (
            "To",
            "The Operator <sip:operator@cs.columbia.edu>;tag=287447",
            "<sip:a@b",
        ),
        ("Unsupported", "foo", ""),
        ("User-Agent", "Softphone Beta1.5", "x (("),
        (
            "Via",
            "SIP/2.0/UDP [2001:db8::9:1]:5060;received=2001:db8::9:255;branch=z9hG4bK77, SIP/2.0/TCP a",
            "SIP/2.0/UDP",
        ),
        (
            "Warning",
            "307 isi.edu \"Session parameter 'foo' not understood\"",
            "307 isi.edu",
        ),
        ("WWW-Authenticate", "Digest realm=\"atlanta.com\"", "Digest"),
        ("RSeq", "988789", "0"),
        ("RAck", "776656 1 INVITE", "1 INVITE"),
        ("Event", "dialog;id=1", ";id=1"),
        ("Allow-Events", "dialog, message-summary", ""),
        ("Subscription-State", "active;expires=60", "active;expires=soon"),
        ("SIP-ETag", "12345", "a b"),
        ("SIP-If-Match", "12345", ""),
        (
            "Refer-To",
            "<sip:dave@denver.example.org?Replaces=12345%40192.168.118.3>",
            "sip:a@b?c=d",
        ),
        (
            "Referred-By",
            "<sip:r@ref.example>;cid=\"2UWQFN309shb3@ref.example\"",
            "",
        ),
        (
            "Replaces",
            "98732@sip.example.com;from-tag=r33;to-tag=ff8",
            "98732@sip.example.com",
        ),
        ("Join", "12adf2f34456gs5;to-tag=12345;from-tag=54321", "12adf2f34456gs5"),
        (
            "Target-Dialog",
            "fa77as7dad8-sd98ajzz@host.example.com;local-tag=kkaz-;remote-tag=6544",
            "x",
        ),
        ("Session-Expires", "1800;refresher=uac", "soon;refresher=uac"),
        ("Min-SE", "90", "x"),
        (
            "Reason",
            "SIP ;cause=200 ;text=\"Call completed elsewhere\"",
            ";cause=1",
        ),
        (
            "P-Asserted-Identity",
            "\"Cullen\" <sip:fluffy@cisco.com>, tel:+14085264000",
            "fluffy",
        ),
        ("P-Preferred-Identity", "<sip:fluffy@cisco.com>", "<>"),
        ("Privacy", "id;critical", "id;;"),
        (
            "Diversion",
            "<sip:+19195551212@example.com>;reason=no-answer;counter=1",
            "x",
        ),
        (
            "History-Info",
            "<sip:bob@example.com?Reason=SIP%3Bcause%3D302>;index=1.1",
            "sip:bob",
        ),
        ("Path", "<sip:P1.EXAMPLEVISITED.COM;lr>", "P1"),
        ("Service-Route", "<sip:P2.HOME.EXAMPLE.COM;lr>", ""),
        ("Flow-Timer", "120", "x"),
        ("Resource-Priority", "dsn.flash, wps.3", "flash"),
        (
            "Geolocation",
            "<cid:target123@atlanta.example.com>;inserted-by=\"x\"",
            "cid",
        ),
        (
            "Identity",
            "sv5CTo05KqpSmtHt3dcEiO==;info=<https://cert.example.org/p.cer>;alg=ES256",
            "<x>",
        ),
        ("Security-Client", "ipsec-ike;q=0.1, tls;q=0.2", ""),
        ("Security-Server", "tls;q=0.2", "t l s"),
        ("Security-Verify", "tls;q=0.2", ";q=0.2"),
        ("Info-Package", "dtmf", ""),
        ("Recv-Info", "foo, bar;x=y", "foo bar"),
        ("Answer-Mode", "Auto;require", "Auto Manual"),
        ("Max-Breadth", "60", "-1"),
        ("Feature-Caps", "*;+g.3gpp.srvcc=\"x\"", ";x"),
        (
            "Session-ID",
            "ab30317f1a784dc48ff824d0d3715d86;remote=00000000000000000000000000000000",
            "ab",
        ),
    ];

    #[test]
    fn every_field_is_judged_by_its_own_grammar() {
        for (name, good, bad) in SAMPLES {
            let name_read = HeaderName::parse(name.as_bytes());
            assert_eq!(name_read.as_str(), *name);
            assert_eq!(check(name_read, good), Ok(()), "{name}: {good}");
            assert!(check(name_read, bad).is_err(), "{name}: {bad}");
        }
        for free in ["Subject", "Organization", "Encryption"] {
            assert_eq!(
                check(HeaderName::parse(free.as_bytes()), "Tech Support, \"anything"),
                Ok(())
            );
        }
        assert!(check(HeaderName::Subject, "a\r\nVia: b").is_err());
    }

    #[test]
    fn comments_nest_only_so_deep() {
        let nested = |depth: usize| format!("{}x{}", "(".repeat(depth), ")".repeat(depth));
        assert!(check(HeaderName::UserAgent, &nested(8)).is_ok());
        assert!(check(HeaderName::UserAgent, &nested(9)).is_err());
        assert!(check(HeaderName::UserAgent, &nested(4_000)).is_err());
    }
}
