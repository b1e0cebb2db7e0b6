//! What phones keep with Tandem.
//!
//! | file | what it does |
//! |---|---|
//! | `presence.rs` | what extensions do |
//! | `registrations.rs` | where phones are |
//! | `subscriptions.rs` | what phones watch |

pub(super) mod presence;
pub(super) mod registrations;
pub(super) mod subscriptions;
