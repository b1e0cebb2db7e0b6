//! What phones keep with us, over a restart.
//!
//! | file | what it holds |
//! |---|---|
//! | `bindings.rs` | their contacts |
//! | `log_ons.rs` | which of them act for another extension, and PINs |
//! | `messages.rs` | messages for phones that are away |
//! | `subscriptions.rs` | what they watch |

pub(crate) mod bindings;
pub(crate) mod log_ons;
pub(crate) mod messages;
pub(crate) mod subscriptions;
