//! How the legs of a call sounded is added to the record of the call.
#![allow(clippy::unwrap_used, reason = "a test says so by failing")]

mod support;

use records::{LegQuality, Quality, WayQuality};
use support::{DOMAIN, Kept, closed_cdr, fresh, open_cdr};

/// A leg that ends as the n-th.
fn leg(n: u32) -> LegQuality {
    LegQuality {
        party: n.to_string(),
        inbound: n == 1,
        codec: Some("PCMA".into()),
        quality: Quality {
            received: WayQuality {
                packets: 500,
                lost: n.into(),
                jitter_micros: 1_234,
                mos: Some(439),
                ..WayQuality::default()
            },
            sent: None,
            round_trip_ms: Some(20),
        },
    }
}

async fn kept(kept: &Kept) -> Vec<LegQuality> {
    kept.store.writer(DOMAIN).flush().await.unwrap();
    let stored = kept.store.cdr(DOMAIN, open_cdr(1).call_id).await.unwrap();
    assert_eq!(stored.cdr, closed_cdr(1), "the record itself is as it was");
    stored.quality
}

#[tokio::test]
async fn legs_that_end_before_the_call_and_after_it_are_in_its_record_in_order() {
    let world = fresh().await;
    let (writer, call) = (world.store.writer(DOMAIN), open_cdr(1).call_id);
    writer.open_cdr(open_cdr(1)).await.unwrap();
    writer.leg_quality(call, leg(1));
    writer.flush().await.unwrap();
    writer.close_cdr(closed_cdr(1));
    writer.leg_quality(call, leg(2));
    assert_eq!(kept(&world).await, [leg(1), leg(2)]);
    writer.leg_quality(call, leg(3));
    let world = world.reopened().await;
    assert_eq!(kept(&world).await, [leg(1), leg(2), leg(3)]);
}

#[tokio::test]
async fn a_record_without_sound_has_an_empty_list() {
    let world = fresh().await;
    world.store.writer(DOMAIN).close_cdr(closed_cdr(1));
    assert_eq!(kept(&world).await, []);
}

#[tokio::test]
async fn legs_of_a_call_without_a_record_or_of_another_domain_make_none() {
    let world = fresh().await;
    world.store.writer("other.example").close_cdr(closed_cdr(1));
    let writer = world.store.writer(DOMAIN);
    writer.leg_quality(open_cdr(1).call_id, leg(1));
    writer.flush().await.unwrap();
    assert_eq!(world.count("SELECT count(*) FROM cdrs").await, 1);
    assert_eq!(
        world.count("SELECT count(*) FROM cdrs WHERE quality IS NOT NULL").await,
        0
    );
}

#[tokio::test]
async fn a_record_keeps_a_hundred_legs() {
    let world = fresh().await;
    let writer = world.store.writer(DOMAIN);
    writer.close_cdr(closed_cdr(1));
    (1..=120).for_each(|n| writer.leg_quality(open_cdr(1).call_id, leg(n)));
    let legs = kept(&world).await;
    assert_eq!((legs.len(), &legs[99]), (100, &leg(100)));
}
