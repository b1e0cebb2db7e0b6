//! What the shell hands over: the state, and the seams to the switch, the dialplans and the observers.

pub(crate) mod dialplans;
pub(crate) mod events;
pub(crate) mod health;
pub(crate) mod recordings;
pub(crate) mod state;
pub(crate) mod switch_handle;
pub(crate) mod system;
pub(crate) mod vault;
