//! What Tandem does with sound, between real phones and real sockets.
//!
//! | file | what it proves |
//! |---|---|
//! | `pairs.rs` | every pair of codecs is heard both ways; keys cross a pair without a common codec |
//! | `recordings.rs` | what is recorded, by the dialplan and by REST, and how it is fetched |

mod pairs;
mod recordings;
