//! The command `byname`; see [`byname::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    byname::cli::run(std::env::args_os().skip(1)).into()
}
