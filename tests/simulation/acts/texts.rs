//! Texts for phones that are away. They are chosen by a chance of their own.

use tests::net::Chance;

use crate::{life::Life, scripts::pick};

/// Of a thousand events of a world with such texts, this many belong to them.
const OFTEN: u64 = 45;

/// Perhaps the next event is one of a text; true where it is.
pub fn act(life: &mut Life) -> bool {
    let Some(mut chance) = life.chances.texts.take() else {
        return false;
    };
    let acts = chance.below(1_000) < OFTEN;
    if acts {
        match (chance.below(10), life.away.clone()) {
            (0..=3, Some(number)) => comes_back(life, &mut chance, &number),
            (_, Some(number)) => sends(life, &mut chance, &number),
            (0..=1, None) => goes_away(life, &mut chance),
            (2, None) => refuses(life, &mut chance),
            (_, None) => {
                let number = pick(&mut chance, &life.numbers);
                sends(life, &mut chance, &number);
            }
        }
    }
    life.chances.texts = Some(chance);
    acts
}

fn phones_of(life: &Life, number: &str) -> Vec<usize> {
    let phones = life.world.phones.iter().enumerate();
    let own = phones.filter(|(_, phone)| phone.number == number && !phone.mood.dead);
    own.map(|(at, _)| at).collect()
}

/// All phones of an extension unregister.
fn goes_away(life: &mut Life, chance: &mut Chance) {
    let number = pick(chance, &life.numbers);
    for phone in phones_of(life, &number) {
        life.with(phone, |phone| phone.register(0));
    }
    life.away = Some(number);
}

/// Some or all phones of an extension are there again.
fn comes_back(life: &mut Life, chance: &mut Chance, number: &str) {
    let first = chance.percent(30);
    for phone in phones_of(life, number).into_iter().take(if first { 1 } else { 9 }) {
        life.with(phone, |phone| phone.register(3_600));
    }
    if !first {
        life.away = None;
    }
}

/// Some phones send a text each to an extension.
fn sends(life: &mut Life, chance: &mut Chance, number: &str) {
    for _ in 0..=chance.below(3) {
        let at = usize::try_from(chance.below(life.world.phones.len() as u64)).unwrap();
        if !life.world.phones[at].mood.dead {
            life.counts.texts += 1;
            let text = format!("text {}", life.counts.texts);
            life.with(at, |phone| phone.text(number, &text));
        }
    }
}

/// A phone takes no texts for a while, or takes them again.
fn refuses(life: &mut Life, chance: &mut Chance) {
    let at = usize::try_from(chance.below(life.world.phones.len() as u64)).unwrap();
    let code = [480, 486, 500, 603][usize::try_from(chance.below(4)).unwrap()];
    let code = chance.percent(40).then_some(code);
    life.seen.refused_for_good |= code == Some(603);
    life.with(at, |phone| phone.mood.refuses_texts = code);
}
