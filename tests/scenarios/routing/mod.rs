//! Where a call goes: registrations, forwards, forks, and the addresses of a name.

mod desks;
mod dial;
mod flows;
mod forks;
mod forward;
mod gruu;
mod locations;
mod push;
mod registrar;
mod settings;
mod targets;

use tests::{Actor, Stage};

/// A phone of an extension that names itself, with these further parameters of its Contact; registered.
fn named(stage: &Stage, number: &str, instance: u8, adds: &str) -> Actor {
    let actor = stage.unregistered(number);
    names(&actor, instance, adds);
    actor.registers(3_600);
    actor
}

/// A phone says which it is (RFC 5626 section 4.1), and speaks outbound and GRUU.
fn names(actor: &Actor, instance: u8, adds: &str) {
    actor.feels(|mood| {
        mood.contact_adds =
            format!(";+sip.instance=\"<urn:uuid:00000000-0000-1000-8000-0000000000{instance:02}>\"{adds}");
        mood.register_adds = vec![("Supported", "path, outbound, gruu".into())];
    });
}
