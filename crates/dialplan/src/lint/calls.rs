//! Calls of functions by name: the script's own, those of imported files, and Rhai's.

use std::collections::BTreeMap;

use rhai::{AST, ASTNode, Expr, FnCallExpr, Position, Stmt};
use switch::did_you_mean;

use super::Found;
use crate::folder::{MAIN, Sources};
use crate::{api, modules};

/// Nothing is wrong, or where and what.
type Checked = Result<(), (Position, String)>;

/// What can be called without a namespace besides the script's own functions and what this crate adds:
/// the functions of the packages in `engine.rs`, and Rhai's keywords that look like functions.
const KNOWN: &str = "abs acos acosh all append asin asinh atan atanh bits bytes call ceiling chars chop clear \
    contains cos cosh crop debug dedup drain end ends_with exit exp extract fill_with filter find find_map floor Fn \
    for_each fraction get get_bit get_bits get_fn_metadata_list hypot index_of insert int is_anonymous is_def_fn \
    is_def_var is_empty is_even is_exclusive is_finite is_inclusive is_infinite is_nan is_odd is_shared is_zero keys \
    len ln log make_lower make_upper map max min mixin name order order_by order_desc pad parse_float parse_int \
    parse_json pop print push range reduce reduce_rev remove replace retain reverse round set set_bit set_bits set_tag \
    shift sign sin sinh some sort sort_by sort_desc splice split split_rev sqrt start starts_with sub_string tag take \
    tan tanh to_binary to_blob to_chars to_debug to_degrees to_float to_hex to_int to_json to_lower to_octal \
    to_radians to_string to_upper trim truncate type_of values zip E PI extension now";

/// What a file can call.
pub(super) struct Calls<'a> {
    script: &'a AST,
    files: &'a Sources,
    plan: &'a BTreeMap<String, AST>,
    /// What it imports: the name it gives it, and the file where that is written out.
    imports: Vec<(String, Option<String>)>,
}

impl<'a> Calls<'a> {
    pub(super) fn new(script: &'a AST, files: &'a Sources, plan: &'a BTreeMap<String, AST>) -> Self {
        let mut imports = Vec::new();
        script.walk(&mut |path: &[ASTNode]| {
            if let Some(ASTNode::Stmt(Stmt::Import(import, _))) = path.last() {
                let file = match &import.0 {
                    Expr::StringConstant(path, _) => Some(crate::modules::file_name(path)),
                    _ => None,
                };
                imports.push((import.1.name.to_string(), file));
            }
            true
        });
        Self {
            script,
            files,
            plan,
            imports,
        }
    }

    pub(super) fn check(&self, call: &FnCallExpr, at: Position, found: &mut Found) {
        let name = call.name.as_str();
        // Operators are calls too.
        if !name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
            return;
        }
        let checked = if call.namespace.is_empty() {
            self.plain(name, call.args.len(), at)
        } else {
            self.imported(call, at)
        };
        found.extend(checked.err());
        found.extend(literal(call).err());
    }

    /// A file that is not there, where its name is written out.
    pub(super) fn import(&self, import: &(Expr, rhai::Ident), found: &mut Found) {
        if let Expr::StringConstant(path, at) = &import.0 {
            let file = modules::file_name(path);
            let known = || self.files.keys().map(String::as_str).filter(|name| *name != MAIN);
            if file == MAIN || !self.files.contains_key(&file) {
                found.push((*at, modules::missing(&file, known())));
            }
        }
    }

    fn plain(&self, name: &str, given: usize, at: Position) -> Checked {
        let takes = arities(self.script, name);
        let verb = api::caller::VERBS.iter().any(|(verb, ..)| *verb == name);
        if takes.contains(&given) || verb || KNOWN.split_ascii_whitespace().any(|known| known == name) {
            return Ok(());
        }
        if name == "sleep" {
            return Err((at, crate::strings::NO_SLEEP.to_owned()));
        }
        let mut message = complaint(name, given, &takes);
        if takes.is_empty() {
            let own = self.script.iter_functions().map(|function| function.name);
            message += &did_you_mean(name, own.chain(KNOWN.split_ascii_whitespace()));
        }
        Err((at, message))
    }

    /// `night::closed()`: where `night` is one file for sure, it has to have the function.
    fn imported(&self, call: &FnCallExpr, at: Position) -> Checked {
        let [root] = call.namespace.path.as_slice() else {
            return Ok(());
        };
        let mut of_that_name = self.imports.iter().filter(|(name, _)| *name == *root.name);
        let (Some((_, Some(file))), None) = (of_that_name.next(), of_that_name.next()) else {
            return Ok(());
        };
        // `main` cannot be imported: the import itself tells this fault.
        let Some(script) = self.plan.get(file).filter(|_| file != MAIN) else {
            return Ok(());
        };
        let takes = arities(script, &call.name);
        if takes.contains(&call.args.len()) {
            return Ok(());
        }
        Err((
            at,
            complaint(&format!("{}::{}", root.name, call.name), call.args.len(), &takes),
        ))
    }
}

/// An argument that is written out is judged as it will be when it is used.
fn literal(call: &FnCallExpr) -> Checked {
    let [Expr::StringConstant(text, at)] = call.args.as_slice() else {
        return Ok(());
    };
    let judged = match call.name.as_str() {
        "now" => api::now::zone(text).map(drop),
        "extension" => api::arguments::number(text).map(drop),
        _ => Ok(()),
    };
    judged.map_err(|message| (*at, message))
}

/// How many arguments the script's functions of a name take.
fn arities(script: &AST, name: &str) -> Vec<usize> {
    script
        .iter_functions()
        .filter(|function| function.name == name)
        .map(|function| function.params.len())
        .collect()
}

fn complaint(name: &str, given: usize, takes: &[usize]) -> String {
    if takes.is_empty() {
        return format!("there is no function {name}");
    }
    let takes: Vec<_> = takes.iter().map(ToString::to_string).collect();
    format!("{name} takes {} arguments, not {given}", takes.join(" or "))
}
