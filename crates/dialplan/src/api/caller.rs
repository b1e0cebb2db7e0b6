//! `caller`: the facts of a call, and what can be done with it.

use std::sync::Arc;

use rhai::{Dynamic, Engine, Map, NativeCallContext};
use switch::{Facts, LastNumber, Outcome, Pin, RejectCode, Verb};

use super::arguments::{self, Checked};
use super::{dial, settings, unexpected};
use crate::fault::{Thrown, thrown};
use crate::fiber::ask;

/// How scripts and messages call the type.
pub(crate) const TYPE: &str = "caller";
/// The facts of a caller.
pub(crate) const FACTS: &[&str] = &[
    "number",
    "name",
    "dialed",
    "method",
    "extension",
    "trunk",
    "source",
    "id",
    "last_dialed",
    "last_caller",
];
/// What a caller can be told, with the least and the most arguments.
pub(crate) const VERBS: &[(&str, usize, usize)] = &[
    ("dial", 1, 2),
    ("ring", 0, 0),
    ("answer", 0, 0),
    ("reject", 1, 2),
    ("redirect", 1, 1),
    ("proxy", 1, 2),
    ("hangup", 0, 0),
    ("transfer", 1, 1),
    ("wait", 1, 1),
    ("play", 1, 1),
    ("tone", 1, 2),
    ("music", 0, 2),
    ("echo", 0, 0),
    ("collect", 1, 2),
    ("record", 1, 2),
    ("conference", 1, 2),
    ("pickup", 1, 1),
    ("park", 0, 2),
    ("page", 1, 2),
    ("header", 1, 1),
    ("set", 1, 1),
    ("log_on", 2, 2),
    ("log_off", 0, 0),
    ("parameter", 1, 1),
];

/// Seconds a verb may be told to take.
pub(crate) const SHORTEST: f64 = 0.01;
pub(crate) const LONGEST: f64 = 3_600.0;

/// The one whose call this is.
#[derive(Clone)]
pub(crate) struct Caller(Arc<Facts>);

impl Caller {
    pub(crate) fn new(facts: Facts) -> Self {
        Self(Arc::new(facts))
    }
}

type Thing<T> = Result<T, Thrown>;

/// What the request that began the call says.
fn register_request(engine: &mut Engine) {
    engine
        .register_fn("header", |context: NativeCallContext, _: &mut Caller, name: &str| {
            text_of(&context, name, Verb::Header)
        })
        .register_fn("parameter", |context: NativeCallContext, _: &mut Caller, name: &str| {
            text_of(&context, name, Verb::Parameter)
        });
}

