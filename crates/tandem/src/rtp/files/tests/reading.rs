//! Plays: files and folders are read.

use std::{
    fs,
    path::Path,
    sync::{Arc, mpsc},
};

use media::relay::{Block, Named, Piece, Track, Wanted};
use tempfile::TempDir;

use super::{
    super::{
        Readers, check_prompt,
        reading::{self, Library},
    },
    Gate, WAIT, wav,
};

/// The threads, and their answers.
struct Desk {
    readers: Readers,
    answers: mpsc::Receiver<Block>,
    folder: TempDir,
}

impl Desk {
    fn new(library: impl FnOnce(&Path) -> Library) -> Desk {
        let folder = tempfile::tempdir().unwrap();
        let (sender, answers) = mpsc::channel();
        let readers = Readers::start(library(folder.path()), move |block| drop(sender.send(block))).unwrap();
        Desk {
            readers,
            answers,
            folder,
        }
    }

    fn plain() -> Desk {
        Desk::new(|folder| Library::new(folder.to_owned()))
    }

    fn open(&self, track: u64, name: Named) {
        let track = Track(track);
        self.readers.ask(Wanted::Open { track, name });
    }

    fn prompt(&self, track: u64, name: &str) -> Result<Piece, String> {
        self.open(track, Named::Prompt(name.into()));
        self.answer(track)
    }

    fn music(&self, track: u64, name: &str) -> Result<Piece, String> {
        self.open(track, Named::Music(name.into()));
        self.answer(track)
    }

    fn more(&self, track: u64) -> Piece {
        self.readers.ask(Wanted::More(Track(track)));
        self.answer(track).unwrap()
    }

    fn answer(&self, track: u64) -> Result<Piece, String> {
        let block = self.answers.recv_timeout(WAIT).unwrap();
        assert_eq!(block.track, Track(track));
        block.piece
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }
}

#[test]
fn a_prompt_that_was_replaced_is_heard_at_the_next_play() {
    let desk = Desk::plain();
    let path = desk.path("a.wav");
    let clip = |track| desk.prompt(track, "a").map(|piece| piece.clip);
    assert_eq!(
        clip(1).unwrap_err(),
        "prompt \"a\": No such file or directory (os error 2)"
    );
    wav(&path, 8_000, 160, 1);
    let first = clip(2).unwrap();
    assert!(Arc::ptr_eq(&first, &clip(3).unwrap()), "read once");
    // As editors do, with another file of the same length under the same name.
    wav(&desk.path("new"), 8_000, 160, 1);
    fs::rename(desk.path("new"), &path).unwrap();
    assert!(!Arc::ptr_eq(&first, &clip(4).unwrap()));
    wav(&path, 16_000, 320, 2);
    let wide = clip(5).unwrap();
    assert_eq!(
        (wide.rate().hertz(), wide.pcm()),
        (16_000, [2; 320].as_slice()),
        "written in place"
    );
    fs::write(&path, "no sound").unwrap();
    assert!(clip(6).unwrap_err().contains("neither a WAV nor an Ogg Opus file"));
    fs::remove_file(&path).unwrap();
    assert!(clip(7).unwrap_err().contains("No such file"));
    assert!(check_prompt(desk.folder.path(), "a").is_err() && check_prompt(desk.folder.path(), "../a").is_err());
}

#[test]
fn a_long_file_comes_piece_by_piece() {
    let desk = Desk::plain();
    let samples = 300_000;
    wav(&desk.path("long.wav"), 16_000, samples, 7);
    let mut piece = desk.prompt(1, "long").unwrap();
    let mut lengths = Vec::new();
    loop {
        assert!(piece.clip.pcm().iter().all(|sample| *sample == 7));
        lengths.push(piece.clip.pcm().len());
        if piece.last {
            break;
        }
        piece = desk.more(1);
    }
    assert_eq!(lengths.iter().sum::<usize>(), samples);
    assert!(lengths.iter().all(|length| *length <= 8_000) && lengths.len() == 38);
}

