//! The program. All it does is in the library.

/// A request is many small allocations, which the system's own allocator makes a fifth of its cost. SQLite uses it, too.
#[cfg(unix)]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    omnidesk_mock::main()
}
