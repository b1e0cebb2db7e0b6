//! Calls in progress, as observers see them.

use serde::{Deserialize, Serialize};

use crate::Quality;

/// The state of a call in progress.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = CallState))]
#[serde(rename_all = "snake_case")]
pub enum LiveState {
    /// The dialplan decides where the call goes.
    Routing,
    /// A phone rings.
    Ringing,
    /// The caller was answered.
    Answered,
}

/// Whether a call in progress is recorded.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = CallRecording))]
#[serde(rename_all = "snake_case")]
pub enum LiveRecording {
    /// It is not.
    #[default]
    Off,
    /// It is.
    On,
    /// What is said now is left out.
    Paused,
}

/// One leg of a call in progress.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Leg))]
pub struct LiveLeg {
    /// The extension or URI at the other end.
    pub party: String,
    /// True for the caller's leg.
    pub inbound: bool,
    /// `trying`, `ringing`, `early`, `up`, `held` or `ending`.
    pub state: String,
    /// Address and port of the phone's signalling.
    pub remote: String,
    /// The codec in use, once known.
    #[cfg_attr(feature = "openapi", schema(required = true))]
    pub codec: Option<String>,
    /// How it sounds, measured every few seconds (`--quality-interval`); null before.
    #[cfg_attr(feature = "openapi", schema(required = true))]
    pub quality: Option<Quality>,
}
