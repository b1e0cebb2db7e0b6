//! Tables that name tests, and tests that are run.

use std::{fs, path::Path};

use crate::{
    expect_none,
    source::{root, rust_files},
};

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
fn a_row_names_its_tests_between_backticks() {
    assert_eq!(
        named_tests("| 8.2 | `x` | `tests/a.rs::b`, `crates/c/src/d.rs::e` |"),
        [("tests/a.rs", "b"), ("crates/c/src/d.rs", "e")]
    );
}
