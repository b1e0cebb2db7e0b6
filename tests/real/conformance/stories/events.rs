//! RFC 6665 and its packages.

use super::{Outcome, Story, callee, has, story};
use crate::{
    conformance::{
        peer::Dialog,
        scene::{At, PIDF, Scene, expect},
    },
    support::message::Message,
};

pub const STORIES: &[Story] = &[
    story(
        "6665 4.2.1.4",
        "A NOTIFY with the whole state follows a SUBSCRIBE",
        notified,
    ),
    story("6665 4.4.3", "A state is fetched once", fetched),
    story("3842 3", "Waiting messages are counted", counted),
    story("3680 4", "An extension hears of its own contacts", contacts),
    story("4235 4", "A lamp follows a call", lit),
    story(
        "3903 4.1, 6, 3856 6.7",
        "A publication is made, refreshed and removed, each time under another entity-tag, and watchers are told",
        published,
    ),
];

/// Subscribes; the first NOTIFY.
fn subscribes(scene: &mut Scene<'_>, event: &str, number: &str, seconds: u32) -> Result<(Dialog, Message), String> {
    let dialog = scene.alice.new_dialog(number);
    let fields = [format!("Event: {event}"), format!("Expires: {seconds}")];
    let (dialog, answer) = scene.asks(At::Alice, dialog, "SUBSCRIBE", &[&fields[0], &fields[1]], "")?;
    expect(&answer, 200)?;
    let notify = scene.wait_request(At::Alice, "NOTIFY", &dialog.call_id)?;
    if notify.header("Event") != event {
        return Err(format!("Event of a NOTIFY is {}", notify.header("Event")));
    }
    Ok((dialog, notify))
}

fn ends(scene: &mut Scene<'_>, mut dialog: Dialog, event: &str) -> Outcome {
    dialog.sequence += 1;
    let field = format!("Event: {event}");
    let (_, answer) = scene.asks(At::Alice, dialog, "SUBSCRIBE", &[&field, "Expires: 0"], "")?;
    expect(&answer, 200)
}

fn notified(scene: &mut Scene<'_>) -> Outcome {
    let number = callee(scene);
    let (dialog, notify) = subscribes(scene, "dialog", &number, 600)?;
    has(&notify, "active;expires=", "state=\"full\"")?;
    ends(scene, dialog.clone(), "dialog")?;
    let last = scene.wait_request(At::Alice, "NOTIFY", &dialog.call_id)?;
    has(&last, "terminated", "<dialog-info")
}

fn fetched(scene: &mut Scene<'_>) -> Outcome {
    let number = callee(scene);
    let (_, notify) = subscribes(scene, "dialog", &number, 0)?;
    has(&notify, "terminated", "<dialog-info")
}

fn counted(scene: &mut Scene<'_>) -> Outcome {
    let number = scene.alice.number.clone();
    let (dialog, notify) = subscribes(scene, "message-summary", &number, 600)?;
    has(&notify, "active", "Messages-Waiting: ")?;
    ends(scene, dialog, "message-summary")
}

fn contacts(scene: &mut Scene<'_>) -> Outcome {
    let number = scene.alice.number.clone();
    let (dialog, notify) = subscribes(scene, "reg", &number, 600)?;
    has(&notify, "active", "<reginfo")?;
    let address = scene.alice.address().to_string();
    has(&notify, "active", &address)?;
    ends(scene, dialog, "reg")
}

fn lit(scene: &mut Scene<'_>) -> Outcome {
    let number = callee(scene);
    let (dialog, _) = subscribes(scene, "dialog", &number, 600)?;
    let call = scene.calls(&number, &[])?;
    let shows = |scene: &mut Scene<'_>, state: &str| {
        let (call_id, state) = (dialog.call_id.clone(), format!("<state>{state}</state>"));
        scene.wait(At::Alice, &state.clone(), move |it| {
            it.method() == "NOTIFY" && it.header("Call-ID") == call_id && it.body().contains(&state)
        })
    };
    shows(scene, "confirmed")?;
    scene.hangs_up(call)?;
    shows(scene, "terminated")?;
    ends(scene, dialog, "dialog")
}

/// Bob publishes for himself; the entity-tag.
fn publishes(scene: &mut Scene<'_>, fields: &[&str], body: &str) -> Result<String, String> {
    let dialog = scene.bob.new_dialog(&callee(scene));
    let fields = [&["Event: presence", "Content-Type: application/pidf+xml"], fields].concat();
    let (_, answer) = scene.asks(At::Bob, dialog, "PUBLISH", &fields, body)?;
    expect(&answer, 200)?;
    Ok(answer.header("SIP-ETag").to_owned())
}

fn published(scene: &mut Scene<'_>) -> Outcome {
    let number = callee(scene);
    let (dialog, _) = subscribes(scene, "presence", &number, 600)?;
    let is_told = |scene: &mut Scene<'_>, says: bool| {
        let call_id = dialog.call_id.clone();
        scene.wait(At::Alice, "a NOTIFY of presence", move |it| {
            let is_it = it.method() == "NOTIFY" && it.header("Call-ID") == call_id;
            is_it && it.body().contains("in the garden") == says
        })
    };
    let first = publishes(scene, &["Expires: 600"], PIDF)?;
    is_told(scene, true)?;
    let refresh = format!("SIP-If-Match: {first}");
    let second = publishes(scene, &[&refresh, "Expires: 600"], "")?;
    if first.is_empty() || second.is_empty() || first == second {
        return Err(format!("the entity-tags are {first:?} and {second:?}"));
    }
    let removal = format!("SIP-If-Match: {second}");
    publishes(scene, &[&removal, "Expires: 0"], "")?;
    is_told(scene, false)?;
    ends(scene, dialog, "presence")
}
