//! `incoming(#{ .. })`: a call made up by a test, and what it checks.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rhai::{Array, Dynamic, Engine, Map, NativeCallContext};
use switch::{
    CallRules, ConferenceResult, ConferenceStatus, DialStatus, ExtensionState, Facts, LastNumber, Position,
    RecordResult, RecordStatus, ScriptEntry, ScriptFault,
};

use super::fake::{Asked, Fake};
use super::results;
use crate::api;
use crate::api::arguments::{self, Checked, kind, shown};
use crate::api::dial::unknown;
use crate::fault::{self, Thrown, thrown};
use crate::generation::Generation;

/// Saturday, 2026-01-10, 10:00 UTC, where a test does not say.
const AT: &str = "2026-01-10T10:00:00Z";
const FACTS: &[&str] = &[
    "from",
    "dialed",
    "method",
    "name",
    "extension",
    "trunk",
    "source",
    "at",
    "headers",
    "parameters",
    "extensions",
    "last_dialed",
    "last_caller",
    "pins",
];

/// What a test holds. Clones are the same call.
#[derive(Clone)]
struct Call {
    plan: Arc<Generation>,
    inner: Arc<Mutex<Inner>>,
}

struct Inner {
    entry: ScriptEntry,
    facts: Facts,
    fake: Fake,
    run: Option<Result<(), ScriptFault>>,
}

impl Call {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

type Thing<T> = Result<T, Thrown>;

/// What a test says of the verbs with which people work together.
fn register_results(engine: &mut Engine) {
    engine
        .register_fn(
            "on_pickup",
            |context: NativeCallContext, call: &mut Call, result: Map| -> Thing<()> {
                let result = fits(&context, results::pickup(&result))?;
                call.lock().fake.on_pickup(result);
                Ok(())
            },
        )
        .register_fn(
            "on_park",
            |context: NativeCallContext, call: &mut Call, result: Map| -> Thing<()> {
                let result = fits(&context, results::park(&result))?;
                call.lock().fake.on_park(result);
                Ok(())
            },
        )
        .register_fn(
            "on_page",
            |context: NativeCallContext, call: &mut Call, result: Map| -> Thing<()> {
                let result = fits(&context, results::page(&result))?;
                call.lock().fake.on_page(result);
                Ok(())
            },
        );
}

pub(super) fn register(engine: &mut Engine, plan: &Arc<Generation>) {
    engine.register_type_with_name::<Call>("call");
    register_results(engine);
    let plan = plan.clone();
    engine.register_fn("incoming", move |context: NativeCallContext, map: Map| -> Thing<Call> {
        let inner = fits(&context, inner(&map))?;
        Ok(Call {
            plan: plan.clone(),
            inner: Arc::new(Mutex::new(inner)),
        })
    });
    engine
        .register_fn(
            "on_dial",
            |context: NativeCallContext, call: &mut Call, target: &str, result: Map| -> Thing<()> {
                let result = fits(&context, dial_result(&result))?;
                call.lock().fake.on_dial(target, result);
                Ok(())
            },
        )
        .register_fn(
            "on_record",
            |context: NativeCallContext, call: &mut Call, result: Map| -> Thing<()> {
                let result = fits(&context, record_result(&result))?;
                call.lock().fake.on_record(result);
                Ok(())
            },
        )
        .register_fn(
            "on_conference",
            |context: NativeCallContext, call: &mut Call, result: Map| -> Thing<()> {
                let result = fits(&context, conference_result(&result))?;
                call.lock().fake.on_conference(result);
                Ok(())
            },
        )
        .register_fn("presses", |call: &mut Call, digits: &str| {
            call.lock().fake.presses(digits)
        })
        .register_fn("hangs_up_at", |call: &mut Call, verb: &str| {
            call.lock().fake.hangs_up_at(verb)
        })
        .register_fn("run", run)
        .register_fn("expect", expect)
        .register_fn("expect_fault", expect_fault)
        .register_get("verbs", |call: &mut Call| -> Array {
            call.lock()
                .fake
                .asked()
                .iter()
                .map(|asked| asked.text.clone().into())
                .collect()
        })
        .register_get("dials", |call: &mut Call| -> Array { call.lock().fake.dials() })
        .register_fn("assert", |context: NativeCallContext, holds: bool| -> Thing<()> {
            if holds {
                Ok(())
            } else {
                Err(thrown(&context, "this does not hold"))
            }
        })
        .register_fn(
            "assert",
            |context: NativeCallContext, holds: bool, message: &str| -> Thing<()> {
                if holds { Ok(()) } else { Err(thrown(&context, message)) }
            },
        );
}

fn run(context: NativeCallContext, call: &mut Call) -> Thing<()> {
    let mut inner = call.lock();
    if inner.run.is_some() {
        return Err(thrown(&context, "this call has run already: make another"));
    }
    let (entry, facts) = (inner.entry, inner.facts.clone());
    let result = inner.fake.run(&call.plan, entry, facts);
    inner.run = Some(result);
    Ok(())
}

fn ran<'a>(context: &NativeCallContext, inner: &'a Inner) -> Thing<&'a Result<(), ScriptFault>> {
    inner
        .run
        .as_ref()
        .ok_or_else(|| thrown(context, "run the call first: c.run()"))
}

