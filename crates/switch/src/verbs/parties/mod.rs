//! Verbs with which people work together: they take one another's calls, park calls, and speak to several phones.
//!
//! | file | what it does |
//! |---|---|
//! | `page.rs` | `page`: one speaks, several phones are heard nowhere and hear it |
//! | `park.rs` | `park`: the caller waits in a slot until a phone takes the call |
//! | `parker.rs` | the phone that parks a call: whom it has on hold, and how it learns the slot |
//! | `pickup.rs` | `pickup`: the caller takes a call that rings elsewhere, or is parked |

pub(super) mod page;
pub(super) mod park;
mod parker;
pub(super) mod pickup;
