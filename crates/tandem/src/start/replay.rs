//! `tandem replay`.

use std::{
    fs::File,
    io::{self, BufReader, BufWriter, Write},
    path::Path,
    process::ExitCode,
};

use serde::Serialize;
use sip::Instant;
use switch::{Output, Switch};

use super::{FAILED, complain};
use crate::run::{Header, Recorded};

#[derive(Serialize)]
struct Line<'a> {
    at: Instant,
    output: &'a Output,
}

/// Runs a recording again and prints what the switch puts out, one JSON object a line.
pub(super) fn replay(file: &Path) -> ExitCode {
    let replayed = File::open(file).and_then(|recording| {
        let recorded = Recorded::read(BufReader::new(recording))?;
        let Header { config, seed, .. } = recorded.header.clone();
        let nonces = recorded.nonces();
        let mut machine = Switch::replaying(config, seed, nonces.iter().map(String::as_str));
        let mut out = BufWriter::new(io::stdout().lock());
        recorded.replay(&mut machine, |at, output| {
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
