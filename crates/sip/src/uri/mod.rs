//! URIs: sip and sips (RFC 3261 section 19.1), tel (RFC 3966), and any other kept as it came.

mod compare;
mod escape;
pub mod gruu;
mod number;

use std::{
    borrow::Cow,
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use self::compare::same_escaped;
pub use self::escape::{Escaped, escape_header, escape_user, unescape};
use crate::{Params, Transport, headers::split_byte, params::MAX_PARAMS};

/// The scheme of a URI.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// `sip:`
    Sip,
    /// `sips:`
    Sips,
    /// `tel:`
    Tel,
    /// Any other: the URI is opaque.
    Other,
}

/// A host: a name or an address.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub enum Host<'a> {
    /// A domain name; empty where a URI has no host.
    Name(&'a str),
    /// An IPv4 address.
    V4(Ipv4Addr),
    /// An IPv6 reference, written in brackets.
    V6(Ipv6Addr),
}

impl<'a> Host<'a> {
    /// Reads a name, an IPv4 address or an IPv6 reference in brackets.
    pub fn parse(text: &'a str) -> Option<Self> {
        if let Some(inner) = text.strip_prefix('[') {
            return inner.strip_suffix(']')?.parse().ok().map(Self::V6);
        }
        if text.as_bytes().first().is_some_and(u8::is_ascii_digit)
            && let Ok(address) = text.parse()
        {
            return Some(Self::V4(address));
        }
        // RFC 3261 25.1 `hostname`; the underscore is not in it but is met in the field.
        let named = !text.is_empty()
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'));
        (named && !text.starts_with(['.', '-'])).then_some(Self::Name(text))
    }

    /// The address, if it is one.
    pub const fn ip(self) -> Option<IpAddr> {
        match self {
            Self::Name(_) => None,
            Self::V4(address) => Some(IpAddr::V4(address)),
            Self::V6(address) => Some(IpAddr::V6(address)),
        }
    }

    /// Equal names in any case, or equal addresses.
    pub fn same_as(self, other: Host<'_>) -> bool {
        match (self, other) {
            (Self::Name(one), Host::Name(two)) => one.eq_ignore_ascii_case(two),
            (Self::V4(one), Host::V4(two)) => one == two,
            (Self::V6(one), Host::V6(two)) => one == two,
            (Self::Name(_) | Self::V4(_) | Self::V6(_), Host::Name(_) | Host::V4(_) | Host::V6(_)) => false,
        }
    }
}

impl From<IpAddr> for Host<'_> {
    fn from(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self::V4(address),
            IpAddr::V6(address) => Self::V6(address),
        }
    }
}

impl fmt::Display for Host<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::V4(address) => write!(f, "{address}"),
            Self::V6(address) => write!(f, "[{address}]"),
        }
    }
}

/// Why a URI was refused.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UriError {
    /// No scheme, or one that is not a scheme.
    #[error("the URI has no scheme")]
    Scheme,
    /// An octet that no URI holds: a control, white space, a quote or an angle bracket.
    #[error("the URI holds a character that must be escaped")]
    Character,
    /// `%` without two hexadecimal digits.
    #[error("the URI holds an incomplete escape")]
    Escape,
    /// The part before `@` is empty or there is more than one `@`.
    #[error("the user part of the URI is malformed")]
    User,
    /// Not a host name, IPv4 address or IPv6 reference.
    #[error("the host of the URI is malformed")]
    Host,
    /// Not a port number.
    #[error("the port of the URI is malformed")]
    Port,
    /// A parameter without a name, or one that is there twice.
    #[error("a parameter of the URI is malformed")]
    Param,
    /// A header that is not `name=value`.
    #[error("the headers of the URI are malformed")]
    Header,
    /// Not a telephone number.
    #[error("the telephone number is malformed")]
    Number,
}

/// A URI as a view of its text.
#[derive(Copy, Clone, Debug)]
pub struct Uri<'a> {
    /// Its scheme.
    pub scheme: Scheme,
    /// The user part with its escapes; the number of a tel URI.
    pub user: Option<&'a str>,
    /// What stands after a colon in the user part; its use is discouraged (RFC 3261 19.1.1).
    pub password: Option<&'a str>,
    /// The host; an empty name for tel and unknown schemes.
    pub host: Host<'a>,
    /// The port, if one is written.
    pub port: Option<u16>,
    /// The parameters.
    pub params: Params<'a>,
    /// What follows `?`, without it; empty if there is none.
    pub headers: &'a str,
    /// All that follows the scheme's colon where the scheme is `Other`, and empty otherwise.
    pub opaque: &'a str,
    /// The scheme as it was written.
    pub scheme_name: &'a str,
}

