//! Which devices act for another extension, and PINs.
#![allow(clippy::unwrap_used, reason = "a test says so by failing")]

mod support;

use store::{ExtensionPatch, LogOn, StoreError};
use support::{DOMAIN, NOW, fresh, new_extension};

fn on(username: &str, extension: Option<&str>) -> LogOn {
    LogOn {
        username: username.into(),
        extension: extension.map(str::to_owned),
    }
}

#[tokio::test]
async fn a_device_acts_for_another_extension_until_one_of_them_is_gone() {
    let kept = fresh().await;
    let store = &kept.store;
    for number in ["101", "102", "105"] {
        store
            .create_extension(DOMAIN, &new_extension(number), NOW)
            .await
            .unwrap();
    }
    let told = store.log_on(DOMAIN, "101", Some("105")).await.unwrap();
    assert_eq!(told, [on("101", Some("105"))]);
    // On one other phone at a time.
    let told = store.log_on(DOMAIN, "102", Some("105")).await.unwrap();
    assert_eq!(told, [on("101", None), on("102", Some("105"))]);
    assert_eq!(store.load_log_ons(DOMAIN).await.unwrap(), [on("102", Some("105"))]);
    for (username, extension) in [("102", "999"), ("999", "105")] {
        let refused = store.log_on(DOMAIN, username, Some(extension)).await;
        assert!(matches!(refused, Err(StoreError::NotFound(_))), "{refused:?}");
    }
    assert_eq!(store.load_log_ons(DOMAIN).await.unwrap(), [on("102", Some("105"))]);
    assert_eq!(store.log_on(DOMAIN, "102", None).await.unwrap(), [on("102", None)]);
    for gone in ["105", "101"] {
        store.log_on(DOMAIN, "101", Some("105")).await.unwrap();
        store.delete_extension(DOMAIN, gone).await.unwrap();
        assert_eq!(store.load_log_ons(DOMAIN).await.unwrap(), [], "{gone}");
        store.create_extension(DOMAIN, &new_extension(gone), NOW).await.unwrap();
    }
}

#[tokio::test]
async fn a_pin_is_kept_as_its_hash_and_can_be_taken_away() {
    let kept = fresh().await;
    let store = &kept.store;
    let made = store
        .create_extension(DOMAIN, &new_extension("101"), NOW)
        .await
        .unwrap();
    assert!(!made.has_pin);
    let patch = |pin| ExtensionPatch {
        pin: Some(pin),
        ..ExtensionPatch::default()
    };
    let changed = store.update_extension(DOMAIN, "101", &patch(Some([7; 32])), NOW).await;
    assert!(changed.unwrap().has_pin && store.account(DOMAIN, "101").await.unwrap().has_pin);
    assert_eq!(store.pin(DOMAIN, "101").await.unwrap(), Some([7; 32]));
    assert_eq!(store.pin(DOMAIN, "102").await.unwrap(), None);
    let changed = store.update_extension(DOMAIN, "101", &patch(None), NOW).await;
    assert!(!changed.unwrap().has_pin);
    assert_eq!(store.pin(DOMAIN, "101").await.unwrap(), None);
}
