//! Lost packets.
