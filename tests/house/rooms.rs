//! The rooms of `crates/switch/src`: each may use only those below it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use syn::{Item, UseTree};

use crate::{
    expect_none,
    source::{Source, is_test_file, root, sources},
};

const SRC: &str = "crates/switch/src";

/// The rooms from the top down.
const ROOMS: [&str; 31] = [
    "machine",
    "ingress",
    "verbs",
    "call",
    "hunt",
    "bridge",
    "core",
    "proxy",
    "subscriptions",
    "conferences",
    "parking",
    "recordings",
    "trunks",
    "leg",
    "activity",
    "locations",
    "registrar",
    "requests",
    "stack",
    "own",
    "way",
    "answer",
    "event",
    "diversion",
    "accounts",
    "domain",
    "config",
    "ids",
    "tables",
    "nearest",
    "api",
];

/// Arrows that go up nevertheless: who, whom, and why. None is needed today.
const UPWARDS: &[(&str, &str, &str)] = &[];

/// The room of a file of `switch`, and how deep its module lies: 1 for that of a room.
fn place(name: &str) -> Option<(String, usize)> {
    let inner = name.strip_prefix(SRC)?.strip_prefix('/')?.strip_suffix(".rs")?;
    let parts: Vec<&str> = inner.split('/').filter(|part| *part != "mod").collect();
    let room = parts.first().filter(|room| **room != "lib")?;
    Some(((*room).to_owned(), parts.len()))
}

/// The names that `lib.rs` gives out of its rooms: name and room. A room that gives out all it has is under `*`.
fn given_out() -> BTreeMap<String, String> {
    fn names(tree: &UseTree, room: Option<&str>, found: &mut BTreeMap<String, String>) {
        let mut add = |name: String| {
            found.extend(room.map(|room| (name, room.to_owned())));
        };
        match tree {
            UseTree::Path(path) => {
                let name = path.ident.to_string();
                names(&path.tree, room.or(Some(name.as_str())), found);
            }
            UseTree::Name(name) => add(name.ident.to_string()),
            UseTree::Rename(name) => add(name.rename.to_string()),
            UseTree::Glob(_) => add("*".to_owned()),
            UseTree::Group(group) => group.items.iter().for_each(|tree| names(tree, room, found)),
        }
    }
    let code = fs::read_to_string(root().join(SRC).join("lib.rs")).unwrap();
    let mut found = BTreeMap::new();
    for item in syn::parse_file(&code).unwrap().items {
        if let Item::Use(item) = item
            && item.leading_colon.is_none()
        {
            names(&item.tree, None, &mut found);
        }
    }
    found
}

/// What follows each path to the top of the crate, `crate::` or enough of `super::`: the next name, and its line. A path
/// that goes on in braces has several.
fn from_the_top(stream: TokenStream, depth: usize, found: &mut Vec<(String, usize)>) {
    let tokens: Vec<TokenTree> = stream.into_iter().collect();
    let is = |at: usize, word: &str| matches!(tokens.get(at), Some(TokenTree::Ident(ident)) if ident == word);
    let colons = |at: usize| {
        (at..at + 2).all(|at| matches!(tokens.get(at), Some(TokenTree::Punct(punct)) if punct.as_char() == ':'))
    };
    for (at, token) in tokens.iter().enumerate() {
        if let TokenTree::Group(group) = token {
            from_the_top(group.stream(), depth, found);
        }
        let mut next = at;
        if is(at, "crate") && colons(at + 1) {
            next += 3;
        } else {
            // Within a longer path it was seen already.
            let is_start = !at
                .checked_sub(1)
                .is_some_and(|before| matches!(&tokens[before], TokenTree::Punct(punct) if punct.as_char() == ':'));
            let mut steps = 0;
            while is_start && is(next, "super") && colons(next + 1) {
                steps += 1;
                next += 3;
            }
            if steps == 0 || steps < depth {
                continue;
            }
        }
        match tokens.get(next) {
            Some(TokenTree::Ident(ident)) => found.push((ident.to_string(), ident.span().start().line)),
            Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
                let mut is_first = true;
                for token in group.stream() {
                    if let TokenTree::Ident(ident) = &token
                        && is_first
                    {
                        found.push((ident.to_string(), ident.span().start().line));
                    }
                    is_first = matches!(&token, TokenTree::Punct(punct) if punct.as_char() == ',');
                }
            }
            Some(TokenTree::Group(_) | TokenTree::Punct(_) | TokenTree::Literal(_)) | None => {}
        }
    }
}

/// What a file uses of other rooms, its tests left out: its own room, the other one, the line.
fn arrows(source: &Source, given: &BTreeMap<String, String>) -> Vec<(String, String, usize)> {
    let Some((room, depth)) = place(&source.name).filter(|_| !is_test_file(&source.name)) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    from_the_top(source.code.parse().unwrap(), depth, &mut found);
    let used = found.into_iter().filter(|(_, line)| !source.is_test(*line));
    used.filter_map(|(name, line)| {
        let used = if ROOMS.contains(&name.as_str()) {
            name
        } else {
            // What no line of lib.rs names comes with the room that gives out all it has.
            given.get(&name).or_else(|| given.get("*")).cloned().unwrap_or(name)
        };
        (used != room).then(|| (room.clone(), used, line))
    })
    .collect()
}

#[test]
fn rooms_of_the_switch_use_only_those_below() {
    let given = given_out();
    let mut faults = BTreeSet::new();
    let mut needed = BTreeSet::new();
    for source in sources(&[SRC]) {
        if let Some((room, _)) = place(&source.name)
            && !ROOMS.contains(&room.as_str())
        {
            faults.insert(format!("{}: {room} is not in the plan", source.name));
        }
        for (room, used, line) in arrows(&source, &given) {
            let level = |room: &str| ROOMS.iter().position(|name| *name == room);
            if level(&room) < level(&used) {
                continue;
            }
            match UPWARDS.iter().find(|(who, whom, _)| *who == room && *whom == used) {
                Some(exception) => _ = needed.insert(exception),
                None => _ = faults.insert(format!("{}:{line}: {room} may not use {used}", source.name)),
            }
        }
    }
    let idle = UPWARDS.iter().filter(|exception| !needed.contains(exception));
    faults.extend(idle.map(|(who, whom, _)| format!("{who} no longer uses {whom}: strike it from UPWARDS")));
    expect_none(faults.into_iter().collect());
}

#[test]
fn paths_from_the_top_of_the_crate_are_found_however_they_are_written() {
    let code =
        "use crate::{a::B, c, d::{e, F}}; fn f(x: crate::g::H) { log!(crate::i::J, super::super::k::L, super::m) }
        use super::super::{n, o::P}; pub(in crate::q) struct R; use super::super::super::s;";
    let mut found = Vec::new();
    from_the_top(code.parse().unwrap(), 2, &mut found);
    let names: BTreeSet<String> = found.into_iter().map(|(name, _)| name).collect();
    let expected = ["a", "c", "d", "g", "i", "k", "n", "o", "q", "s"];
    assert_eq!(names, expected.map(str::to_owned).into());
    assert_eq!(place("crates/switch/src/leg/offer.rs"), Some(("leg".to_owned(), 2)));
    assert_eq!(place("crates/switch/src/leg/mod.rs"), Some(("leg".to_owned(), 1)));
    assert_eq!(place("crates/switch/src/ids.rs"), Some(("ids".to_owned(), 1)));
    assert_eq!(place("crates/switch/src/lib.rs"), None);
}
