//! The four machines of RFC 3261 section 17 and RFC 6026. A machine knows its state, its inputs and its timers, nothing
//! else; it returns what is to be done.
//!
//! | file | the figure that it is |
//! |---|---|
//! | `client_invite.rs` | RFC 3261 figure 5, with RFC 6026 |
//! | `client_non_invite.rs` | RFC 3261 figure 6 |
//! | `server_invite.rs` | RFC 3261 figure 7, with RFC 6026 |
//! | `server_non_invite.rs` | RFC 3261 figure 8 |

pub(super) mod client_invite;
pub(super) mod client_non_invite;
pub(super) mod server_invite;
pub(super) mod server_non_invite;
