//! Calls and properties of a variable named `caller`.

use rhai::{Expr, FnCallExpr};
use switch::did_you_mean;

use super::{Found, Prompts};
use crate::api::{self, arguments, dial, parties, proxy, settings, sound};

/// The name every dialplan gives its caller.
const CALLER: &str = "caller";

/// `caller.something`.
pub(super) fn check(dot: &rhai::BinaryExpr, own: &[&str], prompts: Option<&Prompts>, found: &mut Found) {
    if is_caller(&dot.lhs) {
        on_caller(first(&dot.rhs), own, prompts, found);
    }
}

fn is_caller(expression: &Expr) -> bool {
    matches!(expression, Expr::Variable(variable, ..) if variable.2.is_empty() && variable.1 == CALLER)
}

/// `a` of `a.b.c` and `a[0].b`: what is done to the caller itself.
fn first(expression: &Expr) -> &Expr {
    match expression {
        Expr::Dot(chain, ..) | Expr::Index(chain, ..) => first(&chain.lhs),
        other => other,
    }
}

fn on_caller(what: &Expr, own: &[&str], prompts: Option<&Prompts>, found: &mut Found) {
    match what {
        Expr::Property(property, position) => {
            let name = property.2.as_str();
            if !api::caller::FACTS.contains(&name) {
                let near = did_you_mean(name, api::caller::FACTS.iter().copied());
                let facts = api::caller::FACTS.join(", ");
                found.push((*position, format!("caller has no {name}; it has {facts}{near}")));
            }
        }
        // A function of the script's own may be called as if it were one of the caller's.
        Expr::MethodCall(call, position) if !own.contains(&call.name.as_str()) => {
            if let Err(message) = verb(call) {
                found.push((*position, message));
            }
            literals(call, prompts, found);
        }
        _ => {}
    }
}

fn verb(call: &FnCallExpr) -> Result<(), String> {
    let name = call.name.as_str();
    let given = call.args.len();
    if let Some((_, least, most)) = api::caller::VERBS.iter().find(|(verb, ..)| *verb == name) {
        return match (least, most) {
            _ if (*least..=*most).contains(&given) => Ok(()),
            (least, most) if least == most => Err(format!("caller.{name} takes {least} arguments, not {given}")),
            (least, most) => Err(format!("caller.{name} takes {least} to {most} arguments, not {given}")),
        };
    }
    // What every value has.
    if ["to_string", "to_debug", "type_of", "print", "debug", "is_shared"].contains(&name) {
        return Ok(());
    }
    if api::NOT_YET.contains(&name) {
        return Err(format!("caller.{name} is not there yet"));
    }
    let verbs: Vec<_> = api::caller::VERBS.iter().map(|(verb, ..)| *verb).collect();
    let near = did_you_mean(name, verbs.iter().copied());
    Err(format!("caller has no {name}(); it has {}{near}", verbs.join(", ")))
}

/// Arguments that are written out are judged as they will be when they are used.
fn literals(call: &FnCallExpr, prompts: Option<&Prompts>, found: &mut Found) {
    let name = call.name.as_str();
    for (number, argument) in call.args.iter().enumerate() {
        match (name, number, argument) {
            ("dial", 1, Expr::Map(map, _)) => options("dial", &map.0, dial::OPTIONS, found),
            ("set", 0, Expr::Map(map, _)) => options("set", &map.0, settings::FIELDS, found),
            ("collect", 1, Expr::Map(map, _)) => options("collect", &map.0, sound::COLLECT, found),
            ("record", 1, Expr::Map(map, _)) => options("record", &map.0, sound::RECORD, found),
            ("conference", 1, Expr::Map(map, _)) => options("conference", &map.0, sound::CONFERENCE, found),
            ("pickup", 0, Expr::Map(map, _)) => options("pickup", &map.0, parties::PICKUP, found),
            ("park", 0 | 1, Expr::Map(map, _)) => options("park", &map.0, parties::PARK, found),
            ("proxy", 1, Expr::Map(map, _)) => options("proxy", &map.0, proxy::OPTIONS, found),
            ("page", 1, Expr::Map(map, _)) => options("page", &map.0, parties::PAGE, found),
            // Each item is at fault for itself, where all of them are written out.
            ("dial" | "play" | "collect" | "page", 0, Expr::Array(items, _)) if !items.is_empty() => {
                items.iter().for_each(|item| literal(name, 0, item, prompts, found));
            }
            _ => literal(name, number, argument, prompts, found),
        }
    }
}

