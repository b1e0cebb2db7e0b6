//! The phones of the tests: baresip, linphone, SIPp, and our own on raw sockets.

pub(crate) mod baresip;
pub(crate) mod linphone;
pub(crate) mod phone;
pub(crate) mod sipp;
pub(crate) mod watcher;
