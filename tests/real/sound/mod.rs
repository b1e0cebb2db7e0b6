//! What Tandem does with sound, between real phones and real sockets.
//!
//! | file | what it proves |
//! |---|---|
//! | `pairs.rs` | every pair of codecs is heard both ways; keys cross a pair without a common codec |
//! | `files.rs` | music and prompts of both kinds of files are heard, also a file that replaced another |
//! | `rooms.rs` | each member of a conference hears the others and not itself |
//! | `network.rs` | loss, jitter, a blackout and malformed packets towards a leg that is converted |
//! | `recordings.rs` | what is recorded, by the dialplan and by REST, and how it is fetched |
//! | `voice.rs` | a tone as RTP packets, and what comes of it |

mod files;
mod network;
mod pairs;
mod recordings;
mod rooms;
mod voice;