fn expect(context: NativeCallContext, call: &mut Call, verbs: Array) -> Thing<()> {
    let inner = call.lock();
    let expected: Vec<String> = verbs.iter().map(ToString::to_string).collect();
    let texts: Vec<&str> = inner.fake.asked().iter().map(|asked| asked.text.as_str()).collect();
    if let Err(fault) = ran(&context, &inner)? {
        return Err(thrown(
            &context,
            &format!(
                "the script failed: {}; {}",
                fault::describe(fault),
                did(inner.fake.asked())
            ),
        ));
    }
    if texts == expected {
        return Ok(());
    }
    let expected = if expected.is_empty() {
        "nothing".to_owned()
    } else {
        expected.join(", ")
    };
    Err(thrown(
        &context,
        &format!("expected {expected}; {}", did(inner.fake.asked())),
    ))
}

fn expect_fault(context: NativeCallContext, call: &mut Call, words: &str) -> Thing<()> {
    let inner = call.lock();
    let found = match ran(&context, &inner)? {
        Err(fault) => fault::describe(fault),
        Ok(()) => format!("none; {}", did(inner.fake.asked())),
    };
    if found.contains(words) {
        return Ok(());
    }
    Err(thrown(
        &context,
        &format!("expected a fault with {}, found {found}", shown(words)),
    ))
}

/// What the script asked for, with its lines.
fn did(asked: &[Asked]) -> String {
    let one = |Asked {
                   text,
                   at: Position { file, line, .. },
               }: &Asked| format!("{text} ({file}:{line})");
    let all: Vec<_> = asked.iter().map(one).collect();
    if all.is_empty() {
        "it did nothing".to_owned()
    } else {
        format!("it did: {}", all.join(", "))
    }
}

fn fits<T>(context: &NativeCallContext, checked: Checked<T>) -> Thing<T> {
    checked.map_err(|message| thrown(context, &message))
}

