//! `caller.pickup(..)`, `caller.park(..)`, `caller.page(..)`: options in, results out.

use std::time::Duration;

use rhai::{Dynamic, Engine, Map, NativeCallContext};
use switch::{Outcome, Page, PageResult, Park, ParkResult, Pickup, PickupResult, Verb};

use super::arguments::{self, Checked, flag, kind, shown};
use super::caller::Caller;
use super::{dial::unknown, unexpected};
use crate::fault::{Thrown, thrown};
use crate::fiber::ask;

/// The option of `pickup`.
pub(crate) const PICKUP: &[&str] = &["group"];
/// What `pickup` returns.
pub(crate) const PICKED_UP: &[&str] = &["status", "number", "name"];
/// The options of `park`.
pub(crate) const PARK: &[&str] = &["timeout", "ring", "music", "held"];
/// What `park` returns.
pub(crate) const PARKED: &[&str] = &["status", "slot", "by", "talk"];
/// The options of `page`.
pub(crate) const PAGE: &[&str] = &["timeout"];
/// What `page` returns.
pub(crate) const PAGED: &[&str] = &["status", "phones", "seconds"];

/// The number that stands for the caller's pickup group.
const GROUP: &str = "*";
/// How long a phone may take to answer a page where the script does not say.
const ANSWER: Duration = Duration::from_secs(8);

type Thing<T> = Result<T, Thrown>;

pub(crate) fn register(engine: &mut Engine) {
    engine
        .register_fn(
            "pickup",
            |context: NativeCallContext, _: &mut Caller, target: Dynamic| pickup(&context, &target),
        )
        .register_fn("park", |context: NativeCallContext, _: &mut Caller| {
            park(&context, None, None)
        })
        .register_fn(
            "park",
            |context: NativeCallContext, _: &mut Caller, first: Dynamic| match first.read_lock::<Map>() {
                Some(options) => park(&context, None, Some(&options)),
                None => park(&context, Some(&first), None),
            },
        )
        .register_fn(
            "park",
            |context: NativeCallContext, _: &mut Caller, slot: Dynamic, options: Map| {
                park(&context, Some(&slot), Some(&options))
            },
        )
        .register_fn(
            "page",
            |context: NativeCallContext, _: &mut Caller, targets: Dynamic| page(&context, &targets, None),
        )
        .register_fn(
            "page",
            |context: NativeCallContext, _: &mut Caller, targets: Dynamic, options: Map| {
                page(&context, &targets, Some(&options))
            },
        );
}

fn fits<T>(context: &NativeCallContext, checked: Checked<T>) -> Thing<T> {
    checked.map_err(|message| thrown(context, &message))
}

fn pickup(context: &NativeCallContext, target: &Dynamic) -> Thing<Map> {
    let want = fits(context, read_pickup(target))?;
    let outcome = ask(context, Verb::Pickup(want))?;
    let Outcome::PickedUp(result) = outcome else {
        return Err(unexpected(context, &outcome));
    };
    Ok(picked_up(result))
}

/// What is asked for by `pickup(target)`.
pub(crate) fn read_pickup(target: &Dynamic) -> Checked<Pickup> {
    if let Some(options) = target.read_lock::<Map>() {
        let mut group = false;
        for (name, value) in options.iter() {
            match name.as_str() {
                "group" => group = flag("group", value)?,
                other => return Err(unknown("pickup", other, PICKUP)),
            }
        }
        return if group {
            Ok(Pickup::Group)
        } else {
            Err("pickup: a number, \"*\" or #{ group: true } is needed".to_owned())
        };
    }
    match arguments::string(target) {
        Some(text) if text == GROUP => Ok(Pickup::Group),
        Some(text) => arguments::number(&text).map(Pickup::Number),
        None => Err(format!(
            "pickup: a number, \"*\" or #{{ group: true }} is needed, not {}",
            kind(target)
        )),
    }
}

/// What `pickup` returns.
fn picked_up(result: PickupResult) -> Map {
    let mut map = Map::new();
    map.insert("status".into(), result.status.as_str().into());
    map.insert("number".into(), result.number.into());
    map.insert("name".into(), result.name.into());
    map
}

