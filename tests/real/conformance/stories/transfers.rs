//! RFC 3515, RFC 4488, RFC 3891, RFC 3428: parties that are moved, and texts.

use super::{Outcome, Story, callee, has, story};
use crate::{
    conformance::{
        peer::Dialog,
        scene::{At, Scene, expect},
    },
    support::message::Message,
};

pub const STORIES: &[Story] = &[
    story(
        "3515 2.4.4, 2.4.7",
        "A REFER is followed by NOTIFYs up to the outcome; the party comes back",
        referred,
    ),
    story("4488 4", "`Refer-Sub: false` draws no NOTIFY", not_notified),
    story("3891 3", "An INVITE with Replaces takes the place of a phone", replaced),
    story("3428 7", "What a MESSAGE says reaches the other phone", delivered),
];

/// Alice sends Bob to a number that no phone has.
fn refers(scene: &mut Scene<'_>, more: &str) -> Result<(Dialog, Message), String> {
    let number = callee(scene);
    let mut dialog = scene.calls(&number, &[])?;
    dialog.sequence += 1;
    let field = format!("Refer-To: <sip:{}@{}>", scene.server.none, scene.server.address);
    let fields: Vec<&str> = [field.as_str(), more]
        .into_iter()
        .filter(|field| !field.is_empty())
        .collect();
    let (dialog, answer) = scene.asks(At::Alice, dialog, "REFER", &fields, "")?;
    expect(&answer, 202)?;
    Ok((dialog, answer))
}

fn referred(scene: &mut Scene<'_>) -> Outcome {
    let (dialog, _) = refers(scene, "")?;
    let first = scene.wait_request(At::Alice, "NOTIFY", &dialog.call_id)?;
    has(&first, "active", "SIP/2.0 100")?;
    let call_id = dialog.call_id.clone();
    let last = scene.wait(At::Alice, "the last NOTIFY", |it| {
        it.header("Call-ID") == call_id && it.header("Subscription-State").starts_with("terminated")
    })?;
    has(&last, "terminated;reason=noresource", "SIP/2.0 404")?;
    scene.hangs_up(dialog)
}

fn not_notified(scene: &mut Scene<'_>) -> Outcome {
    let (dialog, answer) = refers(scene, "Refer-Sub: false")?;
    if !answer.header("Refer-Sub").starts_with("false") {
        return Err(format!("no Refer-Sub in {}", answer.0));
    }
    let call_id = dialog.call_id.clone();
    scene.hangs_up(dialog)?;
    match scene
        .alice
        .find(|it| it.method() == "NOTIFY" && it.header("Call-ID") == call_id)
    {
        Some(notify) => Err(format!("a NOTIFY came: {}", notify.0)),
        None => Ok(()),
    }
}

fn replaced(scene: &mut Scene<'_>) -> Outcome {
    let number = callee(scene);
    let first = scene.calls(&number, &[])?;
    let field = format!("Replaces: {}", first.name());
    let second = scene.calls(&number, &["Require: replaces", &field])?;
    scene.wait_request(At::Alice, "BYE", &first.call_id)?;
    scene.hangs_up(second)
}

fn delivered(scene: &mut Scene<'_>) -> Outcome {
    let dialog = scene.alice.new_dialog(&callee(scene));
    let text = format!("word {}", dialog.call_id);
    let (_, answer) = scene.asks(At::Alice, dialog, "MESSAGE", &["Content-Type: text/plain"], &text)?;
    expect(&answer, 200)?;
    scene
        .wait(At::Bob, "MESSAGE", |it| it.method() == "MESSAGE" && it.body() == text)
        .map(drop)
}
