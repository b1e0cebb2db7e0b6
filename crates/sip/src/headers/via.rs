//! Via (RFC 3261 section 20.42, RFC 3581).

use std::{fmt, net::IpAddr};

use super::{find_top, is_token, split_byte, trim};
use crate::{Params, Transport, uri::Host};

/// One element of a Via field.
#[derive(Copy, Clone, Debug)]
pub struct Via<'a> {
    /// The protocol's name, `SIP`.
    pub protocol: &'a str,
    /// The protocol's version, `2.0`.
    pub version: &'a str,
    /// The transport's name as it came.
    pub transport: &'a str,
    /// The sent-by host as it came, an IPv6 reference with its brackets.
    pub host: &'a str,
    /// The sent-by port.
    pub port: Option<u16>,
    /// The parameters.
    pub params: Params<'a>,
}

impl<'a> Via<'a> {
    /// Reads one element; white space may stand around the slashes and the colon.
    pub fn parse(value: &'a str) -> Result<Self, &'static str> {
        const FAULT: &str = "SIP/2.0, a transport and a host are expected";
        let value = trim(value);
        let (name, rest) = split_byte(value, b'/').ok_or(FAULT)?;
        let (version, rest) = split_byte(rest, b'/').ok_or(FAULT)?;
        let (protocol, version) = (trim(name), trim(version));
        // RFC 3261 25.1: any token; a higher version is refused by the start line, with 505.
        if !is_token(protocol.as_bytes()) || !is_token(version.as_bytes()) {
            return Err("the protocol is not a token");
        }
        let rest = trim(rest);
        let end = memchr::memchr2(b' ', b'\t', rest.as_bytes()).ok_or(FAULT)?;
        let (transport, rest) = rest.split_at_checked(end).ok_or(FAULT)?;
        if !is_token(transport.as_bytes()) {
            return Err("the transport is not a token");
        }
        let end = find_top(rest, b';', false).unwrap_or(rest.len());
        let (sent_by, params) = rest.split_at_checked(end).ok_or(FAULT)?;
        let (host, port) = sent_by_parts(trim(sent_by))?;
        Ok(Self {
            protocol,
            version,
            transport,
            host,
            port,
            params: Params::parse(params)?,
        })
    }

    /// The transport, if it is one that is known here.
    pub fn transport(&self) -> Option<Transport> {
        Transport::from_name(self.transport)
    }

    /// The branch, if it is there and not empty.
    pub fn branch(&self) -> Option<&'a str> {
        self.params.get("branch").filter(|branch| !branch.is_empty())
    }

    /// Where the request really came from.
    pub fn received(&self) -> Option<IpAddr> {
        let text = self.params.get("received")?;
        text.strip_prefix('[')
            .and_then(|text| text.strip_suffix(']'))
            .unwrap_or(text)
            .parse()
            .ok()
    }

    /// `Some(None)` where `rport` asks for symmetric response routing, `Some(Some(port))` where it
    /// has been filled in (RFC 3581).
    pub fn rport(&self) -> Option<Option<u16>> {
        let value = self.params.get("rport")?;
        Some(value.parse().ok())
    }

    /// Where responses are to go instead of the sent-by host.
    pub fn maddr(&self) -> Option<&'a str> {
        self.params.get("maddr")
    }

    /// The time to live of multicast.
    pub fn ttl(&self) -> Option<u8> {
        self.params.get("ttl")?.parse().ok()
    }

    /// The sent-by host.
    pub fn host(&self) -> Host<'a> {
        Host::parse(self.host).unwrap_or(Host::Name(self.host))
    }
}

/// RFC 3261 25.1: the colon may have white space around it.
fn sent_by_parts(sent_by: &str) -> Result<(&str, Option<u16>), &'static str> {
    const FAULT: &str = "the sent-by host is malformed";
    let bytes = sent_by.as_bytes();
    let end = if bytes.first() == Some(&b'[') {
        memchr::memchr(b']', bytes).map(|at| at + 1)
    } else {
        memchr::memchr3(b':', b' ', b'\t', bytes)
    };
    let Some(end) = end.filter(|&end| end < bytes.len()) else {
        Host::parse(sent_by).ok_or(FAULT)?;
        return Ok((sent_by, None));
    };
    let (host, rest) = sent_by.split_at_checked(end).ok_or(FAULT)?;
    Host::parse(host).ok_or(FAULT)?;
    let digits = trim(rest).strip_prefix(':').ok_or(FAULT)?;
    let port = super::number(trim(digits)).and_then(|port| u16::try_from(port).ok());
    Ok((host, Some(port.filter(|&port| port != 0).ok_or(FAULT)?)))
}

impl fmt::Display for Via<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{} {}", self.protocol, self.version, self.transport, self.host)?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        if !self.params.is_empty() {
            write!(f, ";{}", self.params.as_str())?;
        }
        Ok(())
    }
}