#[test]
fn music_plays_a_folder_round_and_round_and_passes_over_what_is_no_sound() {
    let desk = Desk::plain();
    fs::create_dir(desk.path("hold")).unwrap();
    wav(&desk.path("hold/b.wav"), 8_000, 4_000, 2);
    wav(&desk.path("hold/d.wav"), 16_000, 1_000, 4);
    fs::write(desk.path("hold/c.wav"), "no sound").unwrap();
    fs::write(desk.path("hold/.hidden.wav"), "no sound").unwrap();
    fs::write(desk.path("hold/readme.txt"), "no sound").unwrap();
    let heard = |piece: Piece| {
        assert!(!piece.last);
        (piece.clip.rate().hertz(), piece.clip.pcm().len(), piece.clip.pcm()[0])
    };
    assert_eq!(heard(desk.music(1, "hold").unwrap()), (8_000, 4_000, 2));
    assert_eq!(heard(desk.more(1)), (16_000, 1_000, 4), "the rate changes with a piece");
    // What is put into the folder is heard in its turn.
    wav(&desk.path("hold/a.wav"), 8_000, 100, 1);
    assert_eq!(heard(desk.more(1)), (8_000, 4_000, 2));
    assert_eq!(heard(desk.more(1)), (16_000, 1_000, 4));
    assert_eq!(
        heard(desk.more(1)),
        (8_000, 4_000, 1),
        "files of one rate follow without a gap"
    );
    desk.more(1);
    fs::remove_dir_all(desk.path("hold")).unwrap();
    desk.readers.ask(Wanted::More(Track(1)));
    let gone = desk.answer(1).unwrap_err();
    let folder = desk.folder.path().display();
    let fault = format!("music \"hold\": neither hold.wav, hold.opus nor a folder hold is in {folder}");
    assert_eq!(desk.music(2, "hold").unwrap_err(), fault);
    assert!(gone.ends_with(&fault[14..]), "{gone}");
}

#[test]
fn music_may_be_one_file_and_without_any_sound_it_is_a_fault() {
    let desk = Desk::plain();
    wav(&desk.path("one.wav"), 8_000, 3_000, 1);
    let piece = desk.music(1, "one").unwrap();
    assert_eq!((piece.clip.pcm(), piece.last), ([1; 4_000].as_slice(), false));
    fs::create_dir(desk.path("empty")).unwrap();
    assert_eq!(
        desk.music(2, "empty").unwrap_err(),
        "music \"empty\": no sound file is in the folder"
    );
    wav(&desk.path("empty/a.wav"), 8_000, 0, 1);
    wav(&desk.path("empty/b.wav"), 8_000, 0, 1);
    assert_eq!(desk.music(3, "empty").unwrap_err(), "music \"empty\": no sound in it");
    fs::write(desk.path("bad.wav"), "RIFF").unwrap();
    assert!(desk.music(4, "bad").unwrap_err().contains("not a WAV file"));
}

#[test]
fn a_pipe_and_a_folder_are_refused() {
    let desk = Desk::plain();
    nix::unistd::mkfifo(&desk.path("pipe.wav"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    fs::create_dir(desk.path("folder.wav")).unwrap();
    for (track, name) in [(1, "pipe"), (2, "folder")] {
        assert_eq!(
            desk.prompt(track, name).unwrap_err(),
            format!("prompt {name:?}: not a regular file")
        );
    }
}

#[test]
fn slow_files_do_not_hold_up_others() {
    let gate = Arc::new(Gate::default());
    let held = gate.clone();
    let desk = Desk::new(move |folder| {
        Library::with(
            folder.to_owned(),
            Box::new(move |path| {
                if path.to_string_lossy().contains("slow") {
                    held.pass();
                }
                reading::open(path)
            }),
        )
    });
    wav(&desk.path("slow.wav"), 8_000, 160, 1);
    wav(&desk.path("fast.wav"), 8_000, 160, 2);
    for track in 1..16 {
        desk.open(track, Named::Prompt("slow".into()));
    }
    for track in 100..200 {
        assert_eq!(desk.prompt(track, "fast").unwrap().clip.pcm()[0], 2);
    }
    // What is not wanted any more is not answered with more, and nothing is left of it.
    desk.readers.ask(Wanted::Close(Track(1)));
    gate.open();
    let mut tracks: Vec<u64> = (1..16)
        .map(|_| desk.answers.recv_timeout(WAIT).unwrap().track.0)
        .collect();
    tracks.sort_unstable();
    assert_eq!(tracks, (1..16).collect::<Vec<_>>());
}

#[test]
fn more_slow_files_than_threads_wait_and_are_all_read() {
    let gate = Arc::new(Gate::default());
    let held = gate.clone();
    let desk = Desk::new(move |folder| {
        Library::with(
            folder.to_owned(),
            Box::new(move |path| {
                held.pass();
                reading::open(path)
            }),
        )
    });
    wav(&desk.path("a.wav"), 8_000, 160, 1);
    for track in 0..40 {
        desk.open(track, Named::Prompt("a".into()));
    }
    // One of those that no thread has taken yet.
    desk.readers.ask(Wanted::Close(Track(39)));
    gate.open();
    let mut tracks: Vec<u64> = (0..39)
        .map(|_| desk.answers.recv_timeout(WAIT).unwrap().track.0)
        .collect();
    tracks.sort_unstable();
    assert_eq!(tracks, (0..39).collect::<Vec<_>>());
}
