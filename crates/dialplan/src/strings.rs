//! Functions of Rhai's that grow without a limit, or block the thread, replaced.

use rhai::{Engine, EvalAltResult, ImmutableString, NativeCallContext, Position};

use crate::fault::Thrown;
use crate::limits::Limits;

/// The fault of a script that calls `sleep`.
pub(crate) const NO_SLEEP: &str = "there is no sleep here: use caller.wait(seconds)";

/// Puts ours before Rhai's: what an engine registers itself is found before any package.
pub(crate) fn register(engine: &mut Engine, limits: &Limits) {
    let limit = limits.values.string;
    engine.register_fn("replace", move |text: &mut ImmutableString, find: &str, by: &str| {
        replace(text, find, by, limit)
    });
    engine.register_fn("replace", move |text: &mut ImmutableString, find: char, by: char| {
        replace(text, find.encode_utf8(&mut [0; 4]), by.encode_utf8(&mut [0; 4]), limit)
    });
    engine.register_fn("replace", move |text: &mut ImmutableString, find: &str, by: char| {
        replace(text, find, by.encode_utf8(&mut [0; 4]), limit)
    });
    engine.register_fn("replace", move |text: &mut ImmutableString, find: char, by: &str| {
        replace(text, find.encode_utf8(&mut [0; 4]), by, limit)
    });
    // Rhai's own tells the place within the JSON as if it were one in the script.
    engine.register_fn(
        "parse_json",
        |context: NativeCallContext, text: &str| -> Result<rhai::Map, Thrown> {
            let parsed = context.engine().parse_json(text, true);
            parsed.map_err(|error| crate::fault::thrown(&context, &format!("parse_json: {error}")))
        },
    );
    // A native `sleep` would stop every call of the thread.
    engine.register_fn("sleep", |context: NativeCallContext, _: i64| instead_of_sleep(&context));
    engine.register_fn("sleep", |context: NativeCallContext, _: f64| instead_of_sleep(&context));
}

fn replace(text: &mut ImmutableString, find: &str, by: &str, limit: usize) -> Result<(), Thrown> {
    // An empty pattern is found before, between and after all characters.
    let found = text.matches(find).count();
    let after = text
        .len()
        .saturating_sub(found * find.len())
        .saturating_add(found.saturating_mul(by.len()));
    if after > limit {
        return Err(EvalAltResult::ErrorDataTooLarge("Length of string".into(), Position::NONE).into());
    }
    *text = text.replace(find, by).into();
    Ok(())
}

fn instead_of_sleep(context: &NativeCallContext) -> Result<(), Thrown> {
    Err(crate::fault::thrown(context, NO_SLEEP))
}
