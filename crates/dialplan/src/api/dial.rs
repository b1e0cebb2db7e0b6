//! `caller.dial(..)`: its options in, its result out.

use std::time::Duration;

use rhai::{Array, Dynamic, Map};
use switch::{Dial, DialResult, Strategy, Target, did_you_mean};

use super::arguments::{self, Checked, kind, shown};
use super::sound;

/// Rings this long where the script does not say.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Header fields one `dial` may add.
const HEADERS: usize = 16;
const HEADER_VALUE: usize = 1_024;

/// The options of `dial`.
pub(crate) const OPTIONS: &[&str] = &["timeout", "strategy", "caller_id", "headers", "record", "auto_answer"];
/// What `caller_id` holds.
pub(crate) const CALLER_ID: &[&str] = &["number", "name"];

/// What a target of `dial` holds that is a map.
pub(crate) const TARGET: &[&str] = &["to", "delay"];

/// What `dial` returns.
pub(crate) const RESULT: &[&str] = &["status", "code", "reason", "by", "talk"];

/// Header fields that say who calls, who has sent the call on, or what of that is hidden. A script that could write them
/// could pass for another party.
const IDENTITY: &[&str] = &[
    "diversion",
    "from",
    "history-info",
    "identity",
    "identity-info",
    "p-asserted-identity",
    "p-asserted-service",
    "p-associated-uri",
    "p-called-party-id",
    "p-preferred-identity",
    "p-preferred-service",
    "p-served-user",
    "privacy",
    "referred-by",
    "remote-party-id",
    "reply-to",
    // RFC 3261 7.3.3: the compact names of From, Identity, Identity-Info and Referred-By.
    "f",
    "y",
    "n",
    "b",
];

/// Header fields that the switch writes itself, and header fields by which a script could speak for the switch.
const OWNED: &[&str] = &[
    "accept",
    "allow",
    "allow-events",
    "authorization",
    "call-id",
    "contact",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-length",
    "content-type",
    "cseq",
    "event",
    "expires",
    "join",
    "max-forwards",
    "mime-version",
    "min-se",
    "path",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-require",
    "rack",
    "record-route",
    "replaces",
    "require",
    "route",
    "rseq",
    "service-route",
    "session-expires",
    "supported",
    "to",
    "via",
    "www-authenticate",
    // RFC 3261 7.3.3: the compact names of those above and of others the switch may write.
    "a",
    "c",
    "d",
    "e",
    "i",
    "j",
    "k",
    "l",
    "m",
    "o",
    "r",
    "s",
    "t",
    "u",
    "v",
    "x",
];

/// What is asked for by `dial(target, options)`.
pub(crate) fn read(targets: &Dynamic, options: Option<&Map>) -> Checked<Dial> {
    let (targets, delays): (Vec<_>, Vec<_>) = read_targets(targets)?.into_iter().unzip();
    let delayed = delays.iter().any(|delay| !delay.is_zero());
    let mut dial = Dial {
        targets,
        delays: if delayed { delays } else { Vec::new() },
        timeout: TIMEOUT,
        strategy: Strategy::All,
        caller_id: None,
        headers: Vec::new(),
        record: None,
        auto_answer: false,
    };
    for (name, value) in options.into_iter().flatten() {
        set(&mut dial, name, value)?;
    }
    if dial.strategy != Strategy::All && !dial.delays.is_empty() {
        return Err("dial: delay is possible with the strategy \"all\" only".to_owned());
    }
    Ok(dial)
}

/// The targets with how long each waits: one or a list of them, each a string or `#{ to, delay }`.
pub(crate) fn read_targets(value: &Dynamic) -> Checked<Vec<(Target, Duration)>> {
    let one = |value: &Dynamic| match value.clone().try_cast::<Map>() {
        Some(map) => delayed_target(&map),
        None => arguments::target(&text("dial", value)?).map(|target| (target, Duration::ZERO)),
    };
    if value.is_map() {
        return one(value).map(|target| vec![target]);
    }
    match value.read_lock::<Array>() {
        Some(list) if list.iter().any(Dynamic::is_map) && list.len() <= arguments::LIST => {
            list.iter().map(one).collect()
        }
        _ => arguments::strings("dial", value)?
            .iter()
            .map(|target| Ok((arguments::target(target)?, Duration::ZERO)))
            .collect(),
    }
}

fn delayed_target(map: &Map) -> Checked<(Target, Duration)> {
    let (mut to, mut delay) = (None, Duration::ZERO);
    for (key, value) in map {
        match key.as_str() {
            "to" => to = Some(arguments::target(&text("dial to", value)?)?),
            "delay" => delay = arguments::seconds("delay", value, 0.0, 600.0)?,
            other => return Err(unknown("a target", other, TARGET)),
        }
    }
    Ok((to.ok_or("dial: a target needs to")?, delay))
}

