//! `caller.collect(..)`, `caller.record(..)`, `caller.music(..)`, `caller.conference(..)`: options in, results out.

use std::time::Duration;

use rhai::{Dynamic, Engine, Map, NativeCallContext};
use switch::{
    Collect, CollectResult, ConferenceOptions, ConferenceResult, Outcome, Pin, Record, RecordResult, RecordingFormat,
    Verb,
};

use super::arguments::{self, Checked, flag, kind, shown};
use super::caller::{Caller, LONGEST, SHORTEST, digits};
use super::{dial::unknown, unexpected};
use crate::fault::{Thrown, thrown};
use crate::fiber::ask;

/// The options of `collect`.
pub(crate) const COLLECT: &[&str] = &["max", "timeout", "terminator"];
/// What `collect` returns.
pub(crate) const COLLECTED: &[&str] = &["digits", "status"];
/// The options of `record`.
pub(crate) const RECORD: &[&str] = &["max", "silence", "format", "beep"];
/// What `record` returns.
pub(crate) const RECORDED: &[&str] = &["status", "seconds", "file", "id", "digit"];
/// The options of `conference`.
pub(crate) const CONFERENCE: &[&str] = &["pin", "prompt", "muted", "record", "leave", "tones"];
/// What `conference` returns.
pub(crate) const ATTENDED: &[&str] = &["status", "seconds"];

/// Keys that one `collect` may take.
const KEYS: i64 = 32;
/// How long a key may take where the script does not say.
const KEY: Duration = Duration::from_secs(5);
/// The longest recording where the script does not say.
const RECORDING: Duration = Duration::from_secs(300);
/// Bytes of a recording's name: the file's name is longer.
const NAME: usize = 96;
/// The keys of a telephone.
const TELEPHONE: &str = "0123456789*#ABCD";
/// The name of a recording that is only to be made.
const UNNAMED: &str = "call";

type Thing<T> = Result<T, Thrown>;

pub(crate) fn register(engine: &mut Engine) {
    engine
        .register_fn(
            "collect",
            |context: NativeCallContext, _: &mut Caller, prompt: Dynamic| collect(&context, &prompt, None),
        )
        .register_fn(
            "collect",
            |context: NativeCallContext, _: &mut Caller, prompt: Dynamic, options: Map| {
                collect(&context, &prompt, Some(&options))
            },
        )
        .register_fn("record", |context: NativeCallContext, _: &mut Caller, name: &str| {
            record(&context, name, None)
        })
        .register_fn(
            "record",
            |context: NativeCallContext, _: &mut Caller, name: &str, options: Map| {
                record(&context, name, Some(&options))
            },
        )
        .register_fn("music", |context: NativeCallContext, _: &mut Caller| {
            music(&context, None, None)
        })
        .register_fn("music", |context: NativeCallContext, _: &mut Caller, name: &str| {
            music(&context, Some(name), None)
        })
        .register_fn(
            "music",
            |context: NativeCallContext, _: &mut Caller, name: &str, seconds: Dynamic| {
                music(&context, Some(name), Some(&seconds))
            },
        )
        .register_fn(
            "conference",
            |context: NativeCallContext, _: &mut Caller, room: Dynamic| conference(&context, &room, None),
        )
        .register_fn(
            "conference",
            |context: NativeCallContext, _: &mut Caller, room: Dynamic, options: Map| {
                conference(&context, &room, Some(&options))
            },
        );
}

fn fits<T>(context: &NativeCallContext, checked: Checked<T>) -> Thing<T> {
    checked.map_err(|message| thrown(context, &message))
}

fn collect(context: &NativeCallContext, prompt: &Dynamic, options: Option<&Map>) -> Thing<Map> {
    let want = fits(context, read_collect(prompt, options))?;
    let outcome = ask(context, Verb::Collect(Box::new(want)))?;
    let Outcome::Collected(result) = outcome else {
        return Err(unexpected(context, &outcome));
    };
    Ok(collected(result))
}

/// What is asked for by `collect(prompt, options)`.
pub(crate) fn read_collect(prompt: &Dynamic, options: Option<&Map>) -> Checked<Collect> {
    let mut collect = Collect {
        prompts: prompts("collect", prompt)?,
        max: usize::try_from(KEYS).unwrap_or_default(),
        timeout: KEY,
        terminator: Some('#'),
    };
    for (name, value) in options.into_iter().flatten() {
        set_collect(&mut collect, name, value)?;
    }
    Ok(collect)
}

