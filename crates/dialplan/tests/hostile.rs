//! Scripts that mean harm, each in a process of its own: the process survives, a script beside it
//! goes on, and memory stays bounded.
#![allow(clippy::wildcard_enum_match_arm, clippy::unwrap_used)]

use std::path::Path;
use std::process::Command;

use dialplan::{Dialplans, Fiber, Limits, Metered, Resume, Step, describe};
use switch::{Facts, Outcome, ScriptEntry};

#[global_allocator]
static ALLOCATOR: Metered<std::alloc::System> = Metered(std::alloc::System);

/// What makes a process of this test one that runs the scripts of a folder.
const FOLDER: &str = "HOSTILE_FOLDER";
/// Kilobytes a hostile script may add to the process: its stack, its values and the copies in between.
const MEMORY: u64 = 64 << 10;
/// Turns a hostile script gets: more than any limit of operations leaves it.
const TURNS: usize = 100_000;

/// The child: loads the folder, runs the hostile script beside a good one, and says how it ended.
#[test]
fn child() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let before = peak_memory();
    println!("ENDED {}", run(Path::new(&folder)).replace('\n', " "));
    println!("MEMORY {}", peak_memory() - before);
}

fn run(folder: &Path) -> String {
    let plans = match Dialplans::load(folder, Limits::default()) {
        Ok(plans) => plans,
        Err(faults) => return faults.iter().map(describe).collect::<Vec<_>>().join("; "),
    };
    let start = |entry| {
        Fiber::new(
            &plans.current(),
            entry,
            Facts {
                dialed: "102".into(),
                ..Facts::default()
            },
        )
        .unwrap()
    };
    let (mut bad, mut good) = (start(ScriptEntry::OnCall), start(ScriptEntry::OnTrunk));
    let mut with = Resume::Continue;
    for turn in 0..TURNS {
        let mut step = good.resume(Resume::Continue, 0);
        while step == Step::Yielded {
            step = good.resume(Resume::Continue, 0);
        }
        assert!(matches!(step, Step::Verb { .. }) || turn > 0, "{step:?}");
        match bad.resume(with, 0) {
            Step::Yielded => with = Resume::Continue,
            Step::Verb { .. } => with = Resume::Outcome(Outcome::Done),
            Step::Ended(Ok(())) => return "well".into(),
            Step::Ended(Err(fault)) => return describe(&fault),
        }
    }
    "not at all".into()
}

/// The most this process has ever had in memory, in kilobytes.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// How the script ends in a process of its own.
fn end_of(files: &[(&str, &str)]) -> String {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    end_in(folder.path())
}

fn end_in(folder: &Path) -> String {
    let this = std::env::current_exe().unwrap();
    let out = Command::new(this)
        .args(["--exact", "child", "--nocapture"])
        .env(FOLDER, folder)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&out.stdout);
    let errors = String::from_utf8_lossy(&out.stderr);
    assert!(
        out.status.success(),
        "the process died: {}\n{text}\n{errors}",
        out.status
    );
    let line = |name: &str| {
        text.lines()
            .find_map(|line| line.split_once(name))
            .unwrap()
            .1
            .to_owned()
    };
    let memory: u64 = line("MEMORY ").parse().unwrap();
    assert!(memory < MEMORY, "{memory} kilobytes more, ended {}", line("ENDED "));
    line("ENDED ")
}

/// A hostile `on_call`, beside an `on_trunk` that works.
fn end(body: &str) -> String {
    end_of(&[("main.rhai", &format!("{GOOD}\n{body}"))])
}

const GOOD: &str = "fn on_trunk(caller) { for i in 0..1_000_000 { caller.wait(1); } }";

macro_rules! ends {
    ($($name:ident: $body:expr => $end:expr;)*) => {$(
        #[test]
        fn $name() {
            let end = end(&format!("fn on_call(caller) {{ {} }}", $body));
            assert!(end.contains($end), "{end}");
        }
    )*};
}

const TOO_LARGE: &str = "too large";
const TOO_LONG: &str = "operations without asking";

