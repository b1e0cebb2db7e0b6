//! Tables that every room uses; they know nothing of SIP.
//!
//! | file | what it holds |
//! |---|---|
//! | `recent.rs` | a bounded map; the entry unused for the longest time is forgotten |
//! | `room.rs` | frees memory that was needed for a burst only |
//! | `slots.rs` | entries named by a slot and a generation |
//! | `timers.rs` | deadlines, one for each key |

pub(crate) mod recent;
pub(crate) mod room;
pub(crate) mod slots;
pub(crate) mod timers;
