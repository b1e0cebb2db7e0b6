//! Clauses that take more than one request and its answer.

pub(crate) mod calls;
pub(crate) mod events;
pub(crate) mod registrar;
pub(crate) mod streams;
pub(crate) mod transfers;

use super::{
    peer::Dialog,
    scene::{At, Scene, ack_of, expect},
};
use crate::support::message::Message;

pub type Outcome = Result<(), String>;

/// One clause, and how it is tried.
pub struct Story {
    pub clause: &'static str,
    pub asks: &'static str,
    pub tries: fn(&mut Scene<'_>) -> Outcome,
}

const fn story(clause: &'static str, asks: &'static str, tries: fn(&mut Scene<'_>) -> Outcome) -> Story {
    Story { clause, asks, tries }
}

fn callee(scene: &Scene<'_>) -> String {
    scene.server.users[1].0.clone()
}

/// Alice's INVITE once it has credentials, while Bob's phone has this habit.
fn invites(scene: &mut Scene<'_>, fields: &[&str]) -> Result<(Dialog, String), String> {
    let mut dialog = scene.alice.new_dialog(&callee(scene));
    let offer = scene.alice.sdp("sendrecv");
    let first = scene.alice.request("INVITE", &dialog, fields, &offer);
    scene.alice.send(&first);
    let challenge = scene.wait_answer(At::Alice, &first)?;
    expect(&challenge, 401)?;
    scene.alice.send(&ack_of(&first, &challenge));
    dialog.sequence += 1;
    let uri = dialog.target.clone();
    let line = challenge.authorization("INVITE", &uri, &scene.alice.number, &scene.alice.password, true);
    let mut fields = fields.to_vec();
    fields.push(line.trim_end());
    let invite = scene.alice.request("INVITE", &dialog, &fields, &offer);
    scene.alice.send(&invite);
    Ok((dialog, invite))
}

fn is_of<'a>(request: &str, status: u16) -> impl Fn(&Message) -> bool + 'a {
    let call_id = Message(request.to_owned()).header("Call-ID").to_owned();
    move |message| message.status() == status && message.header("Call-ID") == call_id
}

fn has(notify: &Message, state: &str, body: &str) -> Outcome {
    let is_right = notify.header("Subscription-State").starts_with(state) && notify.body().contains(body);
    if is_right {
        Ok(())
    } else {
        Err(format!("{state} and {body} are not in {}", notify.0))
    }
}
