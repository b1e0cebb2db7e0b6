//! The tables: one file a family of RFCs.

pub(crate) mod calls;
pub(crate) mod events;
pub(crate) mod extensions;
pub(crate) mod messages;
pub(crate) mod presence;
pub(crate) mod registrar;
pub(crate) mod transfers;
