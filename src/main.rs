//! The entry point: arguments go in, an exit code comes out.

fn main() -> std::process::ExitCode {
    badpeer::cli::main()
}
