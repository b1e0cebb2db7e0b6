//! Sets of pairs, and how many legs have something on each pair.

use std::collections::BTreeMap;

use smallvec::SmallVec;

const WORD: usize = u64::BITS as usize;

/// A set of pairs. As long as the highest pair in it needs.
#[derive(Clone, Debug, Default)]
pub(super) struct Pairs(Vec<u64>);

impl Pairs {
    /// Makes this set a copy of another one and keeps the memory it has.
    pub(super) fn copy(&mut self, other: &Pairs) {
        self.0.clone_from(&other.0);
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn has(&self, pair: usize) -> bool {
        self.0
            .get(pair / WORD)
            .is_some_and(|word| word >> (pair % WORD) & 1 == 1)
    }

    pub(super) fn insert(&mut self, pair: usize) {
        self.grow(pair / WORD + 1);
        self.0[pair / WORD] |= 1 << (pair % WORD);
    }

    fn remove(&mut self, pair: usize) {
        if let Some(word) = self.0.get_mut(pair / WORD) {
            *word &= !(1 << (pair % WORD));
        }
    }

    fn insert_all(&mut self, others: &Pairs) {
        self.grow(others.0.len());
        self.0
            .iter_mut()
            .zip(&others.0)
            .for_each(|(word, other)| *word |= other);
    }

    fn grow(&mut self, words: usize) {
        if self.0.len() < words {
            self.0.resize(words, 0);
        }
    }

    /// The pairs below `limit` that are not in the set, in order.
    pub(super) fn missing(&self, limit: usize) -> impl Iterator<Item = usize> {
        let words = (0..limit.div_ceil(WORD)).map(|at| (at, !self.0.get(at).copied().unwrap_or(0)));
        words
            .flat_map(|(at, word)| ones(at, word))
            .take_while(move |pair| *pair < limit)
    }

    fn iter(&self) -> impl Iterator<Item = usize> {
        self.0.iter().enumerate().flat_map(|(at, word)| ones(at, *word))
    }
}

/// The pairs of one word of a set.
fn ones(at: usize, mut word: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let bit = (word != 0).then(|| word.trailing_zeros() as usize)?;
        word &= word - 1;
        Some(at * WORD + bit)
    })
}

/// How many legs have something, by pair. Most tallies have one or two pairs. One with many (all phones behind one NAT,
/// or one address and port that a whole test bench announces) costs a leg no more than a short one does.
#[derive(Debug)]
pub(super) enum Tally {
    /// In order of the pairs.
    Few(SmallVec<[(u16, u32); 2]>),
    Many(Box<Many>),
}

/// Longer lists become sets.
const FEW: usize = 64;

#[derive(Debug, Default)]
pub(super) struct Many {
    /// With at least one leg.
    pairs: Pairs,
    /// How many these are.
    count: usize,
    /// The legs of a pair beyond its first.
    more: BTreeMap<u16, u32>,
}

impl Default for Tally {
    fn default() -> Tally {
        Tally::Few(SmallVec::new())
    }
}

impl Tally {
    /// The legs on that pair.
    pub(super) fn at(&self, pair: usize) -> u32 {
        match self {
            Tally::Few(list) => find(list, pair).map_or(0, |at| list[at].1),
            Tally::Many(many) => many.at(pair),
        }
    }

    pub(super) fn add(&mut self, pair: usize) {
        match self {
            Tally::Few(list) => match find(list, pair) {
                Ok(at) => list[at].1 += 1,
                Err(at) if list.len() < FEW => list.insert(at, (pair as u16, 1)),
                Err(_) => {
                    let mut many = Box::new(Many::of(list));
                    many.add(pair);
                    *self = Tally::Many(many);
                }
            },
            Tally::Many(many) => many.add(pair),
        }
    }

