//! Recordings: every input with its time, one JSON object a line, behind a header with the seed.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufRead, BufWriter, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use serde::{Deserialize, Serialize};
use sip::Instant;
use switch::{Input, Output};

use super::Machine;

/// The first line.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Header {
    /// Version of the format.
    pub tandem_recording: u32,
    /// The seed of identifiers. The seed of keys is never written.
    pub seed: [u8; 32],
    /// What the switch was told.
    pub config: switch::Config,
}

/// The format written here.
pub const VERSION: u32 = 1;

#[derive(Serialize)]
struct LineOut<'a> {
    at: Instant,
    input: &'a Input,
}

#[derive(Deserialize)]
struct LineIn {
    at: Instant,
    input: Input,
}

/// A recording being written. It ends at its first fault; the PBX goes on.
pub struct Recording {
    file: Option<BufWriter<File>>,
}

impl Recording {
    /// Begins a file that only its owner may read: it holds what phones say, and password hashes.
    pub fn create(path: &Path, header: &Header) -> io::Result<Self> {
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(path)?;
        let mut file = BufWriter::new(file);
        write_line(&mut file, header)?;
        file.flush()?;
        Ok(Self { file: Some(file) })
    }

    pub(super) fn write(&mut self, at: Instant, input: &Input) {
        self.attempt(|file| write_line(file, &LineOut { at, input }));
    }

    pub(super) fn flush(&mut self) {
        self.attempt(BufWriter::flush);
    }

    fn attempt(&mut self, act: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) {
        if let Some(file) = &mut self.file
            && let Err(error) = act(file)
        {
            tracing::error!(%error, "the recording ends here");
            self.file = None;
        }
    }
}

fn write_line(file: &mut BufWriter<File>, line: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *file, line)?;
    file.write_all(b"\n")
}

/// Gives `machine` (made from the header) what a recording says happened; every output goes to `out`.
pub fn replay<M: Machine>(
    recording: impl BufRead,
    machine: impl FnOnce(&Header) -> M,
    out: &mut impl FnMut(Instant, &Output) -> io::Result<()>,
) -> io::Result<()> {
    let mut lines = recording.lines();
    let first = lines.next().ok_or_else(|| bad("empty"))??;
    let header: Header = serde_json::from_str(&first).map_err(bad)?;
    if header.tandem_recording != VERSION {
        return Err(bad("of another version"));
    }
    let mut machine = machine(&header);
    for line in lines {
        let LineIn { at, input } = serde_json::from_str(&line?).map_err(bad)?;
        machine.handle(at, input);
        loop {
            let output = machine.poll_output();
            out(at, &output)?;
            if matches!(output, Output::Timeout(_)) {
                break;
            }
        }
    }
    Ok(())
}

fn bad(why: impl std::fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("not a recording: {why}"))
}
