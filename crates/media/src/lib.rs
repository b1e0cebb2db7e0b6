//! Session descriptions (RFC 4566, RFC 3264), RTP relaying and the audio Tandem itself makes.
//!
//! Pure: knows no SIP, no socket and no clock.

pub mod audio;
pub mod codec;
pub mod command;
pub mod ear;
pub mod file;
pub mod line;
pub mod listen;
pub mod pool;
pub mod quality;
pub mod recorder;
pub mod relay;
pub mod room;
pub mod sdp;
pub mod service;
pub mod session;
pub mod sound;
pub mod spec;

pub use command::{Command, Counters, Direction, Event, MediaId, Payload, Remote, Source};
pub use pool::{Conflict, PeerAddress, Pool};
pub use relay::Relay;
pub use sdp::{Sdp, SdpError};
pub use session::{Local, Session, State, is_rtp_audio};
pub use spec::{Codec, SdpDirection, Spec, Transcode};
