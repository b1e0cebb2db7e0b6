//! `dialog` (RFC 4235): the lines of a number.
//!
//! Each document holds the full state, and these phones can tell apart:
//!
//! | the number is | the document has |
//! |---|---|
//! | in calls | a `dialog` for each line, with its state |
//! | an extension with a phone, and idle | one `dialog` in state `terminated` |
//! | an extension without a phone, and idle | no `dialog` |
//! | no extension (a parking slot ...), and idle | one `dialog` in state `terminated` |
//!
//! A line that is over is told once more as `terminated`: phones that go by what they are told, and not by what is
//! missing, would show it for ever. Where the number is without a phone then, that is told by the next document.
//!
//! The tags are those of the watched phone's own dialog, so that another phone can take its place by `Replaces`.

use std::fmt::Write as _;

use super::{Document, Package, Scene, Told, Topic, any_number, xml};
use crate::{
    activity::{Line, LineState},
    leg::Leg,
    subscriptions::peer,
};

pub(super) static PACKAGE: Package = Package {
    name: "dialog",
    content_type: "application/dialog-info+xml",
    moved_by: &[Topic::Lines, Topic::Contacts],
    watch: any_number,
    lists: true,
    follows: false,
    write,
    change: None,
};

fn write(scene: &Scene<'_>, told: &mut Told) -> Document {
    let head = format!(
        "{}<dialog-info xmlns=\"urn:ietf:params:xml:ns:dialog-info\" version=\"",
        xml::DECLARATION
    );
    let entity = scene.uri(scene.number);
    let mut tail = format!("\" state=\"full\" entity=\"{}\">\n", xml::escape(&entity));
    let empty = tail.len();
    let peer = peer(scene.number);
    let lines = scene.view.activity.of(&peer);
    let mut shown: Told = Vec::new();
    for line in lines {
        let id: Box<str> = line.leg.to_string().into();
        write_line(&mut tail, scene, &entity, &id, line);
        shown.push(id);
    }
    for id in told.iter().filter(|id| !shown.contains(id)) {
        write_over(&mut tail, id);
    }
    let over = tail.len() > empty && shown.is_empty();
    let view = scene.view;
    let reachable = !view.accounts.is_extension(scene.number) || view.locations.has_phone(scene.number, view.accounts);
    if tail.len() == empty && reachable {
        write_over(&mut tail, "idle");
    }
    *told = shown;
    tail.push_str("</dialog-info>\n");
    Document {
        kind: None,
        head,
        tail: Some(tail),
        again: over && !reachable,
    }
}

// Writing to a string cannot fail.
fn write_over(out: &mut String, id: &str) {
    let _ = writeln!(out, "<dialog id=\"{id}\"><state>terminated</state></dialog>");
}

fn write_line(out: &mut String, scene: &Scene<'_>, entity: &str, id: &str, line: &Line) {
    let _ = write!(out, "<dialog id=\"{id}\"");
    if let Some(leg) = scene.view.legs.get(line.leg) {
        write_names(out, scene, leg);
    }
    let direction = if line.calls { "initiator" } else { "recipient" };
    let state = match line.state {
        LineState::Trying => "trying",
        LineState::Early | LineState::Ringing => "early",
        LineState::Up | LineState::Held => "confirmed",
        LineState::Ending => "terminated",
    };
    let _ = writeln!(out, " direction=\"{direction}\">\n<state>{state}</state>");
    // RFC 4235 section 4.1.6.2, RFC 3840 10.8: on hold, its phone renders no media.
    let (opens, held) = match line.state {
        LineState::Held => (">", "<param pname=\"+sip.rendering\" pval=\"no\"/></target>"),
        LineState::Trying | LineState::Early | LineState::Ringing | LineState::Up | LineState::Ending => ("/>", ""),
    };
    let own = xml::escape(entity);
    let _ = writeln!(
        out,
        "<local><identity>{own}</identity><target uri=\"{own}\"{opens}{held}</local>"
    );
    if !line.with.is_empty() {
        let with = scene.uri(&line.with);
        let with = xml::escape(&with);
        let _ = writeln!(
            out,
            "<remote><identity>{with}</identity><target uri=\"{with}\"/></remote>"
        );
    }
    out.push_str("</dialog>\n");
}

/// The Call-ID and the tags of a line's dialog, seen from the number that is watched. A parking slot is our own side of
/// its leg.
fn write_names(out: &mut String, scene: &Scene<'_>, leg: &Leg) {
    let is_ours = !leg.peer.is_extension(scene.number);
    let dialog = leg.dialog();
    let ours = dialog.map_or_else(
        || leg.invite.from_tag().filter(|_| !leg.inbound),
        |it| Some(it.local_tag()),
    );
    let theirs = dialog.map(|it| it.remote_tag()).filter(|tag| !tag.is_empty());
    let (local, remote) = if is_ours { (ours, theirs) } else { (theirs, ours) };
    let _ = write!(out, " call-id=\"{}\"", xml::escape(leg.invite.call_id()));
    for (name, tag) in [("local-tag", local), ("remote-tag", remote)] {
        if let Some(tag) = tag {
            let _ = write!(out, " {name}=\"{}\"", xml::escape(tag));
        }
    }
}
