//! One Rhai engine, with every guard in.

use rhai::packages::{
    BasicArrayPackage, BasicMapPackage, BasicMathPackage, BitFieldPackage, CorePackage, LogicPackage,
    MoreStringPackage, Package,
};
use rhai::{Dynamic, Engine, Module, OptimizationLevel, Scope};

use crate::api::{self, Log};
use crate::fiber::progress;
use crate::limits::Limits;
use crate::{strings, words};

/// An engine for scripts of a dialplan. It costs a fifth of a millisecond and 225 KiB: one a
/// generation, never one a call.
pub(crate) fn new(limits: &Limits) -> Engine {
    let mut engine = Engine::new_raw();
    packages(&mut engine);
    set_limits(&mut engine, limits);
    // `eval` compiles at run time; `curry` nests without a limit. (Closures that capture are left out
    // of the build.) Nesting without a limit overflows the stack when it is dropped.
    engine.disable_symbol("eval").disable_symbol("curry");
    engine.set_strict_variables(true);
    engine.set_fail_on_invalid_map_property(true);
    engine.set_optimization_level(OptimizationLevel::None);
    on_parse(&mut engine);
    engine.on_progress(|_| progress());
    engine.on_print(|text| api::log::write(api::log::Level::Info, text, None));
    engine.on_debug(|text, source, position| {
        api::log::write(
            api::log::Level::Debug,
            text,
            Some((source.unwrap_or_default(), position)),
        );
    });
    engine.register_global_module(constants().into());
    strings::register(&mut engine, limits);
    api::register(&mut engine);
    engine
}

#[allow(deprecated)] // not meant as such: it may change, and this version of Rhai is pinned
fn on_parse(engine: &mut Engine) {
    engine.on_parse_token(|token, at, _| words::token(token, at));
}

/// Rhai's own functions, but for those of bytes and of clocks.
fn packages(engine: &mut Engine) {
    CorePackage::new().register_into_engine(engine);
    BitFieldPackage::new().register_into_engine(engine);
    LogicPackage::new().register_into_engine(engine);
    BasicMathPackage::new().register_into_engine(engine);
    BasicArrayPackage::new().register_into_engine(engine);
    BasicMapPackage::new().register_into_engine(engine);
    MoreStringPackage::new().register_into_engine(engine);
}

fn set_limits(engine: &mut Engine, limits: &Limits) {
    let (values, code) = (&limits.values, &limits.code);
    engine
        .set_max_array_size(values.array)
        .set_max_map_size(values.map)
        .set_max_string_size(values.string)
        .set_max_call_levels(code.call_levels)
        .set_max_variables(code.variables)
        .set_max_functions(code.functions)
        .set_max_modules(code.modules)
        .set_max_expr_depths(code.depth, code.depth_in_functions);
}

/// What every function of a script sees without declaring it.
fn constants() -> Module {
    let mut module = Module::new();
    module.set_var("log", Log);
    module
}

/// The same for the parser, which would take them for misspelt variables.
pub(crate) fn known_names() -> Scope<'static> {
    let mut scope = Scope::new();
    scope.push_constant_dynamic("log", Dynamic::from(Log));
    scope
}
