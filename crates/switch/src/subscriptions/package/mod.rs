//! The event packages. A new one is a file here and a row in [`PACKAGES`].
//!
//! | file | package | what it shows |
//! |---|---|---|
//! | `dialog.rs` | `dialog` (RFC 4235) | the lines of a number: lamps |
//! | `summary.rs` | `message-summary` (RFC 3842) | messages that wait |
//! | `reg.rs` | `reg` (RFC 3680) | the contacts of an extension |
//! | `presence.rs` | `presence` (RFC 3856) | what an extension does, and says about itself |
//! | `conference.rs` | `conference` (RFC 4575) | who is in a conference |
//! | `features.rs` | `as-feature-event` | do not disturb and forwards, as the keys of phones show and set them |
//! | `profile.rs` | `ua-profile` (RFC 6080) | where the settings of a phone are |
//! | `xml.rs` | | reads documents, escapes text |

mod conference;
mod dialog;
mod features;
mod presence;
mod profile;
mod reg;
mod summary;
pub(super) mod xml;

use std::{
    borrow::Cow,
    collections::hash_map::DefaultHasher,
    hash::{Hash, Hasher},
    sync::Arc,
};

use sip::{HeaderName, Message, NameAddr, StatusCode, Uri, headers::event::Event};

pub(super) use self::{presence::PACKAGE as PRESENCE, profile::PACKAGE as PROFILE, summary::PACKAGE as SUMMARY};
pub(crate) use self::{presence::presence_of, summary::Mailboxes};
use crate::{
    accounts::Accounts,
    activity::Activity,
    answer::Answer,
    api::{SettingsPatch, is_number},
    conferences::Conferences,
    config::Config,
    ids::LegKind,
    leg::Leg,
    locations::Locations,
    registrar::Registrar,
    stack::{Stack, capabilities::REFER_PACKAGE},
    subscriptions::Publications,
    tables::slots::Slots,
};

/// Every package that a SUBSCRIBE may name.
static PACKAGES: [&Package; 7] = [
    &dialog::PACKAGE,
    &presence::PACKAGE,
    &summary::PACKAGE,
    &reg::PACKAGE,
    &conference::PACKAGE,
    &features::PACKAGE,
    &profile::PACKAGE,
];

/// One event package (RFC 6665 section 5).
pub(crate) struct Package {
    /// The value of Event.
    pub name: &'static str,
    /// The media type of its documents.
    pub content_type: &'static str,
    /// What changes its documents.
    pub moved_by: &'static [Topic],
    /// What a SUBSCRIBE watches, or the answer that refuses it.
    pub watch: fn(&Watching<'_>) -> Result<String, Answer>,
    /// A list of numbers may be watched at once (RFC 4662).
    pub lists: bool,
    /// It shows what is the person's who has logged on at the phone.
    pub follows: bool,
    /// Writes the state of a number.
    pub write: fn(&Scene<'_>, &mut Told) -> Document,
    /// Reads what the body of a SUBSCRIBE changes, where it may change something.
    pub change: Option<Change>,
}

/// Reads the change of settings that a body asks for; or the answer that refuses it.
type Change = fn(&[u8]) -> Result<SettingsPatch, Answer>;

/// Something that may change.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Topic {
    /// The lines of a number.
    Lines,
    /// The contacts of an extension.
    Contacts,
    /// The messages of a mailbox.
    Mailbox,
    /// The settings of an extension: do not disturb, forwards.
    Settings,
    /// What the phones of an extension say about themselves.
    Published,
    /// The members of a conference.
    Members,
}

/// Who sent a SUBSCRIBE, and what its Request-URI names.
pub(crate) struct Watching<'a> {
    /// The user part of a Request-URI of ours.
    pub number: Option<&'a str>,
    /// The extension of the sender.
    pub own: &'a str,
    pub conferences: &'a Conferences,
}

/// Every number may be watched: lamps show no more than a colleague at the next desk sees. A number that is not an
/// extension may be one of a dialplan (a parking slot, a conference): its lines come and go.
fn any_number(asked: &Watching<'_>) -> Result<String, Answer> {
    let number = asked.number.filter(|number| is_number(number));
    number
        .map(str::to_owned)
        .ok_or_else(|| Answer::new(StatusCode::NOT_FOUND))
}

/// The sender's own number alone.
fn own_number(asked: &Watching<'_>) -> Result<String, Answer> {
    let number = any_number(asked)?;
    if number == asked.own {
        Ok(number)
    } else {
        Err(Answer::because(StatusCode::FORBIDDEN, "Not Your Own"))
    }
}

/// What a package has to remember of the last document of a subscription: names of what it showed.
pub(crate) type Told = Vec<Box<str>>;

/// The rooms that packages read.
pub(crate) struct View<'a> {
    pub accounts: &'a Accounts,
    pub activity: &'a Activity,
    pub legs: &'a Slots<Leg, LegKind>,
    pub registrar: &'a Registrar,
    pub locations: &'a Locations,
    pub mailboxes: &'a Mailboxes,
    pub published: &'a Publications,
    pub conferences: &'a Conferences,
}

