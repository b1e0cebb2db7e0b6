//! Recordings: files are written, and repaired.

use std::{
    fs,
    io::{self, Seek, SeekFrom, Write as _},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
};

use media::{
    recorder::{Write, Written},
    service::{FileFormat, RecordingId},
    sound::Rate,
};
use tempfile::TempDir;

use super::{
    super::{
        Archive, Writers, check_recordings,
        writing::{Disk, Sink, repair_all},
    },
    Gate, WAIT,
};

struct Desk {
    writers: Writers,
    answers: mpsc::Receiver<Written>,
    below: PathBuf,
    _folder: TempDir,
}

fn id(number: u64) -> RecordingId {
    RecordingId(number)
}

impl Desk {
    fn new(free: u64, disk: Disk) -> Desk {
        let folder = tempfile::tempdir().unwrap();
        let below = folder.path().join("data/recordings");
        let (sender, answers) = mpsc::channel();
        let archive = Archive {
            folder: below.clone(),
            free,
        };
        Desk {
            writers: Writers::with(archive, disk, move |written| drop(sender.send(written))).unwrap(),
            answers,
            below,
            _folder: folder,
        }
    }

    fn plain() -> Desk {
        Desk::new(0, Disk::default())
    }

    fn begin(&mut self, number: u64, file: &str, channels: u8) {
        self.writers.put(Write::Begin {
            recording: id(number),
            file: file.into(),
            format: FileFormat::Wav,
            rate: Rate::Narrow,
            channels,
        });
    }

    fn block(&mut self, number: u64, pcm: &[i16]) {
        self.writers.put(Write::Block {
            recording: id(number),
            pcm: pcm.into(),
        });
    }

    fn end(&mut self, number: u64) {
        self.writers.put(Write::End { recording: id(number) });
    }

    fn answer(&self) -> Written {
        self.answers.recv_timeout(WAIT).unwrap()
    }
}

fn samples(path: &Path) -> Vec<i16> {
    let mut reader = hound::WavReader::open(path).unwrap();
    reader.samples().map(Result::unwrap).collect()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn recordings_are_written_beside_each_other_and_none_takes_the_place_of_another() {
    let mut desk = Desk::plain();
    desk.begin(1, "2026/a", 1);
    desk.begin(2, "2026/a", 2);
    desk.block(1, &[1; 4_000]);
    desk.block(2, &[2, 3, 2, 3]);
    desk.block(1, &[4; 10]);
    desk.end(2);
    desk.end(1);
    let expected = |number, octets, file: &str| Written {
        recording: id(number),
        octets,
        file: file.into(),
        fault: None,
    };
    assert_eq!(desk.answer(), expected(2, 52, "2026/a-2"));
    assert_eq!(desk.answer(), expected(1, 8_064, "2026/a"));
    let first = desk.below.join("2026/a.wav");
    assert_eq!(samples(&first), [[1; 4_000].as_slice(), &[4; 10]].concat());
    assert_eq!(samples(&desk.below.join("2026/a-2.wav")), [2, 3, 2, 3]);
    assert_eq!(
        (mode(&first), mode(&desk.below), mode(&desk.below.join("2026"))),
        (0o600, 0o700, 0o700)
    );
    assert_eq!(fs::read_dir(desk.below.join(".open")).unwrap().count(), 0);
}

#[test]
fn what_cannot_be_begun_is_told_and_nothing_is_written_outside_of_the_folder() {
    let mut desk = Desk::plain();
    desk.begin(1, "../outside", 1);
    desk.block(1, &[1; 100]);
    let written = desk.answer();
    assert_eq!((written.octets, written.file.as_str()), (0, ""));
    assert!(written.fault.unwrap().contains("no name"));
    fs::create_dir_all(&desk.below).unwrap();
    fs::write(desk.below.join("file"), "x").unwrap();
    desk.begin(2, "file/a", 1);
    assert!(desk.answer().fault.unwrap().contains("Not a directory") || desk.below.join("file").is_file());
    assert!(!desk.below.join("../outside.wav").exists());
}

#[test]
fn a_folder_that_cannot_be_made_is_told_by_each_recording_and_by_the_check() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "x").unwrap();
    let below = folder.path().join("file/recordings");
    assert!(check_recordings(&below).is_err());
    assert!(check_recordings(&folder.path().join("not/yet/there")).is_ok());
    assert_eq!(
        fs::read_dir(folder.path()).unwrap().count(),
        1,
        "the check leaves nothing behind"
    );
    let (sender, answers) = mpsc::channel();
    let archive = Archive { folder: below, free: 0 };
    let mut writers = Writers::start(archive, move |written| drop(sender.send(written))).unwrap();
    writers.put(Write::Begin {
        recording: id(1),
        file: "a".into(),
        format: FileFormat::Wav,
        rate: Rate::Narrow,
        channels: 1,
    });
    let fault = answers.recv_timeout(WAIT).unwrap().fault.unwrap();
    assert!(fault.contains("file/recordings: "), "{fault}");
}

/// A file on a disk with room for so many octets more.
struct Small(fs::File, Arc<AtomicU64>);

impl io::Write for Small {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = self.1.load(Ordering::Relaxed);
        let taken = bytes.len().min(room as usize);
        if taken == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.1.store(room - taken as u64, Ordering::Relaxed);
        self.0.write_all(&bytes[..taken])?;
        Ok(taken)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for Small {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0.seek(to)
    }
}

impl Sink for Small {
    fn end(&mut self, octets: u64) -> io::Result<()> {
        self.0.end(octets)
    }
}

