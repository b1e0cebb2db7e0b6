//! The transaction layer under histories made of RFC 4475's messages, whole and damaged.

#![allow(clippy::unwrap_used)]

mod history;

use std::{fs, path::Path};

use proptest::prelude::*;

fn torture() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/torture");
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "dat"))
        .collect();
    files.sort();
    assert_eq!(files.len(), 50);
    files.iter().map(|path| fs::read(path).unwrap()).collect()
}

/// Every way a message can be used, one after the other, with time between.
#[test]
fn each_torture_message_goes_through_every_step_and_leaves_nothing() {
    for message in torture() {
        let mut bytes = Vec::new();
        for what in 0..=u8::MAX - 1 {
            bytes.push(what);
            bytes.extend(message.iter().filter(|byte| **byte != 0xff));
            bytes.push(0xff);
        }
        history::run(&bytes);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_history_of_damaged_messages_leaves_anything(
        steps in prop::collection::vec((any::<u8>(), 0..50_usize, any::<u16>(), any::<u8>(), any::<bool>()), 1..60)
    ) {
        let messages = torture();
        let mut bytes = Vec::new();
        for (what, which, at, with, damaged) in steps {
            let mut message = messages[which].clone();
            if damaged && !message.is_empty() {
                let at = usize::from(at) % message.len();
                message[at] = with;
            }
            message.retain(|byte| *byte != 0xff);
            bytes.push(what.min(0xfe));
            bytes.extend(message);
            bytes.push(0xff);
        }
        history::run(&bytes);
    }
}