pub(crate) fn register(engine: &mut Engine) {
    register_request(engine);
    engine.register_type_with_name::<Caller>(TYPE);
    facts(engine);
    engine
        .register_fn("dial", |context: NativeCallContext, _: &mut Caller, to: Dynamic| {
            dial_to(&context, &to, None)
        })
        .register_fn(
            "dial",
            |context: NativeCallContext, _: &mut Caller, to: Dynamic, options: Map| {
                dial_to(&context, &to, Some(&options))
            },
        )
        .register_fn("ring", |context: NativeCallContext, _: &mut Caller| {
            done(&context, Verb::Ring)
        })
        .register_fn("answer", |context: NativeCallContext, _: &mut Caller| {
            done(&context, Verb::Answer)
        })
        .register_fn("hangup", |context: NativeCallContext, _: &mut Caller| {
            done(&context, Verb::Hangup)
        })
        .register_fn("echo", |context: NativeCallContext, _: &mut Caller| {
            digits(&context, Verb::Echo)
        })
        .register_fn("reject", |context: NativeCallContext, _: &mut Caller, code: i64| {
            reject(&context, code, None)
        })
        .register_fn(
            "reject",
            |context: NativeCallContext, _: &mut Caller, code: i64, reason: &str| reject(&context, code, Some(reason)),
        )
        .register_fn("redirect", |context: NativeCallContext, _: &mut Caller, to: &str| {
            redirect(&context, to)
        })
        .register_fn("transfer", |context: NativeCallContext, _: &mut Caller, to: &str| {
            let number = fits(&context, arguments::number(to))?;
            done(&context, Verb::Transfer(number))
        })
        .register_fn(
            "wait",
            |context: NativeCallContext, _: &mut Caller, seconds: Dynamic| {
                let time = fits(&context, arguments::seconds("wait", &seconds, SHORTEST, LONGEST))?;
                digits(&context, Verb::Wait(time))
            },
        )
        .register_fn("play", |context: NativeCallContext, _: &mut Caller, names: Dynamic| {
            play(&context, &names)
        })
        .register_fn("tone", |context: NativeCallContext, _: &mut Caller, name: &str| {
            tone(&context, name, None)
        })
        .register_fn(
            "tone",
            |context: NativeCallContext, _: &mut Caller, name: &str, seconds: Dynamic| {
                tone(&context, name, Some(&seconds))
            },
        )
        .register_fn("set", |context: NativeCallContext, _: &mut Caller, fields: Map| {
            let change = fits(
                &context,
                settings::read(&fields).map_err(|fault| format!("set: {fault}")),
            )?;
            done(&context, Verb::Set(Box::new(change)))
        })
        .register_fn(
            "log_on",
            |context: NativeCallContext, _: &mut Caller, number: &str, pin: &str| log_on(&context, number, pin),
        )
        .register_fn("log_off", |context: NativeCallContext, _: &mut Caller| {
            flag(&context, Verb::LogOn(None))
        })
        .register_get("last_dialed", |context: NativeCallContext, _: &mut Caller| {
            maybe_text(&context, Verb::LastNumber(LastNumber::Dialed))
        })
        .register_get("last_caller", |context: NativeCallContext, _: &mut Caller| {
            maybe_text(&context, Verb::LastNumber(LastNumber::Caller))
        });
}

fn facts(engine: &mut Engine) {
    let or_unit = |text: &Option<String>| text.clone().map_or(Dynamic::UNIT, Dynamic::from);
    engine
        .register_get("number", |caller: &mut Caller| caller.0.number.clone())
        .register_get("name", |caller: &mut Caller| caller.0.name.clone())
        .register_get("dialed", |caller: &mut Caller| caller.0.dialed.clone())
        .register_get("method", |caller: &mut Caller| method(&caller.0).to_owned())
        .register_get("extension", move |caller: &mut Caller| or_unit(&caller.0.extension))
        .register_get("trunk", move |caller: &mut Caller| or_unit(&caller.0.trunk))
        .register_get("source", |caller: &mut Caller| caller.0.source.clone())
        .register_get("id", |caller: &mut Caller| caller.0.id.clone())
        .register_fn("to_string", |caller: &mut Caller| caller.0.number.clone())
        .register_fn("to_debug", |caller: &mut Caller| format!("caller({})", caller.0.number));
}

/// The method of the request; that of a call is INVITE.
fn method(facts: &Facts) -> &str {
    match facts.method.as_str() {
        "" => "INVITE",
        method => method,
    }
}

fn fits<T>(context: &NativeCallContext, checked: Checked<T>) -> Thing<T> {
    checked.map_err(|message| thrown(context, &message))
}

fn done(context: &NativeCallContext, verb: Verb) -> Thing<()> {
    let outcome = ask(context, verb)?;
    if outcome == Outcome::Done {
        Ok(())
    } else {
        Err(unexpected(context, &outcome))
    }
}

pub(crate) fn digits(context: &NativeCallContext, verb: Verb) -> Thing<String> {
    match ask(context, verb)? {
        Outcome::Digits(digits) => Ok(digits),
        Outcome::Done => Ok(String::new()),
        other @ (Outcome::Dial(_)
        | Outcome::Collected(_)
        | Outcome::Recorded(_)
        | Outcome::Conference(_)
        | Outcome::PickedUp(_)
        | Outcome::Parked(_)
        | Outcome::Paged(_)
        | Outcome::Flag(_)
        | Outcome::Text(_)
        | Outcome::Extension(_)
        | Outcome::Fault(_)) => Err(unexpected(context, &other)),
    }
}

