//! Writing behind: durable when promised, once a call, never lost, bounded.
#![allow(clippy::unwrap_used, reason = "a test says so by failing")]

mod support;

use std::time::Duration;

use records::{Began, CallUid, CauseCode, Cdr, Disposition, EndedBy, Link, LinkKind, Segment, Story};
use store::{CdrFilter, Options, Store, StoreError};
use support::{DOMAIN, NOW, binding, closed_cdr, fresh, fresh_with, gone, new_extension, open_cdr, save};

const CDRS: &str = "SELECT count(*) FROM cdrs";
const ENDED: &str = "SELECT count(*) FROM cdrs WHERE ended_at IS NOT NULL";

async fn all(store: &Store) -> Vec<Cdr> {
    let page = store.cdrs(DOMAIN, &CdrFilter::default(), 1000, None).await.unwrap();
    page.items.into_iter().map(|item| item.cdr).collect()
}

#[tokio::test]
async fn a_promise_is_on_the_disk_when_it_resolves() {
    let kept = fresh().await;
    kept.store
        .create_extension(DOMAIN, &new_extension("101"), NOW)
        .await
        .unwrap();
    let writer = kept.store.writer(DOMAIN);
    writer.save_bindings(vec![save(binding(7, "101"))]).await.unwrap();
    assert_eq!(kept.count("SELECT id FROM bindings").await, 7);
    writer.open_cdr(open_cdr(1)).await.unwrap();
    assert_eq!(kept.count(CDRS).await, 1);
    // Copies of the files as a power cut would leave them hold both.
    let copy = tempfile::tempdir().unwrap();
    for file in ["tandem.db", "tandem.db-wal"] {
        std::fs::copy(kept.folder.path().join(file), copy.path().join(file)).unwrap();
    }
    let store = Store::open(copy.path().join("tandem.db"), Options::default())
        .await
        .unwrap();
    assert_eq!(store.load_bindings(DOMAIN, NOW).await.unwrap(), [binding(7, "101")]);
    assert_eq!(store.close_interrupted(NOW).await.unwrap(), 1);
}

#[tokio::test]
async fn bindings_come_back_as_they_were_saved() {
    let kept = fresh().await;
    kept.store
        .create_extension(DOMAIN, &new_extension("101"), NOW)
        .await
        .unwrap();
    let mut plain = binding(u64::MAX, "101");
    (plain.path, plain.instance, plain.reg_id) = (Vec::new(), None, None);
    let mut expired = binding(3, "101");
    expired.expires_at = NOW;
    let changes = vec![
        save(binding(1, "101")),
        save(plain.clone()),
        save(expired),
        save(binding(4, "999")),
    ];
    kept.store.writer(DOMAIN).save_bindings(changes).await.unwrap();
    let kept = kept.reopened().await;
    // The one of an extension that is not there went at the start, the expired one goes now.
    assert_eq!(kept.count("SELECT count(*) FROM bindings").await, 3);
    assert_eq!(
        kept.store.load_bindings(DOMAIN, NOW).await.unwrap(),
        [plain, binding(1, "101")]
    );
    assert_eq!(kept.count("SELECT count(*) FROM bindings").await, 2);
}

#[tokio::test]
async fn the_last_change_of_a_binding_stands_whatever_shares_its_transaction() {
    let kept = fresh().await;
    kept.store
        .create_extension(DOMAIN, &new_extension("101"), NOW)
        .await
        .unwrap();
    let writer = kept.store.writer(DOMAIN);
    let mut newer = binding(1, "101");
    newer.cseq = 18;
    let first = writer.save_bindings(vec![save(binding(1, "101")), save(binding(2, "101"))]);
    writer.forget(vec![gone(1)]);
    let second = writer.save_bindings(vec![save(newer.clone()), gone(2)]);
    first.await.unwrap();
    second.await.unwrap();
    assert_eq!(kept.store.load_bindings(DOMAIN, NOW).await.unwrap(), [newer]);
}