/// What a document is about.
pub(crate) struct Scene<'a> {
    pub view: &'a View<'a>,
    /// The number that is watched.
    pub number: &'a str,
    /// The host by which the phone knows us, with the port.
    pub host: String,
    pub config: Arc<Config>,
}

/// A document, with a gap for its version. An empty one is no body.
#[derive(Clone, Debug, Hash)]
pub(crate) struct Document {
    /// Its media type, if that is not the package's.
    pub kind: Option<Cow<'static, str>>,
    /// What stands before the version.
    pub head: String,
    /// What follows it; `None` for a document without a version.
    pub tail: Option<String>,
    /// It tells of something that is over: without that there is more to say, in the next document.
    pub again: bool,
}

impl Package {
    /// Whether its documents fall in a media range of Accept.
    pub fn is_within(&self, range: &str) -> bool {
        let range = range.split(';').next().unwrap_or_default().trim();
        let family = self.content_type.split('/').next().unwrap_or_default();
        let of_family = range
            .strip_suffix("/*")
            .is_some_and(|name| name.eq_ignore_ascii_case(family));
        range == "*/*" || of_family || range.eq_ignore_ascii_case(self.content_type)
    }
}

impl<'a> Scene<'a> {
    /// `ours` is our address as the phone wrote it: To of its SUBSCRIBE or REGISTER.
    pub fn new(view: &'a View<'a>, cx: &Stack, number: &'a str, ours: &str) -> Self {
        let address = NameAddr::parse(ours).ok();
        let uri = address.as_ref().and_then(|address| Uri::parse(address.uri).ok());
        let host = uri.map(|uri| match uri.port {
            Some(port) => format!("{}:{port}", uri.host),
            None => uri.host.to_string(),
        });
        Self {
            view,
            number,
            host: host
                .filter(|host| !host.is_empty())
                .unwrap_or_else(|| cx.config.domain.clone()),
            config: Arc::clone(&cx.config),
        }
    }

    /// The URI of a number of ours, as the phone knows us. What is a URI already stays.
    pub fn uri(&self, number: &str) -> String {
        match number {
            "anonymous" => "sip:anonymous@anonymous.invalid".to_owned(),
            uri if Uri::parse(uri).is_ok() => uri.to_owned(),
            number => format!("sip:{}@{}", sip::escape_user(number), self.host),
        }
    }
}

impl Document {
    /// A hash of what it says.
    pub fn said(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        hasher.finish()
    }

    /// The text.
    pub fn with_version(&self, version: u32) -> String {
        match &self.tail {
            Some(tail) => format!("{}{version}{tail}", self.head),
            None => self.head.clone(),
        }
    }
}

/// The package that a SUBSCRIBE names, and its Event.
///
/// # Errors
/// The answer that refuses it: 400, 403, 489.
pub(crate) fn asked(request: &Message) -> Result<(&'static Package, Event<'_>), Answer> {
    let unreadable = |_| Answer::because(StatusCode::BAD_REQUEST, "Event Cannot Be Read");
    let event: Option<Event<'_>> = request.read().map_err(unreadable)?;
    // RFC 3515 section 2.4.4: REFER alone begins a subscription to its outcome.
    if event.is_some_and(|event| event.package.eq_ignore_ascii_case(REFER_PACKAGE)) {
        return Err(Answer::because(StatusCode::FORBIDDEN, "Only REFER Begins It"));
    }
    // RFC 6665 section 8.3.2: a package that is not known, or none.
    let known = event.and_then(|event| Some((find(event.package)?, event)));
    known.ok_or_else(|| Answer::of(489).with(HeaderName::AllowEvents, allow_events()))
}

/// The package of this name, in any case.
pub(super) fn find(name: &str) -> Option<&'static Package> {
    let mut packages = PACKAGES.into_iter();
    packages.find(|package| package.name.eq_ignore_ascii_case(name))
}

/// The value of Allow-Events (RFC 6665 section 8.2.2).
pub(crate) fn allow_events() -> String {
    let names = PACKAGES.iter().map(|package| package.name);
    names.chain([REFER_PACKAGE]).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_media_range_takes_a_document_or_not() {
        let package = find("Dialog").unwrap();
        for (range, taken) in [
            ("application/dialog-info+xml", true),
            ("Application/Dialog-Info+XML;q=0.5", true),
            ("application/*", true),
            ("*/*", true),
            ("text/*", false),
            ("application/pidf+xml", false),
            ("", false),
        ] {
            assert_eq!(package.is_within(range), taken, "{range}");
        }
        assert!(find("presence.winfo").is_none());
        assert_eq!(
            allow_events(),
            "dialog, presence, message-summary, reg, conference, as-feature-event, ua-profile, refer"
        );
    }
}
