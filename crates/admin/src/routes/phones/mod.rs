//! What phones keep with Tandem.
//!
//! | file | what it does |
//! |---|---|
//! | `registrations.rs` | where phones are |
//! | `subscriptions.rs` | what phones watch |

pub(super) mod registrations;
pub(super) mod subscriptions;
