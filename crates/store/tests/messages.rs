//! Messages for phones that are away: on disk before their sender is told, until a phone has taken them.
#![allow(clippy::unwrap_used, reason = "a test says so by failing")]

mod support;

use records::KeptMessage;
use support::{DOMAIN, NOW, fresh, new_extension};

const ROWS: &str = "SELECT count(*) FROM kept_messages";

fn message(id: u64) -> KeptMessage {
    KeptMessage {
        id,
        to: "102".into(),
        from: "101".into(),
        hidden: id.is_multiple_of(2),
        content_type: "message/cpim;charset=\"utf-8\"".into(),
        body: vec![0, b'\n', 0xff, b'\'', 0x80],
        fields: vec![
            ("Date".into(), "Sat, 13 Nov 2010 23:29:00 GMT".into()),
            ("Subject".into(), "a: b: c".into()),
        ],
        received_at: NOW,
        expires_at: NOW + id.cast_signed() * 1_000_000,
    }
}

#[tokio::test]
async fn a_message_is_kept_as_it_is_in_order_and_across_a_restart() {
    let kept = fresh().await;
    kept.store
        .create_extension(DOMAIN, &new_extension("102"), NOW)
        .await
        .unwrap();
    let writer = kept.store.writer(DOMAIN);
    for id in [3, 1, 2] {
        writer.keep_message(message(id)).await.unwrap();
    }
    // Another domain's are not seen.
    kept.store.writer("other").keep_message(message(1)).await.unwrap();
    let kept = kept.reopened().await;
    let loaded = kept.store.load_messages(DOMAIN, NOW).await.unwrap();
    assert_eq!(loaded, [message(1), message(2), message(3)]);
    let writer = kept.store.writer(DOMAIN);
    writer.drop_message(2);
    writer.drop_message(7);
    writer.flush().await.unwrap();
    let loaded = kept.store.load_messages(DOMAIN, NOW).await.unwrap();
    assert_eq!(loaded, [message(1), message(3)]);
}

#[tokio::test]
async fn a_message_that_is_taken_at_once_leaves_nothing() {
    let kept = fresh().await;
    kept.store
        .create_extension(DOMAIN, &new_extension("102"), NOW)
        .await
        .unwrap();
    let writer = kept.store.writer(DOMAIN);
    let promise = writer.keep_message(message(1));
    writer.drop_message(1);
    promise.await.unwrap();
    writer.flush().await.unwrap();
    assert_eq!(kept.count(ROWS).await, 0);
}

#[tokio::test]
async fn at_the_start_those_that_have_expired_or_whose_extension_is_gone_are_removed() {
    let kept = fresh().await;
    let writer = kept.store.writer(DOMAIN);
    writer.keep_message(message(1)).await.unwrap();
    assert!(
        kept.store.load_messages(DOMAIN, NOW).await.unwrap().is_empty(),
        "no such extension"
    );
    assert_eq!(kept.count(ROWS).await, 0);
    kept.store
        .create_extension(DOMAIN, &new_extension("102"), NOW)
        .await
        .unwrap();
    for id in [1, 2] {
        writer.keep_message(message(id)).await.unwrap();
    }
    let loaded = kept.store.load_messages(DOMAIN, NOW + 1_000_000).await.unwrap();
    assert_eq!(loaded, [message(2)]);
    assert_eq!(kept.count(ROWS).await, 1);
}

#[tokio::test]
async fn a_message_that_cannot_be_written_is_said_so() {
    let kept = fresh().await;
    let writer = kept.store.writer(DOMAIN);
    kept.store.close().await.unwrap();
    writer.keep_message(message(1)).await.unwrap_err();
}

#[tokio::test]
async fn the_messages_of_an_extension_are_counted() {
    let kept = fresh().await;
    kept.store
        .create_extension(DOMAIN, &new_extension("102"), NOW)
        .await
        .unwrap();
    let count = async |number: &str| {
        let count = kept.store.count_messages(DOMAIN, number).await.unwrap();
        (count.count, count.oldest_at)
    };
    assert_eq!(count("102").await, (0, None));
    let writer = kept.store.writer(DOMAIN);
    for id in [2, 3] {
        writer.keep_message(message(id)).await.unwrap();
    }
    kept.store.writer("other").keep_message(message(1)).await.unwrap();
    assert_eq!(count("102").await, (2, Some(NOW)));
    assert_eq!(count("103").await, (0, None));
    writer.drop_message(2);
    writer.flush().await.unwrap();
    assert_eq!(count("102").await, (1, Some(NOW)));
}