fn inner(map: &Map) -> Checked<Inner> {
    known("incoming", map, FACTS)?;
    let trunk = text(map, "trunk")?;
    let number = text(map, "from")?.unwrap_or_else(|| "101".to_owned());
    let extension = match (&trunk, map.get("extension")) {
        (None, None) => Some(number.clone()),
        _ => text(map, "extension")?,
    };
    let facts = Facts {
        id: "00000000000000000000000000000001".to_owned(),
        number,
        name: text(map, "name")?.unwrap_or_default(),
        dialed: text(map, "dialed")?.ok_or("a call needs the number that was dialed: dialed: \"102\"")?,
        extension,
        trunk,
        source: text(map, "source")?.unwrap_or_else(|| "192.0.2.1:5060".to_owned()),
        device: None,
        method: text(map, "method")?
            .filter(|method| method != "INVITE")
            .unwrap_or_default(),
    };
    let at = text(map, "at")?.unwrap_or_else(|| AT.to_owned());
    let at: jiff::Timestamp = at
        .parse()
        .map_err(|_| format!("at {}: a time such as \"2026-01-10T10:00:00Z\" is needed", shown(&at)))?;
    let mut fake = Fake::new(at.as_microsecond());
    for (name, value) in &sub_map(map, "headers")? {
        fake.has_header(name, &value.to_string());
    }
    for (name, value) in &sub_map(map, "parameters")? {
        fake.has_parameter(name, &value.to_string());
    }
    for (number, value) in &sub_map(map, "extensions")? {
        let state = value
            .clone()
            .try_cast::<Map>()
            .ok_or_else(|| format!("extension {number}: a map is needed"))?;
        fake.has_extension(number, extension_state(&state)?);
    }
    for (which, name) in [(LastNumber::Dialed, "last_dialed"), (LastNumber::Caller, "last_caller")] {
        if let Some(number) = text(map, name)? {
            fake.has_last_number(which, &number);
        }
    }
    for (number, pin) in &sub_map(map, "pins")? {
        fake.has_pin(number, &pin.to_string());
    }
    let entry = match (&facts.trunk, facts.method.as_str()) {
        (Some(_), _) => ScriptEntry::OnTrunk,
        (None, "") => ScriptEntry::OnCall,
        (None, _) => ScriptEntry::OnRequest,
    };
    Ok(Inner {
        entry,
        facts,
        fake,
        run: None,
    })
}

fn extension_state(map: &Map) -> Checked<ExtensionState> {
    known("an extension", map, api::EXTENSION)?;
    let flag = |name: &str, otherwise| match map.get(name) {
        None => Ok(otherwise),
        Some(value) => value
            .as_bool()
            .map_err(|_| format!("{name}: true or false is needed, not {}", kind(value))),
    };
    let count = |name: &str| match map.get(name).filter(|value| !value.is_unit()) {
        None => Ok(None),
        Some(value) => match value.as_int().ok().and_then(|count| u16::try_from(count).ok()) {
            Some(count) => Ok(Some(count)),
            None => Err(format!("{name}: a whole number is needed, not {}", kind(value))),
        },
    };
    Ok(ExtensionState {
        registered: flag("registered", true)?,
        busy: flag("busy", false)?,
        dnd: flag("dnd", false)?,
        forward: text(map, "forward")?,
        forward_busy: text(map, "forward_busy")?,
        forward_no_answer: text(map, "forward_no_answer")?,
        forward_unreachable: text(map, "forward_unreachable")?,
        rules: CallRules {
            no_answer_seconds: count("no_answer_seconds")?,
            call_limit: count("call_limit")?,
            pickup_group: text(map, "pickup_group")?,
            music: text(map, "music")?,
            reject_anonymous: flag("reject_anonymous", false)?,
            hide_number: flag("hide_number", false)?,
            intercom: flag("intercom", true)?,
        },
    })
}

fn dial_result(map: &Map) -> Checked<switch::DialResult> {
    known("a dial's result", map, api::dial::RESULT)?;
    let name = text(map, "status")?.unwrap_or_else(|| "answered".to_owned());
    let word = DialStatus::parse(&name);
    let (status, code, reason) = STATUS
        .iter()
        .find(|(status, ..)| Some(*status) == word)
        .ok_or_else(|| {
            format!(
                "status {}: possible are {}",
                shown(&name),
                STATUS.map(|s| s.0.as_str()).join(", ")
            )
        })?;
    let code = match map.get("code") {
        Some(value) => value
            .as_int()
            .ok()
            .and_then(|code| u16::try_from(code).ok())
            .filter(|code| *code <= 699)
            .ok_or("code: 0 to 699 is possible")?,
        None => *code,
    };
    let talk = match map.get("talk") {
        Some(value) => arguments::seconds("talk", value, 0.0, 1e6)?.as_secs_f64(),
        None if *status == DialStatus::Answered => 10.0,
        None => 0.0,
    };
    Ok(switch::DialResult {
        status: *status,
        code,
        reason: text(map, "reason")?.unwrap_or_else(|| (*reason).to_owned()),
        by: text(map, "by")?.unwrap_or_default(),
        talk,
    })
}

