//! `presence` (RFC 3856): what an extension does, and what its phones say about it.
//!
//! Each document (PIDF, RFC 3863) is composed of both in a simple form (RFC 4479 section 3, RFC 3903 section 2):
//!
//! | part | what it says |
//! |---|---|
//! | the tuple `phone` | open if the extension has a phone; its note tells the state in words |
//! | further tuples | those that phones have published, one document after the other |
//! | the person | all activities and notes: those of the state, then those that phones have published |
//!
//! | state | tuple | activity (RFC 4480 section 3.2) | note |
//! |---|---|---|---|
//! | no phone | closed | | Offline |
//! | idle | open | | Available |
//! | a call rings | open | `busy` | Ringing |
//! | in a call | open | `on-the-phone` | On the phone |
//! | do not disturb | open | `busy` | Do not disturb |
//!
//! Contacts that a phone has published are left out: who reads the document calls the number, not the phone.

use std::fmt::Write as _;

use super::{Document, Package, Scene, Told, Topic, View, any_number, xml};
use crate::{activity::Doing, api::LivePresence, locations::Number, subscriptions::publish::CONTENT_TYPE};

pub(in crate::subscriptions) static PACKAGE: Package = Package {
    name: "presence",
    content_type: CONTENT_TYPE,
    moved_by: &[Topic::Lines, Topic::Contacts, Topic::Settings, Topic::Published],
    watch: any_number,
    lists: true,
    follows: false,
    write,
    change: None,
};

/// What an extension does.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum State {
    Offline,
    Available,
    Ringing,
    OnThePhone,
    Dnd,
}

impl State {
    /// A number that is no extension has no phone that could be away.
    fn of(view: &View<'_>, number: &str) -> Self {
        let account = view.accounts.extension(number);
        match view.activity.doing(&Number::from(number)) {
            Doing::InCall => Self::OnThePhone,
            Doing::Rung => Self::Ringing,
            Doing::Nothing if account.is_some() && !view.locations.has_phone(number, view.accounts) => Self::Offline,
            Doing::Nothing if account.is_some_and(|account| account.dnd) => Self::Dnd,
            Doing::Nothing => Self::Available,
        }
    }

    /// The word in the admin API, the note, the activity.
    const fn words(self) -> (&'static str, &'static str, Option<&'static str>) {
        match self {
            Self::Offline => ("offline", "Offline", None),
            Self::Available => ("available", "Available", None),
            Self::Ringing => ("ringing", "Ringing", Some("busy")),
            Self::OnThePhone => ("on_the_phone", "On the phone", Some("on-the-phone")),
            Self::Dnd => ("dnd", "Do not disturb", Some("busy")),
        }
    }
}

/// The activities of an extension, each once: that of its state first.
fn activities(view: &View<'_>, number: &str, state: State) -> Vec<&'static str> {
    let mut all: Vec<&'static str> = state.words().2.into_iter().collect();
    for activity in view.published.of(number).flat_map(|pidf| pidf.activities()) {
        if !all.contains(&activity) {
            all.push(activity);
        }
    }
    all
}

/// What an extension does and says, for the admin API.
pub(crate) fn presence_of(view: &View<'_>, number: &str) -> LivePresence {
    let state = State::of(view, number);
    let documents = || view.published.of(number);
    LivePresence {
        number: number.to_owned(),
        state: state.words().0.to_owned(),
        activities: activities(view, number, state).into_iter().map(str::to_owned).collect(),
        notes: documents()
            .flat_map(|pidf| pidf.all_notes())
            .map(str::to_owned)
            .collect(),
        publications: documents().count() as u64,
    }
}

// Writing to a string cannot fail.
fn write(scene: &Scene<'_>, _: &mut Told) -> Document {
    let entity = scene.uri(scene.number);
    let uri = xml::escape(&entity);
    let state = State::of(scene.view, scene.number);
    let basic = |open: bool| if open { "open" } else { "closed" };
    let mut out = format!(
        "{}<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" xmlns:dm=\"urn:ietf:params:xml:ns:pidf:data-model\" \
         xmlns:rpid=\"urn:ietf:params:xml:ns:pidf:rpid\" entity=\"{uri}\">\n",
        xml::DECLARATION
    );
    let _ = writeln!(
        out,
        "<tuple id=\"phone\"><status><basic>{}</basic></status><contact>{uri}</contact><note>{}</note></tuple>",
        basic(state != State::Offline),
        state.words().1
    );
    let (mut count, mut notes) = (0, String::new());
    for pidf in scene.view.published.of(scene.number) {
        for tuple in pidf.tuples() {
            count += 1;
            let _ = write!(out, "<tuple id=\"p{count}\"><status>");
            if let Some(open) = tuple.open {
                let _ = write!(out, "<basic>{}</basic>", basic(open));
            }
            out.push_str("</status>");
            for note in &tuple.notes {
                let _ = write!(out, "<note>{}</note>", xml::escape(note));
            }
            out.push_str("</tuple>\n");
        }
        for note in pidf.notes() {
            let _ = write!(notes, "<dm:note>{}</dm:note>", xml::escape(note));
        }
    }
    out.push_str("<dm:person id=\"person\"><rpid:activities>");
    for activity in activities(scene.view, scene.number, state) {
        let _ = write!(out, "<rpid:{activity}/>");
    }
    let _ = writeln!(out, "</rpid:activities>{notes}</dm:person>\n</presence>");
    Document {
        kind: None,
        head: out,
        tail: None,
        again: false,
    }
}