/// Whether an option could be given to `dial`.
pub(crate) fn check_option(name: &str, value: &Dynamic) -> Checked<()> {
    set(&mut read(&Dynamic::from("0"), None)?, name, value)
}

fn set(dial: &mut Dial, name: &str, value: &Dynamic) -> Checked<()> {
    match name {
        "timeout" => dial.timeout = arguments::seconds("timeout", value, 1.0, 600.0)?,
        "strategy" => dial.strategy = strategy(value)?,
        "caller_id" => dial.caller_id = Some(caller_id(value)?),
        "headers" => dial.headers = headers(value)?,
        "record" => dial.record = sound::dial_record(value)?,
        "auto_answer" => dial.auto_answer = arguments::flag("auto_answer", value)?,
        other => return Err(unknown("dial", other, OPTIONS)),
    }
    Ok(())
}

/// What `dial` returns.
pub(crate) fn result(result: DialResult) -> Map {
    let mut map = Map::new();
    map.insert("status".into(), result.status.as_str().into());
    map.insert("code".into(), i64::from(result.code).into());
    map.insert("reason".into(), result.reason.into());
    map.insert("by".into(), result.by.into());
    map.insert("talk".into(), result.talk.into());
    map
}

/// The complaint about an unknown option.
pub(crate) fn unknown(of: &str, name: &str, known: &[&str]) -> String {
    let near = did_you_mean(name, known.iter().copied());
    format!("{of} has no option {}; it has {}{near}", shown(name), known.join(", "))
}

fn strategy(value: &Dynamic) -> Checked<Strategy> {
    match text("strategy", value)?.as_str() {
        "all" => Ok(Strategy::All),
        "sequence" => Ok(Strategy::Sequence),
        "random" => Ok(Strategy::Random),
        other => Err(format!(
            "strategy {}: \"all\", \"sequence\" or \"random\" is possible",
            shown(other)
        )),
    }
}

fn caller_id(value: &Dynamic) -> Checked<(String, String)> {
    let map = map("caller_id", value)?;
    let (mut number, mut name) = (None, String::new());
    for (key, value) in &map {
        match key.as_str() {
            "number" => number = Some(arguments::number(&text("caller_id number", value)?)?),
            "name" => name = arguments::line("caller_id name", &text("caller_id name", value)?, 64)?,
            other => return Err(unknown("caller_id", other, CALLER_ID)),
        }
    }
    Ok((number.ok_or("caller_id needs a number")?, name))
}

fn headers(value: &Dynamic) -> Checked<Vec<(String, String)>> {
    let map = map("headers", value)?;
    if map.len() > HEADERS {
        return Err(format!("headers: at most {HEADERS} are possible"));
    }
    map.iter()
        .map(|(name, value)| {
            header_name(name)?;
            let lower = name.to_ascii_lowercase();
            if IDENTITY.contains(&lower.as_str()) {
                return Err(format!(
                    "headers: {} says who calls, which only Tandem writes; use caller_id",
                    shown(name)
                ));
            }
            if OWNED.contains(&lower.as_str()) {
                return Err(format!("headers: {} is written by Tandem itself", shown(name)));
            }
            let value = arguments::line("header value", &text("header value", value)?, HEADER_VALUE)?;
            Ok((name.to_string(), value))
        })
        .collect()
}

/// RFC 3261 25.1: `header-name = token`.
pub(crate) fn header_name(name: &str) -> Checked<()> {
    let token = |c: char| c.is_ascii_alphanumeric() || "-.!%*_+`'~".contains(c);
    if (1..=64).contains(&name.len()) && name.chars().all(token) {
        return Ok(());
    }
    Err(format!(
        "{} is no name of a header: 1 to 64 of A-Z, a-z, 0-9 and - . ! % * _ + ` ' ~",
        shown(name)
    ))
}

fn text(what: &str, value: &Dynamic) -> Checked<String> {
    arguments::string(value).ok_or_else(|| format!("{what}: a string is needed, not {}", kind(value)))
}

fn map(what: &str, value: &Dynamic) -> Checked<Map> {
    value
        .clone()
        .try_cast::<Map>()
        .ok_or_else(|| format!("{what}: a map #{{ .. }} is needed, not {}", kind(value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_script_writes_who_calls_under_any_name_of_the_field() {
        let refused =
            |name: &str| headers(&Dynamic::from(Map::from([(name.into(), "<sip:102@x>".into())]))).unwrap_err();
        for name in IDENTITY {
            for written in [name.to_string(), name.to_ascii_uppercase()] {
                assert!(refused(&written).contains("use caller_id"), "{written}");
            }
        }
        for name in OWNED {
            assert!(refused(name).contains("is written by Tandem itself"), "{name}");
            assert!(!IDENTITY.contains(name), "{name} stands in both lists");
        }
    }
}
