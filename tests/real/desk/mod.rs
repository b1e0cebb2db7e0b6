//! What the keys of a desk phone do, with more than one make of phone, so that Tandem is not proved by the habits of one.
//!
//! | what | baresip 1.0 | linphonec 5.1 | SIPp 3.6 | our own phone |
//! |---|---|---|---|---|
//! | blind transfer | transferor, party, target | transferor | transferor | `lies.rs`: in a loop |
//! | attended transfer (REFER with Replaces) | party, target | transferor | transferor | the transferor's other call |
//! | Replaces in an INVITE | the other party | - | takes the place | loses its place |
//! | hold with music | `calls.rs` | holder | - | `audio.rs` |
//! | 100rel and PRACK | has none of it | caller | caller, callee | - |
//! | lamps (`dialog`) | watched | - | watcher | watcher, `restart.rs` |
//! | `message-summary` | watcher | - | watcher | - |
//! | MESSAGE to phones that are away | sender | sender, receiver | sender | receiver |
//! | a call through the proxy | caller, callee | caller, holder | - | - |
//! | keys | as events both ways, by INFO received | as events received, by INFO sent | by INFO both ways | both |
//!
//! What the programs cannot do:
//! - baresip 1.0 joins no two calls of its own, sends no keys by INFO, knows no PRACK, watches no lamps but `presence`, and
//!   prints a text only to a terminal;
//! - linphonec has no command for Replaces in an INVITE, for lamps and for messages that wait;
//! - SIPp has one Call-ID for a scenario: the second call of an attended transfer is our own phone's; it has no sound of its
//!   own: it says what it hears.

mod keys;
mod lamps;
mod proxied;
mod reliable;
mod texts;
mod transfers;
