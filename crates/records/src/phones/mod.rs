//! What phones keep with Tandem, over a restart.
//!
//! | file | what it holds |
//! |---|---|
//! | `binding.rs` | [`Binding`]: a contact of a device, and its changes on disk |
//! | `message.rs` | [`KeptMessage`]: a MESSAGE for phones that are away |
//! | `subscription.rs` | [`Subscription`]: what a phone is subscribed to, and its changes on disk |

mod binding;
mod message;
mod subscription;

pub use binding::{Binding, BindingChange};
pub use message::KeptMessage;
pub use subscription::{Subscription, SubscriptionChange, SubscriptionDialog};
