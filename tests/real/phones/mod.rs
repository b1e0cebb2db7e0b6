//! The phones of the tests: baresip, linphone, SIPp, and one of our own on a raw socket.

pub(crate) mod baresip;
pub(crate) mod linphone;
pub(crate) mod phone;
pub(crate) mod sipp;