#[tokio::test]
async fn domains_share_no_keys() {
    let kept = fresh().await;
    let other = "other.example";
    for domain in [DOMAIN, other] {
        kept.store
            .create_extension(domain, &new_extension("101"), NOW)
            .await
            .unwrap();
    }
    let writer = kept.store.writer(DOMAIN);
    let (their_writer, theirs) = (kept.store.writer(other), binding(1, "101"));
    let saved = writer.save_bindings(vec![save(binding(1, "101"))]);
    their_writer.save_bindings(vec![save(theirs.clone())]).await.unwrap();
    saved.await.unwrap();
    writer.save_bindings(vec![gone(1)]).await.unwrap();
    assert_eq!(kept.store.load_bindings(DOMAIN, NOW).await.unwrap(), []);
    assert_eq!(kept.store.load_bindings(other, NOW).await.unwrap(), [theirs]);

    writer.close_cdr(closed_cdr(1));
    their_writer.close_cdr(closed_cdr(1));
    writer.flush().await.unwrap();
    assert_eq!(kept.count(ENDED).await, 2);

    for domain in [DOMAIN, other] {
        kept.store.put_token(domain, "admin", [1; 32], NOW).await.unwrap();
    }
    kept.store.remove_token(DOMAIN, "admin").await.unwrap();
    assert_eq!(kept.store.tokens(DOMAIN).await.unwrap().len(), 0);
    assert_eq!(kept.store.tokens(other).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_call_has_one_record_from_its_beginning_to_its_end() {
    let kept = fresh().await;
    let writer = kept.store.writer(DOMAIN);
    writer.open_cdr(open_cdr(1)).await.unwrap();
    assert_eq!(all(&kept.store).await, [], "a call in progress is not in the list");
    writer.close_cdr(closed_cdr(1));
    let mut again = closed_cdr(1);
    again.disposition = Disposition::Failed;
    writer.close_cdr(again);
    writer.open_cdr(open_cdr(1)).await.unwrap();
    writer.flush().await.unwrap();
    assert_eq!(all(&kept.store).await, [closed_cdr(1)]);
    assert_eq!(kept.count(CDRS).await, 1);
    let call = closed_cdr(1).open.call_id;
    assert_eq!(kept.store.cdr(DOMAIN, call).await.unwrap().cdr, closed_cdr(1));
    assert!(matches!(
        kept.store.cdr("other.example", call).await,
        Err(StoreError::NotFound(_))
    ));
}

#[tokio::test]
async fn a_record_tells_its_whole_story() {
    let kept = fresh().await;
    let mut cdr = closed_cdr(1);
    let start = cdr.open.started_at;
    let mut story = Story::begin(start, "101", 64);
    story.turn(start + 1, "101", "102", Began::Answered);
    story.turn(start + 2, "101", "", Began::Left);
    story.turn(start + 3, "101", "sip:\"é\"@b.example", Began::Transferred);
    story.turn(start + 4, "103", "104", Began::Replaced);
    story.turn(start + 5, "101", "102", Began::Returned);
    cdr.segments = story.end(cdr.ended_at);
    let kinds = [
        LinkKind::TransferredTo,
        LinkKind::TransferredFrom,
        LinkKind::Joined,
        LinkKind::JoinedBy,
    ];
    let link = |(other, how): (u128, LinkKind)| Link {
        call: CallUid(u128::MAX - other),
        how,
    };
    cdr.links = (0..).zip(kinds).map(link).collect();
    kept.store.writer(DOMAIN).close_cdr(cdr.clone());
    // A second end changes nothing of it.
    kept.store.writer(DOMAIN).close_cdr(closed_cdr(1));
    for (call, &cause) in (2..).zip(CauseCode::ALL) {
        let other = Cdr {
            cause,
            ..closed_cdr(call)
        };
        kept.store.writer(DOMAIN).close_cdr(other);
    }
    kept.store.writer(DOMAIN).flush().await.unwrap();
    let mut found = all(&kept.store).await;
    found.reverse();
    assert_eq!(found[0], cdr);
    assert!(found.iter().all(Cdr::is_tiled));
    assert_eq!(
        found[1..].iter().map(|cdr| cdr.cause).collect::<Vec<_>>(),
        CauseCode::ALL
    );
}

#[tokio::test]
async fn an_end_without_a_stored_beginning_is_written_whole() {
    let kept = fresh().await;
    kept.store.writer(DOMAIN).close_cdr(closed_cdr(1));
    kept.store.writer(DOMAIN).flush().await.unwrap();
    assert_eq!(all(&kept.store).await, [closed_cdr(1)]);
}

#[tokio::test]
async fn interrupted_calls_are_closed_at_the_start() {
    let kept = fresh().await;
    let writer = kept.store.writer(DOMAIN);
    writer.open_cdr(open_cdr(1)).await.unwrap();
    writer.open_cdr(open_cdr(2)).await.unwrap();
    writer.close_cdr(closed_cdr(2));
    writer.mark_calls(NOW + 50_000_000);
    let kept = kept.reopened().await;
    let now = NOW + 100_000_000;
    assert_eq!(kept.store.close_interrupted(now).await.unwrap(), 1);
    assert_eq!(kept.store.close_interrupted(now).await.unwrap(), 0);
    let [second, first] = all(&kept.store).await.try_into().unwrap();
    assert_eq!(second, closed_cdr(2));
    assert_eq!(
        (first.disposition, first.ended_by),
        (Disposition::Failed, EndedBy::System)
    );
    // Not when Tandem came back, which may be days later, but when it is known to have been there last.
    assert_eq!((&first.open, first.ended_at), (&open_cdr(1), NOW + 50_000_000));
    assert_eq!(
        (first.answered_at, first.sip_code, first.cause),
        (None, 0, CauseCode::SwitchInterrupted)
    );
    let segments = Segment::of_plain_call(NOW + 1_000_000, "101", None, NOW + 50_000_000);
    assert_eq!(first.segments, segments);
    // Its end comes too late: the record stands.
    kept.store.writer(DOMAIN).close_cdr(closed_cdr(1));
    kept.store.writer(DOMAIN).flush().await.unwrap();
    assert_eq!(all(&kept.store).await[1].disposition, Disposition::Failed);
}

#[tokio::test]
async fn writes_that_arrive_during_a_commit_share_the_next_commit() {
    let kept = fresh_with(Options {
        batch: 200,
        ..Options::default()
    })
    .await;
    let writer = kept.store.writer(DOMAIN);
    let before = writer.stats().commits;
    let promises: Vec<_> = (0..600).map(|call| writer.open_cdr(open_cdr(call))).collect();
    for promise in promises {
        promise.await.unwrap();
    }
    let stats = writer.stats();
    assert_eq!((stats.queued, stats.written), (0, 600));
    // The task runs after all are handed over: three full transactions.
    assert_eq!(stats.commits - before, 3);
    assert_eq!(kept.count(CDRS).await, 600);
}

#[tokio::test]
async fn a_full_disk_refuses_promises_and_keeps_notes_until_there_is_room() {
    let kept = fresh_with(Options {
        retry: Duration::from_millis(16),
        ..Options::default()
    })
    .await;
    let writer = kept.store.writer(DOMAIN);
    kept.store.set_max_bytes(Some(1)).await;
    // Fills what room the file has.
    let mut call = 0;
    let refused = loop {
        call += 1;
        let mut cdr = open_cdr(call);
        cdr.from_name = "x".repeat(3000);
        if let Err(error) = writer.open_cdr(cdr).await {
            break error;
        }
    };
    assert_eq!(refused, StoreError::DiskFull(kept.path().display().to_string()));
    let ends: Vec<_> = (1000..1200).map(closed_cdr).collect();
    for cdr in &ends {
        writer.close_cdr(cdr.clone());
    }
    let _ = writer.open_cdr(open_cdr(5000)).await.unwrap_err();
    assert_eq!(writer.stats().queued, 202, "with two beginnings of calls that go on");
    assert_eq!(kept.count(ENDED).await, 0);
    kept.store.set_max_bytes(None).await;
    writer.flush().await.unwrap();
    let mut found = all(&kept.store).await;
    found.reverse();
    assert_eq!(found, ends);
    assert_eq!((writer.stats().queued, writer.stats().rejected), (0, 0));
    assert!(writer.stats().retries >= 2);
    writer.open_cdr(open_cdr(5000)).await.unwrap();
}

#[tokio::test]
async fn a_lock_held_by_another_process_delays_notes_and_refuses_promises() {
    let wait = Duration::from_millis(1);
    let kept = fresh_with(Options {
        busy_timeout: wait,
        retry: wait * 16,
        ..Options::default()
    })
    .await;
    let mut other = support::raw(&kept.path()).await;
    sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    let writer = kept.store.writer(DOMAIN);
    writer.close_cdr(closed_cdr(1));
    let refused = writer.open_cdr(open_cdr(2)).await.unwrap_err();
    assert!(matches!(refused, StoreError::Locked(_)), "{refused}");
    let refused = kept
        .store
        .create_extension(DOMAIN, &new_extension("101"), NOW)
        .await
        .unwrap_err();
    assert!(
        refused.to_string().contains("tandem.db is in use by another process;"),
        "{refused}"
    );
    sqlx::query("ROLLBACK").execute(&mut other).await.unwrap();
    writer.flush().await.unwrap();
    assert_eq!(all(&kept.store).await, [closed_cdr(1)]);
    kept.store
        .create_extension(DOMAIN, &new_extension("101"), NOW)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_call_that_began_while_the_database_was_locked_has_a_record_afterwards() {
    let wait = Duration::from_millis(1);
    let kept = fresh_with(Options {
        busy_timeout: wait,
        retry: wait * 16,
        ..Options::default()
    })
    .await;
    let mut other = support::raw(&kept.path()).await;
    sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    let writer = kept.store.writer(DOMAIN);
    // One is over before the lock is, the other goes on until we are killed.
    for call in [1, 2] {
        writer.open_cdr(open_cdr(call)).await.unwrap_err();
    }
    writer.close_cdr(closed_cdr(1));
    sqlx::query("ROLLBACK").execute(&mut other).await.unwrap();
    writer.flush().await.unwrap();
    assert_eq!((kept.count(CDRS).await, kept.count(ENDED).await), (2, 1));
    assert_eq!(kept.store.close_interrupted(NOW).await.unwrap(), 1);
    assert_eq!(writer.stats().queued, 0);
}

#[tokio::test]
async fn records_beyond_the_limit_go_to_the_log() {
    let kept = fresh_with(Options {
        queue: 10,
        notes: 20,
        ..Options::default()
    })
    .await;
    let writer = kept.store.writer(DOMAIN);
    // Nothing runs between these lines, so all of it waits.
    (0..30).for_each(|call| writer.close_cdr(closed_cdr(call)));
    writer.forget(vec![gone(1)]);
    assert_eq!((writer.stats().queued, writer.stats().rejected), (21, 10));
    writer.flush().await.unwrap();
    assert_eq!((all(&kept.store).await.len(), writer.stats().queued), (20, 0));
    writer.close_cdr(closed_cdr(30));
    writer.flush().await.unwrap();
    assert_eq!(all(&kept.store).await.len(), 21, "there is room again");
}

#[tokio::test]
async fn closing_a_locked_database_says_how_much_is_lost() {
    let wait = Duration::from_millis(1);
    let options = Options {
        busy_timeout: wait,
        retry: wait * 16,
        last_attempts: 2,
        ..Options::default()
    };
    let kept = fresh_with(options).await;
    let mut other = support::raw(&kept.path()).await;
    sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    let writer = kept.store.writer(DOMAIN);
    writer.close_cdr(closed_cdr(1));
    writer.close_cdr(closed_cdr(2));
    assert_eq!(kept.store.close().await, Err(StoreError::Unsaved(2)));
    assert_eq!(writer.open_cdr(open_cdr(3)).await, Err(StoreError::Closed));
    assert_eq!(writer.flush().await, Err(StoreError::Closed));
}

#[tokio::test]
async fn a_full_queue_refuses_promises_but_takes_notes() {
    let kept = fresh_with(Options {
        queue: 10,
        ..Options::default()
    })
    .await;
    let writer = kept.store.writer(DOMAIN);
    // Nothing runs between these lines, so all of it waits.
    let taken: Vec<_> = (0..10).map(|call| writer.open_cdr(open_cdr(call))).collect();
    let refused = writer.open_cdr(open_cdr(10));
    (0..10).for_each(|call| writer.close_cdr(closed_cdr(call)));
    assert_eq!((writer.stats().queued, writer.stats().refused), (20, 1));
    assert_eq!(refused.await, Err(StoreError::Overloaded));
    for promise in taken {
        promise.await.unwrap();
    }
    writer.flush().await.unwrap();
    assert_eq!((all(&kept.store).await.len(), writer.stats().queued), (10, 0));
}

#[tokio::test]
async fn closing_writes_the_waiting_records() {
    let kept = fresh().await;
    let writer = kept.store.writer(DOMAIN);
    (0..300).for_each(|call| writer.close_cdr(closed_cdr(call)));
    let path = kept.path();
    kept.store.close().await.unwrap();
    assert!(!path.with_extension("db-wal").exists(), "one file is left");
    assert_eq!(support::count(&path, ENDED).await, 300);
}

#[tokio::test]
async fn a_row_the_schema_refuses_fails_alone() {
    let kept = fresh().await;
    let mut other = support::raw(&kept.path()).await;
    let trap = "CREATE TRIGGER trap BEFORE INSERT ON cdrs WHEN new.dialed = 'trap' \
                BEGIN SELECT RAISE(ABORT, 'trapped'); END";
    sqlx::query(trap).execute(&mut other).await.unwrap();
    let writer = kept.store.writer(DOMAIN);
    let mut trapped = closed_cdr(2);
    trapped.open.dialed = "trap".into();
    let first = writer.open_cdr(open_cdr(1));
    let second = writer.open_cdr(trapped.open.clone());
    writer.close_cdr(trapped);
    writer.close_cdr(closed_cdr(1));
    first.await.unwrap();
    assert!(matches!(second.await, Err(StoreError::Invalid { .. })));
    writer.flush().await.unwrap();
    assert_eq!(all(&kept.store).await, [closed_cdr(1)]);
    assert_eq!((writer.stats().rejected, writer.stats().queued), (1, 0));
}