ends! {
    arrays_in_arrays: "let a = []; loop { a = [a]; }" => TOO_LARGE;
    arrays_pushed_into_arrays: "let a = []; loop { let b = []; b.push(a); a = b; }" => TOO_LARGE;
    arrays_put_into_arrays: "let a = [0]; loop { let b = [0]; b[0] = a; a = b; }" => TOO_LARGE;
    arrays_twice_in_arrays: "let a = [1]; loop { a = [a, a]; }" => TOO_LARGE;
    arrays_deep_inside: "let a = [[[0]]]; loop { a[0][0][0] = a; }" => TOO_LARGE;
    arrays_deep_inside_pushed: "let a = [[[0]]]; loop { let b = a; a[0][0].push(b); }" => TOO_LARGE;
    arrays_inserted: "let a = [0]; loop { let b = a; a.insert(0, b); }" => TOO_LARGE;
    arrays_spliced: "let a = [0]; loop { let b = a; a.splice(0, 1, [b]); }" => TOO_LARGE;
    arrays_padded: "let a = [0]; a.pad(1000, [0]); loop { let b = [0]; b.pad(900, a); a = b; }" => TOO_LARGE;
    arrays_mapped: "let a = [0]; loop { a = a.map(|x| [x, x]); }" => TOO_LARGE;
    maps_in_maps: "let m = #{}; loop { m = #{ m: m }; }" => TOO_LARGE;
    maps_put_into_maps: "let m = #{ x: 0 }; loop { m.x = m; }" => TOO_LARGE;
    maps_mixed_in: "let m = #{ x: 0 }; loop { let b = #{ x: m }; m.mixin(b); }" => TOO_LARGE;
    maps_deep_inside: "let m = #{ x: #{ x: #{ x: 0 } } }; loop { m.x.x.x = m; }" => TOO_LARGE;
    maps_and_arrays: "let m = #{}; loop { m = #{ a: [m] }; }" => TOO_LARGE;
    endless: "loop { }" => TOO_LONG;
    endless_for: "for i in 0..9_000_000_000_000_000_000 { }" => TOO_LONG;
    endless_catching: "loop { try { throw 1; } catch { } }" => TOO_LONG;
    endless_catching_verbs: "let n = 1; loop { try { caller.reject(n); } catch { } }" => TOO_LONG;
    endless_calls_in_a_sort: "let a = [1, 2, 3]; a.sort(|x, y| { loop { } }); loop { }" => TOO_LONG;
    endless_verbs: "loop { caller.ring(); }" => "operations in one call";
    strings_doubled: "let s = \"x\"; loop { s += s; }" => TOO_LARGE;
    strings_added: "let s = \"x\"; loop { s = s + s; }" => TOO_LARGE;
    strings_interpolated: "let s = \"x\"; loop { s = `${s}${s}`; }" => TOO_LARGE;
    strings_replaced: "let s = \"xx\"; loop { s.replace(\"x\", \"xxxxxxxx\"); }" => TOO_LARGE;
    strings_replaced_by_nothing: "let s = \"xx\"; loop { s.replace(\"\", \"xxxxxxxx\"); }" => TOO_LARGE;
    strings_padded: "let s = \"x\"; s.pad(1_000_000_000, 'x');" => TOO_LARGE;
    strings_padded_by_strings: "let s = \"x\"; s.pad(1_000_000_000, \"xxxx\");" => TOO_LARGE;
    strings_of_arrays: "let a = []; a.pad(1000, 1); let s = \"\"; loop { s += a; }" => TOO_LARGE;
    strings_split: "let s = \"x\"; s.pad(4000, 'x'); let a = s.to_chars();" => TOO_LARGE;
    curried: "let f = |x| x; loop { f = f.curry(f); }" => "name of a property";
    curried_by_name: "let f = |x| x; let c = Fn(\"curry\"); loop { f = c.call(f, f); }" => "curry";
    evaluated: "eval(\"loop { }\");" => "eval";
    evaluated_by_name: "let f = Fn(\"eval\"); f.call(\"loop { }\");" => "eval";
    slept: "sleep(1_000_000);" => "there is no sleep";
    slept_by_name: "let f = Fn(\"sleep\"); f.call(1_000_000);" => "there is no sleep";
    json_nested: "let s = \"\"; s.pad(4000, '['); parse_json(s);" => "complexity";
    thrown: "let m = #{}; for i in 0..1000 { m[`${i}`] = i; } throw m;" => "...";
    map_keys: "let s = \"\"; s.pad(4000, 'x'); let a = #{}; for i in 0..1000 { a[`${i}${s}`] = 1; } let b = a; b[s] = 1; a.x = 1;"
        => "bytes";
    map_keys_in_verbs: "let s = \"\"; s.pad(4000, 'x'); let m = [#{}, #{}, #{}, #{}]; for i in 0..1000 { for n in 0..4 { m[n][`${i}${s}`] = 1; caller.ring(); } }"
        => "bytes";
    panics: "for f in [|| 1 << 99999, || 1 >> 99999, || (-9223372036854775807) / -1, || 2 ** 999, || abs(-9223372036854775807), || to_int(1e300), || [1].splice(-9223372036854775807, 9223372036854775807, []), || \"abc\".sub_string(-9223372036854775807, 9223372036854775807), || \"abc\".crop(9223372036854775807, 9223372036854775807), || range(0, 10, 0), || [1].insert(-9223372036854775807, 1), || \"abc\".pad(-1, 'x'), || [1].remove(-9223372036854775807), || (1..9223372036854775807).contains(3), || \"é\".sub_string(1, 1), || [1, 2, 3].extract(-9223372036854775807..9223372036854775807), || chars(\"abc\", 9223372036854775807, 9223372036854775807), || [1].drain(-1, 9223372036854775807), || \"abc\".split(-9223372036854775807), || bits(1, 9223372036854775807, 9223372036854775807), || get_bits(1, -64, 64), || 5 % 0, || 5 / 0, || 5.0 % 0.0, || parse_int(\"\", 99), || ((2.0 ** 1024.0)).to_int(), || [3, \"a\", 2.0].sort(), || [1, 2].reduce(|a, b| throw 1)] { try { f.call(); } catch { } }"
        => "well";
    printed: "loop { print(\"x\"); debug(\"x\"); log.info(\"x\"); }" => TOO_LONG;
}