fn literal(verb: &str, number: usize, argument: &Expr, prompts: Option<&Prompts>, found: &mut Found) {
    let Some(value) = argument.get_literal_value(None) else {
        return;
    };
    let (least, most) = (api::caller::SHORTEST, api::caller::LONGEST);
    let judged = match (verb, number) {
        ("dial", 0) => dial::read_targets(&value).map(drop),
        ("proxy", 0) => proxy::read(&value, None).map(drop),
        ("reject", 0) => value
            .as_int()
            .map_or(Ok(()), |code| api::caller::reject_code(code).map(drop)),
        ("wait", 0) => arguments::seconds("wait", &value, least, most).map(drop),
        ("tone", 1) => arguments::seconds("tone", &value, least, most).map(drop),
        ("tone", 0) => text(&value, |name| arguments::tone(name).map(drop)),
        ("header" | "parameter", 0) => text(&value, dial::header_name),
        ("transfer", 0) => text(&value, |to| arguments::number(to).map(drop)),
        ("redirect", 0) => text(&value, |to| api::caller::redirect_to(to).map(drop)),
        ("record", 0) => text(&value, |name| sound::recording(name).map(drop)),
        ("music", 0) => text(&value, |name| arguments::music(name).map(drop)),
        ("music", 1) => arguments::seconds("music", &value, least, most).map(drop),
        ("conference", 0) => sound::read_conference(&value, None).map(drop),
        ("pickup", 0) => parties::read_pickup(&value).map(drop),
        ("park", 0) => parties::read_park(Some(&value), None).map(drop),
        ("page", 0) => parties::read_page(&value, None).map(drop),
        ("play" | "collect", 0) => arguments::strings(verb, &value).and_then(|names| play(&names, prompts)),
        _ => Ok(()),
    };
    if let Err(message) = judged {
        found.push((argument.position(), message));
    }
}

fn text(value: &rhai::Dynamic, judge: impl FnOnce(&str) -> Result<(), String>) -> Result<(), String> {
    arguments::string(value).map_or(Ok(()), |text| judge(&text))
}

/// Names of prompts; "" is silence.
fn play(names: &[String], prompts: Option<&Prompts>) -> Result<(), String> {
    names.iter().filter(|name| !name.is_empty()).try_for_each(|name| {
        arguments::prompt(name)?;
        prompts.map_or(Ok(()), |prompts| prompts(name))
    })
}

/// The keys of a map that is written out, and of `caller_id` in it; values where they are written out.
fn options(of: &str, entries: &[(rhai::Ident, Expr)], known: &[&str], found: &mut Found) {
    for (key, value) in entries {
        if !known.contains(&key.name.as_str()) {
            found.push((key.pos, dial::unknown(of, &key.name, known)));
        } else if let (("caller_id", Expr::Map(map, _)), "dial") = ((key.name.as_str(), value), of) {
            let before = found.len();
            options("caller_id", &map.0, dial::CALLER_ID, found);
            if found.len() > before {
                continue;
            }
        }
        let judged = match (of, value.get_literal_value(None)) {
            ("dial", Some(literal)) if known.contains(&key.name.as_str()) => dial::check_option(&key.name, &literal),
            ("proxy", Some(literal)) if known.contains(&key.name.as_str()) => proxy::check_option(&key.name, &literal),
            ("set", Some(literal)) if known.contains(&key.name.as_str()) => settings::check_field(&key.name, &literal),
            ("collect" | "record" | "conference", Some(literal)) if known.contains(&key.name.as_str()) => {
                sound::check_option(of, &key.name, &literal)
            }
            ("pickup" | "park" | "page", Some(literal)) if known.contains(&key.name.as_str()) => {
                parties::check_option(of, &key.name, &literal)
            }
            _ => Ok(()),
        };
        if let Err(message) = judged {
            found.push((value.position(), message));
        }
    }
}
