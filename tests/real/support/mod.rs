//! What the tests stand on: the PBX under test, ports and processes, SIP and HTTP as text, tones and RTP.

pub(crate) mod http;
pub(crate) mod message;
pub(crate) mod place;
pub(crate) mod talk;
pub(crate) mod tandem;
pub(crate) mod tone;
