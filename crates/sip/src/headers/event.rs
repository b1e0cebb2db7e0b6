//! Event and Subscription-State (RFC 6665 section 8.2).

use std::fmt;

use super::{Header, is_token, item::Item, name::HeaderName, number};
use crate::Params;

/// What a subscription is to.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Event<'a> {
    /// The event package, with its templates, such as `dialog` or `presence.winfo`.
    pub package: &'a str,
    /// Tells several subscriptions of one dialog apart.
    pub id: Option<&'a str>,
    /// All parameters.
    pub params: Params<'a>,
}

impl<'a> Header<'a> for Event<'a> {
    const NAME: HeaderName = HeaderName::Event;

    fn read(value: &'a str) -> Result<Self, &'static str> {
        let item = Item::split(value)?;
        if !item.value.split('.').all(|part| is_token(part.as_bytes())) {
            return Err("the event package is not a token");
        }
        Ok(Self {
            package: item.value,
            id: item.params.get("id"),
            params: item.params,
        })
    }
}

impl<'a> Event<'a> {
    /// An event to be written, with no parameters besides `id`.
    pub fn new(package: &'a str, id: Option<&'a str>) -> Self {
        Self {
            package,
            id,
            params: Params::default(),
        }
    }

    /// Whether both name the same subscription within a dialog: equal packages, in any case, and equal `id`s
    /// (RFC 6665 section 8.2.1).
    pub fn is_same(&self, other: &Event<'_>) -> bool {
        self.package.eq_ignore_ascii_case(other.package) && self.id == other.id
    }
}

impl fmt::Display for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.package)?;
        if let Some(id) = self.id {
            write!(f, ";id={id}")?;
        }
        for (name, value) in self.params.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("id")) {
            write!(f, ";{name}")?;
            if !value.is_empty() {
                write!(f, "={value}")?;
            }
        }
        Ok(())
    }
}

/// Where a subscription stands.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum SubState<'a> {
    /// Accepted.
    Active,
    /// Waiting for somebody to accept it.
    Pending,
    /// Over.
    Terminated,
    /// An extension.
    Other(&'a str),
}

/// A NOTIFY's Subscription-State.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct SubscriptionState<'a> {
    /// Where it stands.
    pub state: SubState<'a>,
    /// Why it ended, such as `noresource`.
    pub reason: Option<&'a str>,
    /// Seconds that are left.
    pub expires: Option<u32>,
    /// Seconds to wait before a new attempt.
    pub retry_after: Option<u32>,
}

impl<'a> Header<'a> for SubscriptionState<'a> {
    const NAME: HeaderName = HeaderName::SubscriptionState;

    fn read(value: &'a str) -> Result<Self, &'static str> {
        let item = Item::parse(value)?;
        let state = match item.value {
            text if text.eq_ignore_ascii_case("active") => SubState::Active,
            text if text.eq_ignore_ascii_case("pending") => SubState::Pending,
            text if text.eq_ignore_ascii_case("terminated") => SubState::Terminated,
            text => SubState::Other(text),
        };
        let seconds = |name: &str| {
            item.params
                .get(name)
                .map(|text| number(text).ok_or("not a number of seconds"))
                .transpose()
        };
        let (expires, retry_after) = (seconds("expires")?, seconds("retry-after")?);
        Ok(Self {
            state,
            reason: item.params.get("reason"),
            expires,
            retry_after,
        })
    }
}

impl fmt::Display for SubscriptionState<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.state {
            SubState::Active => "active",
            SubState::Pending => "pending",
            SubState::Terminated => "terminated",
            SubState::Other(text) => text,
        })?;
        if let Some(reason) = self.reason {
            write!(f, ";reason={reason}")?;
        }
        if let Some(expires) = self.expires {
            write!(f, ";expires={expires}")?;
        }
        if let Some(seconds) = self.retry_after {
            write!(f, ";retry-after={seconds}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_and_states() {
        let read = Event::read("presence.winfo; id=7").unwrap();
        assert_eq!((read.package, read.id), ("presence.winfo", Some("7")));
        assert_eq!(read.to_string(), "presence.winfo;id=7");
        assert_eq!(Event::new("refer", None).to_string(), "refer");
        let refer = Event::read("Refer;x;id=93809824;y=1").unwrap();
        assert_eq!(refer.to_string(), "Refer;id=93809824;x;y=1");
        assert!(refer.is_same(&Event::new("refer", Some("93809824"))));
        assert!(!refer.is_same(&Event::new("refer", None)) && !refer.is_same(&Event::new("dialog", refer.id)));
        assert!(Event::read("a..b").is_err() && Event::read("").is_err() && Event::read("a b").is_err());
        for text in [
            "active;expires=60",
            "pending",
            "terminated;reason=noresource",
            "terminated;reason=probation;retry-after=9",
        ] {
            assert_eq!(SubscriptionState::read(text).unwrap().to_string(), text);
        }
        assert!(SubscriptionState::read("active;expires=x").is_err());
        assert_eq!(
            SubscriptionState::read("Deferred").unwrap().state,
            SubState::Other("Deferred")
        );
    }
}
