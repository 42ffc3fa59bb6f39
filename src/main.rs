//! The executable; the library does the work.

/// A request makes many small allocations; with the system allocator they take a fifth of its time. SQLite uses it too.
#[cfg(unix)]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    omnidesk_mock::main()
}