fn dial_to(context: &NativeCallContext, to: &Dynamic, options: Option<&Map>) -> Thing<Map> {
    let verb = fits(context, dial::read(to, options))?;
    let outcome = ask(context, Verb::Dial(Box::new(verb)))?;
    let Outcome::Dial(result) = outcome else {
        return Err(unexpected(context, &outcome));
    };
    Ok(dial::result(*result))
}

fn reject(context: &NativeCallContext, code: i64, reason: Option<&str>) -> Thing<()> {
    let code = fits(context, reject_code(code))?;
    let reason = reason.map(|reason| arguments::line("reason", reason, 128)).transpose();
    let reason = fits(context, reason)?.filter(|reason| !reason.is_empty());
    done(context, Verb::Reject { code, reason })
}

/// A status to reject a call with.
pub(crate) fn reject_code(code: i64) -> Checked<RejectCode> {
    RejectCode::try_from(code).map_err(|refused| refused.to_string())
}

fn redirect(context: &NativeCallContext, to: &str) -> Thing<()> {
    let target = fits(context, redirect_to(to))?;
    done(context, Verb::Redirect { target })
}

/// A SIP URI or a number.
pub(crate) fn redirect_to(to: &str) -> Checked<String> {
    if to.contains(':') {
        arguments::uri(to)
    } else {
        arguments::number(to)
    }
}

fn play(context: &NativeCallContext, names: &Dynamic) -> Thing<String> {
    let names = fits(context, arguments::strings("play", names))?;
    // A prompt may be "", which is silence of no length.
    let names = names
        .iter()
        .filter(|name| !name.is_empty())
        .map(|name| arguments::prompt(name));
    let names = fits(context, names.collect::<Checked<Vec<_>>>())?;
    if names.is_empty() {
        Ok(String::new())
    } else {
        digits(context, Verb::Play(names))
    }
}

fn tone(context: &NativeCallContext, name: &str, seconds: Option<&Dynamic>) -> Thing<String> {
    let name = fits(context, arguments::tone(name))?;
    let duration = seconds
        .map(|seconds| arguments::seconds("tone", seconds, SHORTEST, LONGEST))
        .transpose();
    let duration = fits(context, duration)?;
    digits(context, Verb::Tone { name, duration })
}

/// A header field, or a parameter of the URI: both names are tokens.
fn text_of(context: &NativeCallContext, name: &str, verb: fn(String) -> Verb) -> Thing<Dynamic> {
    fits(context, dial::header_name(name))?;
    maybe_text(context, verb(name.to_owned()))
}

/// What people type may be anything: what can be no number or no PIN is as wrong as a wrong one.
fn log_on(context: &NativeCallContext, number: &str, pin: &str) -> Thing<bool> {
    let Ok(number) = arguments::number(number) else {
        return Ok(false);
    };
    if !(1..=16).contains(&pin.len()) || !pin.bytes().all(|digit| digit.is_ascii_digit()) {
        return Ok(false);
    }
    flag(context, Verb::LogOn(Some(Box::new((number, Pin(pin.to_owned()))))))
}

fn flag(context: &NativeCallContext, verb: Verb) -> Thing<bool> {
    let outcome = ask(context, verb)?;
    let Outcome::Flag(flag) = outcome else {
        return Err(unexpected(context, &outcome));
    };
    Ok(flag)
}

/// A text, or `()` where there is none.
fn maybe_text(context: &NativeCallContext, verb: Verb) -> Thing<Dynamic> {
    let outcome = ask(context, verb)?;
    let Outcome::Text(text) = outcome else {
        return Err(unexpected(context, &outcome));
    };
    Ok(text.map_or(Dynamic::UNIT, Dynamic::from))
}
