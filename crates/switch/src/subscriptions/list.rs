//! Lists of resources (RFC 4662): one subscription for a page of lamps.
//!
//! | list | what is in it |
//! |---|---|
//! | `lamps-101` | the other members of the pickup group of extension 101, also when the group changes |
//! | in the body of the SUBSCRIBE (RFC 5367) | the numbers of the body |
//!
//! A list with a name on the server is what desk phones ask for (Yealink `blf_list_uri`, Polycom `attendant.uri`). The first
//! NOTIFY, and each that follows a SUBSCRIBE or a failure, holds the state of all members; others hold the members that
//! have changed (RFC 4662 section 4.5).

use std::fmt::Write as _;

use sip::{HeaderName, Limits, Message, StatusCode};

use super::{
    Subscription, View,
    notify::Composed,
    package::{Scene, xml},
};
use crate::{answer::Answer, config, stack::Stack};

/// What the name of the list of an extension begins with.
pub(crate) const PREFIX: &str = "lamps-";
/// The option tag that a phone needs to be sent lists.
pub(super) const OPTION: &str = "eventlist";
/// No line that begins with it can be within a part: text has no line ends.
const BOUNDARY: &str = "tandem-list";

/// The URIs of the list in the body of a SUBSCRIBE (RFC 5367 section 4), each once; `None` if there is no list.
///
/// # Errors
/// The answer to a list that cannot be read, or is too long: 400, 413.
pub(crate) fn contained(request: &Message, limits: &config::Subscriptions) -> Result<Option<Vec<String>>, Answer> {
    if request.body().is_empty() {
        return Ok(None);
    }
    let parts = request.parts(&Limits::default()).map_err(|_| xml::unreadable())?;
    let Some(part) = parts.iter().find(|part| part.is("application", "resource-lists+xml")) else {
        return Ok(None);
    };
    if part.body.len() > limits.publications.document {
        return Err(Answer::of(413));
    }
    let document = xml::read(part.body)?;
    let entries = document.descendants().filter(|node| node.tag_name().name() == "entry");
    let mut uris: Vec<String> = Vec::new();
    for uri in entries.filter_map(|entry| entry.attribute("uri")) {
        if !uris.iter().any(|known| known == uri) {
            uris.push(uri.to_owned());
        }
    }
    if uris.is_empty() {
        return Err(Answer::because(StatusCode::BAD_REQUEST, "No Member"));
    }
    if uris.len() > limits.list_members {
        return Err(Answer::of(413));
    }
    Ok(Some(uris))
}

/// Whether the phone may be sent a list (RFC 4662 section 4.1).
///
/// # Errors
/// 421.
pub(super) fn is_understood(request: &Message) -> Result<(), Answer> {
    let named = [HeaderName::Supported, HeaderName::Require];
    if named.iter().any(|name| request.lists(*name, OPTION)) {
        return Ok(());
    }
    Err(Answer::of(421).with(HeaderName::Require, OPTION))
}

/// The body of a NOTIFY with all members, or those that have changed; `None` if none has.
// Writing to a string cannot fail.
pub(super) fn compose(entry: &mut Subscription, cx: &Stack, view: &View<'_>, full: bool) -> Option<Composed> {
    let (version, ours) = (entry.version, entry.dialog.local());
    let mut again = false;
    let full = full || entry.talk.said.len() != entry.members.len();
    entry.talk.told.resize_with(entry.members.len(), Vec::new);
    let (mut said, mut resources, mut parts) = (Vec::new(), String::new(), String::new());
    let id = |part: &str| format!("{part}.{version}.{:x}@{}", entry.key, cx.config.domain);
    for (at, (member, told)) in entry.members.iter().zip(&mut entry.talk.told).enumerate() {
        let scene = Scene::new(view, cx, member, ours);
        let document = (entry.package.write)(&scene, told);
        again |= document.again;
        let now = document.said();
        let before = entry.talk.said.get(at).copied();
        said.push(now);
        if !full && before == Some(now) {
            continue;
        }
        let (uri, part) = (scene.uri(member), id(&at.to_string()));
        let name = view.accounts.extension(member).map_or("", |extension| &extension.name);
        let _ = writeln!(
            resources,
            "<resource uri=\"{}\"><name>{}</name><instance id=\"1\" state=\"active\" cid=\"{}\"/></resource>",
            xml::escape(&uri),
            xml::escape(name),
            xml::escape(&part)
        );
        let kind = document.kind.as_deref().unwrap_or(entry.package.content_type);
        let text = document.with_version(version);
        write_part(&mut parts, &part, kind, &text);
    }
    if resources.is_empty() {
        return None;
    }
    let list = Scene::new(view, cx, &entry.number, ours).uri(&entry.number);
    let head = format!(
        "{}<list xmlns=\"urn:ietf:params:xml:ns:rlmi\" uri=\"{}\" version=\"{version}\" fullState=\"{full}\">\n{resources}</list>\n",
        xml::DECLARATION,
        xml::escape(&list)
    );
    let start = id("list");
    let mut body = String::with_capacity(head.len() + parts.len() + 256);
    write_part(&mut body, &start, "application/rlmi+xml;charset=\"UTF-8\"", &head);
    body.push_str(&parts);
    let _ = write!(body, "--{BOUNDARY}--\r\n");
    let kind = format!("multipart/related;type=\"application/rlmi+xml\";start=\"<{start}>\";boundary={BOUNDARY}");
    Some(Composed {
        kind: kind.into(),
        body,
        said,
        again,
    })
}

fn write_part(out: &mut String, id: &str, kind: &str, text: &str) {
    let _ = write!(
        out,
        "--{BOUNDARY}\r\nContent-Transfer-Encoding: binary\r\nContent-ID: <{id}>\r\nContent-Type: {kind}\r\n\r\n{text}\r\n"
    );
}
