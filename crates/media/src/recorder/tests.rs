use proptest::prelude::*;

use super::*;
use crate::{
    Event, MediaId,
    service::{FileFormat, RecordingId},
};

const RATE: Rate = Rate::Narrow;
/// A frame of 20 ms.
const FRAME: usize = 160;

fn media(slot: u32) -> MediaId {
    MediaId {
        engine: 0,
        slot,
        generation: 0,
    }
}

fn recording(split: bool, max: Option<u64>, silence: Option<u64>) -> Recording {
    Recording {
        id: RecordingId(1),
        taken: Taken::Call {
            left: media(1),
            right: media(2),
            split,
        },
        file: "a/b".into(),
        format: FileFormat::Wav,
        max: max.map(Duration::from_millis),
        silence: silence.map(Duration::from_millis),
    }
}

fn recorder(split: bool, max: Option<u64>, silence: Option<u64>) -> Recorder {
    Recorder::new(&recording(split, max, silence), RATE)
}

fn all(recorder: &mut Recorder) -> Vec<i16> {
    std::iter::from_fn(|| recorder.poll_block()).flatten().collect()
}

#[test]
fn the_first_frame_and_the_last_one_are_in_the_file_and_blocks_are_half_a_second() {
    let mut r = recorder(false, None, None);
    for n in 0..60 {
        assert_eq!(r.take(&[n; FRAME], None), Step::Go);
    }
    let lengths: Vec<usize> = std::iter::from_fn(|| r.poll_block()).map(|b| b.len()).collect();
    assert_eq!(lengths, [4000, 4000]);
    r.stop();
    assert_eq!(
        r.poll_block().unwrap(),
        [
            [50; FRAME],
            [51; FRAME],
            [52; FRAME],
            [53; FRAME],
            [54; FRAME],
            [55; FRAME],
            [56; FRAME],
            [57; FRAME],
            [58; FRAME],
            [59; FRAME]
        ]
        .concat()
    );
    assert_eq!((r.poll_block(), r.millis()), (None, 1200));
    assert_eq!(r.take(&[1; FRAME], None), Step::Ended(RecordEnd::Stopped));
    assert_eq!((r.poll_block(), r.millis()), (None, 1200));
}

#[test]
fn sides_are_mixed_or_channels_of_their_own() {
    let mut r = recorder(false, None, None);
    r.take(&[30_000, 1, 2], Some(&[30_000, -5]));
    r.take(&[], Some(&[7]));
    r.stop();
    assert_eq!((r.channels(), all(&mut r)), (1, vec![i16::MAX, -4, 2, 7]));
    let mut r = recorder(true, None, None);
    r.take(&[1, 2], Some(&[3, 4]));
    r.take(&[5, 6], None);
    r.take(&[], Some(&[8]));
    r.stop();
    assert_eq!((r.channels(), all(&mut r)), (2, vec![1, 3, 2, 4, 5, 0, 6, 0, 0, 8]));
}

#[test]
fn a_pause_is_left_out_and_counts_for_nothing() {
    let mut r = recorder(false, Some(60), Some(40));
    r.take(&[1000; FRAME], None);
    r.take(&[0; FRAME], None);
    r.pause(true);
    for _ in 0..100 {
        assert_eq!(r.take(&[0; FRAME], None), Step::Go);
    }
    r.pause(false);
    assert_eq!(r.take(&[2000; FRAME], None), Step::Ended(RecordEnd::Full));
    assert_eq!(all(&mut r), [[1000; FRAME], [0; FRAME], [2000; FRAME]].concat());
}

#[test]
fn the_longest_recording_is_cut_to_the_sample() {
    let mut r = recorder(true, Some(30), None);
    assert_eq!(r.take(&[1; FRAME], None), Step::Go);
    assert_eq!(r.take(&[2; FRAME], None), Step::Ended(RecordEnd::Full));
    assert_eq!((r.millis(), all(&mut r).len()), (30, 2 * 240));
    let mut r = recorder(false, Some(0), None);
    assert_eq!(r.take(&[2; FRAME], None), Step::Ended(RecordEnd::Full));
    assert!(all(&mut r).is_empty());
}

#[test]
fn silence_ends_the_recording_and_is_not_in_the_file() {
    let mut r = recorder(false, None, Some(3000));
    // A pause in speech, shorter than the silence that ends it, stays.
    r.take(&[1000; FRAME], None);
    for _ in 0..149 {
        assert_eq!(r.take(&[100; FRAME], None), Step::Go);
    }
    r.take(&[-1000; FRAME], None);
    for _ in 0..149 {
        assert_eq!(r.take(&[-100; FRAME], None), Step::Go);
    }
    assert_eq!(r.take(&[0; FRAME], None), Step::Ended(RecordEnd::Silence));
    let pcm = all(&mut r);
    assert_eq!((pcm.len(), r.millis()), (151 * FRAME, 151 * 20));
    assert_eq!((pcm[0], pcm[FRAME], pcm[150 * FRAME]), (1000, 100, -1000));
}

