//! Subscriptions on disk.
#![allow(clippy::unwrap_used, reason = "a test says so by failing")]

mod support;

use records::{Flow, Subscription, SubscriptionChange, SubscriptionDialog, Transport};
use support::{DOMAIN, NOW, fresh, new_extension};

fn subscription(id: u64, watcher: &str) -> Subscription {
    Subscription {
        id,
        watcher: watcher.into(),
        username: Some(watcher.into()),
        number: "102".into(),
        members: vec!["103".into(), "*70".into()],
        package: "dialog".into(),
        event_id: Some("7".into()),
        accept: "application/dialog-info+xml".into(),
        flow: Flow {
            transport: Transport::Tls,
            local: "[::1]:5061".parse().unwrap(),
            remote: "[::1]:40000".parse().unwrap(),
            connection: None,
        },
        dialog: SubscriptionDialog {
            call_id: "lamp@phone".into(),
            local_tag: "ours".into(),
            remote_tag: "theirs".into(),
            local: "<sip:102@d>;tag=ours".into(),
            remote: "\"Bob, the \\\"B\\\"\" <sip:101@d>;tag=theirs".into(),
            target: "sip:101@[::1]:40000;transport=tls".into(),
            routes: vec!["<sip:p1;lr>".into(), "<sip:p2;lr>".into()],
            local_seq: 1_500,
            remote_seq: u32::MAX / 2,
            secure: true,
        },
        version: u32::MAX,
        expires_at: NOW + 1,
    }
}

fn save(row: &Subscription) -> SubscriptionChange {
    SubscriptionChange::Save(Box::new(row.clone()))
}

#[tokio::test]
async fn subscriptions_come_back_as_they_were_saved() {
    let kept = fresh().await;
    kept.store
        .create_extension(DOMAIN, &new_extension("101"), NOW)
        .await
        .unwrap();
    let first = subscription(u64::MAX, "101");
    let mut second = subscription(2, "101");
    (second.username, second.event_id, second.dialog.routes) = (None, None, Vec::new());
    second.members = Vec::new();
    let over = Subscription {
        expires_at: NOW,
        ..subscription(3, "101")
    };
    let stranger = subscription(4, "999");
    let mut other = subscription(5, "101");
    other.username = Some("999".into());
    let writer = kept.store.writer(DOMAIN);
    for row in [&first, &second, &over, &stranger, &other] {
        writer.save_subscription(save(row)).await.unwrap();
    }
    let kept = kept.reopened().await;
    let found = kept.store.load_subscriptions(DOMAIN, NOW).await.unwrap();
    assert_eq!(found, [first, second]);
    assert_eq!(kept.count("SELECT count(*) FROM subscriptions").await, 2);
}

#[tokio::test]
async fn of_several_changes_of_a_subscription_the_last_one_stands() {
    let kept = fresh().await;
    kept.store
        .create_extension(DOMAIN, &new_extension("101"), NOW)
        .await
        .unwrap();
    let row = subscription(1, "101");
    let newer = Subscription {
        version: 9,
        ..row.clone()
    };
    let gone = subscription(2, "101");
    let writer = kept.store.writer(DOMAIN);
    writer.subscriptions(vec![
        save(&row),
        save(&gone),
        save(&newer),
        SubscriptionChange::Remove(2),
    ]);
    writer.flush().await.unwrap();
    assert_eq!(kept.store.load_subscriptions(DOMAIN, NOW).await.unwrap(), [newer]);
    let removed = writer.save_subscription(SubscriptionChange::Remove(1));
    removed.await.unwrap();
    assert_eq!(kept.store.load_subscriptions(DOMAIN, NOW).await.unwrap(), []);
}
