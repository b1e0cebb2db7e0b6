//! Texts outside of calls: those that were accepted are delivered, or wait on disk.

use std::collections::BTreeMap;

use sip::Instant;

use crate::life::Life;

/// When each text first came to a phone.
fn came(life: &Life) -> BTreeMap<&str, Instant> {
    let mut came: BTreeMap<&str, Instant> = BTreeMap::new();
    for phone in &life.world.phones {
        for (text, at) in phone.texts.iter().zip(&phone.texts_came) {
            let first = came.entry(text).or_insert(*at);
            *first = (*first).min(*at);
        }
    }
    came
}

/// A sender that was told 200 has reached a phone; the text of a sender that was told 202 has, too, or is on disk.
pub fn are_not_lost(life: &mut Life) {
    if !life.incidents.locked_out.is_empty() {
        return; // a text for an extension that was removed is gone
    }
    let came = came(life);
    let kept = life.world.kept.values();
    let kept: Vec<_> = kept
        .map(|message| String::from_utf8_lossy(&message.body).into_owned())
        .collect();
    for phone in &life.world.phones {
        for (text, code) in &phone.text_codes {
            let is_there = came.contains_key(text.as_str());
            assert!(*code != 200 || is_there, "{text:?} was delivered to no phone");
            let waits = kept.contains(text) || life.seen.refused_for_good;
            assert!(*code != 202 || is_there || waits, "{text:?} was kept, and is lost");
        }
    }
}

/// Texts that were kept for an extension come to its phones in the order in which they were kept.
pub fn come_in_order(life: &mut Life) {
    let came = came(life);
    let mut last: BTreeMap<&str, (Instant, u64)> = BTreeMap::new();
    let mut kept: Vec<_> = life.world.was_kept.iter().collect();
    kept.sort_by_key(|(_, message)| message.id);
    for (since, message) in kept {
        let text = String::from_utf8_lossy(&message.body);
        let Some(at) = came.get(&*text).filter(|at| **at > *since) else {
            continue;
        };
        let before = last.insert(&message.to, (*at, message.id));
        let in_order = before.is_none_or(|(before, _)| before <= *at);
        assert!(in_order, "{text:?} for {} came before {before:?}", message.to);
    }
}

/// Nothing is kept for an extension with a phone that has just registered and takes texts.
pub fn wait_for_no_phone_that_is_there(life: &mut Life) {
    if life.chances.texts.is_none() {
        return;
    }
    for phone in &life.world.phones {
        let is_there = phone.registered == Some(200) && phone.mood.refuses_texts.is_none();
        let waiting = life.world.kept.values().filter(|message| message.to == phone.number);
        let waiting = waiting.count();
        assert!(!is_there || waiting == 0, "{waiting} texts wait for {}", phone.number);
    }
}
