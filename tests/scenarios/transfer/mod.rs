//! Transfers: REFER (RFC 3515), attended with Replaces (RFC 5589), INVITE with Replaces (RFC 3891).
//!
//! | file | behaviour |
//! |---|---|
//! | `blind.rs` | REFER to a number: the dialplan of the target decides |
//! | `returns.rs` | the target is not reached: the transferee comes back |
//! | `attended.rs` | REFER with the Replaces of another call of the transferor |
//! | `replaces.rs` | INVITE with Replaces: pick-up of a ringing leg, of an answered leg |
//! | `refused.rs` | REFERs and Replaces that are refused; the call goes on |
//! | `asked.rs` | what the transferor and the target are told; REFER outside of the dialog |
//! | `joined.rs` | INVITE with Join: a third phone joins two that talk |
//! | `members.rs` | REFER by a member of a conference |
//! | `moved.rs` | transfers by the API and by a script |
//! | `races.rs` | hang-ups, lost and repeated messages, changes that meet the transfer |

use tests::{Actor, Stage};

mod asked;
mod attended;
mod blind;
mod joined;
mod members;
mod moved;
mod races;
mod refused;
mod replaces;
mod returns;

/// Three phones, of which the first has called the second, and they talk.
fn talking() -> (Stage, Actor, Actor, Actor) {
    let stage = Stage::default();
    let (alice, bob) = stage.talking();
    let carol = stage.phone("103");
    (stage, alice, bob, carol)
}

/// One phone calls another, and the other answers. The actors of both stay on this call when other calls come.
fn connect(caller: &Actor, number: &str, callee: &Actor) -> (Actor, Actor) {
    caller.calls(number);
    let caller = caller.line();
    callee.rings().answers().talks();
    caller.talks();
    (caller, callee.line())
}

/// The numbers that an extension's lines are connected with.
fn partners(stage: &Stage, number: &str) -> Vec<String> {
    let lines = stage.with(|world| world.switch.lines(number));
    lines.into_iter().map(|(_, _, with)| with).collect()
}

/// How many records were written so far.
fn records(stage: &Stage) -> usize {
    stage.pass(1.0);
    stage.with(|world| world.cdrs.len())
}
