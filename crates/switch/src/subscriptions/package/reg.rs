//! `reg` (RFC 3680): the contacts of an extension.

use std::fmt::Write as _;

use super::{Document, Package, Scene, Told, Topic, Whom, xml};

pub(super) static PACKAGE: Package = Package {
    name: "reg",
    content_type: "application/reginfo+xml",
    moved_by: &[Topic::Contacts],
    // RFC 3680 section 4.8: a contact tells where a phone is.
    whom: Whom::Own,
    write,
    change: None,
};

fn write(scene: &Scene<'_>, _: &mut Told) -> Document {
    let head = format!(
        "{}<reginfo xmlns=\"urn:ietf:params:xml:ns:reginfo\" version=\"",
        xml::DECLARATION
    );
    let mut contacts = String::new();
    for binding in scene.view.registrar.bindings_of(scene.number) {
        // Not the seconds that are left: those would differ in every document.
        let _ = writeln!(
            contacts,
            "<contact id=\"{}\" state=\"active\" event=\"registered\" callid=\"{}\"><uri>{}</uri></contact>",
            binding.id,
            xml::escape(&binding.call_id),
            xml::escape(&binding.contact)
        );
    }
    let state = if contacts.is_empty() { "terminated" } else { "active" };
    let aor = scene.uri(scene.number);
    let tail = format!(
        "\" state=\"full\">\n<registration aor=\"{}\" id=\"{}\" state=\"{state}\">\n{contacts}</registration>\n</reginfo>\n",
        xml::escape(&aor),
        xml::escape(scene.number)
    );
    Document {
        kind: None,
        head,
        tail: Some(tail),
    }
}