#[test]
fn endless_recursion() {
    for body in [
        "f(0)",
        "f(f(0))",
        "[f(0)]",
        "#{ a: [1 + f(0)] }",
        "`${f(0)}`",
        "if true { if true { f(0) } }",
    ] {
        let end = end(&format!("fn f(n) {{ {body} }} fn on_call(caller) {{ f(1) }}"));
        assert!(end.contains("too deeply"), "{end}");
    }
}

/// Text that nests the parser, or what it builds, as deeply as a file is long.
#[test]
fn parser_bombs() {
    let size = 100_000;
    let repeat = |part: &str| part.repeat(size / part.len());
    for part in [
        "(",
        "[",
        "{",
        "!",
        "-",
        "+",
        "#{a:",
        "`${",
        "if true {",
        "if a {} else ",
        "switch 1 { 1 => ",
        "while true {",
        "try {",
        "f(",
        "f(|x| ",
        "|x| ",
        "|| ",
        "x = ",
        "x[",
        "do {",
        "loop {",
        "for i in [",
        "return ",
        "throw ",
        "let x = ",
        "fn f() {",
        "import \"",
        "import `${",
        "/*",
        "\"",
        "`",
        "'",
        "\\",
        "1+",
        "1-",
        "1**",
        "1 && ",
        "true || ",
        "a ?? ",
        "a.b",
        "a.b.",
        "a?.",
        "a::",
        "a[0]",
        "a(1)",
        ".f()",
        "1..",
        "1 in ",
        "x => ",
        "1,",
        ";",
        "\u{0}",
        "\u{fffd}",
        "é",
        "\n",
        "const a = 1;",
        "fn a(x){}",
        "export x as ",
        "this.",
        "case ",
        "@",
        "#",
        "$",
        "~",
        "=>",
        "::",
        "global::",
        "0x",
        "1e",
        "9",
        "1.",
        "1_",
        "a",
        "_",
        "\\u",
        "/**",
        "//",
        "#!",
        "let a;",
        "a;",
        "{}",
        "[],",
        "();",
        "f();",
    ] {
        let inside = format!("{GOOD} fn on_call(caller) {{ {} }}", repeat(part));
        // It may be refused, or even run; it must not harm.
        end_of(&[("main.rhai", &inside), ("a.rhai", &repeat(part))]);
    }
}

const IMPORTS: &str = "fn on_call(caller) { a::f(); }";

#[test]
fn imports_stay_in_the_folder() {
    let secret = tempfile::tempdir().unwrap();
    std::fs::write(secret.path().join("secret.rhai"), "fn f() { throw \"secret\" }").unwrap();
    let outside = secret.path().join("secret");
    let outside = outside.to_str().unwrap();
    for name in [
        outside,
        &format!("{outside}.rhai"),
        &format!("../{}/secret", secret.path().file_name().unwrap().to_str().unwrap()),
        "../main",
        "./main",
        "main",
        "lib/../main",
        "/main",
        "",
        "/",
        ".",
        "..",
        "lib",
        "lib/",
        "lib//b",
        "LIB/b",
        "lib\\\\b",
        "lib/b\\u0000",
        "file:///etc/passwd",
        "/etc/passwd",
        "/proc/self/environ",
        "/dev/zero",
    ] {
        let main = format!("{GOOD} import \"{name}\" as a; {IMPORTS}");
        let end = end_of(&[("main.rhai", &main), ("lib/b.rhai", "fn f() { }")]);
        assert!(end.contains("there is no module"), "{name}: {end}");
    }
}

