//! The intervals and limits of subscriptions (RFC 6665) and publications (RFC 3903).

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Rate;

/// Intervals, and how much is kept and sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Subscriptions {
    /// Subscriptions of all extensions at once; a further SUBSCRIBE gets 503.
    pub most: usize,
    /// Subscriptions of one extension's phones at once; a further SUBSCRIBE gets 403.
    pub per_extension: usize,
    /// The shortest subscription, in seconds. A shorter one gets 423, except 0, which ends it. At most an hour (RFC 6665
    /// section 4.2.1.1).
    pub min_expires: u32,
    /// The longest subscription, in seconds. A longer one is shortened to it.
    pub max_expires: u32,
    /// The interval of a SUBSCRIBE that names none, in seconds.
    pub default_expires: u32,
    /// NOTIFYs of all subscriptions together; those beyond it wait, and changes meanwhile share one NOTIFY.
    pub notifies: Rate,
    /// The shortest time between two NOTIFYs of one subscription.
    pub spacing: Duration,
    /// After a restart each phone is told the state at a random moment within this time.
    pub restart_spread: Duration,
    /// A subscription is deleted when this many NOTIFYs in a row were refused or not answered.
    pub failures: u32,
    /// The time before a NOTIFY that has failed is tried again; it doubles with each failure.
    pub retry: Duration,
    /// Who is told of messages (RFC 3842) after a REGISTER without having subscribed.
    pub unsolicited: Unsolicited,
    /// What phones publish.
    pub publications: Publications,
    /// Numbers of a list (RFC 4662) at most; a longer list gets 413.
    pub list_members: usize,
    /// Where phones find their settings (RFC 6080), as an absolute URL without quotes; `None`: they are told of none.
    pub profile: Option<String>,
}

/// How much phones may publish (RFC 3903).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Publications {
    /// Publications of all extensions at once; a further one gets 503. 0: nothing can be published.
    pub most: usize,
    /// Publications of one extension's phones at once. A further one takes the place of the oldest of the same phone; where
    /// that phone has none, it gets 403.
    pub per_extension: usize,
    /// The longest document, in bytes; a longer one gets 413.
    pub document: usize,
    /// The shortest publication, in seconds. A shorter one gets 423, except 0, which removes it.
    pub min_expires: u32,
    /// The longest publication, in seconds, and that of a PUBLISH that names no interval. A longer one is shortened to it.
    pub max_expires: u32,
}

impl Default for Publications {
    fn default() -> Self {
        Self {
            most: 20_000,
            per_extension: 10,
            document: 16_384,
            min_expires: 60,
            max_expires: 3_600,
        }
    }
}

impl Publications {
    /// The interval granted for `asked` seconds; `None` if that is too brief (RFC 3903 section 6, step 4).
    pub(crate) fn grant(&self, asked: Option<u32>) -> Option<u32> {
        let asked = asked.unwrap_or(self.max_expires);
        (asked == 0 || asked >= self.min_expires).then(|| asked.min(self.max_expires))
    }
}

/// Who gets a NOTIFY of `message-summary` after a REGISTER without having subscribed.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unsolicited {
    /// No phone.
    Off,
    /// A phone whose REGISTER names `message-summary` in Allow-Events.
    #[default]
    Asked,
    /// Every phone that has not subscribed and whose REGISTER does not say, by Allow, that it takes no NOTIFY.
    All,
}

impl Default for Subscriptions {
    fn default() -> Self {
        Self {
            most: 100_000,
            per_extension: 500,
            min_expires: 60,
            max_expires: 3_600,
            default_expires: 3_600,
            notifies: Rate {
                per_second: 500,
                burst: 50,
            },
            spacing: Duration::from_secs(1),
            restart_spread: Duration::from_secs(4),
            failures: 3,
            retry: Duration::from_secs(5),
            unsolicited: Unsolicited::default(),
            publications: Publications::default(),
            list_members: 100,
            profile: None,
        }
    }
}

impl Subscriptions {
    /// The interval granted for `asked` seconds; `None` if that is too brief.
    pub(crate) fn grant(&self, asked: Option<u32>) -> Option<u32> {
        let asked = asked.unwrap_or(self.default_expires);
        // RFC 6665 section 4.2.1.1: refused only if shorter than an hour and shorter than the minimum.
        if asked != 0 && asked < self.min_expires.min(3_600) {
            return None;
        }
        Some(asked.min(self.max_expires))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_is_granted_shortened_or_refused() {
        let config = Subscriptions::default();
        for (asked, granted) in [
            (None, Some(3_600)),
            (Some(0), Some(0)),
            (Some(59), None),
            (Some(60), Some(60)),
            (Some(86_400), Some(3_600)),
        ] {
            assert_eq!(config.grant(asked), granted, "{asked:?}");
        }
    }
}
