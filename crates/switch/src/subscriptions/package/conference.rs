//! `conference` (RFC 4575): who is in a conference. Each document holds the full state; a conference that has ended ends the
//! subscription.

use std::fmt::Write as _;

use sip::StatusCode;

use super::{Document, Package, Scene, Told, Topic, Watching, xml};
use crate::answer::Answer;

pub(in crate::subscriptions) static PACKAGE: Package = Package {
    name: "conference",
    content_type: "application/conference-info+xml",
    moved_by: &[Topic::Members],
    watch,
    lists: false,
    follows: false,
    write,
    change: None,
};

/// A conference in progress. Its name need not be a number.
fn watch(asked: &Watching<'_>) -> Result<String, Answer> {
    let there = asked.number.filter(|name| asked.conferences.is_there(name));
    there
        .map(str::to_owned)
        .ok_or_else(|| Answer::new(StatusCode::NOT_FOUND))
}

// Writing to a string cannot fail.
fn write(scene: &Scene<'_>, _: &mut Told) -> Document {
    let head = format!(
        "{}<conference-info xmlns=\"urn:ietf:params:xml:ns:conference-info\" version=\"",
        xml::DECLARATION
    );
    let members = scene.view.conferences.members_of(scene.number);
    let entity = scene.uri(scene.number);
    let mut tail = format!(
        "\" state=\"full\" entity=\"{}\">\n<conference-state><user-count>{}</user-count><active>{}</active></conference-state>\n<users>\n",
        xml::escape(&entity),
        members.len(),
        !members.is_empty()
    );
    for member in members {
        // One phone of an extension is one endpoint; two of them are two users here, told apart by the endpoint's name.
        let uri = scene.uri(&member.number);
        let uri = xml::escape(&uri);
        let _ = write!(tail, "<user entity=\"{uri}\" state=\"full\">");
        if !member.name.is_empty() {
            let _ = write!(tail, "<display-text>{}</display-text>", xml::escape(&member.name));
        }
        let way = if member.muted { "recvonly" } else { "sendrecv" };
        let _ = writeln!(
            tail,
            "<endpoint entity=\"{uri};member={}\"><status>connected</status><joining-method>dialed-in</joining-method>\
             <media id=\"1\"><type>audio</type><status>{way}</status></media></endpoint></user>",
            member.id
        );
    }
    tail.push_str("</users>\n</conference-info>\n");
    Document {
        kind: None,
        head,
        tail: Some(tail),
        again: false,
    }
}
