//! `tandem replay`.

use std::{
    fs::File,
    io::{self, BufReader, BufWriter, Write},
    path::Path,
    process::ExitCode,
};

use serde::Serialize;
use sip::Instant;
use switch::{Keys, Output, Switch};

use super::{FAILED, complain};
use crate::run::{Header, replay as run};

#[derive(Serialize)]
struct Line<'a> {
    at: Instant,
    output: &'a Output,
}

/// Runs a recording again and prints what the switch puts out, one JSON object a line.
pub(super) fn replay(file: &Path) -> ExitCode {
    let replayed = File::open(file).and_then(|recording| {
        let mut out = BufWriter::new(io::stdout().lock());
        run(BufReader::new(recording), machine, &mut |at, output| {
            serde_json::to_writer(&mut out, &Line { at, output })?;
            out.write_all(b"\n")
        })?;
        out.flush()
    });
    match replayed {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => complain(&format!("{}: {error}", file.display()), FAILED),
    }
}

/// The recorded switch, with keys of its own: the real ones are never written down, so nonces that were
/// given out then are stale now.
fn machine(header: &Header) -> Switch {
    Switch::new(header.config.clone(), header.seed, &Keys { nonce: [0; 32] })
}
