//! What of their media two phones of a call are told of each other.

mod lines;
mod transcoding;
