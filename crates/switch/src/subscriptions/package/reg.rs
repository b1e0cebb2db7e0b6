//! `reg` (RFC 3680): the contacts of an extension, with their flows (RFC 5626) and GRUUs (RFC 5628).

use std::fmt::Write as _;

use super::{Document, Package, Scene, Told, Topic, own_number, xml};
use crate::registrar::Registrar;

pub(super) static PACKAGE: Package = Package {
    name: "reg",
    content_type: "application/reginfo+xml",
    moved_by: &[Topic::Contacts],
    // RFC 3680 section 4.8: a contact tells where a phone is.
    watch: own_number,
    lists: false,
    follows: false,
    write,
    change: None,
};

fn write(scene: &Scene<'_>, _: &mut Told) -> Document {
    let head = format!(
        "{}<reginfo xmlns=\"urn:ietf:params:xml:ns:reginfo\" xmlns:gr=\"urn:ietf:params:xml:ns:gruuinfo\" version=\"",
        xml::DECLARATION
    );
    let mut contacts = String::new();
    for binding in scene.view.registrar.bindings_of(scene.number) {
        // Not the seconds that are left: those would differ in every document.
        let _ = write!(
            contacts,
            "<contact id=\"{}\" state=\"active\" event=\"registered\" callid=\"{}\" q=\"{}.{:03}\"><uri>{}</uri>",
            binding.id,
            xml::escape(&binding.call_id),
            binding.q / 1_000,
            binding.q % 1_000,
            xml::escape(&binding.contact)
        );
        // RFC 3680 section 5.3.2: the parameters of a contact that have no place of their own.
        if let Some(instance) = &binding.instance {
            let value = format!("\"{instance}\"");
            let _ = write!(
                contacts,
                "<unknown-param name=\"+sip.instance\">{}</unknown-param>",
                xml::escape(&value)
            );
        }
        if let Some(reg_id) = binding.reg_id {
            let _ = write!(contacts, "<unknown-param name=\"reg-id\">{reg_id}</unknown-param>");
        }
        // RFC 5628 section 5. A temporary GRUU would be a new one in every document, and is left out.
        if let Some(gruu) = Registrar::public_gruu(binding, &scene.host) {
            let _ = write!(contacts, "<gr:pub-gruu uri=\"{}\"/>", xml::escape(&gruu));
        }
        contacts.push_str("</contact>\n");
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
        again: false,
    }
}
