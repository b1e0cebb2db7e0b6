//! Call records: lists, and exactly one a call whatever happens.
#![allow(clippy::unwrap_used, reason = "a test says so by failing")]

mod support;

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
};

use records::{CallUid, Cdr, Disposition};
use store::{CdrFilter, CdrSearch, Options, Page, Store, StoreError, StoredCdr};
use support::{DOMAIN, NOW, closed_cdr, fresh, open_cdr};

const SECOND: i64 = 1_000_000;

fn calls(page: &Page<StoredCdr>) -> Vec<i64> {
    page.items
        .iter()
        .map(|item| (item.cdr.open.started_at - NOW) / SECOND)
        .collect()
}

async fn stored(cdrs: impl IntoIterator<Item = Cdr>) -> support::Kept {
    let kept = fresh().await;
    cdrs.into_iter()
        .for_each(|cdr| kept.store.writer(DOMAIN).close_cdr(cdr));
    kept.store.writer(DOMAIN).flush().await.unwrap();
    kept
}

/// As [`stored`], but this call is another domain's.
async fn stored_but_one_elsewhere(cdrs: impl IntoIterator<Item = Cdr>, elsewhere: u64) -> support::Kept {
    let other = open_cdr(elsewhere).call_id;
    let (elsewhere, here): (Vec<_>, Vec<_>) = cdrs.into_iter().partition(|cdr| cdr.open.call_id == other);
    let kept = stored(here).await;
    let writer = kept.store.writer("other.example");
    elsewhere.into_iter().for_each(|cdr| writer.close_cdr(cdr));
    writer.flush().await.unwrap();
    kept
}

