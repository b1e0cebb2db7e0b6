//! What phones keep with us, over a restart.
//!
//! | file | what it holds |
//! |---|---|
//! | `bindings.rs` | their contacts |
//! | `messages.rs` | messages for phones that are away |
//! | `subscriptions.rs` | what they watch |

pub(crate) mod bindings;
pub(crate) mod messages;
pub(crate) mod subscriptions;
