//! Session-Expires and Min-SE (RFC 4028), Session-ID (RFC 7989), RAck and RSeq (RFC 3262).

use std::{fmt, time::Duration};

use super::{Header, HeaderError, is_blank, item::Item, name::HeaderName, number, trim};
use crate::Method;

/// The UUID of a party that is not known (RFC 7989 section 5).
pub const NO_SESSION: &str = "00000000000000000000000000000000";

/// The names of a session at its two ends (RFC 7989 section 5).
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct SessionId<'a> {
    /// The UUID of the end that sent the message: 32 hexadecimal digits in lower case; [`NO_SESSION`] if it is not known.
    pub local: &'a str,
    /// The UUID of the other end, as the sender knows it; `None` where it says none.
    pub remote: Option<&'a str>,
}

impl<'a> Header<'a> for SessionId<'a> {
    const NAME: HeaderName = HeaderName::SessionId;

    fn read(value: &'a str) -> Result<Self, &'static str> {
        let item = Item::split(value)?;
        let uuid = |text: &str| {
            let digits = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
            text.len() == NO_SESSION.len() && digits
        };
        let remote = item.params.get("remote");
        if !uuid(item.value) || remote.is_some_and(|remote| !uuid(remote)) {
            return Err("not a UUID of 32 hexadecimal digits");
        }
        Ok(Self {
            local: item.value,
            remote,
        })
    }
}

impl fmt::Display for SessionId<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{};remote={}", self.local, self.remote.unwrap_or(NO_SESSION))
    }
}

/// Who refreshes a session.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Refresher {
    /// Who sent the request that this is about.
    Uac,
    /// Who answered it.
    Uas,
}

/// How long a session lives without a refresh (RFC 4028 section 4).
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct SessionExpires {
    /// The interval in seconds.
    pub seconds: u32,
    /// Who refreshes; undecided if it is not said.
    pub refresher: Option<Refresher>,
}

impl SessionExpires {
    /// The interval.
    pub const fn interval(&self) -> Duration {
        Duration::from_secs(self.seconds as u64)
    }
}

impl Header<'_> for SessionExpires {
    const NAME: HeaderName = HeaderName::SessionExpires;

    fn read(value: &str) -> Result<Self, &'static str> {
        let item = Item::split(value)?;
        let seconds = number(item.value).ok_or("not a number of seconds")?;
        let refresher = match item.params.get("refresher") {
            None => None,
            Some(who) if who.eq_ignore_ascii_case("uac") => Some(Refresher::Uac),
            Some(who) if who.eq_ignore_ascii_case("uas") => Some(Refresher::Uas),
            // RFC 4028 section 4: any other value is a generic parameter, and says nothing.
            Some(_) => None,
        };
        Ok(Self { seconds, refresher })
    }
}

impl fmt::Display for SessionExpires {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.seconds)?;
        match self.refresher {
            Some(Refresher::Uac) => f.write_str(";refresher=uac"),
            Some(Refresher::Uas) => f.write_str(";refresher=uas"),
            None => Ok(()),
        }
    }
}

/// The shortest session interval somebody on the way accepts, in seconds (RFC 4028 section 5).
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct MinSe(pub u32);

impl Header<'_> for MinSe {
    const NAME: HeaderName = HeaderName::MinSe;

    fn read(value: &str) -> Result<Self, &'static str> {
        number(Item::split(value)?.value)
            .map(Self)
            .ok_or("not a number of seconds")
    }
}

/// The number of a reliable provisional response, 1 to 2^32 - 1 (RFC 3262 section 7.1).
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct RSeq(pub u32);

impl Header<'_> for RSeq {
    const NAME: HeaderName = HeaderName::RSeq;

    fn read(value: &str) -> Result<Self, &'static str> {
        number(value)
            .filter(|&number| number > 0)
            .map(Self)
            .ok_or("not a number from 1 to 2^32 - 1")
    }
}

/// Which reliable provisional response a PRACK is for (RFC 3262 section 7.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RAck {
    /// The response's RSeq.
    pub rseq: u32,
    /// Its CSeq number.
    pub cseq: u32,
    /// Its CSeq method.
    pub method: Method,
}

impl Header<'_> for RAck {
    const NAME: HeaderName = HeaderName::RAck;

    fn read(value: &str) -> Result<Self, &'static str> {
        let (rseq, rest) = value
            .split_once(is_blank)
            .ok_or("two numbers and a method are expected")?;
        let RSeq(rseq) = RSeq::read(rseq)?;
        let cseq = super::cseq::CSeq::parse(trim(rest)).map_err(|error: HeaderError| error.fault)?;
        Ok(Self {
            rseq,
            cseq: cseq.number,
            method: cseq.method,
        })
    }
}

impl fmt::Display for RAck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.rseq, self.cseq, self.method)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn session_timers_are_read_and_written() {
        for text in ["1800", "90;refresher=uac", "4294967295;refresher=uas"] {
            assert_eq!(SessionExpires::read(text).unwrap().to_string(), text);
        }
        let read = SessionExpires::read("1800 ; Refresher = UAS ; x=1").unwrap();
        assert_eq!(read.refresher, Some(Refresher::Uas));
        let read = SessionExpires::read("90;refresher=me;x").unwrap();
        assert_eq!((read.seconds, read.refresher), (90, None));
        for bad in ["", "-1", "4294967296", "+90", "90 s", "90;refresher=uac;refresher=uas"] {
            assert!(SessionExpires::read(bad).is_err(), "{bad}");
        }
        assert_eq!(MinSe::read("90;x"), Ok(MinSe(90)));
    }

    #[test]
    fn reliable_responses_are_numbered_from_one() {
        let read = RAck::read("776656   1 INVITE").unwrap();
        assert_eq!((read.rseq, read.cseq, &read.method), (776_656, 1, &Method::Invite));
        assert_eq!(read.to_string(), "776656 1 INVITE");
        assert!(RSeq::read("0").is_err() && RSeq::read("4294967296").is_err());
        for bad in ["", "1", "1 2", "0 1 INVITE", "1 x INVITE"] {
            assert!(RAck::read(bad).is_err(), "{bad}");
        }
    }
}
