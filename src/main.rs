//! The door: what was asked goes in, an exit code comes out.

fn main() -> std::process::ExitCode {
    badpeer::cli::main()
}