impl<'a> Uri<'a> {
    /// Reads a URI.
    ///
    /// Whatever the scheme, text that could break out of a header field (controls, white space,
    /// quotes, angle brackets) is refused: a URI that was read here may be written anywhere a URI
    /// may stand between angle brackets.
    pub fn parse(text: &'a str) -> Result<Self, UriError> {
        // Without an early end: so the compiler looks at many octets at once.
        let breaks = |byte: u8| (byte <= b' ') | (byte == b'"') | (byte == b'<') | (byte == b'>') | (byte == 0x7f);
        if text.bytes().fold(false, |found, byte| found | breaks(byte)) {
            return Err(UriError::Character);
        }
        let (scheme_name, rest) = split_byte(text, b':').ok_or(UriError::Scheme)?;
        let scheme = match scheme_name {
            "sip" => Scheme::Sip,
            "sips" => Scheme::Sips,
            name if name.eq_ignore_ascii_case("sip") => Scheme::Sip,
            name if name.eq_ignore_ascii_case("sips") => Scheme::Sips,
            name if name.eq_ignore_ascii_case("tel") => Scheme::Tel,
            name => {
                let mut bytes = name.bytes();
                let first = bytes.next().is_some_and(|b| b.is_ascii_alphabetic());
                if !first || !bytes.all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.')) {
                    return Err(UriError::Scheme);
                }
                Scheme::Other
            }
        };
        let blank = Self {
            scheme,
            user: None,
            password: None,
            host: Host::Name(""),
            port: None,
            params: Params::default(),
            headers: "",
            opaque: "",
            scheme_name,
        };
        match scheme {
            Scheme::Sip | Scheme::Sips => blank.sip(rest),
            Scheme::Tel => blank.tel(rest),
            Scheme::Other if rest.is_empty() => Err(UriError::Host),
            Scheme::Other => Ok(Self { opaque: rest, ..blank }),
        }
    }

    fn sip(mut self, rest: &'a str) -> Result<Self, UriError> {
        check_escapes(rest)?;
        // The user part may hold semicolons, slashes and question marks: it is split off first.
        let rest = match split_byte(rest, b'@') {
            Some((_, tail)) if memchr::memchr(b'@', tail.as_bytes()).is_some() => return Err(UriError::User),
            Some((user, tail)) => {
                let (user, password) = match split_byte(user, b':') {
                    Some((user, password)) => (user, Some(password)),
                    None => (user, None),
                };
                if user.is_empty() {
                    return Err(UriError::User);
                }
                self.user = Some(user);
                self.password = password;
                tail
            }
            None => rest,
        };
        let (rest, headers) = match split_byte(rest, b'?') {
            Some((rest, headers)) => (rest, Some(headers)),
            None => (rest, None),
        };
        if let Some(headers) = headers {
            check_headers(headers)?;
            self.headers = headers;
        }
        let (hostport, params) = match split_byte(rest, b';') {
            Some((hostport, params)) => (hostport, Some(params)),
            None => (rest, None),
        };
        if let Some(params) = params {
            check_params(params)?;
            self.params = Params::new(params);
        }
        (self.host, self.port) = host_port(hostport)?;
        Ok(self)
    }

    fn tel(mut self, rest: &'a str) -> Result<Self, UriError> {
        check_escapes(rest)?;
        let (number, params) = match split_byte(rest, b';') {
            Some((number, params)) => (number, Some(params)),
            None => (rest, None),
        };
        let global = number.strip_prefix('+');
        let mut digits = 0;
        for byte in global.unwrap_or(number).bytes() {
            let is_digit = match global {
                Some(_) => byte.is_ascii_digit(),
                None => byte.is_ascii_hexdigit() || matches!(byte, b'*' | b'#'),
            };
            digits += usize::from(is_digit);
            if !is_digit && !number::is_separator(byte) {
                return Err(UriError::Number);
            }
        }
        if digits == 0 {
            return Err(UriError::Number);
        }
        if let Some(params) = params {
            check_params(params)?;
            self.params = Params::new(params);
        }
        self.user = Some(number);
        Ok(self)
    }

    /// The user part with its escapes resolved; octets that are not UTF-8 become U+FFFD.
    pub fn user_unescaped(&self) -> Cow<'a, str> {
        unescape(self.user.unwrap_or(""))
    }

    /// A parameter's value with its escapes, empty if it has none. The name may have been written
    /// with escapes (RFC 4475 3.1.1.3).
    pub fn param(&self, name: &str) -> Option<&'a str> {
        let same = |found: &str| found.eq_ignore_ascii_case(name) || same_escaped(Some(found), Some(name), true);
        self.params
            .iter()
            .find(|(found, _)| same(found))
            .map(|(_, value)| value)
    }

    /// The transport that the URI asks for: its `transport` parameter, if that names one that is known here, and TLS
    /// beneath it where the scheme is `sips` (RFC 3261 26.2.2, RFC 7118 section 5.2). `None` leaves it open.
    pub fn transport(&self) -> Option<Transport> {
        let named = self.param("transport").and_then(Transport::from_name);
        match self.scheme {
            Scheme::Sips => Some(named.unwrap_or(Transport::Tls).secured()),
            Scheme::Sip | Scheme::Tel | Scheme::Other => named,
        }
    }

    /// What the URI names, if it is a GRUU: it has the parameter `gr` (RFC 5627 section 6.1).
    pub fn gruu(&self) -> Option<gruu::Gruu<'a>> {
        gruu::read(self)
    }

    /// Whether `lr` is there (RFC 3261 section 19.1.1).
    pub fn is_loose(&self) -> bool {
        self.param("lr").is_some()
    }

    /// The headers: name and value, escapes kept.
    pub fn header_fields(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        self.headers.split('&').filter_map(|field| field.split_once('='))
    }

    /// The value of the header `name` (in any case) with its escapes resolved. The value may hold any character, also
    /// control characters: the reader of that header has to check it.
    ///
    /// # Errors
    /// [`UriError::Header`] if that header is there more than once.
    pub fn header_field(&self, name: &str) -> Result<Option<Cow<'a, str>>, UriError> {
        let mut found = self
            .header_fields()
            .filter(|(text, _)| unescape(text).eq_ignore_ascii_case(name));
        match (found.next(), found.next()) {
            (_, Some(_)) => Err(UriError::Header),
            (first, None) => Ok(first.map(|(_, value)| unescape(value))),
        }
    }
}

