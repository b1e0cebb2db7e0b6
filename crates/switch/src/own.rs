//! Tandem itself as the other party of a session.

/// The codecs that Tandem itself offers first. What it can convert to follows after them.
pub(crate) const OWN_CODECS: &[&str] = &["PCMU", "PCMA", "TELEPHONE-EVENT"];

/// The music that is played where no other is named, to callers and to parties on hold.
pub(crate) const MUSIC: &str = "default";