/// What a test says of a recording.
fn record_result(map: &Map) -> Checked<RecordResult> {
    known("a recording", map, &["status", "seconds", "digit"])?;
    let name = text(map, "status")?.unwrap_or_else(|| "done".to_owned());
    let status =
        RecordStatus::parse(&name).ok_or_else(|| no_status(&name, RecordStatus::ALL.iter().map(|s| s.as_str())))?;
    Ok(RecordResult {
        status,
        seconds: time(map, "seconds", if status == RecordStatus::Failed { 0.0 } else { 5.0 })?,
        file: String::new(),
        id: None,
        digit: text(map, "digit")?.and_then(|digit| digit.chars().next()),
    })
}

/// What a test says of a conference.
fn conference_result(map: &Map) -> Checked<ConferenceResult> {
    known("a conference's result", map, api::sound::ATTENDED)?;
    let name = text(map, "status")?.unwrap_or_else(|| "left".to_owned());
    let status = ConferenceStatus::parse(&name)
        .ok_or_else(|| no_status(&name, ConferenceStatus::ALL.iter().map(|s| s.as_str())))?;
    Ok(ConferenceResult {
        status,
        seconds: time(
            map,
            "seconds",
            if status == ConferenceStatus::Left { 10.0 } else { 0.0 },
        )?,
    })
}

pub(super) fn no_status<'a>(name: &str, words: impl Iterator<Item = &'a str>) -> String {
    let words: Vec<_> = words.collect();
    format!("status {}: possible are {}", shown(name), words.join(", "))
}

pub(super) fn time(map: &Map, name: &str, otherwise: f64) -> Checked<f64> {
    map.get(name).map_or(Ok(otherwise), |value| {
        arguments::seconds(name, value, 0.0, 1e6).map(|time| time.as_secs_f64())
    })
}

/// Each status with the answer that usually brings it.
const STATUS: [(DialStatus, u16, &str); 7] = [
    (DialStatus::Answered, 200, "OK"),
    (DialStatus::Busy, 486, "Busy Here"),
    (DialStatus::NoAnswer, 480, "Temporarily Unavailable"),
    (DialStatus::Unavailable, 480, "Temporarily Unavailable"),
    (DialStatus::Rejected, 603, "Decline"),
    (DialStatus::Failed, 404, "Not Found"),
    (DialStatus::Cancelled, 487, "Request Terminated"),
];

pub(super) fn known(of: &str, map: &Map, names: &[&str]) -> Checked<()> {
    map.keys()
        .find(|name| !names.contains(&name.as_str()))
        .map_or(Ok(()), |name| Err(unknown(of, name, names)))
}

pub(super) fn text(map: &Map, name: &str) -> Checked<Option<String>> {
    match map.get(name) {
        None => Ok(None),
        Some(value) if value.is_unit() => Ok(None),
        Some(value) => match arguments::string(value) {
            Some(text) => Ok(Some(text)),
            None => Err(format!("{name}: a string is needed, not {}", kind(value))),
        },
    }
}

fn sub_map(map: &Map, name: &str) -> Checked<Map> {
    let value = map.get(name).cloned().unwrap_or_else(|| Dynamic::from(Map::new()));
    value
        .clone()
        .try_cast::<Map>()
        .ok_or_else(|| format!("{name}: a map is needed, not {}", kind(&value)))
}