impl fmt::Display for Uri<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.scheme {
            Scheme::Sip => f.write_str("sip:")?,
            Scheme::Sips => f.write_str("sips:")?,
            Scheme::Tel => f.write_str("tel:")?,
            Scheme::Other => return write!(f, "{}:{}", self.scheme_name, self.opaque),
        }
        if let Some(user) = self.user {
            f.write_str(user)?;
            if let Some(password) = self.password {
                write!(f, ":{password}")?;
            }
            if self.scheme != Scheme::Tel {
                f.write_str("@")?;
            }
        }
        write!(f, "{}", self.host)?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        if !self.params.is_empty() {
            write!(f, ";{}", self.params.as_str())?;
        }
        if !self.headers.is_empty() {
            write!(f, "?{}", self.headers)?;
        }
        Ok(())
    }
}

/// Splits `host[:port]`.
pub(crate) fn host_port(text: &str) -> Result<(Host<'_>, Option<u16>), UriError> {
    let end = if text.starts_with('[') {
        memchr::memchr(b']', text.as_bytes()).map(|at| at + 1)
    } else {
        memchr::memchr(b':', text.as_bytes())
    };
    let end = end.unwrap_or(text.len());
    let (host, rest) = text.split_at_checked(end).ok_or(UriError::Host)?;
    let host = Host::parse(host).ok_or(UriError::Host)?;
    if rest.is_empty() {
        return Ok((host, None));
    }
    let digits = rest.strip_prefix(':').ok_or(UriError::Port)?;
    let port = crate::headers::number(digits).and_then(|port| u16::try_from(port).ok());
    // RFC 3261 25.1: the port may not be empty; zero is nobody's port.
    Ok((host, Some(port.filter(|&port| port != 0).ok_or(UriError::Port)?)))
}

fn check_escapes(text: &str) -> Result<(), UriError> {
    let bytes = text.as_bytes();
    for at in memchr::memchr_iter(b'%', bytes) {
        if !bytes
            .get(at + 1..at + 3)
            .is_some_and(|pair| pair.iter().all(u8::is_ascii_hexdigit))
        {
            return Err(UriError::Escape);
        }
    }
    Ok(())
}

