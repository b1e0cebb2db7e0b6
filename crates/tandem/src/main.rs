//! Tandem's entry: reads the command line and hands over.

use std::process::ExitCode;

fn main() -> ExitCode {
    tandem::main(std::env::args_os(), |name| std::env::var(name).ok())
}