#[tokio::test]
async fn part_of_a_number_or_a_name_is_found_in_bounded_steps() {
    let change = |call: u64| {
        let mut cdr = closed_cdr(call);
        match call {
            1 => cdr.open.from = "+4930555".into(),
            2 => cdr.to = "5551".into(),
            3 => (cdr.open.dialed, cdr.disposition) = ("*555".into(), Disposition::Busy),
            4 => cdr.open.from_name = "Room 555%".into(),
            _ => {}
        }
        cdr
    };
    let kept = stored_but_one_elsewhere((1..=9).map(change), 5).await;
    let search = |text: &str, records| CdrFilter {
        search: Some(CdrSearch {
            text: text.into(),
            records,
        }),
        ..CdrFilter::default()
    };
    for (text, expected) in [
        ("555", vec![4, 3, 2, 1]),
        ("5551", vec![2]),
        ("0555", vec![1]),
        ("rOOm", vec![4]),
        ("5%", vec![4]),
        ("5_", vec![]),
        ("\\", vec![]),
    ] {
        let page = kept.store.cdrs(DOMAIN, &search(text, 100), 50, None).await.unwrap();
        assert_eq!((calls(&page), page.next_cursor), (expected, None), "{text}");
    }
    let with_number = CdrFilter {
        number: Some("*555".into()),
        ..search("555", 100)
    };
    let page = kept.store.cdrs(DOMAIN, &with_number, 50, None).await.unwrap();
    assert_eq!(calls(&page), [3]);
    let busy = CdrFilter {
        disposition: Some(Disposition::Busy),
        ..search("555", 1)
    };
    let page = kept.store.cdrs(DOMAIN, &busy, 50, None).await.unwrap();
    assert_eq!(calls(&page), [3]);
    // Three records a page are looked at: 9 8 7, 6 4 3, 2 1.
    let (mut pages, mut cursor) = (Vec::new(), None);
    loop {
        let page = kept
            .store
            .cdrs(DOMAIN, &search("555", 3), 50, cursor.as_deref())
            .await
            .unwrap();
        pages.push(calls(&page));
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(pages, [vec![], vec![4, 3], vec![2, 1]]);
    // A full page ends before the search does.
    let page = kept.store.cdrs(DOMAIN, &search("555", 8), 1, None).await.unwrap();
    assert_eq!(calls(&page), [4]);
    let next = kept
        .store
        .cdrs(DOMAIN, &search("555", 8), 1, page.next_cursor.as_deref())
        .await
        .unwrap();
    assert_eq!(calls(&next), [3]);
}

#[tokio::test]
async fn a_list_is_filtered_by_time_number_and_disposition() {
    let change = |call: u64| {
        let mut cdr = closed_cdr(call);
        match call {
            1 => cdr.open.from = "555".into(),
            2 => cdr.to = "555".into(),
            3 => (cdr.open.dialed, cdr.disposition) = ("555".into(), Disposition::Busy),
            _ => cdr.disposition = Disposition::NoAnswer,
        }
        cdr
    };
    let kept = stored_but_one_elsewhere((1..=6).map(change), 4).await;
    let at = |second: i64| Some(NOW + second * SECOND);
    let number = Some("555".to_owned());
    let all = CdrFilter::default();
    for (filter, expected) in [
        (all.clone(), vec![6, 5, 3, 2, 1]),
        (
            CdrFilter {
                from: at(3),
                ..all.clone()
            },
            vec![6, 5, 3],
        ),
        (
            CdrFilter {
                to: at(3),
                ..all.clone()
            },
            vec![2, 1],
        ),
        (
            CdrFilter {
                from: at(2),
                to: at(6),
                ..all.clone()
            },
            vec![5, 3, 2],
        ),
        (
            CdrFilter {
                number: number.clone(),
                ..all.clone()
            },
            vec![3, 2, 1],
        ),
        (
            CdrFilter {
                number: number.clone(),
                from: at(2),
                ..all.clone()
            },
            vec![3, 2],
        ),
        (
            CdrFilter {
                number,
                disposition: Some(Disposition::Busy),
                ..all.clone()
            },
            vec![3],
        ),
        (
            CdrFilter {
                disposition: Some(Disposition::NoAnswer),
                ..all.clone()
            },
            vec![6, 5],
        ),
        (
            CdrFilter {
                number: Some("5".into()),
                ..all
            },
            vec![],
        ),
    ] {
        let page = kept.store.cdrs(DOMAIN, &filter, 100, None).await.unwrap();
        assert_eq!(calls(&page), expected, "{filter:?}");
        assert_eq!(page.next_cursor, None);
    }
}

#[tokio::test]
async fn pages_stay_whole_while_calls_end() {
    // Two calls begin in the same microsecond: the number in the list keeps them apart.
    let twin = |call: u64| {
        let mut cdr = closed_cdr(call);
        cdr.open.started_at = NOW + (call / 2).cast_signed() * SECOND;
        cdr
    };
    let kept = stored((0..40).map(twin)).await;
    for number in [None, Some("101".to_owned())] {
        let filter = CdrFilter {
            to: Some(NOW + 1000 * SECOND),
            number,
            ..CdrFilter::default()
        };
        let (mut seen, mut cursor) = (Vec::new(), None);
        for more in 0.. {
            let page = kept.store.cdrs(DOMAIN, &filter, 7, cursor.as_deref()).await.unwrap();
            seen.extend(page.items.into_iter().map(|item| item.id));
            kept.store.writer(DOMAIN).close_cdr(closed_cdr(5000 + more));
            kept.store.writer(DOMAIN).flush().await.unwrap();
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(seen.len(), 40);
        assert!(seen.is_sorted_by(|a, b| a > b), "{seen:?}");
    }
    for bad in ["", "-", "7", "a-b", "1-2-x"] {
        let refused = kept.store.cdrs(DOMAIN, &CdrFilter::default(), 7, Some(bad)).await;
        assert_eq!(refused.unwrap_err(), StoreError::BadCursor, "{bad:?}");
    }
}

/// Xorshift: the same numbers from the same seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

/// What the test knows of a call: what it was promised, and whether its end was.
#[derive(Default, Clone, Copy)]
struct Promised {
    begun: bool,
    ended: bool,
}

/// One life of the process: opens the store, does things to calls, and is gone without a word.
fn one_life(path: &Path, dice: &mut Dice, promised: &mut BTreeMap<u64, Promised>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let options = Options {
            batch: 4,
            pause: std::time::Duration::ZERO,
            ..Options::default()
        };
        let store = Store::open(path, options).await.unwrap();
        store.close_interrupted(NOW).await.unwrap();
        promised
            .values_mut()
            .filter(|call| call.begun)
            .for_each(|call| call.ended = true);
        let writer = store.writer(DOMAIN);
        let mut waiting = Vec::new();
        for _ in 0..dice.below(60) {
            let call = dice.below(30);
            match dice.below(6) {
                0 | 1 => waiting.push((call, writer.open_cdr(open_cdr(call)))),
                2 => {
                    writer.open_cdr(open_cdr(call)).await.unwrap();
                    promised.entry(call).or_default().begun = true;
                }
                3 | 4 => writer.close_cdr(closed_cdr(call)),
                _ => {
                    writer.close_cdr(closed_cdr(call));
                    writer.flush().await.unwrap();
                    promised.insert(
                        call,
                        Promised {
                            begun: true,
                            ended: true,
                        },
                    );
                }
            }
        }
        if dice.below(2) == 0 {
            for (call, promise) in waiting {
                promise.await.unwrap();
                promised.entry(call).or_default().begun = true;
            }
        }
    });
    runtime.shutdown_background();
}

