//! The house keeps its shape: which crate may use which, how long files and functions may get, where
//! `unsafe` may stand, and that every test somebody points to is there.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Our crates and what each may use of ours, the binary's crate last.
const ARROWS: [(&str, &[&str]); 7] = [
    ("sip", &[]),
    ("media", &[]),
    ("store", &[]),
    ("switch", &["sip", "media"]),
    ("dialplan", &["switch"]),
    ("admin", &["store", "switch"]),
    ("tandem", &["admin", "dialplan", "store", "switch", "media", "sip"]),
];

/// What somebody else's crate may be used by; everything else is open to all.
const ONLY_IN: [(&str, &[&str]); 9] = [
    ("sqlx", &["store"]),
    ("rhai", &["dialplan"]),
    ("corosensei", &["dialplan"]),
    ("axum", &["admin"]),
    ("tokio", &["store", "admin", "tandem"]),
    ("socket2", &["tandem"]),
    ("nix", &["tandem"]),
    ("getrandom", &["admin", "tandem"]),
    ("clap", &["tandem"]),
];

/// The modules that prove their `unsafe`.
const UNSAFE_IN: [&str; 4] = [
    "crates/tandem/src/memory.rs",
    "crates/tandem/src/rtp/batch.rs",
    "crates/dialplan/src/fiber/stack.rs",
    "crates/dialplan/src/fiber/memory.rs",
];

/// What stands at the top, besides dotfiles.
const TOP_LEVEL: [&str; 11] = [
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "Makefile",
    "README.md",
    "crates",
    "dialplans",
    "migrations",
    "tests",
];

/// Made by building, running and npm; never committed.
const MADE: [&str; 2] = ["target", "data"];

