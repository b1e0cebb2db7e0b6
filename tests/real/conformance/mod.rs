//! Clauses of the RFCs, tried on a running server over UDP and TCP; the report names each of them and its outcome.
//!
//! The report is printed, and written to `target/conformance.md`. Without more the server is the binary of these tests. Any
//! other one is tried by
//!
//! ```sh
//! TANDEM_CONFORMANCE="192.0.2.1:5060 101:secret 102:secret 103:secret" cargo test -p tests --test real conformance
//! ```
//!
//! with its address and three extensions with their passwords: two whose phones are played, and one without a phone. It should
//! have music for held phones, or none at all (`--hold pass`).
//!
//! | file | what it holds |
//! |---|---|
//! | `rows/` | the clauses that one request tries: tables, one for each family of RFCs |
//! | `stories/` | the clauses that take more than that |
//! | `row.rs` | what a row says, and whether an answer is right |
//! | `scene.rs` | the two phones, their call and their subscription |
//! | `peer.rs` | one end |
//! | `line.rs` | a socket or a connection |

mod line;
mod peer;
mod row;
mod rows;
mod scene;
mod stories;

use std::{env, fmt::Write as _, fs, path::PathBuf, time::Instant};

use self::{
    line::Transport,
    row::Row,
    rows::{calls, events, extensions, messages, presence, registrar, transfers},
    scene::{Scene, Server},
    stories::Story,
};
use crate::support::tandem::{Setup, password};

/// In this order: what ends the call or the subscription of the scene stands last.
const TABLES: [(&str, &[Row]); 7] = [
    ("Messages", messages::ROWS),
    ("Registrar", registrar::ROWS),
    ("Extensions", extensions::ROWS),
    ("Presence", presence::ROWS),
    ("Transfers", transfers::ROWS),
    ("Calls", calls::ROWS),
    ("Events", events::ROWS),
];

const STORIES: [&[Story]; 5] = [
    stories::calls::STORIES,
    stories::registrar::STORIES,
    stories::events::STORIES,
    stories::transfers::STORIES,
    stories::streams::STORIES,
];

/// The server that the environment names.
fn elsewhere() -> Option<Server> {
    let text = env::var("TANDEM_CONFORMANCE").ok()?;
    let mut words = text.split_whitespace();
    let address = words.next()?.parse().expect("an address and a port");
    let users: Vec<(String, String)> = words
        .map(|word| word.split_once(':').expect("number:password"))
        .map(|(number, password)| (number.to_owned(), password.to_owned()))
        .collect();
    let users = users.try_into().expect("three extensions with their passwords");
    Some(server(address, users))
}

fn server(address: std::net::SocketAddr, users: [(String, String); 3]) -> Server {
    let none = "999".to_owned();
    Server { address, users, none }
}

/// What became of every clause.
#[derive(Default)]
struct Report {
    text: String,
    tried: usize,
    faults: Vec<String>,
}

impl Report {
    fn tells(&mut self, transport: Transport, (clause, asks): (&str, &str), outcome: Result<(), String>) {
        self.tried += 1;
        let (name, word) = (transport.name(), if outcome.is_ok() { "met" } else { "NOT MET" });
        let _ = writeln!(self.text, "| {clause} | {asks} | {name} | {word} |");
        if let Err(fault) = outcome {
            self.faults.push(format!("{clause} over {name}: {asks}\n    {fault}"));
        }
    }

    fn heads(&mut self, title: &str) {
        let _ = write!(
            self.text,
            "\n## {title}\n\n| clause | what it asks | over | outcome |\n|---|---|---|---|\n"
        );
    }
}

/// `target/conformance.md`, two folders above this program.
fn place() -> PathBuf {
    let program = env::current_exe().unwrap();
    program.ancestors().nth(3).unwrap().join("conformance.md")
}

fn walks(server: &Server, transport: Transport, report: &mut Report) -> Result<(), String> {
    let mut scene = Scene::new(server, transport)?;
    scene.begins()?;
    for (title, rows) in TABLES {
        report.heads(&format!("{title}, over {}", transport.name()));
        for row in rows {
            let outcome = scene.tries(row);
            report.tells(transport, (row.clause, row.asks), outcome);
        }
    }
    let call = scene.call.clone();
    scene.hangs_up(call)?;
    report.heads(&format!("More than one request, over {}", transport.name()));
    for story in STORIES.into_iter().flatten() {
        let outcome = (story.tries)(&mut scene);
        report.tells(transport, (story.clause, story.asks), outcome);
    }
    let outcome = scene.leaves();
    report.tells(transport, ("3261 10.2.2", "`*` takes all contacts away"), outcome);
    Ok(())
}

#[test]
fn each_clause_that_is_seen_from_outside_is_met() {
    let elsewhere = elsewhere();
    // Where there is no music for held phones, Tandem finds that out when one is held, and offers the hold to the other phone
    // then: a change meanwhile would draw 491.
    let own = elsewhere.is_none().then(|| Setup::new().flag("--hold", "pass").start());
    let server = elsewhere.unwrap_or_else(|| {
        let pbx = own.as_ref().unwrap();
        pbx.has("101").has("102").has("103");
        let users = ["101", "102", "103"].map(|number| (number.to_owned(), password(number)));
        server(pbx.sip, users)
    });
    let since = Instant::now();
    let mut report = Report::default();
    let broken: Vec<String> = [Transport::Udp, Transport::Tcp]
        .into_iter()
        .filter_map(|transport| walks(&server, transport, &mut report).err())
        .collect();
    let (tried, missed) = (report.tried, report.faults.len());
    let head = format!("# {tried} clauses tried at {}, {missed} not met\n", server.address);
    fs::write(place(), format!("{head}{}", report.text)).unwrap();
    eprintln!(
        "{head}{}\nin {:?}; the report is in {}",
        report.text,
        since.elapsed(),
        place().display()
    );
    assert!(
        report.faults.is_empty() && broken.is_empty(),
        "{}\n{broken:?}",
        report.faults.join("\n")
    );
    if let Some(pbx) = own {
        pbx.expect_nothing_left(std::time::Duration::from_secs(10));
        assert_eq!((pbx.health().as_str(), pbx.metric("tandem_panics_total")), ("ok", 0));
    }
}
