//! Restarts of the switch. They are chosen by a chance of their own.

use crate::{ending, life::Life};

/// Of a thousand events of a world with restarts, this many are one.
const OFTEN: u64 = 3;

/// Perhaps the next event is a restart; true where it is.
pub fn act(life: &mut Life) -> bool {
    let Some(mut chance) = life.chances.restarts.take() else {
        return false;
    };
    let acts = chance.below(1_000) < OFTEN;
    if acts {
        if life.weather.is_orderly() || chance.percent(50) {
            ending::stopped(life);
        } else {
            ending::killed(life);
        }
    }
    life.chances.restarts = Some(chance);
    acts
}
