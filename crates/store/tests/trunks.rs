//! Trunks.
#![allow(clippy::unwrap_used, reason = "a test says so by failing")]

mod support;

use records::Trunk;
use store::{MAX_TRUNKS, StoreError};
use support::{DOMAIN, NOW, fresh};

fn trunk(name: &str) -> Trunk {
    Trunk {
        name: name.into(),
        uri: "sip:provider.example".into(),
        ..Trunk::default()
    }
}

#[tokio::test]
async fn a_trunk_is_kept_changed_and_removed() {
    let kept = fresh().await;
    let trunks = kept.store.trunks(DOMAIN);
    trunks.create(&trunk("b"), Some(b"sealed"), NOW).await.unwrap();
    trunks.create(&trunk("a"), None, NOW).await.unwrap();
    let again = trunks.create(&trunk("a"), None, NOW).await;
    assert_eq!(again, Err(StoreError::Exists("trunk a".into())));
    let names = |all: Vec<store::StoredTrunk>| all.into_iter().map(|stored| stored.trunk.name).collect::<Vec<_>>();
    assert_eq!(names(trunks.list().await.unwrap()), ["a", "b"]);
    // The password stays unless another one is given.
    let mut other = trunk("b");
    other.register = true;
    trunks.update(&other, None, NOW + 1).await.unwrap();
    let read = trunks.read("b").await.unwrap();
    assert_eq!((&read.trunk, read.password.as_deref()), (&other, Some(&b"sealed"[..])));
    assert_eq!((read.created_at, read.updated_at), (NOW, NOW + 1));
    trunks.update(&other, Some(None), NOW + 2).await.unwrap();
    assert_eq!(trunks.read("b").await.unwrap().password, None);
    let kept = kept.reopened().await;
    let trunks = kept.store.trunks(DOMAIN);
    trunks.delete("b").await.unwrap();
    let gone = StoreError::NotFound("trunk b".into());
    assert_eq!(trunks.delete("b").await, Err(gone.clone()));
    assert_eq!(trunks.update(&other, None, NOW).await, Err(gone.clone()));
    assert_eq!(trunks.read("b").await, Err(gone));
    assert_eq!(names(kept.store.trunks("other.example").list().await.unwrap()), [""; 0]);
}

#[tokio::test]
async fn there_are_only_so_many_trunks() {
    let kept = fresh().await;
    let trunks = kept.store.trunks(DOMAIN);
    for n in 0..MAX_TRUNKS {
        trunks.create(&trunk(&format!("t{n}")), None, NOW).await.unwrap();
    }
    let more = trunks.create(&trunk("more"), None, NOW).await;
    assert!(matches!(more, Err(StoreError::Invalid { .. })), "{more:?}");
}
