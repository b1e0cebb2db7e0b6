//! Calls and properties of a variable named `caller`.

use rhai::{Expr, FnCallExpr, Position};

use crate::api::{self, arguments, dial};

/// The name every dialplan gives its caller.
const CALLER: &str = "caller";

/// Nothing is wrong, or where and what.
pub(super) type Checked = Result<(), (Position, String)>;

/// `caller.something`.
pub(super) fn check(dot: &rhai::BinaryExpr, own: &[&str]) -> Checked {
    if is_caller(&dot.lhs) {
        on_caller(first(&dot.rhs), own)
    } else {
        Ok(())
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

fn on_caller(what: &Expr, own: &[&str]) -> Checked {
    match what {
        Expr::Property(property, position) => {
            let name = property.2.as_str();
            if api::caller::FACTS.contains(&name) {
                return Ok(());
            }
            Err((
                *position,
                format!("caller has no {name}; it has {}", api::caller::FACTS.join(", ")),
            ))
        }
        // A function of the script's own may be called as if it were one of the caller's.
        Expr::MethodCall(call, position) if !own.contains(&call.name.as_str()) => {
            verb(call).map_err(|message| (*position, message))?;
            literals(call)
        }
        _ => Ok(()),
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
    Err(format!("caller has no {name}(); it has {}", verbs.join(", ")))
}

/// Arguments that are written out are judged as they will be when they are used.
fn literals(call: &FnCallExpr) -> Checked {
    let Some(argument) = call.args.first() else {
        return Ok(());
    };
    let value = argument.get_literal_value(None);
    let judged = match (call.name.as_str(), &value) {
        ("dial", Some(to)) => arguments::strings("dial", to).and_then(|to| targets(&to)),
        ("reject", Some(code)) => code
            .as_int()
            .map_or(Ok(()), |code| api::caller::reject_code(code).map(drop)),
        ("wait", Some(time)) => arguments::seconds("wait", time, api::caller::SHORTEST, api::caller::LONGEST).map(drop),
        ("header", Some(name)) => arguments::string(name).map_or(Ok(()), |name| dial::header_name(&name)),
        _ => Ok(()),
    };
    judged.map_err(|message| (argument.position(), message))?;
    match (call.name.as_str(), call.args.get(1)) {
        ("dial", Some(Expr::Map(map, _))) => options("dial", &map.0, dial::OPTIONS),
        _ => Ok(()),
    }
}

fn targets(texts: &[String]) -> Result<(), String> {
    texts.iter().try_for_each(|text| arguments::target(text).map(drop))
}

/// The keys of a map that is written out, and of `caller_id` in it; values where they are written out.
fn options(of: &str, entries: &[(rhai::Ident, Expr)], known: &[&str]) -> Checked {
    for (key, value) in entries {
        if !known.contains(&key.name.as_str()) {
            return Err((key.pos, dial::unknown(of, &key.name, known)));
        }
        if let (("caller_id", Expr::Map(map, _)), "dial") = ((key.name.as_str(), value), of) {
            options("caller_id", &map.0, dial::CALLER_ID)?;
        }
        let judged = match (of, value.get_literal_value(None)) {
            ("dial", Some(literal)) => dial::check_option(&key.name, &literal),
            _ => Ok(()),
        };
        judged.map_err(|message| (value.position(), message))?;
    }
    Ok(())
}
