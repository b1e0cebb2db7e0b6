//! One file of a recording: its name, its place on the disk, its end. While it is written a marker tells of it, so that a
//! start after a crash finds it ([`repair_all`]).

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Seek, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use media::{
    audio::prompt::is_name,
    file::{FileError, Repair, Writer, repair},
    service::FileFormat,
    sound::Rate,
};

/// Files of one name: numbers that are tried until one is free.
const MOST_OF_A_NAME: u32 = 1_000;
/// The folder of the markers, below the folder of recordings. No recording can have such a name.
const MARKERS: &str = ".open";

/// What a recording is written to.
pub(super) trait Sink: Write + Seek + Send {
    /// The file has its last octet: it is cut there, and is on the disk when this returns.
    fn end(&mut self, octets: u64) -> io::Result<()>;
}

impl Sink for File {
    fn end(&mut self, octets: u64) -> io::Result<()> {
        self.set_len(octets)?;
        self.sync_all()
    }
}

/// Creates a file.
type Create = Box<dyn Fn(&Path) -> io::Result<Box<dyn Sink>> + Send>;
/// Octets that are free on the disk of a folder.
type Free = Box<dyn Fn(&Path) -> io::Result<u64> + Send>;

/// The disk; another one in tests.
pub(super) struct Disk {
    /// Makes a file that is not there.
    pub(super) create: Create,
    /// Octets that are free for us where the folder is.
    pub(super) free: Free,
}

impl Default for Disk {
    fn default() -> Self {
        Self {
            create: Box::new(|path| Ok(Box::new(create(path)?))),
            free: Box::new(|folder| {
                let space = nix::sys::statvfs::statvfs(folder)?;
                Ok(space.blocks_available().saturating_mul(space.fragment_size()))
            }),
        }
    }
}

fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// Makes a folder that only Tandem may look into.
pub(super) fn folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// A file that is being written.
pub(super) struct Recorded {
    writer: Writer<Box<dyn Sink>>,
    /// Below the folder, without suffix.
    pub(super) name: String,
    marker: PathBuf,
}

impl Recorded {
    /// Begins a file below the folder. A number is added to a name that is taken.
    pub(super) fn begin(
        below: &Path,
        disk: &Disk,
        (name, format): (&str, FileFormat),
        (rate, channels, serial): (Rate, u8, u32),
    ) -> Result<Recorded, FileError> {
        // The relay has looked at the name already; nothing is written outside of the folder whatever it missed.
        if !is_name(name) {
            return Err(io::Error::other("no name of a recording").into());
        }
        let markers = below.join(MARKERS);
        folder(&markers)?;
        if let Some(parent) = below.join(name).parent() {
            folder(parent)?;
        }
        for number in 1..=MOST_OF_A_NAME {
            let name = if number == 1 {
                name.to_owned()
            } else {
                format!("{name}-{number}")
            };
            let file = format!("{name}.{}", format.suffix());
            let path = below.join(&file);
            let sink = match (disk.create)(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                sink => sink?,
            };
            let marker = markers.join(file.replace('/', "+"));
            let begun = mark(&marker).map_err(Into::into);
            match begun.and_then(|()| Writer::begin(sink, format, rate, channels, serial)) {
                Ok(writer) => return Ok(Recorded { writer, name, marker }),
                Err(error) => {
                    let _ = fs::remove_file(&path);
                    let _ = fs::remove_file(&marker);
                    return Err(error);
                }
            }
        }
        Err(io::Error::other(format!("{MOST_OF_A_NAME} recordings have that name")).into())
    }

    pub(super) fn write(&mut self, pcm: &[i16]) -> Result<(), FileError> {
        self.writer.write(pcm)
    }

    /// Makes the file whole. Gives its octets.
    pub(super) fn finish(self) -> Result<u64, FileError> {
        let (mut sink, octets) = self.writer.finish()?;
        sink.end(octets)?;
        // A marker that stays does no harm: the file is looked at once more at the next start.
        let _ = fs::remove_file(&self.marker);
        Ok(octets)
    }
}

fn mark(marker: &Path) -> io::Result<()> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(marker)
        .map(drop)
}

/// Mends the files that a crash has left unfinished, and tells the log of each. Gives how many there were.
pub(super) fn repair_all(below: &Path) -> usize {
    let mut mended = 0;
    // No marker was ever made, or none can be seen: then no recording can be made either, which is told then.
    let Ok(markers) = fs::read_dir(below.join(MARKERS)) else {
        return 0;
    };
    for marker in markers.filter_map(Result::ok) {
        let name = marker.file_name().to_string_lossy().replace('+', "/");
        let stem = name.rsplit_once('.').map_or("", |(stem, _)| stem);
        if !is_name(stem) {
            continue;
        }
        match mend(&below.join(&name)) {
            Ok(what) => {
                mended += 1;
                tracing::warn!(
                    file = name,
                    "a recording was cut off by the end of the last run: {what}"
                );
            }
            Err(FileError::Io(error)) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                tracing::error!(file = name, %error, "a recording that was cut off cannot be repaired");
                continue;
            }
        }
        let _ = fs::remove_file(marker.path());
    }
    mended
}

fn mend(path: &Path) -> Result<String, FileError> {
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(nix::libc::O_NONBLOCK | nix::libc::O_NOFOLLOW)
        .open(path)?;
    Ok(match repair(&mut file)? {
        Repair::Whole => "it is whole".to_owned(),
        Repair::Mended { length } => {
            file.end(length)?;
            format!("repaired, {length} octets")
        }
        Repair::Empty => {
            fs::remove_file(path)?;
            "it held no sound, and was removed".to_owned()
        }
    })
}

/// Whether recordings can be written: the folder, or the folder that it would be made in.
///
/// # Errors
/// The folder is no folder, or there is no permission.
pub fn check_recordings(folder: &Path) -> io::Result<()> {
    let there = folder.ancestors().find(|at| at.as_os_str().is_empty() || at.exists());
    let there = there.filter(|at| !at.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let probe = there.join(format!(".tandem-recordings-{}", std::process::id()));
    create(&probe)?;
    fs::remove_file(probe)
}