#[test]
fn links_stay_in_the_folder() {
    let secret = tempfile::tempdir().unwrap();
    std::fs::write(secret.path().join("secret.rhai"), "fn f() { throw \"secret\" }").unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("main.rhai"),
        format!("{GOOD} import \"a\" as a; {IMPORTS}"),
    )
    .unwrap();
    let link = folder.path().join("a.rhai");
    std::os::unix::fs::symlink(secret.path().join("secret.rhai"), &link).unwrap();
    assert!(end_in(folder.path()).contains("a.rhai: a link out of the dialplan folder"));
    std::fs::remove_file(&link).unwrap();
    std::os::unix::fs::symlink("/dev/zero", &link).unwrap();
    assert!(
        end_in(folder.path()).contains("there is no module"),
        "what is no file is not read"
    );
    std::fs::remove_file(&link).unwrap();
    std::os::unix::fs::symlink(secret.path(), folder.path().join("lib")).unwrap();
    std::fs::write(
        folder.path().join("main.rhai"),
        format!("{GOOD} import \"lib/secret\" as a; {IMPORTS}"),
    )
    .unwrap();
    assert!(
        end_in(folder.path()).contains("there is no module"),
        "a linked folder is not entered"
    );
    std::os::unix::fs::symlink(folder.path(), folder.path().join("round")).unwrap();
    assert!(
        end_in(folder.path()).contains("more than 256 files") || end_in(folder.path()).contains("there is no module")
    );
}

#[test]
fn modules_that_mean_harm() {
    let main = format!("{GOOD} import \"a\" as a; {IMPORTS}");
    let end = |a: &str, b: &str| end_of(&[("main.rhai", &main), ("a.rhai", a), ("b.rhai", b)]);
    assert!(end("import \"b\" as b; fn f() { }", "import \"a\" as a;").contains("imports itself"));
    assert!(end("import \"a\" as a; fn f() { }", "").contains("imports itself"));
    assert_eq!(
        end("fn f() { } loop { }", ""),
        "a.rhai:1:17: ran 1000000 operations without asking for anything"
    );
    assert!(end("fn f() { } let a = []; loop { a = [a]; }", "").contains("a.rhai:1:"));
    assert!(end("fn f() { } extension(\"1\");", "").contains("there is no call here"));
    assert!(end("fn f() { loop { import \"b\" as b; } }", "").contains("modules"));
    assert!(end("fn f() { loop { } }", "").contains(TOO_LONG));
    assert!(
        end("fn f() { }", "loop { }").contains("b.rhai:1:6: ran"),
        "also where nobody imports it"
    );
}

/// What makes a process of this test one that makes up scripts.
const SOUP: &str = "HOSTILE_SOUP";

const TOKENS: &str = "fn f ( x ) { } [ ] #{ a : 1 , b 2 } let x = y ; loop while if else switch => for in try catch throw return break \
    continue import as const . ?. .. ..= + - * / % ** ! && || ?? == < > |x| \"s\" `${ } ` 'c' 1.5 -1 9223372036854775807 true () this caller \
    .dial .ring .wait .len .push .pop .map .sort .reduce .call .replace .sub_string .split .pad extension now log.info \
    print type_of range Fn global:: _ // /* */ \\n \\ @ # $ ~ eval curry sleep do until export private is_def_var .tag += <<= >>";

#[test]
fn child_of_soup() {
    if std::env::var_os(SOUP).is_none() {
        return;
    }
    let tokens: Vec<&str> = TOKENS.split_whitespace().collect();
    let folder = tempfile::tempdir().unwrap();
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move || {
        // xorshift64: the same soup every time.
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        usize::try_from(seed >> 33).unwrap()
    };
    let mut ran = 0;
    for _ in 0..1_000 {
        let words: Vec<&str> = (0..next() % 24).map(|_| tokens[next() % tokens.len()]).collect();
        let body = words.join(if next() % 2 == 0 { " " } else { "" });
        let main = format!("{GOOD} fn on_call(caller) {{ let x = [1, \"a\", 2.5]; let y = #{{ a: x }}; {body} }}");
        std::fs::write(folder.path().join("main.rhai"), main).unwrap();
        let end = run(folder.path());
        assert!(!end.contains("error of Tandem"), "{end}: {body}");
        ran += usize::from(!end.contains("main.rhai:1"));
    }
    println!("RAN {ran}");
}

#[test]
fn soups_of_tokens_do_no_harm() {
    let this = std::env::current_exe().unwrap();
    let out = Command::new(this)
        .args(["--exact", "child_of_soup", "--nocapture"])
        .env(SOUP, "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&out.stdout);
    assert!(
        out.status.success(),
        "{}\n{text}\n{}",
        out.status,
        String::from_utf8_lossy(&out.stderr)
    );
    assert!(text.contains("RAN "), "{text}");
}
