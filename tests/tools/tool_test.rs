//! A test with the tools that it needs.

use libtest_mimic::Trial;

use crate::support::tools::Tool;

/// A test that runs only if its tools work on this machine.
pub(crate) struct ToolTest {
    pub(crate) name: &'static str,
    pub(crate) needs: Vec<&'static Tool>,
    pub(crate) run: fn(),
}

impl ToolTest {
    /// Returns a trial that is ignored if a tool is missing; with `REQUIRE_ALL=1` it fails instead.
    pub(crate) fn into_trial(self) -> Trial {
        let Self { name, needs, run } = self;
        let (_, name) = name.split_once("::").expect("the name begins with that of the crate");
        let missing = needs.iter().find_map(|tool| tool.find_problem());
        let Some(problem) = missing else {
            return Trial::test(name, move || {
                run();
                Ok(())
            });
        };
        // `--ignored` runs ignored tests, so this one must fail.
        let reason = format!("needs {problem}");
        let is_ignored = !must_run_all();
        let trial = Trial::test(name, {
            let reason = reason.clone();
            move || Err(reason.into())
        });
        trial.with_kind(reason).with_ignored_flag(is_ignored)
    }
}

/// Returns true if a missing tool makes its tests fail.
fn must_run_all() -> bool {
    std::env::var("REQUIRE_ALL").is_ok_and(|value| !["", "0"].contains(&value.as_str()))
}

/// Runs an asynchronous test.
pub(crate) fn block_on(test: impl Future<Output = ()>) {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("the runtime starts").block_on(test);
}

/// Lists the tests of a module that need these tools: `tool_tests![CURL => async one_test, another_test]`.
macro_rules! tool_tests {
    ($($needs:ident),* => $($tests:tt)+) => { tool_tests!(@list [$(&$needs),*] $($tests)+) };
    (@list $needs:tt $($first:ident $($second:ident)?),+ $(,)?) => {
        vec![$(crate::tool_test::ToolTest {
            name: tool_tests!(@name $first $($second)?),
            needs: $needs.to_vec(),
            run: tool_tests!(@run $first $($second)?),
        }),+]
    };
    (@name async $test:ident) => { concat!(module_path!(), "::", stringify!($test)) };
    (@name $test:ident) => { concat!(module_path!(), "::", stringify!($test)) };
    (@run async $test:ident) => { || crate::tool_test::block_on($test()) };
    (@run $test:ident) => { $test };
}
pub(crate) use tool_tests;
