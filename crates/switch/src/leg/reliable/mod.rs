//! Reliable provisional responses (RFC 3262). Tandem is an end of each leg, so one leg may use them and the other not.
//!
//! | file | what it does | which fields it owns |
//! |---|---|---|
//! | `sent.rs` | ours to a caller: one at a time, sent again until its PRACK comes | `Incoming::reliable` |
//! | `received.rs` | those of a called phone: each is acknowledged once, in order | `Fork::rseq` |

pub(super) mod received;
pub(super) mod sent;

/// The option tag of RFC 3262.
const TAG: &str = "100rel";
