//! What crosses from one leg to the other besides the session: header fields, status codes, what a refusal says.

mod codes;
mod headers;
mod numbers;
mod session_id;
