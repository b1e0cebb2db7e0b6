//! Recordings: every input with its time, one JSON object a line, behind a header with the seed.

use std::{
    collections::BTreeSet,
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
    /// The settings of the switch.
    pub config: switch::Config,
}

/// The format written here. It grows by one with each change of an input, of the settings, or of what follows from
/// them: a run plays again to the same outputs only in the version that recorded it.
pub const VERSION: u32 = 2;

/// What every version's first line begins with.
#[derive(Deserialize)]
struct Version {
    tandem_recording: u32,
}

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

/// A recording, read to its end.
pub struct Recorded {
    /// Its first line.
    pub header: Header,
    inputs: Vec<(Instant, Input)>,
}

impl Recorded {
    /// Reads a recording.
    ///
    /// # Errors
    /// The reader's, and [`io::ErrorKind::InvalidData`] where the file is no recording.
    pub fn read(recording: impl BufRead) -> io::Result<Self> {
        let mut lines = recording.lines();
        let first = lines.next().ok_or_else(|| bad("empty"))??;
        let Version { tandem_recording } = serde_json::from_str(&first).map_err(bad)?;
        if tandem_recording != VERSION {
            let why = format!("it has version {tandem_recording}, and this program plays version {VERSION}");
            return Err(bad(why));
        }
        let header: Header = serde_json::from_str(&first).map_err(bad)?;
        let mut inputs = Vec::new();
        let mut lines = lines.peekable();
        while let Some(line) = lines.next() {
            match serde_json::from_str(&line?) {
                Ok(LineIn { at, input }) => inputs.push((at, input)),
                // The process was killed while it wrote.
                Err(_) if lines.peek().is_none() => {}
                Err(error) => return Err(bad(error)),
            }
        }
        Ok(Self { header, inputs })
    }

    /// The nonces in the credentials of what was received.
    pub fn nonces(&self) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        for (_, input) in &self.inputs {
            if let Input::Received { bytes, .. } = input {
                let text = String::from_utf8_lossy(bytes);
                let nonces = text.split("nonce=\"").skip(1).filter_map(|rest| rest.split('"').next());
                found.extend(nonces.map(str::to_owned));
            }
        }
        found
    }

    /// Gives `machine` what happened; every output goes to `out`.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn replay<M: Machine>(
        self,
        machine: &mut M,
        mut out: impl FnMut(Instant, &Output) -> io::Result<()>,
    ) -> io::Result<()> {
        for (at, input) in self.inputs {
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
}

fn bad(why: impl std::fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("not a recording: {why}"))
}
