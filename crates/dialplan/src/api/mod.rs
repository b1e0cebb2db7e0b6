//! What scripts can say: `caller` and its verbs, `extension(..)`, `now(..)`, `log`.

pub(crate) mod arguments;
pub(crate) mod caller;
pub(crate) mod dial;
pub(crate) mod log;
pub(crate) mod now;
pub(crate) mod parties;
pub(crate) mod proxy;
pub(crate) mod settings;
pub(crate) mod sound;

use rhai::{Dynamic, Engine, Map, NativeCallContext};
use switch::{Outcome, Verb};

pub(crate) use caller::Caller;
pub(crate) use log::Log;

use crate::fault::{Thrown, thrown};
use crate::fiber::ask;

/// Verbs that are promised and not built yet. Naming them makes the fault say so.
pub(crate) const NOT_YET: &[&str] = &["voicemail", "mailbox", "enqueue"];

/// The name of a promised verb, from the signature of a function that was not found.
pub(crate) fn missing_verb(signature: &str) -> Option<&'static str> {
    let (name, arguments) = signature.split_once(" (")?;
    let verb = NOT_YET.iter().find(|verb| **verb == name)?;
    arguments.contains(caller::TYPE).then_some(verb)
}

/// What `extension(number)` returns.
pub(crate) const EXTENSION: &[&str] = &[
    "registered",
    "busy",
    "dnd",
    "forward",
    "forward_busy",
    "forward_no_answer",
    "forward_unreachable",
    "no_answer_seconds",
    "call_limit",
    "pickup_group",
    "music",
    "reject_anonymous",
    "hide_number",
    "intercom",
];

pub(crate) fn register(engine: &mut Engine) {
    caller::register(engine);
    sound::register(engine);
    parties::register(engine);
    proxy::register(engine);
    log::register(engine);
    engine.register_fn("extension", extension);
    engine.register_fn("now", now::now);
}

/// `extension(number)`: a map, or `()` where no extension has the number.
fn extension(context: NativeCallContext, number: &str) -> Result<Dynamic, Thrown> {
    let number = arguments::number(number).map_err(|message| thrown(&context, &message))?;
    let outcome = ask(&context, Verb::Extension(number))?;
    let Outcome::Extension(found) = outcome else {
        return Err(unexpected(&context, &outcome));
    };
    let Some(state) = found else { return Ok(().into()) };
    let text = |text: Option<String>| text.map_or(Dynamic::UNIT, Into::into);
    let count = |count: Option<u16>| count.map_or(Dynamic::UNIT, |count| i64::from(count).into());
    let rules = state.rules;
    let all: [(&str, Dynamic); 14] = [
        ("registered", state.registered.into()),
        ("busy", state.busy.into()),
        ("dnd", state.dnd.into()),
        ("forward", text(state.forward)),
        ("forward_busy", text(state.forward_busy)),
        ("forward_no_answer", text(state.forward_no_answer)),
        ("forward_unreachable", text(state.forward_unreachable)),
        ("no_answer_seconds", count(rules.no_answer_seconds)),
        ("call_limit", count(rules.call_limit)),
        ("pickup_group", text(rules.pickup_group)),
        ("music", text(rules.music)),
        ("reject_anonymous", rules.reject_anonymous.into()),
        ("hide_number", rules.hide_number.into()),
        ("intercom", rules.intercom.into()),
    ];
    let map: Map = all.into_iter().map(|(name, value)| (name.into(), value)).collect();
    Ok(map.into())
}

/// The switch answered something that is no answer to what was asked.
fn unexpected(context: &NativeCallContext, outcome: &Outcome) -> Thrown {
    let name = match outcome {
        Outcome::Done => "done",
        Outcome::Dial(_) => "a dial's result",
        Outcome::Digits(_) => "digits",
        Outcome::Collected(_) => "collected digits",
        Outcome::Recorded(_) => "a recording",
        Outcome::Conference(_) => "a conference's result",
        Outcome::PickedUp(_) => "a pickup's result",
        Outcome::Parked(_) => "a park's result",
        Outcome::Paged(_) => "a page's result",
        Outcome::Flag(_) => "yes or no",
        Outcome::Text(_) => "text",
        Outcome::Extension(_) => "an extension",
        Outcome::Fault(_) => "a fault",
    };
    thrown(context, &format!("the switch answered with {name}, which does not fit"))
}