#[test]
fn the_level_of_silence_is_minus_fifty_dbov_on_both_sides() {
    // 0 dBov is a root mean square of 32,768: 103 is below -50 dBov, 104 above.
    for (left, right, silent) in [(103, 103, true), (104, 0, false), (0, -104, false), (-103, 0, true)] {
        let mut r = recorder(false, None, Some(20));
        let ended = r.take(&[left; FRAME], Some(&[right; FRAME])) == Step::Ended(RecordEnd::Silence);
        assert_eq!(ended, silent, "{left} {right}");
    }
}

#[test]
fn a_long_silence_does_not_fill_the_memory() {
    let mut r = recorder(false, None, Some(3_600_000));
    for _ in 0..(50 * 600) {
        r.take(&[0; FRAME], None);
        r.poll_block();
    }
    assert!(r.pcm.len() <= 31 * 8_000 && r.blocks.is_empty());
}

fn drain(table: &mut Recordings) -> Vec<Write> {
    std::iter::from_fn(|| table.poll_write()).collect()
}

#[test]
fn the_writer_is_told_in_order_and_its_answer_is_the_event() {
    let mut table = Recordings::new(Limits::default());
    let id = RecordingId(1);
    table.begin(&recording(true, None, None), Rate::Wide).unwrap();
    assert!(table.take(id, &[1; 320], None) && table.is_open(id));
    table.pause(id, true);
    assert!(table.take(id, &[2; 320], None));
    table.end(id, RecordEnd::Closed);
    table.end(id, RecordEnd::Stopped);
    assert!(!table.take(id, &[3; 320], None) && !table.is_open(id));
    assert_eq!(
        drain(&mut table),
        [
            Write::Begin {
                recording: id,
                file: "a/b".into(),
                format: FileFormat::Wav,
                rate: Rate::Wide,
                channels: 2
            },
            Write::Block {
                recording: id,
                pcm: [1, 0].repeat(320)
            },
            Write::End { recording: id }
        ]
    );
    let written = Written {
        recording: id,
        octets: 1324,
        file: "a/b-2".into(),
        fault: None,
    };
    assert_eq!(
        table.written(written.clone()),
        Some(Event::Recorded {
            recording: id,
            millis: 20,
            octets: 1324,
            file: "a/b-2".into(),
            end: RecordEnd::Closed
        })
    );
    assert_eq!(table.written(written), None, "told once");
}

#[test]
fn a_full_disk_ends_the_recording_with_what_was_written() {
    let mut table = Recordings::new(Limits::default());
    let id = RecordingId(1);
    table.begin(&recording(false, None, None), RATE).unwrap();
    table.take(id, &[1; 8_000], None);
    let event = table.written(Written {
        recording: id,
        octets: 8_044,
        file: "a/b".into(),
        fault: Some("No space left on device".into()),
    });
    assert!(
        matches!(event, Some(Event::Recorded { octets: 8_044, millis: 1000, end: RecordEnd::Fault(words), .. })
        if words == "No space left on device")
    );
    assert!(drain(&mut table).is_empty() && !table.take(id, &[1; 160], None));
}

#[test]
fn limits_and_names_are_kept() {
    let mut table = Recordings::new(Limits {
        recordings: 1,
        longest: Duration::from_millis(20),
    });
    let outside = Recording {
        file: "../x".into(),
        ..recording(false, None, None)
    };
    assert_eq!(
        table.begin(&outside, RATE),
        Err("\"../x\" is no name of a recording".into())
    );
    table.begin(&recording(false, Some(1_000_000), None), RATE).unwrap();
    let another = Recording {
        id: RecordingId(2),
        ..recording(false, None, None)
    };
    assert_eq!(
        table.begin(&another, RATE),
        Err("more than 1 recordings at once".into())
    );
    assert!(table.begin(&recording(false, None, None), RATE).is_err(), "in progress");
    assert!(!table.take(RecordingId(1), &[5; FRAME], None), "the engine's limit");
    let end = drain(&mut table).pop();
    assert_eq!(
        end,
        Some(Write::End {
            recording: RecordingId(1)
        })
    );
}

proptest! {
    /// Whatever is held back and cut, nothing is lost or moved.
    #[test]
    fn all_that_was_taken_is_written(frames in prop::collection::vec((any::<bool>(), 0..400_usize), 0..200), split: bool) {
        let mut r = recorder(split, None, Some(1_000_000));
        let (mut expected, mut got) = (Vec::new(), Vec::new());
        for (n, (loud, length)) in frames.into_iter().enumerate() {
            let sample = if loud { 2_000 + n as i16 } else { n as i16 % 50 };
            r.take(&vec![sample; length], None);
            expected.extend(vec![sample; length]);
            got.extend(all(&mut r));
        }
        r.stop();
        got.extend(all(&mut r));
        let got: Vec<i16> = if split { got.chunks(2).map(|pair| pair[0]).collect() } else { got };
        prop_assert_eq!(got, expected);
    }
}