#[test]
fn a_full_disk_ends_its_recording_with_what_was_written_and_the_next_one_is_refused() {
    let room = Arc::new(AtomicU64::new(1_000));
    let left = room.clone();
    let disk = Disk {
        create: Box::new(move |path| {
            let file = fs::File::options().write(true).create_new(true).open(path)?;
            Ok(Box::new(Small(file, left.clone())))
        }),
        ..Disk::default()
    };
    let mut desk = Desk::new(0, disk);
    desk.begin(1, "a", 1);
    desk.block(1, &[7; 200]);
    desk.block(1, &[8; 1_000]);
    // As if something were deleted: the sizes of the file can be written.
    let written = desk.answer();
    assert_eq!(written.fault.as_deref(), Some("no storage space"));
    desk.block(1, &[9; 10]);
    desk.end(1);
    let path = desk.below.join("a.wav");
    assert_eq!(fs::metadata(&path).unwrap().len(), 1_000);
    // The sizes could not be written either: the marker stays, and the next start repairs the file.
    assert_eq!(repair_all(&desk.below), 1);
    let pcm = samples(&path);
    assert_eq!((pcm.len(), pcm[199], pcm[200]), (478, 7, 8));
    desk.begin(2, "b", 1);
    assert_eq!(desk.answer().fault.as_deref(), Some("no storage space"));
    assert!(!desk.below.join("b.wav").exists());
    room.store(1_000_000, Ordering::Relaxed);
    desk.begin(3, "b", 1);
    desk.end(3);
    assert_eq!(desk.answer().fault, None);
}

#[test]
fn with_little_free_space_no_recording_begins_or_goes_on() {
    let free = Arc::new(AtomicU64::new(200 << 20));
    let seen = free.clone();
    let disk = Disk {
        free: Box::new(move |_| Ok(seen.load(Ordering::Relaxed))),
        ..Disk::default()
    };
    let mut desk = Desk::new(100 << 20, disk);
    desk.begin(1, "a", 1);
    desk.block(1, &[1; 100]);
    desk.begin(3, "c", 1);
    desk.end(3);
    assert_eq!(desk.answer().recording, id(3));
    free.store(99 << 20, Ordering::Relaxed);
    desk.begin(2, "b", 1);
    let refused = desk.answer();
    assert_eq!((refused.recording, refused.octets), (id(2), 0));
    assert_eq!(
        refused.fault.as_deref(),
        Some("the disk has 99 MiB free, and 100 are to stay free (--recording-free-space)")
    );
    desk.block(1, &[1; 100]);
    let ended = desk.answer();
    assert!(ended.recording == id(1) && ended.fault.is_some());
    assert!(ended.octets >= 44 && samples(&desk.below.join("a.wav")).len() as u64 == (ended.octets - 44) / 2);
}

#[test]
fn a_slow_disk_ends_a_recording_after_ten_seconds_and_never_holds_up_the_caller() {
    let gate = Arc::new(Gate::default());
    let held = gate.clone();
    let disk = Disk {
        free: Box::new(move |_| {
            held.pass();
            Ok(u64::MAX)
        }),
        ..Disk::default()
    };
    let mut desk = Desk::new(0, disk);
    desk.begin(1, "a", 1);
    for _ in 0..100 {
        desk.block(1, &[5; 4_000]);
    }
    gate.open();
    let written = desk.answer();
    assert_eq!(
        written.fault.as_deref(),
        Some("the disk is too slow: 10 seconds of sound were waiting")
    );
    assert_eq!(written.octets, 44 + 2 * 80_000);
    assert_eq!(samples(&desk.below.join("a.wav")), [5; 80_000]);
}

#[test]
fn a_recording_that_a_crash_cut_off_is_repaired_once() {
    let mut desk = Desk::plain();
    desk.begin(1, "day/a", 2);
    desk.begin(2, "b", 1);
    desk.begin(3, "empty", 1);
    desk.block(1, &[1, 2, 3, 4]);
    desk.block(2, &[5; 100]);
    desk.end(2);
    // All that was handed over before is on the disk when this is answered.
    assert_eq!(desk.answer().recording, id(2));
    let copy = tempfile::tempdir().unwrap();
    let copied = std::process::Command::new("cp")
        .arg("-r")
        .arg(&desk.below)
        .arg(copy.path())
        .status();
    assert!(copied.unwrap().success());
    let below = copy.path().join("recordings");
    let whole = fs::read(below.join("b.wav")).unwrap();
    // Half a sample more, as the end of a process may leave behind.
    let mut torn = fs::File::options().append(true).open(below.join("day/a.wav")).unwrap();
    torn.write_all(&[9, 9, 9]).unwrap();
    assert_eq!(repair_all(&below), 2);
    assert_eq!(samples(&below.join("day/a.wav")), [1, 2, 3, 4]);
    assert_eq!(fs::metadata(below.join("day/a.wav")).unwrap().len(), 52);
    assert_eq!(fs::read(below.join("b.wav")).unwrap(), whole);
    assert!(!below.join("empty.wav").exists());
    assert_eq!(
        (repair_all(&below), fs::read_dir(below.join(".open")).unwrap().count()),
        (0, 0)
    );
}

#[test]
fn files_are_made_whole_when_the_engine_ends() {
    let mut desk = Desk::plain();
    desk.begin(1, "a", 1);
    desk.block(1, &[3; 50]);
    drop(desk.writers);
    assert_eq!(samples(&desk.below.join("a.wav")), [3; 50]);
    assert_eq!(desk.answers.recv_timeout(WAIT).unwrap().octets, 144);
}
