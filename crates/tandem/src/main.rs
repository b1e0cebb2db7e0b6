//! Tandem's entry: reads the command line and hands over.

use std::process::ExitCode;

/// Counts what each script holds, for [`dialplan::ValueLimits::memory`].
#[global_allocator]
static ALLOCATOR: dialplan::Metered<mimalloc::MiMalloc> = dialplan::Metered(mimalloc::MiMalloc);

fn main() -> ExitCode {
    // A name that is not UTF-8 is none of ours.
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    tandem::main(std::env::args_os(), |name| std::env::var(name).ok(), names)
}
