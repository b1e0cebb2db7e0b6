//! What a test says of the verbs with which people work together: `on_pickup`, `on_park`, `on_page`.

use rhai::Map;
use switch::{PageResult, PageStatus, ParkResult, ParkStatus, PickupResult, PickupStatus};

use super::call::{known, no_status, text, time};
use crate::api::arguments::Checked;
use crate::api::parties::{PAGED, PARKED, PICKED_UP};

/// What a test says of a pickup; answered if it does not say.
pub(super) fn pickup(map: &Map) -> Checked<PickupResult> {
    known("a pickup's result", map, PICKED_UP)?;
    let name = text(map, "status")?.unwrap_or_else(|| PickupStatus::Answered.as_str().to_owned());
    let status =
        PickupStatus::parse(&name).ok_or_else(|| no_status(&name, PickupStatus::ALL.iter().map(|s| s.as_str())))?;
    Ok(PickupResult {
        status,
        number: text(map, "number")?.unwrap_or_default(),
        name: text(map, "name")?.unwrap_or_default(),
    })
}

/// What a test says of a parked call; taken by a phone if it does not say.
pub(super) fn park(map: &Map) -> Checked<ParkResult> {
    known("a park's result", map, PARKED)?;
    let name = text(map, "status")?.unwrap_or_else(|| ParkStatus::Retrieved.as_str().to_owned());
    let status =
        ParkStatus::parse(&name).ok_or_else(|| no_status(&name, ParkStatus::ALL.iter().map(|s| s.as_str())))?;
    let talks = matches!(status, ParkStatus::Retrieved | ParkStatus::Returned);
    Ok(ParkResult {
        status,
        slot: text(map, "slot")?.unwrap_or_default(),
        by: text(map, "by")?.unwrap_or_default(),
        talk: time(map, "talk", if talks { 10.0 } else { 0.0 })?,
    })
}

/// What a test says of a page; heard by one phone if it does not say.
pub(super) fn page(map: &Map) -> Checked<PageResult> {
    known("a page's result", map, PAGED)?;
    let name = text(map, "status")?.unwrap_or_else(|| PageStatus::Done.as_str().to_owned());
    let status =
        PageStatus::parse(&name).ok_or_else(|| no_status(&name, PageStatus::ALL.iter().map(|s| s.as_str())))?;
    let heard = i64::from(status == PageStatus::Done);
    let phones = map.get("phones").map_or(Ok(heard), |value| {
        value
            .as_int()
            .map_err(|_| "phones: a whole number is needed".to_owned())
    })?;
    Ok(PageResult {
        status,
        phones: u32::try_from(phones).map_err(|_| "phones: not less than 0".to_owned())?,
        seconds: time(map, "seconds", if heard > 0 { 10.0 } else { 0.0 })?,
    })
}
