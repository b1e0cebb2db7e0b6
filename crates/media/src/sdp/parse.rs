//! Bytes to [`Sdp`].

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Attribute, Bandwidth, Connection, Host, Media, Origin, Sdp, SdpError, Time};

/// The most that a description may hold.
#[derive(Clone, Debug)]
pub struct SdpLimits {
    /// Bytes in all.
    pub bytes: usize,
    /// Lines in all.
    pub lines: usize,
    /// `m=` lines.
    pub media: usize,
    /// Formats on one `m=` line.
    pub formats: usize,
}

impl Default for SdpLimits {
    fn default() -> Self {
        SdpLimits {
            bytes: 32 * 1024,
            lines: 1024,
            media: 32,
            formats: 128,
        }
    }
}

impl Sdp {
    /// Reads a description within the limits given.
    pub fn parse_within(bytes: &[u8], limits: &SdpLimits) -> Result<Sdp, SdpError> {
        if bytes.len() > limits.bytes {
            return Err(SdpError::TooLarge("bytes"));
        }
        let mut reader = Reader {
            line: 0,
            limits,
            sdp: empty(),
            origin: false,
        };
        // RFC 4566 section 5: CRLF ends a line, a bare LF should be accepted. A bare CR is taken too.
        for line in bytes.split(|byte| matches!(byte, b'\n' | b'\r')) {
            // No line may hold NUL: some phones end a description with it, as a program does its text.
            let ended = line.trim_ascii_start().first() == Some(&0);
            if ended {
                break;
            }
            let length = line.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
            let line = line.get(..length).unwrap_or(line);
            if !line.trim_ascii().is_empty() {
                reader.read(&String::from_utf8_lossy(line))?;
            }
        }
        if reader.line == 0 {
            return Err(reader.fault("a description begins with v=0"));
        }
        Ok(reader.sdp)
    }
}

struct Reader<'a> {
    line: usize,
    limits: &'a SdpLimits,
    sdp: Sdp,
    origin: bool,
}

impl Reader<'_> {
    fn read(&mut self, line: &str) -> Result<(), SdpError> {
        self.line += 1;
        if self.line > self.limits.lines {
            return Err(SdpError::TooLarge("lines"));
        }
        let (kind, value) = line.split_once('=').ok_or(self.fault("not TYPE=VALUE"))?;
        if self.line == 1 {
            if kind != "v" || value.trim() != "0" {
                return Err(self.fault("a description begins with v=0"));
            }
            return Ok(());
        }
        if let ("m", _) = (kind, value) {
            return self.media(value);
        }
        match self.sdp.media.is_empty() {
            true => self.session_line(kind, value),
            false => self.media_line(kind, value),
        }
    }

    fn session_line(&mut self, kind: &str, value: &str) -> Result<(), SdpError> {
        match kind {
            "o" if self.origin => return Err(self.fault("a second o=")),
            "o" => {
                self.sdp.origin = origin(value).unwrap_or(empty().origin);
                self.origin = true;
            }
            "s" => self.sdp.name = value.to_owned(),
            "i" => self.sdp.info = Some(value.to_owned()),
            "u" => self.sdp.uri = Some(value.to_owned()),
            "e" => self.sdp.emails.push(value.to_owned()),
            "p" => self.sdp.phones.push(value.to_owned()),
            "c" => self.sdp.connection = Some(connection(value).ok_or(self.fault("c= is malformed"))?),
            "b" => self.sdp.bandwidths.extend(bandwidth(value)),
            // A call lasts as long as its dialog, whatever its times say (RFC 3264 section 5: they are to be zero).
            "t" => self.sdp.times.extend(time(value)),
            "r" => {
                if let Some(time) = self.sdp.times.last_mut() {
                    time.repeats.push(value.to_owned());
                }
            }
            "z" => self.sdp.zones = Some(value.to_owned()),
            "k" => self.sdp.key = Some(value.to_owned()),
            "a" => self.sdp.attributes.push(attribute(value)),
            // RFC 4566 section 5: an unknown type letter spoils the whole description.
            _ => return Err(self.fault("unknown line type")),
        }
        Ok(())
    }

    fn media_line(&mut self, kind: &str, value: &str) -> Result<(), SdpError> {
        let fault = self.fault("this line has no place under m=");
        let bad_connection = self.fault("c= is malformed");
        let Some(media) = self.sdp.media.last_mut() else {
            return Err(fault);
        };
        match kind {
            "i" => media.info = Some(value.to_owned()),
            "c" => media.connections.push(connection(value).ok_or(bad_connection)?),
            "b" => media.bandwidths.extend(bandwidth(value)),
            "k" => media.key = Some(value.to_owned()),
            "a" => media.attributes.push(attribute(value)),
            _ => return Err(fault),
        }
        Ok(())
    }

    fn media(&mut self, value: &str) -> Result<(), SdpError> {
        if self.sdp.media.len() >= self.limits.media {
            return Err(SdpError::TooLarge("media lines"));
        }
        let fault = self.fault("m= is malformed");
        let mut words = value.split_ascii_whitespace();
        let (Some(kind), Some(port), Some(protocol)) = (words.next(), words.next(), words.next()) else {
            return Err(fault);
        };
        let (port, count) = match port.split_once('/') {
            Some((port, count)) => (port, Some(count.parse().map_err(|_| fault.clone())?)),
            None => (port, None),
        };
        let formats: Vec<String> = words.map(str::to_owned).collect();
        if formats.len() > self.limits.formats {
            return Err(SdpError::TooLarge("formats"));
        }
        self.sdp.media.push(Media {
            kind: kind.to_owned(),
            port: port.parse().map_err(|_| fault)?,
            count,
            protocol: protocol.to_owned(),
            formats,
            info: None,
            connections: Vec::new(),
            bandwidths: Vec::new(),
            key: None,
            attributes: Vec::new(),
        });
        Ok(())
    }

    fn fault(&self, what: &'static str) -> SdpError {
        SdpError::Syntax { line: self.line, what }
    }
}