#[test]
fn any_order_of_events_and_kills_gives_each_call_one_record() {
    for seed in 1..=25 {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tandem.db");
        let (mut dice, mut promised) = (Dice(seed * 0x9e37_79b9), BTreeMap::new());
        for _ in 0..4 {
            one_life(&path, &mut dice, &mut promised);
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let found = runtime.block_on(async {
            let store = Store::open(&path, Options::default()).await.unwrap();
            let before = store
                .cdrs(DOMAIN, &CdrFilter::default(), 1000, None)
                .await
                .unwrap()
                .items;
            for (call, promise) in &promised {
                let ended = before
                    .iter()
                    .any(|item| item.cdr.open.call_id == open_cdr(*call).call_id);
                assert!(
                    ended || !promise.ended,
                    "seed {seed}: the end of call {call} was promised"
                );
            }
            store.close_interrupted(NOW).await.unwrap();
            store
                .cdrs(DOMAIN, &CdrFilter::default(), 1000, None)
                .await
                .unwrap()
                .items
        });
        let mut records: BTreeMap<CallUid, usize> = BTreeMap::new();
        found
            .iter()
            .for_each(|item| *records.entry(item.cdr.open.call_id).or_default() += 1);
        assert!(records.values().all(|&n| n == 1), "seed {seed}: {records:?}");
        for (call, _) in promised.iter().filter(|(_, promise)| promise.begun) {
            assert!(
                records.contains_key(&open_cdr(*call).call_id),
                "seed {seed}: call {call} was promised"
            );
        }
    }
}

const CHILD: &str = "TANDEM_STORE_TEST_CHILD";

/// Not a test of its own: the process that the next one kills.
#[tokio::test]
async fn child_that_writes_until_it_is_killed() {
    let Some(path) = std::env::var_os(CHILD) else { return };
    let store = Store::open(path, Options::default()).await.unwrap();
    for call in 0.. {
        store.writer(DOMAIN).open_cdr(open_cdr(call)).await.unwrap();
        println!("begun {call}");
        if call % 3 == 0 {
            store.writer(DOMAIN).close_cdr(closed_cdr(call));
        }
        if call % 9 == 0 {
            store.writer(DOMAIN).flush().await.unwrap();
            println!("ended {call}");
        }
    }
}

#[tokio::test]
async fn a_killed_process_keeps_every_promise() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tandem.db");
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_that_writes_until_it_is_killed", "--nocapture"])
        .env(CHILD, &path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut said: Vec<String> = lines.by_ref().take_while(|line| !line.ends_with("begun 99")).collect();
    child.kill().unwrap();
    said.extend(lines);
    child.wait().unwrap();
    let numbers = |word: &str| -> Vec<u64> {
        said.iter()
            .filter_map(|line| line.split_once(word)?.1.trim().parse().ok())
            .collect()
    };
    let (begun, ended) = (numbers("begun "), numbers("ended "));
    assert!(begun.len() >= 90 && ended.len() >= 10, "{said:?}");

    let store = Store::open(&path, Options::default()).await.unwrap();
    let before = store.cdrs(DOMAIN, &CdrFilter::default(), 1000, None).await.unwrap();
    for call in ended {
        assert!(
            before.items.iter().any(|item| item.cdr == closed_cdr(call)),
            "the end of call {call} is lost"
        );
    }
    assert!(store.close_interrupted(NOW).await.unwrap() > 0);
    let after = store.cdrs(DOMAIN, &CdrFilter::default(), 1000, None).await.unwrap();
    for call in begun {
        let records = after
            .items
            .iter()
            .filter(|item| item.cdr.open.call_id == open_cdr(call).call_id)
            .count();
        assert_eq!(records, 1, "call {call}");
    }
}

#[tokio::test]
async fn the_last_numbers_of_an_extension_come_from_its_records() {
    let change = |call: u64| {
        let mut cdr = closed_cdr(call);
        (cdr.open.dialed, cdr.to) = match call {
            1 => ("102".into(), "102".into()),
            2 => ("103".into(), "102".into()),
            3 => ("*66".into(), "104".into()),
            _ => ("*67104".into(), "104".into()),
        };
        cdr.hidden = call == 4;
        cdr
    };
    let kept = stored((1..=4).map(change)).await;
    let store = &kept.store;
    assert_eq!(store.last_dialed(DOMAIN, "101").await.unwrap().as_deref(), Some("103"));
    assert_eq!(store.last_dialed(DOMAIN, "102").await.unwrap(), None);
    assert_eq!(store.last_caller(DOMAIN, "102").await.unwrap().as_deref(), Some("101"));
    assert_eq!(
        store.last_caller(DOMAIN, "104").await.unwrap(),
        None,
        "the latest caller hid its number"
    );
    assert_eq!(store.last_caller(DOMAIN, "101").await.unwrap(), None);
    assert_eq!(store.last_caller("other.example", "102").await.unwrap(), None);
    // Only so many calls are looked at.
    let codes = (5..=104).map(|call| {
        let mut cdr = closed_cdr(call);
        cdr.open.dialed = "*43".into();
        cdr
    });
    codes.for_each(|cdr| store.writer(DOMAIN).close_cdr(cdr));
    store.writer(DOMAIN).flush().await.unwrap();
    assert_eq!(store.last_dialed(DOMAIN, "101").await.unwrap(), None);
}
