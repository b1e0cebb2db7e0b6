//! The switch: one deterministic machine.
//!
//! | file | what it does |
//! |---|---|
//! | `switch.rs` | `Switch`: `handle`, `poll_output`, what follows from what happened |
//! | `command.rs` | what the admin API asks |
//! | `group.rs` | pickup groups that change: lists of lamps follow |
//! | `handover.rs` | carries legs from one call to another |
//! | `held.rs` | what every table holds: nothing is left over after the last call |
//! | `journal.rs` | images of the calls, from which they can go on |
//! | `media.rs` | what the media engine reports |
//! | `outside.rs` | connections that end |
//! | `tidy.rs` | giving back what a burst needed |

mod command;
mod group;
mod handover;
mod held;
mod journal;
mod media;
mod outside;
mod switch;
mod tidy;

pub use switch::Switch;