impl Sdp {
    /// A description without a name (`s=-`, RFC 3264 section 5) and for all times.
    pub(crate) fn unnamed() -> Sdp {
        let times = vec![Time {
            start: 0,
            stop: 0,
            repeats: Vec::new(),
        }];
        Sdp {
            name: "-".into(),
            times,
            ..empty()
        }
    }
}

fn empty() -> Sdp {
    Sdp {
        origin: Origin {
            username: String::new(),
            session_id: String::new(),
            version: String::new(),
            host: Host::Ip(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
            ip6: false,
        },
        name: String::new(),
        info: None,
        uri: None,
        emails: Vec::new(),
        phones: Vec::new(),
        connection: None,
        bandwidths: Vec::new(),
        times: Vec::new(),
        zones: None,
        key: None,
        attributes: Vec::new(),
        media: Vec::new(),
    }
}

fn origin(value: &str) -> Option<Origin> {
    let mut words = value.split_ascii_whitespace();
    let (username, session_id, version) = (words.next()?, words.next()?, words.next()?);
    let (host, ip6) = host(words.next()?, words.next()?, words.next()?)?;
    // Numeric by the grammar, but kept as text: some are wider than 64 bits, and nothing is reckoned with them.
    if words.next().is_some() || !digits(session_id) || !digits(version) {
        return None;
    }
    Some(Origin {
        username: username.into(),
        session_id: session_id.into(),
        version: version.into(),
        host,
        ip6,
    })
}

fn digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// The address behind `IN IP4` or `IN IP6`, and whether it was declared IP6.
pub(crate) fn host(network: &str, kind: &str, address: &str) -> Option<(Host, bool)> {
    if !network.eq_ignore_ascii_case("IN") || address.is_empty() {
        return None;
    }
    if kind.eq_ignore_ascii_case("IP4") {
        let numeric = address.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        match address.parse::<Ipv4Addr>() {
            Ok(ip) => Some((Host::Ip(ip.into()), false)),
            Err(_) if numeric => None,
            Err(_) => name(address).map(|h| (h, false)),
        }
    } else if kind.eq_ignore_ascii_case("IP6") {
        match address.parse::<Ipv6Addr>() {
            Ok(ip) => Some((Host::Ip(ip.into()), true)),
            Err(_) if address.contains(':') => None,
            Err(_) => name(address).map(|h| (h, true)),
        }
    } else {
        None
    }
}

fn name(text: &str) -> Option<Host> {
    let legal = text.len() <= 253 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b));
    legal.then(|| Host::Name(text.to_owned()))
}

fn connection(value: &str) -> Option<Connection> {
    let mut words = value.split_ascii_whitespace();
    let (network, kind, address) = (words.next()?, words.next()?, words.next()?);
    let mut parts = address.split('/');
    let (host, ip6) = host(network, kind, parts.next()?)?;
    let (first, second) = (parts.next(), parts.next());
    if words.next().is_some() || parts.next().is_some() {
        return None;
    }
    // RFC 4566 section 5.7: IP4 has /ttl[/count]; IP6 has no TTL, so the first number is the count.
    let (ttl, count) = if ip6 {
        if second.is_some() {
            return None;
        }
        (None, first)
    } else {
        (first, second)
    };
    let ttl = ttl
        .map(|t| t.parse().ok())
        .map_or(Some(None), |t: Option<u8>| t.map(Some))?;
    let count = count
        .map(|c| c.parse().ok())
        .map_or(Some(None), |c: Option<u16>| c.map(Some))?;
    Some(Connection { host, ip6, ttl, count })
}

/// A malformed bandwidth is no reason to lose a call: it is a hint, and left out.
fn bandwidth(value: &str) -> Option<Bandwidth> {
    let (kind, value) = value.split_once(':')?;
    let token = !kind.is_empty() && kind.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    token.then_some(())?;
    Some(Bandwidth {
        kind: kind.to_owned(),
        value: value.trim().parse().ok()?,
    })
}

fn time(value: &str) -> Option<Time> {
    let mut words = value.split_ascii_whitespace();
    let (start, stop) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    words.next().is_none().then_some(Time {
        start,
        stop,
        repeats: Vec::new(),
    })
}

fn attribute(value: &str) -> Attribute {
    match value.split_once(':') {
        Some((name, value)) => Attribute {
            name: name.to_owned(),
            value: Some(value.to_owned()),
        },
        None => Attribute {
            name: value.trim_end().to_owned(),
            value: None,
        },
    }
}
