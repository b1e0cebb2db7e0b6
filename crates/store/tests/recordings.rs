//! Recordings: one row each, from the beginning to the end, across crashes and full disks.
#![allow(clippy::unwrap_used, reason = "a test says so by failing")]

mod support;

use records::{CallUid, Recording, RecordingEnd, RecordingEnded, RecordingFormat, RecordingKind, RecordingUid};
use store::{Options, Parties, RecordingFilter, Store, StoreError};
use support::{DOMAIN, NOW, closed_cdr, fresh, fresh_with, open_cdr};

const ROWS: &str = "SELECT count(*) FROM recordings";

/// The beginning of a recording of a call.
fn begun(n: u64) -> Recording {
    Recording {
        id: RecordingUid(n),
        call_id: CallUid(n.into()),
        kind: RecordingKind::Call,
        name: "reception".into(),
        file: format!("2026/11/{n}.wav"),
        format: RecordingFormat::Wav,
        channels: 2,
        started_at: NOW + n.cast_signed(),
        ended: None,
    }
}

fn ended(n: u64) -> Recording {
    let end = RecordingEnded {
        millis: 61_020,
        octets: 1_952_684,
        end: RecordingEnd::HangUp,
        fault: "no more".into(),
    };
    // The file may have got another name.
    Recording {
        file: format!("2026/11/{n}-2.wav"),
        ended: Some(end),
        ..begun(n)
    }
}

async fn all(store: &Store) -> Vec<Recording> {
    let page = store.recordings(DOMAIN, &RecordingFilter::default(), 1_000, None).await;
    page.unwrap().items.into_iter().map(|item| item.recording).collect()
}

#[tokio::test]
async fn a_recording_has_one_row_from_its_beginning_to_its_end() {
    let kept = fresh().await;
    let writer = kept.store.writer(DOMAIN);
    writer.recording(begun(1));
    writer.flush().await.unwrap();
    assert_eq!(all(&kept.store).await, [begun(1)]);
    // The end comes twice, and another beginning after it: the first end stands.
    writer.recording(ended(1));
    writer.recording(Recording {
        ended: Some(RecordingEnded {
            millis: 1,
            octets: 1,
            end: RecordingEnd::Failed,
            fault: String::new(),
        }),
        ..begun(1)
    });
    writer.recording(begun(1));
    // Beginning and end in one transaction; and an end without a beginning.
    writer.recording(begun(2));
    writer.recording(ended(2));
    writer.recording(ended(3));
    writer.flush().await.unwrap();
    let kept = kept.reopened().await;
    assert_eq!(all(&kept.store).await, [ended(3), ended(2), ended(1)]);
    assert_eq!(kept.count(ROWS).await, 3);
}

#[tokio::test]
async fn each_kind_format_and_end_comes_back_as_it_was() {
    let kept = fresh().await;
    let writer = kept.store.writer(DOMAIN);
    let mut expected = Vec::new();
    for (n, &end) in (0..).zip(RecordingEnd::ALL) {
        let pick = usize::try_from(n).unwrap();
        let mut recording = ended(n);
        recording.kind = RecordingKind::ALL[pick % 3];
        recording.format = RecordingFormat::ALL[pick % 2];
        recording.channels = 1;
        if let Some(ended) = &mut recording.ended {
            ended.end = end;
            ended.octets = u64::MAX >> 1;
        }
        writer.recording(recording.clone());
        expected.insert(0, recording);
    }
    writer.flush().await.unwrap();
    assert_eq!(all(&kept.store).await, expected);
}

#[tokio::test]
async fn a_recording_is_shown_with_the_parties_of_its_call() {
    let kept = fresh().await;
    let writer = kept.store.writer(DOMAIN);
    writer.close_cdr(closed_cdr(1));
    writer.open_cdr(open_cdr(2)).await.unwrap();
    for n in 1..=3 {
        writer.recording(ended(n));
    }
    kept.store.writer("other.example").recording(ended(4));
    writer.flush().await.unwrap();
    let parties = |to: &str| Parties {
        from: "101".into(),
        from_name: "Alice".into(),
        to: to.into(),
        dialed: "102".into(),
    };
    for (n, expected) in [(1, Some(parties("102"))), (2, Some(parties(""))), (3, None)] {
        let stored = kept.store.recording(DOMAIN, RecordingUid(n)).await.unwrap();
        assert_eq!((stored.recording, stored.parties), (ended(n), expected));
    }
    let other = kept.store.recording(DOMAIN, RecordingUid(4)).await;
    assert!(matches!(other, Err(StoreError::NotFound(_))));
}

#[tokio::test]
async fn what_a_crash_cut_off_is_found_at_the_start() {
    let kept = fresh().await;
    let writer = kept.store.writer(DOMAIN);
    for n in [1, 2, 3] {
        writer.recording(begun(n));
    }
    writer.recording(ended(2));
    writer.flush().await.unwrap();
    let kept = kept.reopened().await;
    let cut_off = kept.store.recordings_in_progress(DOMAIN).await.unwrap();
    assert_eq!(cut_off, [begun(1), begun(3)]);
    kept.store.writer(DOMAIN).recording(ended(1));
    kept.store.writer(DOMAIN).flush().await.unwrap();
    assert_eq!(kept.store.recordings_in_progress(DOMAIN).await.unwrap(), [begun(3)]);
}

#[tokio::test]
async fn a_recording_is_forgotten_once() {
    let kept = fresh().await;
    let writer = kept.store.writer(DOMAIN);
    writer.recording(ended(1));
    writer.recording(ended(2));
    writer.flush().await.unwrap();
    kept.store.remove_recording(DOMAIN, RecordingUid(1)).await.unwrap();
    let again = kept.store.remove_recording(DOMAIN, RecordingUid(1)).await;
    assert_eq!(again, Err(StoreError::NotFound("recording 0000000000000001".into())));
    assert!(
        kept.store
            .remove_recording("other.example", RecordingUid(2))
            .await
            .is_err()
    );
    assert_eq!(all(&kept.store).await, [ended(2)]);
}

#[tokio::test]
async fn on_a_full_disk_rows_wait_for_room_and_beyond_the_limit_they_go_to_the_log() {
    let options = Options {
        notes: 20,
        ..Options::default()
    };
    let kept = fresh_with(options).await;
    kept.store.set_max_bytes(Some(1)).await;
    let writer = kept.store.writer(DOMAIN);
    // Each takes more than the free rest of a page.
    let long = |n| Recording {
        name: "x".repeat(5_000),
        ..ended(n)
    };
    for n in 0..30 {
        writer.recording(long(n));
    }
    assert_eq!(writer.stats().rejected, 10);
    kept.store.set_max_bytes(None).await;
    writer.flush().await.unwrap();
    assert_eq!(kept.count(ROWS).await, 20);
}
