//! [`Sdp`] to text, in the order RFC 4566 section 5 wants.

use std::fmt::{self, Display, Formatter};

use super::{Attribute, Bandwidth, Connection, Host, Media, Sdp};

impl Display for Host {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Host::Ip(ip) => ip.fmt(f),
            Host::Name(name) => f.write_str(name),
        }
    }
}

fn family(ip6: bool) -> &'static str {
    if ip6 { "IP6" } else { "IP4" }
}

impl Display for Connection {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "c=IN {} {}", family(self.ip6), self.host)?;
        if let Some(ttl) = self.ttl {
            write!(f, "/{ttl}")?;
        }
        if let Some(count) = self.count {
            write!(f, "/{count}")?;
        }
        f.write_str("\r\n")
    }
}

impl Display for Bandwidth {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "b={}:{}\r\n", self.kind, self.value)
    }
}

impl Display for Attribute {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.value {
            Some(value) => write!(f, "a={}:{value}\r\n", self.name),
            None => write!(f, "a={}\r\n", self.name),
        }
    }
}

fn each<T: Display>(f: &mut Formatter<'_>, items: &[T]) -> fmt::Result {
    items.iter().try_for_each(|item| item.fmt(f))
}

fn text(f: &mut Formatter<'_>, kind: char, value: &Option<String>) -> fmt::Result {
    match value {
        Some(value) => write!(f, "{kind}={value}\r\n"),
        None => Ok(()),
    }
}

impl Display for Media {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "m={} {}", self.kind, self.port)?;
        if let Some(count) = self.count {
            write!(f, "/{count}")?;
        }
        write!(f, " {}", self.protocol)?;
        for format in &self.formats {
            write!(f, " {format}")?;
        }
        f.write_str("\r\n")?;
        text(f, 'i', &self.info)?;
        each(f, &self.connections)?;
        each(f, &self.bandwidths)?;
        text(f, 'k', &self.key)?;
        each(f, &self.attributes)
    }
}

impl Display for Sdp {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let o = &self.origin;
        write!(f, "v=0\r\no={} {} {} ", o.username, o.session_id, o.version)?;
        write!(f, "IN {} {}\r\ns={}\r\n", family(o.ip6), o.host, self.name)?;
        text(f, 'i', &self.info)?;
        text(f, 'u', &self.uri)?;
        for email in &self.emails {
            write!(f, "e={email}\r\n")?;
        }
        for phone in &self.phones {
            write!(f, "p={phone}\r\n")?;
        }
        if let Some(connection) = &self.connection {
            connection.fmt(f)?;
        }
        each(f, &self.bandwidths)?;
        for time in &self.times {
            write!(f, "t={} {}\r\n", time.start, time.stop)?;
            for repeat in &time.repeats {
                write!(f, "r={repeat}\r\n")?;
            }
        }
        text(f, 'z', &self.zones)?;
        text(f, 'k', &self.key)?;
        each(f, &self.attributes)?;
        each(f, &self.media)
    }
}
