//! `log.info(..)` and its like, `print` and `debug`: lines for the log, not too many and not too long.

use rhai::{Dynamic, Engine, NativeCallContext, Position};

use crate::fiber::current;

/// Bytes of a line.
const LINE: usize = 1_024;

/// `log`.
#[derive(Copy, Clone)]
pub(crate) struct Log;

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    Debug,
    Info,
    Warn,
    Error,
}

pub(crate) fn register(engine: &mut Engine) {
    engine.register_type_with_name::<Log>("log");
    for (name, level) in [
        ("debug", Level::Debug),
        ("info", Level::Info),
        ("warn", Level::Warn),
        ("error", Level::Error),
    ] {
        engine.register_fn(name, move |context: NativeCallContext, _: &mut Log, value: Dynamic| {
            write(
                level,
                &value.to_string(),
                Some((context.call_source().unwrap_or_default(), context.call_position())),
            );
        });
    }
}

/// Writes a line, unless the script has written too many.
pub(crate) fn write(level: Level, text: &str, at: Option<(&str, Position)>) {
    let Some(state) = current() else { return };
    let Some(last) = state.log_line() else { return };
    let (file, line) = at.map_or(("", 0), |(file, position)| (file, position.line().unwrap_or(0)));
    let call = state.call();
    let text = one_line(text);
    match level {
        Level::Debug => tracing::debug!(target: "script", call, file, line, "{text}"),
        Level::Info => tracing::info!(target: "script", call, file, line, "{text}"),
        Level::Warn => tracing::warn!(target: "script", call, file, line, "{text}"),
        Level::Error => tracing::error!(target: "script", call, file, line, "{text}"),
    }
    if last {
        tracing::warn!(target: "script", call, file, line, "the script writes too much, the next lines are left out");
    }
}

/// One line that cannot be taken for another's.
fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len().min(LINE));
    for c in text.chars() {
        if line.len() + c.len_utf8() > LINE {
            line.push_str("...");
            break;
        }
        if c.is_control() {
            line.extend(c.escape_default())
        } else {
            line.push(c)
        }
    }
    line
}
