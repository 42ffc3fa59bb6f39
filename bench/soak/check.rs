//! Compares a value of a response with the expected one.

use std::fmt::Debug;

use omnidesk_mock_bench::BenchResult;

pub(crate) fn check_equal<T: Copy + PartialEq + Debug>(
    name: &str,
    actual: T,
    expected: T,
) -> BenchResult<()> {
    if actual == expected {
        return Ok(());
    }
    Err(format!("{name} is {actual:?}, expected {expected:?}").into())
}
