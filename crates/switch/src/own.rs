//! Tandem itself as the other party of a session.

/// The codecs that Tandem itself offers first. What it can convert to follows after them.
pub(crate) const OWN_CODECS: &[&str] = &["PCMU", "PCMA", "TELEPHONE-EVENT"];
