//! `now(zone)`: the time where the caller is.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rhai::{Map, NativeCallContext};

use super::arguments::{Checked, shown};
use crate::fault::{Thrown, thrown};
use crate::fiber::clock;

/// What `now` returns.
pub(crate) const FIELDS: &[&str] = &[
    "year", "month", "day", "hour", "minute", "second", "weekday", "date", "time",
];

/// What the clock showed when the script was last resumed, in a zone such as `Europe/Berlin`.
pub(crate) fn now(context: NativeCallContext, zone: &str) -> Result<Map, Thrown> {
    map(clock(), zone).map_err(|message| thrown(&context, &message))
}

fn map(unix_micros: i64, zone: &str) -> Checked<Map> {
    let known = self::zone(zone)?;
    let time = Timestamp::from_microsecond(unix_micros)
        .map_err(|error| error.to_string())?
        .to_zoned(known);
    let mut map = Map::new();
    for (name, value) in [
        ("year", i64::from(time.year())),
        ("month", i64::from(time.month())),
        ("day", i64::from(time.day())),
        ("hour", i64::from(time.hour())),
        ("minute", i64::from(time.minute())),
        ("second", i64::from(time.second())),
        ("weekday", i64::from(time.weekday().to_monday_one_offset())),
    ] {
        map.insert(name.into(), value.into());
    }
    map.insert("date".into(), time.strftime("%Y-%m-%d").to_string().into());
    map.insert("time".into(), time.strftime("%H:%M:%S").to_string().into());
    Ok(map)
}

/// The zone of that name.
pub(crate) fn zone(name: &str) -> Checked<TimeZone> {
    let known = if name == "UTC" {
        Ok(TimeZone::UTC)
    } else {
        TimeZone::get(name)
    };
    known.map_err(|_| {
        format!(
            "{} is no time zone: a name such as \"Europe/Berlin\" or \"UTC\"",
            shown(name)
        )
    })
}
