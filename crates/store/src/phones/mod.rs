//! What phones keep with us, over a restart.
//!
//! | file | what it holds |
//! |---|---|
//! | `bindings.rs` | their contacts |
//! | `subscriptions.rs` | what they watch |

pub(crate) mod bindings;
pub(crate) mod subscriptions;
