//! Words that may stand in some places only.

use proc_macro2::{Delimiter, TokenTree};

use crate::{
    expect_none,
    source::{Source, is_test_file, sources},
};

/// The modules that prove their `unsafe`.
const UNSAFE_IN: [&str; 4] = [
    "crates/tandem/src/memory.rs",
    "crates/tandem/src/rtp/batch.rs",
    "crates/dialplan/src/fiber/stack.rs",
    "crates/dialplan/src/fiber/memory.rs",
];

/// Whether a token is this word.
fn is_word(token: Option<&TokenTree>, word: &str) -> bool {
    matches!(token, Some(TokenTree::Ident(ident)) if ident == word)
}

/// Whether a token is this sign.
fn is_sign(token: Option<&TokenTree>, sign: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == sign)
}

/// The lines on which `found` holds of the tokens at some place: of all tokens, and the index of the first one.
fn lines(source: &Source, found: impl Fn(&[TokenTree], usize) -> bool) -> Vec<usize> {
    let tokens = source.tokens();
    let places = (0..tokens.len()).filter(|&at| found(&tokens, at));
    places.map(|at| tokens[at].span().start().line).collect()
}

/// `?field` in a log line writes Rust's own form of a value, `Some("102")`; people read the log.
#[test]
fn the_log_is_told_nothing_in_the_form_of_debug() {
    let macros =
        ["trace!(", "debug!(", "info!(", "warn!(", "error!(", "info_span!("].map(|name| format!("tracing::{name}"));
    for source in sources(&["crates"]) {
        let Source { name, code, .. } = &source;
        if is_test_file(name) {
            continue;
        }
        for start in macros.iter().flat_map(|found| code.match_indices(found.as_str())) {
            if source.is_test(code[..start.0].lines().count()) {
                continue;
            }
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
fn unsafe_stands_only_where_it_is_proved() {
    let mut faults = Vec::new();
    for source in sources(&["crates", "tests"]) {
        if !UNSAFE_IN.contains(&source.name.as_str()) {
            let found = lines(&source, |tokens, at| is_word(tokens.get(at), "unsafe"));
            faults.extend(found.iter().map(|line| format!("{}:{line}: unsafe", source.name)));
        }
    }
    expect_none(faults);
}

#[test]
fn no_code_is_left_undone_and_no_test_is_skipped() {
    let mut faults = Vec::new();
    for source in sources(&["crates", "tests"]) {
        let ignored = lines(&source, |tokens, at| {
            let is_attribute =
                matches!(tokens.get(at + 1), Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Bracket);
            is_sign(tokens.get(at), '#') && is_attribute && is_word(tokens.get(at + 2), "ignore")
        });
        let undone = lines(&source, |tokens, at| {
            let words = ["todo", "unimplemented", "dbg"];
            words.iter().any(|word| is_word(tokens.get(at), word)) && is_sign(tokens.get(at + 1), '!')
        });
        faults.extend(ignored.iter().map(|line| format!("{}:{line}: ignored", source.name)));
        faults.extend(undone.iter().map(|line| format!("{}:{line}: undone", source.name)));
    }
    expect_none(faults);
}

/// Real phones are other processes: `tests/support/wait.rs` alone waits for those, step by step, with an end. All other
/// tests run on a clock of their own. A benchmark is no test: it runs against the wall clock.
#[test]
fn no_test_sleeps() {
    let mut faults = Vec::new();
    for source in sources(&["crates", "tests"]) {
        if source.name == "tests/support/wait.rs" || source.name.contains("/benches/") {
            continue;
        }
        let sleeps = lines(&source, |tokens, at| {
            let is_call = matches!(tokens.get(at + 1), Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Parenthesis);
            let before = at.checked_sub(1).and_then(|before| tokens.get(before));
            is_word(tokens.get(at), "sleep") && is_call && !is_word(before, "fn") && !is_sign(before, '.')
        });
        let in_tests = sleeps.iter().filter(|&&line| source.is_test(line));
        faults.extend(in_tests.map(|line| format!("{}:{line}: a test sleeps", source.name)));
    }
    expect_none(faults);
}
