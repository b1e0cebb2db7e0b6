//! `ua-profile` (RFC 6080): where the settings of a phone are.
//!
//! Settings are not served yet, so the NOTIFY names the URL that the configuration gives (RFC 4483), or has no body: the
//! phone then keeps what it has (RFC 6080 section 5.3.1 lets a server enrol a phone before it has its profile).

use super::{Document, Package, Scene, Told, Watching};
use crate::answer::Answer;

pub(in crate::subscriptions) static PACKAGE: Package = Package {
    name: "ua-profile",
    content_type: "message/external-body",
    moved_by: &[],
    watch,
    lists: false,
    follows: false,
    write,
    change: None,
};

/// The sender's own. RFC 6080 section 5.1.1: the Request-URI may name the device, by its address in the network.
// As the row of the package wants it.
#[allow(clippy::unnecessary_wraps, reason = "other packages refuse what is not there")]
fn watch(asked: &Watching<'_>) -> Result<String, Answer> {
    Ok(asked.own.to_owned())
}

fn write(scene: &Scene<'_>, _: &mut Told) -> Document {
    let url = scene.config.limits.services.subscriptions.profile.as_deref();
    Document {
        kind: url.map(|url| format!("message/external-body;access-type=\"URL\";URL=\"{url}\"").into()),
        // RFC 4483 section 4: the fields of what is there.
        head: url.map_or_else(String::new, |_| {
            "Content-Type: application/octet-stream\r\n\r\n".to_owned()
        }),
        tail: None,
        again: false,
    }
}
