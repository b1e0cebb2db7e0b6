//! Privacy (RFC 3323 section 4.2, RFC 3325 section 9.3, RFC 7044 section 10.1): what a person wants to be kept back.

use crate::{
    Message,
    headers::{name::HeaderName, trim},
};

/// The values of all Privacy fields of a message.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct Privacy {
    /// `none`: nothing is to be kept back, whatever the settings of the user say. Other values beside it overrule it.
    pub none: bool,
    /// `id`: the identity that the network asserts (RFC 3325).
    pub id: bool,
    /// `user`: what the user agent itself says of its user: From, display name, Subject.
    pub user: bool,
    /// `header`: addresses and routes that show where the user is.
    pub header: bool,
    /// `session`: the addresses of the media.
    pub session: bool,
    /// `history`: who sent the call on (RFC 7044).
    pub history: bool,
    /// `critical`: the request is to fail where a wish cannot be met.
    pub critical: bool,
    /// A value that is none of these.
    pub unknown: bool,
}

impl Privacy {
    /// Reads all Privacy fields. Values stand between semicolons; commas are taken, too, since some phones write them.
    pub fn of(message: &Message) -> Self {
        let mut all = Self::default();
        let values = message
            .values(HeaderName::Privacy)
            .flat_map(|value| value.split(';'))
            .map(trim)
            .filter(|value| !value.is_empty());
        for value in values {
            let is = |word: &str| value.eq_ignore_ascii_case(word);
            match value {
                _ if is("none") => all.none = true,
                _ if is("id") => all.id = true,
                _ if is("user") => all.user = true,
                _ if is("header") => all.header = true,
                _ if is("session") => all.session = true,
                _ if is("history") => all.history = true,
                _ if is("critical") => all.critical = true,
                _ => all.unknown = true,
            }
        }
        // RFC 3323 section 4.2: `none` stands alone. In doubt a wish for privacy counts.
        all.none &= !(all.id || all.user || all.header || all.session || all.history || all.unknown);
        all
    }

    /// Whether number and name of the sender are to be kept back.
    pub const fn hides(&self) -> bool {
        self.id || self.user
    }

    /// Whether the request has to fail with 500, since a wish is not known (RFC 3323 section 5).
    pub const fn cannot_be_met(&self) -> bool {
        self.critical && self.unknown
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Builder, Method};

    fn read(rows: &[&str]) -> Privacy {
        let builder = Builder::request(&Method::Invite, "sip:a@b");
        let message = rows
            .iter()
            .fold(builder, |builder, row| builder.header(HeaderName::Privacy, row));
        Privacy::of(&message.finish())
    }

    #[test]
    fn all_values_of_all_rows_count_in_any_case() {
        let plain = Privacy::default();
        for (rows, expected) in [
            (&[][..], plain),
            (&["none"], Privacy { none: true, ..plain }),
            (&["ID"], Privacy { id: true, ..plain }),
            (
                &["user; header ;session", "history"],
                Privacy {
                    user: true,
                    header: true,
                    session: true,
                    history: true,
                    ..plain
                },
            ),
            (
                &["id,critical"],
                Privacy {
                    id: true,
                    critical: true,
                    ..plain
                },
            ),
            (&["none;id"], Privacy { id: true, ..plain }),
            (&["shoe-size", ";;"], Privacy { unknown: true, ..plain }),
        ] {
            assert_eq!(read(rows), expected, "{rows:?}");
        }
    }

    #[test]
    fn only_a_critical_wish_that_is_not_known_cannot_be_met() {
        assert!(read(&["shoe-size;critical"]).cannot_be_met());
        for rows in [
            ["shoe-size"],
            ["id;user;header;session;history;critical"],
            ["none;critical"],
        ] {
            assert!(!read(&rows).cannot_be_met(), "{rows:?}");
        }
        assert!(read(&["user"]).hides() && read(&["id"]).hides() && !read(&["header;session;history"]).hides());
    }
}
