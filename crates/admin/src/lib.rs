//! Everything over HTTP: REST, OpenAPI, events, metrics, health and the web page.
//!
//! The shell builds an [`AdminState`] and calls [`serve`]. What this room does not own comes in as a
//! seam: the switch behind a [`SwitchHandle`] (a bounded queue the shell drains), the dialplans
//! behind [`Dialplans`], the digest hashes behind a [`Hasher`], observers behind an [`EventBus`].
//!
//! Trunks are not managed here yet, nor are dialplans simulated.

mod accounts;
mod auth;
mod dialplans;
mod events;
mod extract;
mod forwarded;
mod health;
mod http_metrics;
mod model;
mod page;
mod parameters;
mod problem;
mod repeats;
mod routes;
mod secret;
mod serve;
mod state;
mod switch_handle;
mod system;
mod table;
mod validate;
mod versions;

pub use accounts::account_changes;
pub use auth::MAX_TOKEN_LENGTH;
pub use dialplans::{DialplanError, DialplanInfo, Dialplans, Fault};
pub use events::{AdminEvent, EventBus};
pub use health::Health;
pub use routes::{openapi, router};
pub use secret::{generate_password, generate_token, hash_token};
pub use serve::serve;
pub use state::{AdminState, Hasher, Limits, RepeatLimits};
pub use switch_handle::{SwitchGone, SwitchHandle, SwitchRequest};
pub use system::{Server, System};
