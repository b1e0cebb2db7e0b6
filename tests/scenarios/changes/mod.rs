//! What happens during a call: changes of its session, hold, keys, session timers.

mod change;
mod consistency;
mod digits;
mod glare;
mod hold;
mod keys;
mod music;
mod music_chains;
mod timers;
