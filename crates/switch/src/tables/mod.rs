//! Tables that every room uses; they know nothing of SIP.
//!
//! | file | what it holds |
//! |---|---|
//! | `recent.rs` | a bounded map that forgets what was not used for the longest time |
//! | `room.rs` | giving back memory that a burst needed |
//! | `slots.rs` | entries named by a slot and a generation |
//! | `timers.rs` | deadlines, one a key |

pub(crate) mod recent;
pub(crate) mod room;
pub(crate) mod slots;
pub(crate) mod timers;
