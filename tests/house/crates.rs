//! Which crate may use which, and what stands at the top of the repository.

use std::{collections::BTreeSet, fs};

use crate::{expect_none, source::root};

/// Our crates and what each may use of ours, the binary's crate last.
const ARROWS: [(&str, &[&str]); 8] = [
    ("sip", &[]),
    ("media", &[]),
    ("records", &["sip"]),
    ("store", &["records"]),
    ("switch", &["records", "sip", "media"]),
    ("dialplan", &["switch"]),
    ("admin", &["records", "store", "switch"]),
    (
        "tandem",
        &["admin", "dialplan", "records", "store", "switch", "media", "sip"],
    ),
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
