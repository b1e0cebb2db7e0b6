//! Who sent a request: digest authentication and what it entitles to.

mod identity;

pub use self::identity::{Identity, TrustedNets};