fn set_collect(collect: &mut Collect, name: &str, value: &Dynamic) -> Checked<()> {
    match name {
        "max" => {
            let most = value
                .as_int()
                .ok()
                .filter(|most| (1..=KEYS).contains(most))
                .and_then(|most| usize::try_from(most).ok());
            collect.max = most.ok_or_else(|| format!("max: 1 to {KEYS} keys are possible"))?;
        }
        "timeout" => collect.timeout = arguments::seconds("timeout", value, 0.5, 120.0)?,
        "terminator" => collect.terminator = key("terminator", value)?,
        other => return Err(unknown("collect", other, COLLECT)),
    }
    Ok(())
}

/// What `collect` returns.
fn collected(result: CollectResult) -> Map {
    let mut map = Map::new();
    map.insert("digits".into(), result.digits.into());
    map.insert("status".into(), result.status.as_str().into());
    map
}

fn record(context: &NativeCallContext, name: &str, options: Option<&Map>) -> Thing<Map> {
    let want = fits(context, read_record(name, options))?;
    let outcome = ask(context, Verb::Record(Box::new(want)))?;
    let Outcome::Recorded(result) = outcome else {
        return Err(unexpected(context, &outcome));
    };
    Ok(recorded(*result))
}

/// What is asked for by `record(name, options)`.
pub(crate) fn read_record(name: &str, options: Option<&Map>) -> Checked<Record> {
    let mut record = Record {
        name: recording(name)?,
        max: RECORDING,
        silence: None,
        format: RecordingFormat::Wav,
        beep: false,
    };
    for (name, value) in options.into_iter().flatten() {
        set_record(&mut record, name, value)?;
    }
    Ok(record)
}

fn set_record(record: &mut Record, name: &str, value: &Dynamic) -> Checked<()> {
    match name {
        "max" => record.max = arguments::seconds("max", value, 1.0, LONGEST)?,
        "silence" => record.silence = Some(arguments::seconds("silence", value, 1.0, 60.0)?),
        "format" => record.format = format(value)?,
        "beep" => record.beep = flag("beep", value)?,
        other => return Err(unknown("record", other, RECORD)),
    }
    Ok(())
}

fn format(value: &Dynamic) -> Checked<RecordingFormat> {
    let text = arguments::string(value).ok_or_else(|| format!("format: a string is needed, not {}", kind(value)))?;
    RecordingFormat::parse(&text).ok_or_else(|| format!("format {}: \"wav\" or \"opus\" is possible", shown(&text)))
}

/// What `record` returns.
fn recorded(result: RecordResult) -> Map {
    let text = |text: Option<String>| text.map_or(Dynamic::UNIT, Dynamic::from);
    let mut map = Map::new();
    map.insert("status".into(), result.status.as_str().into());
    map.insert("seconds".into(), result.seconds.into());
    map.insert("file".into(), result.file.into());
    map.insert("id".into(), text(result.id.map(|id| id.to_string())));
    map.insert("digit".into(), text(result.digit.map(String::from)));
    map
}

fn music(context: &NativeCallContext, name: Option<&str>, seconds: Option<&Dynamic>) -> Thing<String> {
    let name = fits(context, name.map(arguments::music).transpose())?;
    let duration = seconds.map(|seconds| arguments::seconds("music", seconds, SHORTEST, LONGEST));
    let duration = fits(context, duration.transpose())?;
    digits(context, Verb::Music { name, duration })
}

fn conference(context: &NativeCallContext, room: &Dynamic, options: Option<&Map>) -> Thing<Map> {
    let want = fits(context, read_conference(room, options))?;
    let outcome = ask(context, Verb::Conference(Box::new(want)))?;
    let Outcome::Conference(result) = outcome else {
        return Err(unexpected(context, &outcome));
    };
    Ok(attended(result))
}

/// What is asked for by `conference(room, options)`.
pub(crate) fn read_conference(room: &Dynamic, options: Option<&Map>) -> Checked<ConferenceOptions> {
    let mut conference = ConferenceOptions {
        room: self::room(room)?,
        pin: None,
        prompts: Vec::new(),
        muted: false,
        record: None,
        leave: None,
        tones: true,
    };
    for (name, value) in options.into_iter().flatten() {
        set_conference(&mut conference, name, value)?;
    }
    Ok(conference)
}