const FILE_LINES: usize = 500;
const FUNCTION_LINES: usize = 80;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Every Rust file under these folders, with its path from the top.
fn rust_files(folders: &[&str]) -> Vec<(String, String)> {
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

/// Whether a file of a crate's `src` is its tests: `tests.rs`, or in a folder `tests`.
fn is_test_file(name: &str) -> bool {
    let in_src = name.split_once("/src/").map(|(_, inner)| inner);
    in_src.is_none_or(|inner| {
        inner
            .split('/')
            .any(|part| part == "tests" || part == "tests.rs" || part.ends_with("_tests.rs"))
    })
}

/// What of a file is not its tests: all before a `#[cfg(test)]` that opens a module in braces.
fn without_tests(code: &str) -> &str {
    let mut from = 0;
    while let Some(at) = code[from..].find("#[cfg(test)]") {
        let at = from + at;
        let rest = code[at..].trim_start_matches("#[cfg(test)]").trim_start();
        let item = rest
            .lines()
            .find(|line| !line.trim_start().starts_with("#["))
            .unwrap_or("");
        if item.starts_with("mod ") && item.trim_end().ends_with('{') {
            return &code[..at];
        }
        from = at + 1;
    }
    code
}

/// The code with comments, strings and characters blanked, line by line as before, so that a brace is a
/// brace and a word is a word.
fn bare(code: &str) -> String {
    let bytes = code.as_bytes();
    let mut out = bytes.to_vec();
    let mut blank = |from: usize, to: usize| {
        let to = to.min(bytes.len());
        out[from..to]
            .iter_mut()
            .filter(|byte| **byte != b'\n')
            .for_each(|byte| *byte = b' ');
        to
    };
    let mut at = 0;
    while at < bytes.len() {
        let rest = &code.as_bytes()[at..];
        let word_before = at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_');
        at = if rest.starts_with(b"//") {
            blank(
                at,
                at + rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len()),
            )
        } else if rest.starts_with(b"/*") {
            blank(at, at + find(rest, b"*/").map_or(rest.len(), |end| end + 2))
        } else if let Some(length) = (!word_before).then(|| raw_string(rest)).flatten() {
            blank(at, at + length)
        } else if rest[0] == b'"' {
            blank(at, at + quoted(rest, b'"'))
        } else if rest[0] == b'\'' && is_character(rest) {
            blank(at, at + quoted(rest, b'\''))
        } else {
            at + 1
        };
    }
    String::from_utf8(out).unwrap()
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

/// The length of `"..."` or `'...'`, quotes and escapes counted.
fn quoted(rest: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while at < rest.len() && rest[at] != quote {
        at += if rest[at] == b'\\' { 2 } else { 1 };
    }
    at + 1
}

/// The length of `r"..."`, `br#"..."#` and their like, if the text begins with one.
fn raw_string(rest: &[u8]) -> Option<usize> {
    let prefix = [b"br".as_slice(), b"cr", b"r"]
        .into_iter()
        .find(|prefix| rest.starts_with(prefix))?
        .len();
    let hashes = rest[prefix..].iter().take_while(|&&byte| byte == b'#').count();
    if rest.get(prefix + hashes) != Some(&b'"') {
        return None;
    }
    let end = [b"\"".as_slice(), &vec![b'#'; hashes]].concat();
    let body = prefix + hashes + 1;
    Some(find(&rest[body..], &end).map_or(rest.len(), |at| body + at + end.len()))
}

/// A character, not a lifetime: `'x'`, `'\n'`, `'ü'`.
fn is_character(rest: &[u8]) -> bool {
    rest.get(1) == Some(&b'\\') || (2..=5).any(|at| rest.get(at) == Some(&b'\'') && (at == 2 || rest[1] >= 0x80))
}

/// The functions of bare code: name, first line, lines from `fn` to the closing brace.
fn functions(bare: &str) -> Vec<(String, usize, usize)> {
    let bytes = bare.as_bytes();
    let mut found = Vec::new();
    for (at, _) in bare.match_indices("fn ") {
        let starts_word = at == 0 || !(bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_');
        let name: String = bare[at + 3..]
            .chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect();
        if !starts_word || name.is_empty() {
            continue;
        }
        // The body begins at the first brace outside parentheses; a declaration ends at a semicolon.
        let mut depth = 0_i32;
        let body = bytes[at..].iter().position(|&byte| {
            depth += i32::from(matches!(byte, b'(' | b'[')) - i32::from(matches!(byte, b')' | b']'));
            depth == 0 && matches!(byte, b'{' | b';')
        });
        let Some(body) = body.map(|offset| at + offset).filter(|&offset| bytes[offset] == b'{') else {
            continue;
        };
        let mut braces = 0_i32;
        let end = bytes[body..].iter().position(|&byte| {
            braces += i32::from(byte == b'{') - i32::from(byte == b'}');
            braces == 0
        });
        let line_of = |offset: usize| bytes[..offset].iter().filter(|&&byte| byte == b'\n').count() + 1;
        let (first, last) = (line_of(at), line_of(body + end.expect("braces match")));
        found.push((name, first, last - first + 1));
    }
    found
}

/// The names a manifest's dependency tables hold.
fn dependencies(manifest: &str) -> BTreeSet<String> {
    let mut inside = false;
    let mut names = BTreeSet::new();
    for line in manifest.lines().map(str::trim) {
        if line.starts_with('[') {
            let table = line.trim_matches(|c| c == '[' || c == ']');
            // A development dependency may go the other way: it is in no binary.
            inside = table == "dependencies" || table.ends_with(".dependencies") || table == "build-dependencies";
        } else if inside && !line.starts_with('#') {
            let name: String = line
                .chars()
                .take_while(|c| c.is_alphanumeric() || "-_".contains(*c))
                .collect();
            names.extend((!name.is_empty()).then_some(name));
        }
    }
    names
}

/// Fails with one line a fault.
fn expect_none(faults: Vec<String>) {
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

/// `?field` in a log line writes Rust's own form of a value, `Some("102")`; people read the log.
#[test]
fn the_log_is_told_nothing_in_the_form_of_debug() {
    let macros =
        ["trace!(", "debug!(", "info!(", "warn!(", "error!(", "info_span!("].map(|name| format!("tracing::{name}"));
    for (name, code) in rust_files(&["crates"]) {
        if is_test_file(&name) {
            continue;
        }
        let code = without_tests(&code);
        for start in macros.iter().flat_map(|found| code.match_indices(found.as_str())) {
            let call = &code[start.0..];
            let end = call.find(";\n").or_else(|| call.find(",\n")).unwrap_or(call.len());
            let packed: String = call[..end].split_whitespace().collect();
            for form in ["=?", "(?", ",?", ":?}"] {
                assert!(!packed.contains(form), "{name}: {}", &call[..end]);
            }
        }
    }
}

#[test]
fn crates_use_only_what_the_plan_allows() {
    let mut faults = Vec::new();
    let mut seen = BTreeSet::new();
    for entry in fs::read_dir(root().join("crates")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let manifest = path.join("Cargo.toml");
        if name == "fuzz" || !manifest.exists() {
            continue;
        }
        let Some((_, allowed)) = ARROWS.iter().find(|(crate_, _)| *crate_ == name) else {
            faults.push(format!("crates/{name}: not in the plan"));
            continue;
        };
        for used in dependencies(&fs::read_to_string(manifest).unwrap()) {
            if ARROWS.iter().any(|(crate_, _)| *crate_ == used) && !allowed.contains(&used.as_str()) {
                faults.push(format!("crates/{name} may not use {used}"));
            }
            let only = ONLY_IN.iter().find(|(crate_, _)| *crate_ == used);
            if only.is_some_and(|(_, in_)| !in_.contains(&name.as_str())) {
                faults.push(format!(
                    "crates/{name} may not use {used}: that is for {:?}",
                    only.unwrap().1
                ));
            }
        }
        seen.insert(name);
    }
    expect_none(faults);
    assert_eq!(seen.len(), ARROWS.len(), "{seen:?}");
}

#[test]
fn no_file_is_too_long() {
    let long = |(name, code): &(String, String)| {
        let lines = without_tests(code).lines().count();
        (!is_test_file(name) && lines > FILE_LINES).then(|| format!("{name}: {lines} lines, {FILE_LINES} are allowed"))
    };
    expect_none(rust_files(&["crates"]).iter().filter_map(long).collect());
}

#[test]
fn no_function_is_too_long() {
    let mut faults = Vec::new();
    for (name, code) in rust_files(&["crates", "tests/support"]) {
        if is_test_file(&name) && !name.starts_with("tests/support") {
            continue;
        }
        for (function, line, lines) in functions(&bare(without_tests(&code))) {
            if lines > FUNCTION_LINES {
                faults.push(format!(
                    "{name}:{line}: {function} has {lines} lines, {FUNCTION_LINES} are allowed"
                ));
            }
        }
    }
    expect_none(faults);
}

fn has_word(line: &str, word: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word)
        .any(|(at, _)| !line[..at].ends_with(is_word) && !line[at + word.len()..].starts_with(is_word))
}

#[test]
fn unsafe_stands_only_where_it_is_proved() {
    let mut faults = Vec::new();
    for (name, code) in rust_files(&["crates", "tests"]) {
        for (line, text) in bare(&code).lines().enumerate() {
            if has_word(text, "unsafe") && !UNSAFE_IN.contains(&name.as_str()) {
                faults.push(format!("{name}:{}: unsafe", line + 1));
            }
        }
    }
    expect_none(faults);
}

#[test]
fn nothing_is_left_undone_and_no_test_is_skipped() {
    let mut faults = Vec::new();
    for (name, code) in rust_files(&["crates", "tests"]) {
        for (line, text) in bare(&code).lines().enumerate() {
            for word in ["#[ignore", "todo!", "unimplemented!", "dbg!"] {
                if text.contains(word) {
                    faults.push(format!("{name}:{}: {word}", line + 1));
                }
            }
        }
    }
    expect_none(faults);
}

/// Real phones are other processes: `tests/support/wait.rs` alone waits for those, step by step, with an
/// end. Everything else runs on a clock of its own.
#[test]
fn no_test_sleeps() {
    let mut faults = Vec::new();
    for (name, code) in rust_files(&["crates", "tests"]) {
        let whole = bare(&code);
        let tests = if is_test_file(&name) {
            whole.as_str()
        } else {
            &whole[without_tests(&code).len()..]
        };
        let before = whole.len() - tests.len();
        let sleeps = ["thread::sleep(", "time::sleep(", " sleep("];
        for (at, _) in sleeps.iter().flat_map(|sleep| tests.match_indices(sleep)) {
            let line = whole[..before + at].lines().count();
            faults.push(format!("{name}:{line}: a test sleeps"));
        }
    }
    // A benchmark is no test: it runs against the wall clock.
    faults.retain(|fault| !fault.starts_with("tests/support/wait.rs:") && !fault.contains("/benches/"));
    expect_none(faults);
}

/// A test is named as `` `path/to/file.rs::name` ``, the path from the top.
fn named_tests(row: &str) -> Vec<(&str, &str)> {
    row.split('`')
        .skip(1)
        .step_by(2)
        .filter_map(|code| {
            let (file, test) = code.split_once(".rs::")?;
            Some((&code[..file.len() + 3], test))
        })
        .collect()
}

#[test]
fn every_row_of_the_conformance_table_names_a_test_that_exists() {
    let table = fs::read_to_string(root().join("tests/CONFORMANCE.md")).unwrap();
    let mut faults = Vec::new();
    let mut rows = 0;
    for (number, row) in table.lines().enumerate().filter(|(_, line)| line.starts_with('|')) {
        let heading = table
            .lines()
            .nth(number + 1)
            .is_some_and(|next| next.starts_with("|--") || next.starts_with("| --"));
        if heading || row.trim_matches(|c| "|-: ".contains(c)).is_empty() {
            continue;
        }
        rows += 1;
        let tests = named_tests(row);
        if tests.is_empty() {
            faults.push(format!("tests/CONFORMANCE.md:{}: names no test", number + 1));
        }
        for (file, test) in tests {
            let code = fs::read_to_string(root().join(file)).unwrap_or_default();
            // Some are made by a macro that takes their name: `name: ...` or `name,`.
            let is_there = code.contains(&format!("fn {test}("))
                || code.lines().any(|line| {
                    let line = line.trim_start();
                    line.strip_prefix(test)
                        .is_some_and(|rest| rest.starts_with([':', ',', ' ']))
                });
            if !is_there {
                faults.push(format!("tests/CONFORMANCE.md:{}: no {test} in {file}", number + 1));
            }
        }
    }
    expect_none(faults);
    assert!(rows > 0, "the table is empty");
}

#[test]
fn nothing_else_stands_at_the_top() {
    let entries = fs::read_dir(root())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let stray = entries.filter(|name| {
        let known = TOP_LEVEL.contains(&name.as_str()) || name == "web" || MADE.contains(&name.as_str());
        !known && !name.starts_with('.')
    });
    expect_none(stray.map(|name| format!("{name} does not belong at the top")).collect());
}

/// Cargo finds no tests in this folder by itself, and a program's files are its modules: one that nobody
/// names would never run.
#[test]
fn every_file_of_tests_is_run() {
    let tests = root().join("tests");
    let manifest = fs::read_to_string(tests.join("Cargo.toml")).unwrap();
    let mut faults = Vec::new();
    for (name, _) in rust_files(&["tests"]) {
        let within = name.strip_prefix("tests/").unwrap();
        let file = Path::new(within);
        let folder = tests.join(file.parent().unwrap());
        let named = if manifest.contains(&format!("path = \"{within}\"")) {
            true
        } else {
            let (owner, module) = match file.file_stem().unwrap().to_str().unwrap() {
                "mod" => (folder.parent().unwrap(), folder.file_name().unwrap().to_str().unwrap()),
                stem => (folder.as_path(), stem),
            };
            let owners = ["main.rs", "lib.rs", "mod.rs"].map(|owner_file| owner.join(owner_file));
            let beside = owner.with_extension("rs");
            let owners = owners
                .iter()
                .chain([&beside])
                .filter_map(|path| fs::read_to_string(path).ok());
            owners
                .flat_map(|code| code.lines().map(str::to_owned).collect::<Vec<_>>())
                .any(|line| {
                    line.trim_start_matches("pub ").trim_start_matches("pub(crate) ") == format!("mod {module};")
                })
        };
        if !named {
            faults.push(format!(
                "{name} is in no program: name it in tests/Cargo.toml or in its module"
            ));
        }
    }
    expect_none(faults);
}

#[test]
fn the_scanner_knows_code_from_text() {
    let code =
        "fn a() { let s = \"fn b() {\"; // fn c() {\n let c = '{'; let l: &'static str = r#\"}\"#; /* { */ }\nfn d();";
    let found = functions(&bare(code));
    assert_eq!(found, [("a".to_owned(), 1, 2)]);
    assert_eq!(
        without_tests("a\n#[cfg(test)]\nmod tests;\nb\n#[cfg(test)]\nmod tests {\n"),
        "a\n#[cfg(test)]\nmod tests;\nb\n"
    );
    assert!(has_word("an unsafe block", "unsafe") && !has_word("#![deny(unsafe_code)]", "unsafe"));
    assert_eq!(
        named_tests("| 8.2 | `x` | `tests/a.rs::b`, `crates/c/src/d.rs::e` |"),
        [("tests/a.rs", "b"), ("crates/c/src/d.rs", "e")]
    );
}
