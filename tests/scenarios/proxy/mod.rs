//! Tandem as a proxy (RFC 3261 section 16): calls and requests that are passed on to other servers.

mod calls;
mod choice;
mod hostile;
mod raw;
mod requests;
mod routing;

use tests::{Actor, Settings, Stage};

/// Where the server outside is.
pub(crate) const OUTSIDE: &str = "198.51.7.7:5060";

/// A stage whose dialplan passes each call on to `bob` outside.
pub(crate) fn stage() -> Stage {
    Stage::new(settings(r#"caller.proxy("sip:bob@198.51.7.7:5060");"#))
}

/// A world with this body of `on_call`.
pub(crate) fn settings(plan: &str) -> Settings {
    Settings {
        plan: format!("fn on_call(caller) {{ {plan} }}"),
        ..Settings::default()
    }
}

/// 101, and a phone outside.
pub(crate) fn phones(stage: &Stage) -> (Actor, Actor) {
    let alice = stage.phone("101");
    let bob = stage.unregistered("102");
    bob.with(|phone| phone.moves(OUTSIDE));
    (alice, bob)
}
