//! The Rust files of the repository, as text, as syntax and as tokens.

use std::{
    fs,
    ops::RangeInclusive,
    path::{Path, PathBuf},
};

use proc_macro2::{TokenStream, TokenTree};
use syn::{Attribute, spanned::Spanned as _, visit::Visit};

/// The top of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Every Rust file under these folders: its path from the top, and its text.
pub(crate) fn rust_files(folders: &[&str]) -> Vec<(String, String)> {
    let root = root();
    let mut open: Vec<PathBuf> = folders.iter().map(|folder| root.join(folder)).collect();
    let mut files = Vec::new();
    while let Some(path) = open.pop() {
        if path.is_dir() {
            let skipped = ["target", "node_modules"].iter().any(|name| path.ends_with(name));
            let entries = (!skipped).then(|| fs::read_dir(&path).unwrap());
            open.extend(entries.into_iter().flatten().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
            files.push((name, fs::read_to_string(&path).unwrap()));
        }
    }
    files.sort();
    assert!(!files.is_empty());
    files
}

/// Whether a file is tests: everything outside of a crate's `src`, and within it `tests.rs`, `x_tests.rs` and all in a
/// folder `tests`.
pub(crate) fn is_test_file(name: &str) -> bool {
    let in_src = name.split_once("/src/").map(|(_, inner)| inner);
    in_src.is_none_or(|inner| {
        inner
            .split('/')
            .any(|part| part == "tests" || part == "tests.rs" || part.ends_with("_tests.rs"))
    })
}

/// A Rust file that was read.
pub(crate) struct Source {
    /// The path from the top.
    pub(crate) name: String,
    /// The text.
    pub(crate) code: String,
    /// Its syntax.
    pub(crate) file: syn::File,
    /// The lines of its modules that are compiled for tests only. A test file has none: see [`is_test_file`].
    pub(crate) test_lines: Vec<RangeInclusive<usize>>,
}

impl Source {
    /// Whether a line, counted from 1, is of a test.
    pub(crate) fn is_test(&self, line: usize) -> bool {
        is_test_file(&self.name) || self.test_lines.iter().any(|lines| lines.contains(&line))
    }

    /// How many lines are tests, and how many are not.
    pub(crate) fn lines(&self) -> (usize, usize) {
        let all = self.code.lines().count();
        let tests = (1..=all).filter(|&line| self.is_test(line)).count();
        (tests, all - tests)
    }

    /// Its tokens in order, those within brackets too. A comment is no token.
    pub(crate) fn tokens(&self) -> Vec<TokenTree> {
        flat(self.code.parse().unwrap())
    }
}

/// All tokens of a stream; a group comes before what it holds.
fn flat(stream: TokenStream) -> Vec<TokenTree> {
    let mut found = Vec::new();
    for token in stream {
        let inner = match &token {
            TokenTree::Group(group) => flat(group.stream()),
            TokenTree::Ident(_) | TokenTree::Punct(_) | TokenTree::Literal(_) => Vec::new(),
        };
        found.push(token);
        found.extend(inner);
    }
    found
}

/// Every Rust file under these folders, read.
pub(crate) fn sources(folders: &[&str]) -> Vec<Source> {
    let read = |(name, code): (String, String)| {
        let file = syn::parse_file(&code).unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut tests = TestModules(Vec::new());
        tests.visit_file(&file);
        Source {
            name,
            code,
            file,
            test_lines: tests.0,
        }
    };
    rust_files(folders).into_iter().map(read).collect()
}

/// Finds the modules in braces that are compiled for tests only.
struct TestModules(Vec<RangeInclusive<usize>>);

impl Visit<'_> for TestModules {
    fn visit_item_mod(&mut self, module: &syn::ItemMod) {
        if module.content.is_some() && module.attrs.iter().any(is_cfg_test) {
            self.0.push(module.span().start().line..=module.span().end().line);
        } else {
            syn::visit::visit_item_mod(self, module);
        }
    }
}

/// Whether an attribute is `#[cfg(test)]`.
fn is_cfg_test(attribute: &Attribute) -> bool {
    attribute.path().is_ident("cfg")
        && attribute
            .parse_args::<syn::Path>()
            .is_ok_and(|path| path.is_ident("test"))
}
