//! Tests that need a tool of the machine, such as strace, and the other tests of the same files. A test whose tool is
//! missing is reported as ignored, with the reason. With `REQUIRE_ALL=1` it fails.

mod amplification;
mod console;
mod disk;
mod example_suites;
mod jvm_and_php_suites;
mod open_files;
mod operations;
mod pid1;
mod proxies;
mod readme;
mod shared_group;
#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "each target uses a part of the helpers")]
mod support;
mod third_party_clients;
mod tool_test;
mod upgrade;

use libtest_mimic::Arguments;

fn main() {
    let tests = [
        amplification::tests(),
        console::tests(),
        disk::tests(),
        example_suites::tests(),
        jvm_and_php_suites::tests(),
        open_files::tests(),
        operations::tests(),
        pid1::tests(),
        proxies::tests(),
        readme::tests(),
        shared_group::tests(),
        third_party_clients::tests(),
        upgrade::tests(),
    ];
    let trials = tests.into_iter().flatten().map(tool_test::ToolTest::into_trial).collect();
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}
