//! What people do with one another's calls: pick up, park, intercom, page. The dialplan is the shipped `team.rhai`.
//!
//! | file | behaviour |
//! |---|---|
//! | `pickup.rs` | a phone takes a call that rings elsewhere |
//! | `pickup_races.rs` | two pickers, an answer or a hang-up at the same time, loss |
//! | `park.rs` | a call waits in a slot, and a phone takes it |
//! | `park_ends.rs` | a parked call returns, or ends in its slot |
//! | `park_held.rs` | the slot as the phone that parks learns it; a party on hold is parked by a feature code |
//! | `intercom.rs` | phones that answer by themselves: intercom and paging |

use sip::{HeaderName, Message, Method};
use switch::{Cdr, Config, ParkedCall, Reply};
use tests::{Actor, Settings, Stage};

mod intercom;
mod park;
mod park_ends;
mod park_held;
mod pickup;
mod pickup_races;

/// Which number does what, as in the shipped `main.rhai`.
const NUMBERS: &str = r#"
fn on_call(caller) {
    let dialed = caller.dialed;
    if dialed == "*8" { pick_up_in_group(caller); }
    else if dialed == "*81" { page_phones(caller); }
    else if dialed == "70" { park_call(caller); }
    else if dialed.len() == 3 && dialed.starts_with("7") { use_slot(caller, dialed); }
    else if dialed.starts_with("**") { pick_up(caller, dialed.sub_string(2)); }
    else if dialed.starts_with("*80") { intercom(caller, dialed.sub_string(3)); }
    else { caller.dial(dialed, #{ timeout: 20 }); }
}
"#;

/// A stage with the shipped functions.
fn team() -> Stage {
    with_config(|_| {})
}

/// The same, with other choices of chance.
fn with_seed(seed: u64) -> Stage {
    Stage::new(Settings { seed, ..settings() })
}

fn settings() -> Settings {
    Settings {
        plan: format!("{}{NUMBERS}", include_str!("../../../dialplans/team.rhai")),
        ..Settings::default()
    }
}

fn with_config(change: impl FnOnce(&mut Config)) -> Stage {
    let mut settings = settings();
    change(&mut settings.config);
    Stage::new(settings)
}

/// Puts extensions into a pickup group.
fn group(stage: &Stage, name: &str, numbers: &[&str]) {
    for number in numbers {
        stage.with(|world| world.account(number, |extension| extension.rules.pickup_group = Some(name.into())));
    }
}

/// The requests of this method that came to a phone, the latest last.
fn requests(phone: &Actor, method: &Method) -> Vec<Message> {
    phone.with(|phone| {
        let all = phone.received.iter().filter(|message| message.is_request());
        all.filter(|message| message.method() == method).cloned().collect()
    })
}

/// Whether the phone was told that its call was answered elsewhere (RFC 3326), so that it counts no missed call.
fn was_answered_elsewhere(phone: &Actor) -> bool {
    let cancel = requests(phone, &Method::Cancel).pop();
    let reason = cancel.and_then(|cancel| Some(cancel.header(HeaderName::Reason)?.to_owned()));
    reason.is_some_and(|reason| reason.starts_with("SIP") && reason.contains("cause=200"))
}

/// The records so far, the earliest last ended first.
fn records(stage: &Stage) -> Vec<Cdr> {
    stage.pass(1.0);
    stage.with(|world| world.cdrs.clone())
}

/// The record of the call to this number.
fn record_of(stage: &Stage, dialed: &str) -> Cdr {
    let all = records(stage);
    let found = all.iter().find(|cdr| cdr.open.dialed == dialed);
    found
        .unwrap_or_else(|| panic!("no record of {dialed}: {all:?}"))
        .clone()
}

/// The calls that are parked.
fn parked(stage: &Stage) -> Vec<ParkedCall> {
    match stage.commands(switch::Command::ListParked) {
        Ok(Reply::Parked(parked)) => parked,
        other => panic!("{other:?}"),
    }
}
