//! How large things may get.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use syn::{spanned::Spanned as _, visit::Visit};

use crate::{
    expect_none,
    offenders::KNOWN,
    source::{Source, is_test_file, sources},
};

/// Lines of a file without its tests, and of the tests of a file.
const FILE_LINES: usize = 500;
/// Lines of a function, from `fn` to the closing brace.
const FUNCTION_LINES: usize = 80;
/// Fields of a struct.
const FIELDS: usize = 15;
/// Files that hold an `impl` of one type.
const IMPL_FILES: usize = 3;
/// Files of a folder, without those of its folders.
const FOLDER_FILES: usize = 12;

/// Fails for what is too large and not known, and for what is known but no longer too large. `rule` is what the entries
/// of [`KNOWN`] begin with; `found` has names and sizes.
fn expect_known(rule: &str, most: usize, found: impl IntoIterator<Item = (String, usize)>) {
    let large: BTreeMap<String, usize> = found.into_iter().filter(|(_, size)| *size > most).collect();
    let known: BTreeSet<&str> = KNOWN
        .iter()
        .filter(|(of, _)| *of == rule)
        .map(|(_, name)| *name)
        .collect();
    let new = large.iter().filter(|(name, _)| !known.contains(name.as_str()));
    let mended = known.iter().filter(|name| !large.contains_key(**name));
    let mut faults: Vec<String> = new
        .map(|(name, size)| format!("{name}: {size} {rule}, {most} are allowed"))
        .collect();
    faults.extend(mended.map(|name| format!("{name}: at most {most} {rule} now: strike it from offenders.rs")));
    expect_none(faults);
}

/// What stands in one file: functions with their lines, structs with their fields, types that have an `impl`. What is
/// compiled for tests only is left out, but for a file of `tests/support`.
struct Contents<'a> {
    source: &'a Source,
    functions: Vec<(String, usize)>,
    structs: Vec<(String, usize)>,
    impls: BTreeSet<String>,
}

impl<'a> Contents<'a> {
    fn of(source: &'a Source) -> Self {
        let mut contents = Self {
            source,
            functions: Vec::new(),
            structs: Vec::new(),
            impls: BTreeSet::new(),
        };
        contents.visit_file(&source.file);
        contents
    }

    fn function(&mut self, signature: &syn::Signature, body: &syn::Block) {
        let lines = body.span().end().line + 1 - signature.span().start().line;
        self.functions
            .push((format!("{}::{}", self.source.name, signature.ident), lines));
    }
}

impl<'ast> Visit<'ast> for Contents<'_> {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        let line = module.span().start().line;
        if !self.source.test_lines.iter().any(|lines| *lines.start() == line) {
            syn::visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        self.function(&function.sig, &function.block);
        syn::visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.function(&function.sig, &function.block);
        syn::visit::visit_impl_item_fn(self, function);
    }

    fn visit_trait_item_fn(&mut self, function: &'ast syn::TraitItemFn) {
        if let Some(body) = &function.default {
            self.function(&function.sig, body);
        }
        syn::visit::visit_trait_item_fn(self, function);
    }

    fn visit_item_struct(&mut self, item: &'ast syn::ItemStruct) {
        self.structs.push((item.ident.to_string(), item.fields.len()));
    }

    fn visit_item_enum(&mut self, item: &'ast syn::ItemEnum) {
        // So that an `impl` finds it.
        self.structs.push((item.ident.to_string(), 0));
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        if let syn::Type::Path(path) = &*item.self_ty
            && let Some(last) = path.path.segments.last()
        {
            self.impls.insert(last.ident.to_string());
        }
        syn::visit::visit_item_impl(self, item);
    }
}

/// The module of a file, by its path from the top: `crates/switch/src/leg/mod.rs` is `switch::leg`.
fn module(name: &str) -> String {
    let inner = name
        .trim_start_matches("crates/")
        .trim_end_matches(".rs")
        .replace("/src/", "/");
    let parts: Vec<&str> = inner
        .split('/')
        .filter(|part| !matches!(*part, "mod" | "lib" | "main"))
        .collect();
    parts.join("::")
}

/// How many parts two paths have in common at their front.
fn common(one: &str, two: &str) -> usize {
    one.split("::").zip(two.split("::")).take_while(|(a, b)| a == b).count()
}

#[test]
fn no_file_is_too_long() {
    let sources = sources(&["crates", "tests"]);
    let sized = |size: fn(&Source) -> usize| sources.iter().map(move |source| (source.name.clone(), size(source)));
    expect_known("lines", FILE_LINES, sized(|source| source.lines().1));
    expect_known("lines of tests", FILE_LINES, sized(|source| source.lines().0));
}

#[test]
fn no_function_is_too_long() {
    let sources = sources(&["crates", "tests/support"]);
    let counted = sources
        .iter()
        .filter(|source| !is_test_file(&source.name) || source.name.starts_with("tests/support"));
    let functions = counted.flat_map(|source| Contents::of(source).functions);
    expect_known("lines of a function", FUNCTION_LINES, functions);
}

#[test]
fn no_struct_has_too_many_fields() {
    let sources = sources(&["crates"]);
    let counted = sources.iter().filter(|source| !is_test_file(&source.name));
    let structs = counted.flat_map(|source| {
        let structs = Contents::of(source).structs.into_iter();
        structs.map(|(name, fields)| (format!("{}::{name}", module(&source.name)), fields))
    });
    expect_known("fields", FIELDS, structs);
}

#[test]
fn no_type_is_spread_over_too_many_files() {
    let sources = sources(&["crates"]);
    let counted: Vec<Contents<'_>> = sources
        .iter()
        .filter(|source| !is_test_file(&source.name))
        .map(Contents::of)
        .collect();
    // Where each name is a type, by crate: a name may be one in several modules.
    let mut types: BTreeMap<(String, &str), Vec<String>> = BTreeMap::new();
    let of_crate = |module: &str| module.split("::").next().unwrap().to_owned();
    for contents in &counted {
        let module = module(&contents.source.name);
        for (name, _) in &contents.structs {
            types.entry((of_crate(&module), name)).or_default().push(module.clone());
        }
    }
    let mut files: BTreeMap<String, usize> = BTreeMap::new();
    for contents in &counted {
        let module = module(&contents.source.name);
        for name in &contents.impls {
            let homes = types.get(&(of_crate(&module), name.as_str()));
            // The nearest one is meant; a type of another crate has no home here.
            let home = homes.and_then(|homes| homes.iter().max_by_key(|home| common(home, &module)));
            if let Some(home) = home {
                *files.entry(format!("{home}::{name}")).or_default() += 1;
            }
        }
    }
    expect_known("files of an impl", IMPL_FILES, files);
}

#[test]
fn no_folder_is_too_full() {
    let mut folders: BTreeMap<String, usize> = BTreeMap::new();
    for source in sources(&["crates", "tests"]) {
        let folder = Path::new(&source.name).parent().unwrap().to_str().unwrap().to_owned();
        *folders.entry(folder).or_default() += 1;
    }
    expect_known("files in a folder", FOLDER_FILES, folders);
}
