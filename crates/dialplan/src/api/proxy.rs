//! `caller.proxy(..)`: targets and options in; its result is that of a `dial`.

use rhai::{Array, Dynamic, Engine, Map, NativeCallContext};
use switch::{Outcome, ProxyTarget, ProxyTo, Verb};

use super::arguments::{self, Checked, kind};
use super::caller::Caller;
use super::{dial, dial::unknown, unexpected};
use crate::fault::{Thrown, thrown};
use crate::fiber::ask;

/// The options of `proxy`.
pub(crate) const OPTIONS: &[&str] = &["timeout"];
/// What a target holds that is a map.
const TARGET: &[&str] = &["to", "q"];

type Thing<T> = Result<T, Thrown>;

pub(crate) fn register(engine: &mut Engine) {
    engine
        .register_fn("proxy", |context: NativeCallContext, _: &mut Caller, to: Dynamic| {
            proxy(&context, &to, None)
        })
        .register_fn(
            "proxy",
            |context: NativeCallContext, _: &mut Caller, to: Dynamic, options: Map| {
                proxy(&context, &to, Some(&options))
            },
        );
}

fn proxy(context: &NativeCallContext, to: &Dynamic, options: Option<&Map>) -> Thing<Map> {
    let want = read(to, options).map_err(|message| thrown(context, &message))?;
    let outcome = ask(context, Verb::Proxy(Box::new(want)))?;
    let Outcome::Dial(result) = outcome else {
        return Err(unexpected(context, &outcome));
    };
    Ok(dial::result(*result))
}

/// What is asked for by `proxy(to, options)`.
pub(crate) fn read(to: &Dynamic, options: Option<&Map>) -> Checked<ProxyTo> {
    let list = to.read_lock::<Array>().map(|list| list.clone());
    let targets = match list {
        Some(list) if (1..=arguments::LIST).contains(&list.len()) => {
            list.iter().map(target).collect::<Checked<Vec<_>>>()?
        }
        Some(_) => return Err(format!("proxy: a list of 1 to {} targets is needed", arguments::LIST)),
        None => vec![target(to)?],
    };
    let mut want = ProxyTo { targets, timeout: None };
    for (name, value) in options.into_iter().flatten() {
        set(&mut want, name, value)?;
    }
    Ok(want)
}

/// Whether an option could be given to `proxy`.
pub(crate) fn check_option(name: &str, value: &Dynamic) -> Checked<()> {
    let mut any = ProxyTo {
        targets: Vec::new(),
        timeout: None,
    };
    set(&mut any, name, value)
}

fn set(want: &mut ProxyTo, name: &str, value: &Dynamic) -> Checked<()> {
    match name {
        "timeout" => want.timeout = Some(arguments::seconds("timeout", value, 1.0, 600.0)?),
        other => return Err(unknown("proxy", other, OPTIONS)),
    }
    Ok(())
}

/// A SIP URI, or a map of one with its preference.
fn target(value: &Dynamic) -> Checked<ProxyTarget> {
    let Some(map) = value.read_lock::<Map>() else {
        return Ok(ProxyTarget {
            uri: uri(value)?,
            q: 1_000,
        });
    };
    let (mut to, mut q) = (None, 1_000);
    for (key, value) in map.iter() {
        match key.as_str() {
            "to" => to = Some(uri(value)?),
            "q" => q = preference(value)?,
            other => return Err(unknown("a target", other, TARGET)),
        }
    }
    let uri = to.ok_or("proxy: a target needs to")?;
    Ok(ProxyTarget { uri, q })
}

fn uri(value: &Dynamic) -> Checked<String> {
    let text = arguments::string(value).ok_or_else(|| format!("proxy: a SIP URI is needed, not {}", kind(value)))?;
    arguments::uri(&text)
}

/// 0 to 1, in thousandths (RFC 3261 section 20.10).
fn preference(value: &Dynamic) -> Checked<u16> {
    let fault = || format!("q: a number from 0 to 1 is needed, not {value}");
    let q = value
        .as_float()
        .ok()
        .or_else(|| value.as_int().ok().and_then(|q| u8::try_from(q).ok()).map(f64::from));
    let q = q.filter(|q| (0.0..=1.0).contains(q)).ok_or_else(fault)?;
    // The steps are those of a qvalue, so none is lost.
    (0..=1_000_u16)
        .find(|step| (f64::from(*step) / 1_000.0 - q).abs() < 0.000_5)
        .ok_or_else(fault)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_uris_with_a_preference() {
        let one = Dynamic::from("sip:bob@192.0.2.9");
        let mut map = Map::new();
        map.insert("to".into(), "sip:eve@192.0.2.8".into());
        map.insert("q".into(), 0.25.into());
        let list = Dynamic::from(Array::from([one.clone(), map.into()]));
        let read = |value: &Dynamic| {
            let want = read(value, None)?;
            Ok::<_, String>(want.targets.into_iter().map(|to| (to.uri, to.q)).collect::<Vec<_>>())
        };
        assert_eq!(read(&one), Ok(vec![("sip:bob@192.0.2.9".to_owned(), 1_000)]));
        assert_eq!(read(&list).map(|targets| targets[1].1), Ok(250));
        assert!(read(&Dynamic::from("102")).is_err(), "a number is no target of a proxy");
        assert!(read(&Dynamic::from(Array::new())).is_err());
        for (q, taken) in [("0", true), ("1", true), ("2", false), ("-1", false)] {
            let value = Dynamic::from(q.parse::<i64>().unwrap());
            assert_eq!(preference(&value).is_ok(), taken, "{q}");
        }
    }
}
