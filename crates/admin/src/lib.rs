//! Everything over HTTP: REST, OpenAPI, events, metrics, health and the web page.
//!
//! The shell builds an [`AdminState`] and calls [`serve`]. What this room does not own comes in as a
//! seam: the switch behind a [`SwitchHandle`] (a bounded queue the shell drains), the dialplans
//! behind [`Dialplans`], the digest hashes behind a [`Hasher`], observers behind an [`EventBus`].
//!
//! Dialplans are not simulated here yet.

mod accounts;
mod auth;
mod http;
mod model;
mod routes;
mod shell;
mod trunks;

pub use accounts::{Accounts, account_changes};
pub use auth::MAX_TOKEN_LENGTH;
pub use http::serve::serve;
pub use model::secret::{generate_password, generate_token, hash_token};
pub use routes::{openapi, router};
pub use shell::dialplans::{DialplanError, DialplanInfo, Dialplans, Fault};
pub use shell::events::{AdminEvent, EventBus};
pub use shell::health::Health;
pub use shell::recordings::Recordings;
pub use shell::state::{AccessLimits, AdminState, Hasher, Limits, RepeatLimits};
pub use shell::switch_handle::{SwitchGone, SwitchHandle, SwitchRequest};
pub use shell::system::{Server, System};
pub use shell::vault::Vault;
pub use trunks::trunk_changes;