    pub(super) fn remove(&mut self, pair: usize) {
        match self {
            Tally::Few(list) => {
                let Ok(at) = find(list, pair) else { return };
                list[at].1 -= 1;
                if list[at].1 == 0 {
                    list.remove(at);
                }
            }
            Tally::Many(many) => many.remove(pair),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        match self {
            Tally::Few(list) => list.is_empty(),
            Tally::Many(many) => many.count == 0,
        }
    }

    /// Whether there is more than one leg, on whatever pairs.
    pub(super) fn is_several(&self) -> bool {
        match self {
            Tally::Few(list) => list.len() > 1 || list.first().is_some_and(|(_, count)| *count > 1),
            Tally::Many(many) => many.count > 1 || !many.more.is_empty(),
        }
    }

    /// Adds the pairs that have a leg to a set.
    pub(super) fn put_into(&self, pairs: &mut Pairs) {
        match self {
            Tally::Few(list) => list.iter().for_each(|(pair, _)| pairs.insert(usize::from(*pair))),
            Tally::Many(many) => pairs.insert_all(&many.pairs),
        }
    }

    /// Adds the legs of each pair to those that are counted there already.
    pub(super) fn add_to(&self, counts: &mut [u32]) {
        match self {
            Tally::Few(list) => list
                .iter()
                .for_each(|(pair, count)| counts[usize::from(*pair)] += count),
            Tally::Many(many) => {
                many.pairs.iter().for_each(|pair| counts[pair] += 1);
                many.more
                    .iter()
                    .for_each(|(pair, count)| counts[usize::from(*pair)] += count);
            }
        }
    }
}

fn find(list: &[(u16, u32)], pair: usize) -> Result<usize, usize> {
    list.binary_search_by_key(&pair, |(pair, _)| usize::from(*pair))
}

impl Many {
    fn of(list: &[(u16, u32)]) -> Many {
        let mut many = Many::default();
        for (pair, count) in list {
            many.pairs.insert(usize::from(*pair));
            many.count += 1;
            if *count > 1 {
                many.more.insert(*pair, count - 1);
            }
        }
        many
    }

    fn at(&self, pair: usize) -> u32 {
        if !self.pairs.has(pair) {
            return 0;
        }
        1 + self.more.get(&(pair as u16)).copied().unwrap_or(0)
    }

    fn add(&mut self, pair: usize) {
        if self.pairs.has(pair) {
            *self.more.entry(pair as u16).or_default() += 1;
        } else {
            self.pairs.insert(pair);
            self.count += 1;
        }
    }

    fn remove(&mut self, pair: usize) {
        let key = pair as u16;
        if let Some(more) = self.more.get_mut(&key) {
            *more -= 1;
            if *more == 0 {
                self.more.remove(&key);
            }
        } else if self.pairs.has(pair) {
            self.pairs.remove(pair);
            self.count -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn missing_pairs_end_at_the_limit() {
        let mut pairs = Pairs::default();
        assert_eq!(pairs.missing(0).count(), 0);
        assert_eq!(pairs.missing(3).collect::<Vec<_>>(), [0, 1, 2]);
        (0..70).filter(|pair| *pair != 63).for_each(|pair| pairs.insert(pair));
        assert_eq!(pairs.missing(72).collect::<Vec<_>>(), [63, 70, 71]);
        assert_eq!(pairs.missing(70).collect::<Vec<_>>(), [63]);
    }

    proptest! {
        /// A tally says what a plain table of counts would, short or long, and after it was long.
        #[test]
        fn a_tally_is_a_table_of_counts(steps in prop::collection::vec((any::<bool>(), 0usize..300), 0..1500)) {
            let mut tally = Tally::default();
            let mut table = vec![0u32; 300];
            for (add, pair) in steps {
                if add {
                    tally.add(pair);
                    table[pair] += 1;
                } else {
                    tally.remove(pair);
                    table[pair] = table[pair].saturating_sub(1);
                }
                prop_assert_eq!(tally.at(pair), table[pair]);
            }
            let legs: u32 = table.iter().sum();
            prop_assert_eq!((tally.is_empty(), tally.is_several()), (legs == 0, legs > 1));
            let mut counts = vec![0; 300];
            tally.add_to(&mut counts);
            prop_assert_eq!(&counts, &table);
            let mut pairs = Pairs::default();
            tally.put_into(&mut pairs);
            prop_assert_eq!(pairs.iter().collect::<Vec<_>>(), (0..300).filter(|pair| table[*pair] > 0).collect::<Vec<_>>());
        }
    }
}