fn park(context: &NativeCallContext, slot: Option<&Dynamic>, options: Option<&Map>) -> Thing<Map> {
    let want = fits(context, read_park(slot, options))?;
    let outcome = ask(context, Verb::Park(Box::new(want)))?;
    let Outcome::Parked(result) = outcome else {
        return Err(unexpected(context, &outcome));
    };
    Ok(parked(result))
}

/// What is asked for by `park(slot, options)`.
pub(crate) fn read_park(slot: Option<&Dynamic>, options: Option<&Map>) -> Checked<Park> {
    let mut park = Park {
        slot: slot.map(self::slot).transpose()?,
        ..Park::default()
    };
    for (name, value) in options.into_iter().flatten() {
        set_park(&mut park, name, value)?;
    }
    Ok(park)
}

/// A slot: a number of digits.
fn slot(value: &Dynamic) -> Checked<String> {
    let text =
        arguments::string(value).ok_or_else(|| format!("park: a slot is needed, a string, not {}", kind(value)))?;
    let is_slot = (1..=9).contains(&text.len()) && text.bytes().all(|digit| digit.is_ascii_digit());
    if is_slot {
        Ok(text)
    } else {
        Err(format!("{} is no slot: 1 to 9 digits", shown(&text)))
    }
}

fn set_park(park: &mut Park, name: &str, value: &Dynamic) -> Checked<()> {
    match name {
        "timeout" => park.timeout = Some(arguments::seconds("timeout", value, 1.0, 3_600.0)?),
        "ring" => park.ring = Some(arguments::seconds("ring", value, 1.0, 600.0)?),
        "music" => {
            let name =
                arguments::string(value).ok_or_else(|| format!("music: a name is needed, not {}", kind(value)))?;
            park.music = Some(arguments::music(&name)?);
        }
        "held" => park.held = flag("held", value)?,
        other => return Err(unknown("park", other, PARK)),
    }
    Ok(())
}

/// What `park` returns.
fn parked(result: ParkResult) -> Map {
    let mut map = Map::new();
    map.insert("status".into(), result.status.as_str().into());
    map.insert("slot".into(), result.slot.into());
    map.insert("by".into(), result.by.into());
    map.insert("talk".into(), result.talk.into());
    map
}

fn page(context: &NativeCallContext, targets: &Dynamic, options: Option<&Map>) -> Thing<Map> {
    let want = fits(context, read_page(targets, options))?;
    let outcome = ask(context, Verb::Page(Box::new(want)))?;
    let Outcome::Paged(result) = outcome else {
        return Err(unexpected(context, &outcome));
    };
    Ok(paged(&result))
}

/// What is asked for by `page(targets, options)`.
pub(crate) fn read_page(targets: &Dynamic, options: Option<&Map>) -> Checked<Page> {
    let targets = arguments::strings("page", targets)?;
    let mut page = Page {
        targets: targets
            .iter()
            .map(|number| arguments::number(number))
            .collect::<Checked<_>>()?,
        timeout: ANSWER,
    };
    for (name, value) in options.into_iter().flatten() {
        set_page(&mut page, name, value)?;
    }
    Ok(page)
}

fn set_page(page: &mut Page, name: &str, value: &Dynamic) -> Checked<()> {
    match name {
        "timeout" => page.timeout = arguments::seconds("timeout", value, 1.0, 60.0)?,
        other => return Err(unknown("page", other, PAGE)),
    }
    Ok(())
}

/// What `page` returns.
fn paged(result: &PageResult) -> Map {
    let mut map = Map::new();
    map.insert("status".into(), result.status.as_str().into());
    map.insert("phones".into(), i64::from(result.phones).into());
    map.insert("seconds".into(), result.seconds.into());
    map
}

/// Whether an option could be given to `pickup`, `park` or `page`.
pub(crate) fn check_option(of: &str, name: &str, value: &Dynamic) -> Checked<()> {
    match of {
        "pickup" => flag(name, value).map(drop),
        "park" => set_park(&mut Park::default(), name, value),
        _ => set_page(&mut read_page(&Dynamic::from("0".to_owned()), None)?, name, value),
    }
}