/// Each parameter has a name, and none is there twice (RFC 3261 section 19.1.1).
fn check_params(params: &str) -> Result<(), UriError> {
    let name = |param: &'_ str| -> usize { param.find('=').unwrap_or(param.len()) };
    for (index, param) in params.split(';').enumerate() {
        let this = param.get(..name(param)).unwrap_or("");
        if this.is_empty() || param.contains(',') || index >= MAX_PARAMS {
            return Err(UriError::Param);
        }
        let twice = params.split(';').take(index).any(|earlier| {
            earlier
                .get(..name(earlier))
                .is_some_and(|earlier| earlier.eq_ignore_ascii_case(this))
        });
        if twice {
            return Err(UriError::Param);
        }
    }
    Ok(())
}

fn check_headers(headers: &str) -> Result<(), UriError> {
    let good = |field: &str| field.split_once('=').is_some_and(|(name, _)| !name.is_empty());
    if headers.split('&').all(good) && headers.split('&').count() <= MAX_PARAMS {
        Ok(())
    } else {
        Err(UriError::Header)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(one: &str, two: &str) -> bool {
        let (one, two) = (Uri::parse(one).unwrap(), Uri::parse(two).unwrap());
        assert_eq!(one.same_as(&two), two.same_as(&one));
        one.same_as(&two)
    }

    #[test]
    fn the_parts_of_a_sip_uri() {
        let uri = Uri::parse("sips:al%69ce:pw@[2001:db8::1]:5070;Transport=tcp;lr?Subject=hi&Priority=urgent").unwrap();
        assert_eq!(uri.scheme, Scheme::Sips);
        assert_eq!((uri.user, uri.password), (Some("al%69ce"), Some("pw")));
        assert_eq!(uri.user_unescaped(), "alice");
        assert_eq!(uri.host, Host::V6("2001:db8::1".parse().unwrap()));
        assert_eq!(
            (uri.port, uri.transport(), uri.is_loose()),
            (Some(5070), Some(Transport::Tls), true)
        );
        assert_eq!(uri.header_fields().nth(1), Some(("Priority", "urgent")));
        assert_eq!(
            uri.to_string(),
            "sips:al%69ce:pw@[2001:db8::1]:5070;Transport=tcp;lr?Subject=hi&Priority=urgent"
        );
        let uri = Uri::parse("SIP:192.0.2.1").unwrap();
        assert_eq!(
            (uri.user, uri.host, uri.port),
            (None, Host::V4("192.0.2.1".parse().unwrap()), None)
        );
        assert_eq!(Uri::parse("sip:*72#@pbx").unwrap().user, Some("*72#"));
    }

    #[test]
    fn a_header_of_a_uri_is_read_and_written_with_escapes() {
        let value = "a b@h;to-tag=1&2=%\u{e9}?[/]:+$";
        let text = format!("sip:bob@h?Replaces={}&Subject=x&subject=y", escape_header(value));
        assert_eq!(
            text,
            "sip:bob@h?Replaces=a%20b%40h%3Bto-tag%3D1%262%3D%25%C3%A9?[/]:+$&Subject=x&subject=y"
        );
        let uri = Uri::parse(&text).unwrap();
        assert_eq!(uri.header_field("replaces").unwrap().unwrap(), value);
        assert_eq!(uri.header_field("Subject"), Err(UriError::Header), "twice");
        assert_eq!(uri.header_field("Body"), Ok(None));
    }

    #[test]
    fn a_sips_uri_asks_for_tls_beneath_its_transport() {
        for (text, transport) in [
            ("sip:h", None),
            ("sip:h;transport=tcp", Some(Transport::Tcp)),
            ("sip:h;transport=WS", Some(Transport::Ws)),
            ("sip:h;transport=sctp", None),
            ("sips:h", Some(Transport::Tls)),
            ("sips:h;transport=tcp", Some(Transport::Tls)),
            ("sips:h;transport=ws", Some(Transport::Wss)),
        ] {
            assert_eq!(Uri::parse(text).unwrap().transport(), transport, "{text}");
        }
    }

    #[test]
    fn tel_uris_are_global_or_local() {
        let uri = Uri::parse("tel:+1-201-555-0123;ext=7").unwrap();
        assert_eq!(
            (uri.scheme, uri.user, uri.param("ext")),
            (Scheme::Tel, Some("+1-201-555-0123"), Some("7"))
        );
        assert_eq!(uri.to_string(), "tel:+1-201-555-0123;ext=7");
        assert!(same("tel:+1-201-555-0123", "TEL:+12015550123"));
        assert!(!same("tel:+12015550123", "tel:12015550123;phone-context=+1"));
        assert!(same(
            "tel:7042;phone-context=example.com",
            "tel:70-42;phone-context=EXAMPLE.com"
        ));
        for bad in ["tel:", "tel:+", "tel:+1x", "tel:alice", "tel:+1;", "tel:()"] {
            assert!(Uri::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_could_break_out_of_a_header_is_refused() {
        for text in ["a>b", "a<b", "a\"b", "a b", "a\tb", "a\r\nVia:b", "a\0b", "a\x7fb"] {
            for uri in [
                format!("sip:{text}@h"),
                format!("sip:h;p={text}"),
                format!("sip:h?x={text}"),
                format!("urn:{text}"),
            ] {
                assert_eq!(Uri::parse(&uri).unwrap_err(), UriError::Character, "{uri:?}");
            }
        }
    }

    #[test]
    fn malformed_uris_are_refused() {
        for (text, error) in [
            ("alice@h", UriError::Scheme),
            ("1x:h", UriError::Scheme),
            (":h", UriError::Scheme),
            ("sip:", UriError::Host),
            ("sip:@h", UriError::User),
            ("sip:a@b@c", UriError::User),
            ("sip:a@", UriError::Host),
            ("sip:a@h_\u{e9}", UriError::Host),
            ("sip:[::1", UriError::Host),
            ("sip:[::g]", UriError::Host),
            ("sip:[::1]x", UriError::Port),
            ("sip:h:", UriError::Port),
            ("sip:h:0", UriError::Port),
            ("sip:h:65536", UriError::Port),
            ("sip:h:+5", UriError::Port),
            ("sip:%zz@h", UriError::Escape),
            ("sip:a%4@h", UriError::Escape),
            ("sip:h;", UriError::Param),
            ("sip:h;=x", UriError::Param),
            ("sip:h;lr;LR", UriError::Param),
            ("sip:h?", UriError::Header),
            ("sip:h?x", UriError::Header),
            ("urn:", UriError::Host),
        ] {
            assert_eq!(Uri::parse(text).unwrap_err(), error, "{text}");
        }
        let many: String = (0..=MAX_PARAMS).map(|index| format!(";p{index}")).collect();
        assert!(Uri::parse(&format!("sip:h{many}")).is_err());
    }

    /// The examples of RFC 3261 section 19.1.4, and its rules one by one.
    #[test]
    fn comparison_follows_the_rules() {
        for (one, two) in [
            (
                "sip:%61lice@atlanta.com;transport=TCP",
                "sip:alice@AtLanTa.CoM;Transport=tcp",
            ),
            ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
            ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;newparam=5"),
            (
                "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
                "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
            ),
            (
                "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
                "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
            ),
            ("sip:[2001:db8::1]", "sip:[2001:DB8:0::1]"),
        ] {
            assert!(same(one, two), "{one} {two}");
        }
        for (one, two) in [
            (
                "SIP:ALICE@AtLanTa.CoM;Transport=udp",
                "sip:alice@AtLanTa.CoM;Transport=UDP",
            ),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"),
            ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"),
            ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
            (
                "sip:carol@chicago.com;security=on",
                "sip:carol@chicago.com;security=off",
            ),
            ("sip:bob@biloxi.com", "sips:bob@biloxi.com"),
            ("sip:a%3Bb@h", "sip:a;b@h"),
            ("sip:a:one@h", "sip:a:two@h"),
            ("sip:a@h", "sip:h"),
            ("sip:h;maddr=239.255.255.1", "sip:h"),
            ("sip:h;ttl=1", "sip:h;ttl=2"),
            ("sip:h;user=phone", "sip:h"),
            ("sip:h;method=INVITE", "sip:h"),
            ("sip:h?a=1&a=1", "sip:h?a=1"),
            ("urn:service:sos", "urn:service:sos.fire"),
            ("urn:a", "sip:a"),
        ] {
            assert!(!same(one, two), "{one} {two}");
        }
    }

    #[test]
    fn a_user_part_is_escaped_where_it_must_be() {
        let text = "a b@c:d<e>\"%\u{e9};=";
        let written = format!("sip:{}@h", escape_user(text));
        assert_eq!(written, "sip:a%20b%40c%3Ad%3Ce%3E%22%25%C3%A9;=@h");
        assert_eq!(Uri::parse(&written).unwrap().user_unescaped(), text);
    }
}
