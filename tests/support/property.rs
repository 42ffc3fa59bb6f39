//! The configuration of the property tests that start servers.

use proptest::test_runner::Config;

use super::rng::parse_env_var;

/// Runs this number of cases, or `PROPTEST_CASES`, and shrinks a failure for at most a minute.
pub(crate) fn proptest_config(cases: u32) -> Config {
    Config {
        cases: parse_env_var("PROPTEST_CASES").unwrap_or(cases),
        max_shrink_time: 60_000,
        ..Config::default()
    }
}
