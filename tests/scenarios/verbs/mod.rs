//! Verbs that take or give sound: `collect`, `record`, `music`, `conference`, and `dial` with `record`.
//!
//! A script tells its results by prompts whose names begin with `r.`: see [`said`].

use media::Source;
use tests::Stage;

mod collect;
mod conference;
mod dial_record;
mod in_band;
mod members;
mod music;
mod record;

fn plan(body: &str) -> Stage {
    Stage::plan(&format!("fn on_call(caller) {{\n{body}\n}}"))
}

/// What the script said so far, without the `r.`.
fn said(stage: &Stage) -> Vec<String> {
    let played = stage.played().into_iter();
    let prompts = played.filter_map(|source| match source {
        Source::Prompts(names) => names.first()?.strip_prefix("r.").map(str::to_owned),
        Source::Tone(_) | Source::Music(_) => None,
    });
    prompts.collect()
}

/// The message of the fault with which a script ended.
fn fault(stage: &Stage) -> String {
    stage.with(|world| {
        let mut faults = world.events.iter().filter_map(|event| match event {
            switch::Event::ScriptFailed { fault, .. } => Some(fault.message.clone()),
            _ => None,
        });
        faults.next_back().unwrap_or_default()
    })
}