fn room(value: &Dynamic) -> Checked<String> {
    let text = arguments::string(value).ok_or_else(|| {
        format!(
            "conference: the name of a room is needed, a string, not {}",
            kind(value)
        )
    })?;
    arguments::number(&text).map_err(|_| {
        format!(
            "{} is no name of a conference: 1 to 32 of A-Z, a-z, 0-9 and * # + . _ -",
            shown(&text)
        )
    })
}

fn set_conference(conference: &mut ConferenceOptions, name: &str, value: &Dynamic) -> Checked<()> {
    match name {
        "pin" => conference.pin = pin(value)?,
        "prompt" => conference.prompts = prompts("prompt", value)?,
        "muted" => conference.muted = flag("muted", value)?,
        "record" => {
            let room = conference.room.clone();
            conference.record = recorded_as("record", value, &format!("conference-{}", plain(&room)))?;
        }
        "leave" => conference.leave = key("leave", value)?,
        "tones" => conference.tones = flag("tones", value)?,
        other => return Err(unknown("conference", other, CONFERENCE)),
    }
    Ok(())
}

/// A number as a part of a file's name: `*` and `#` and `+` become `_`.
fn plain(number: &str) -> String {
    number
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || "._-".contains(c) {
                c
            } else {
                '_'
            }
        })
        .collect()
}

/// A PIN: digits; `""` or `()` for none.
fn pin(value: &Dynamic) -> Checked<Option<Pin>> {
    if value.is_unit() {
        return Ok(None);
    }
    // The value is not shown: it is a secret.
    let fault = "pin: a string of 1 to 16 digits is needed";
    let text = arguments::string(value).ok_or(fault)?;
    match text.len() {
        0 => Ok(None),
        1..=16 if text.bytes().all(|digit| digit.is_ascii_digit()) => Ok(Some(Pin(text))),
        _ => Err(fault.to_owned()),
    }
}

/// What `conference` returns.
fn attended(result: ConferenceResult) -> Map {
    let mut map = Map::new();
    map.insert("status".into(), result.status.as_str().into());
    map.insert("seconds".into(), result.seconds.into());
    map
}

/// Whether an option could be given to `collect`, `record` or `conference`.
pub(crate) fn check_option(of: &str, name: &str, value: &Dynamic) -> Checked<()> {
    match of {
        "collect" => set_collect(&mut read_collect(&Dynamic::from(String::new()), None)?, name, value),
        "record" => set_record(&mut read_record(UNNAMED, None)?, name, value),
        _ => set_conference(&mut read_conference(&Dynamic::from("0".to_owned()), None)?, name, value),
    }
}

/// Prompts without the empty ones.
fn prompts(what: &str, value: &Dynamic) -> Checked<Vec<String>> {
    let names = arguments::strings(what, value)?;
    let names = names.iter().filter(|name| !name.is_empty());
    names.map(|name| arguments::prompt(name)).collect()
}

/// One key, or `""` for none.
fn key(what: &str, value: &Dynamic) -> Checked<Option<char>> {
    let text =
        arguments::string(value).ok_or_else(|| format!("{what}: one key is needed, a string, not {}", kind(value)))?;
    let mut keys = text.chars();
    match (keys.next(), keys.next()) {
        (None, _) => Ok(None),
        (Some(key), None) if TELEPHONE.contains(key) => Ok(Some(key)),
        (Some(_), _) => Err(format!("{what} {}: one of {TELEPHONE}, or \"\" for none", shown(&text))),
    }
}

/// The name of a recording.
pub(crate) fn recording(name: &str) -> Checked<String> {
    if name.len() <= NAME && arguments::prompt(name).is_ok() {
        return Ok(name.to_owned());
    }
    Err(format!(
        "{} is no name of a recording: at most {NAME} of A-Z, a-z, 0-9 and . _ -, with / between folders",
        shown(name)
    ))
}

/// The option `record`: `true`, `false`, or a name.
pub(crate) fn recorded_as(what: &str, value: &Dynamic, unnamed: &str) -> Checked<Option<String>> {
    match (value.as_bool(), arguments::string(value)) {
        (Ok(true), _) => recording(unnamed).map(Some),
        (Ok(false), _) => Ok(None),
        (Err(_), Some(name)) => recording(&name).map(Some),
        (Err(_), None) => Err(format!("{what}: true, false or a name is needed, not {}", kind(value))),
    }
}

/// The option `record` of `dial`.
pub(crate) fn dial_record(value: &Dynamic) -> Checked<Option<String>> {
    recorded_as("record", value, UNNAMED)
}
