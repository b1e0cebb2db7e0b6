//! Event packages besides those of lamps: presence and what phones publish.

mod presence;
mod publish;
