//! That a call was answered, and that calls go on: what a record says after a crash.
#![allow(clippy::unwrap_used, reason = "a test says so by failing")]

mod support;

use std::time::Duration;

use records::{Cdr, CdrAnswer, Disposition};
use store::{CdrFilter, Options, Store};
use support::{DOMAIN, NOW, closed_cdr, fresh, fresh_with, open_cdr};

async fn all(store: &Store) -> Vec<Cdr> {
    let page = store.cdrs(DOMAIN, &CdrFilter::default(), 1000, None).await.unwrap();
    page.items.into_iter().map(|item| item.cdr).collect()
}

/// A call that was answered two seconds after it began.
fn answered(call: u64, to: &str) -> CdrAnswer {
    let open = open_cdr(call);
    CdrAnswer {
        to: to.into(),
        answered_at: open.started_at + 2_000_000,
        open,
    }
}

#[tokio::test]
async fn the_record_of_an_answered_call_survives_a_crash_with_the_answer_and_the_least_talk_time() {
    let kept = fresh().await;
    let writer = kept.store.writer(DOMAIN);
    for call in 1..=3 {
        writer.open_cdr(open_cdr(call)).await.unwrap();
    }
    writer.answer_cdr(answered(1, ""));
    writer.answer_cdr(answered(1, "102")); // picked up by a script, then connected
    writer.answer_cdr(answered(2, "102"));
    writer.answer_cdr(answered(4, "103")); // its beginning could not be stored
    writer.mark_calls(NOW + 20_000_000);
    writer.mark_calls(NOW + 25_000_000);
    kept.store.writer("other.example").mark_calls(NOW + 90_000_000);
    writer.close_cdr(closed_cdr(2));
    writer.flush().await.unwrap();
    writer.open_cdr(open_cdr(30)).await.unwrap(); // after the last mark
    writer.answer_cdr(answered(30, "102"));
    let kept = kept.reopened().await;
    assert_eq!(kept.store.close_interrupted(NOW + 1_000_000_000).await.unwrap(), 4);
    let ends: Vec<_> = all(&kept.store)
        .await
        .into_iter()
        .map(|cdr| {
            let told = (cdr.disposition, cdr.to.clone(), cdr.sip_code);
            (cdr.open.started_at, told, cdr.answered_at, cdr.ended_at)
        })
        .collect();
    let at = |seconds: i64| NOW + seconds * 1_000_000;
    let by = |to: &str| (Disposition::Answered, to.to_owned(), 200);
    assert_eq!(
        ends,
        [
            (at(30), by("102"), Some(at(32)), at(32)),
            (at(4), by("103"), Some(at(6)), at(25)),
            (at(3), (Disposition::Failed, String::new(), 0), None, at(25)),
            (at(2), by("102"), Some(at(4)), at(64)),
            (at(1), by("102"), Some(at(3)), at(25)),
        ]
    );
    // A clock that was set back makes no call longer than until now.
    kept.store.writer(DOMAIN).open_cdr(open_cdr(5)).await.unwrap();
    assert_eq!(kept.store.close_interrupted(at(10)).await.unwrap(), 1);
    let last = all(&kept.store)
        .await
        .into_iter()
        .find(|cdr| cdr.open == open_cdr(5))
        .unwrap();
    assert_eq!(last.ended_at, at(10));
}

#[tokio::test]
async fn an_answer_costs_no_transaction_of_its_own() {
    let kept = fresh_with(Options {
        linger: Duration::from_secs(3_600),
        ..Options::default()
    })
    .await;
    let writer = kept.store.writer(DOMAIN);
    writer.open_cdr(open_cdr(1)).await.unwrap();
    let before = writer.stats().commits;
    writer.answer_cdr(answered(1, "102"));
    writer.mark_calls(NOW);
    // Whatever comes next takes them along, at once.
    writer.open_cdr(open_cdr(2)).await.unwrap();
    assert_eq!((writer.stats().commits - before, writer.stats().queued), (1, 0));
    assert_eq!(kept.count("SELECT count(*) FROM cdrs WHERE to_number = '102'").await, 1);
    // And nothing of it is left to wait for when the store is closed.
    writer.answer_cdr(answered(2, "103"));
    kept.store.close().await.unwrap();
    assert_eq!(writer.stats().queued, 0);
}

#[tokio::test]
async fn an_answer_is_on_the_disk_soon_also_when_nothing_else_is_written() {
    let kept = fresh().await;
    let writer = kept.store.writer(DOMAIN);
    writer.open_cdr(open_cdr(1)).await.unwrap();
    writer.answer_cdr(answered(1, "102"));
    while writer.stats().queued > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(kept.count("SELECT count(*) FROM cdrs WHERE to_number = '102'").await, 1);
}
