//! The deterministic world the scenarios play in.
