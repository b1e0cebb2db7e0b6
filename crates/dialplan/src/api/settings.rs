//! `caller.set(#{ .. })`: what an extension may change of itself.

use rhai::{Dynamic, Map};
use switch::SettingsPatch;

use super::arguments::{self, Checked, kind};
use super::dial::unknown;

/// What scripts may set: what the keys of a phone are for. The rest is for administrators.
pub(crate) const FIELDS: &[&str] = &[
    "dnd",
    "forward_always",
    "forward_busy",
    "forward_no_answer",
    "forward_unreachable",
    "call_limit",
    "hide_number",
    "reject_anonymous",
    "pickup_group",
];

/// What `caller.set(map)` changes. `()` empties a field; switches are off then.
pub(crate) fn read(map: &Map) -> Checked<SettingsPatch> {
    let mut change = SettingsPatch::default();
    for (name, value) in map {
        set(&mut change, name, value)?;
    }
    Ok(change)
}

/// Whether a field could be set to a value.
pub(crate) fn check_field(name: &str, value: &Dynamic) -> Checked<()> {
    set(&mut SettingsPatch::default(), name, value)
}

fn set(change: &mut SettingsPatch, name: &str, value: &Dynamic) -> Checked<()> {
    match name {
        "dnd" => change.dnd = Some(switch(name, value)?),
        "forward_always" => change.forward_always = Some(text(name, value)?),
        "forward_busy" => change.forward_busy = Some(text(name, value)?),
        "forward_no_answer" => change.forward_no_answer = Some(text(name, value)?),
        "forward_unreachable" => change.forward_unreachable = Some(text(name, value)?),
        "call_limit" => change.call_limit = Some(count(name, value)?),
        "hide_number" => change.hide_number = Some(switch(name, value)?),
        "reject_anonymous" => change.reject_anonymous = Some(switch(name, value)?),
        "pickup_group" => change.pickup_group = Some(text(name, value)?),
        other => return Err(unknown("set", other, FIELDS)),
    }
    change.check().map_err(|bad| format!("{}: {}", bad.field, bad.accepted))
}

fn switch(name: &str, value: &Dynamic) -> Checked<bool> {
    if value.is_unit() {
        Ok(false)
    } else {
        arguments::flag(name, value)
    }
}

fn text(name: &str, value: &Dynamic) -> Checked<Option<String>> {
    if value.is_unit() {
        return Ok(None);
    }
    let text =
        arguments::string(value).ok_or_else(|| format!("{name}: a string or () is needed, not {}", kind(value)))?;
    Ok(Some(text))
}

fn count(name: &str, value: &Dynamic) -> Checked<Option<u16>> {
    if value.is_unit() {
        return Ok(None);
    }
    let refuse = || format!("{name}: a whole number or () is needed, not {}", kind(value));
    let number = value.as_int().map_err(|_| refuse())?;
    // What is too large for the type is too large for every limit.
    Ok(Some(u16::try_from(number).unwrap_or(if number < 0 {
        0
    } else {
        u16::MAX
    })))
}
