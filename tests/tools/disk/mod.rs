//! Disk failures: a full or read-only disk, and I/O errors of single system calls. Acknowledged writes survive, rejected
//! ones change nothing, and unaffected accounts work.

mod fault_injection;
mod file_size_limit;
mod fill_disk;
mod full_disk;
mod io_errors;
mod read_only;
mod tmpfs;

use crate::tool_test::ToolTest;

pub(super) fn tests() -> Vec<ToolTest> {
    let tests = [
        fault_injection::tests(),
        file_size_limit::tests(),
        full_disk::tests(),
        io_errors::tests(),
        read_only::tests(),
    ];
    tests.into_iter().flatten().collect()
}
