//! Runs every case in `cases/` as a named test, against its own server or against the one in
//! `OMNIDESK_CONFORMANCE_URL`. `README.md` in this directory describes a case file.

mod case;
mod expect;
mod request;
mod runner;
#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "each target uses a part of the helpers")]
mod support;
mod target;
mod variables;

use std::sync::Arc;

use libtest_mimic::{Arguments, Trial};

use case::{Case, TableRow};
use target::Target;

fn main() {
    let mut arguments = Arguments::from_args();
    if Target::is_external() {
        // On a shared server, concurrent cases would see each other's tickets.
        arguments.test_threads = Some(1);
    }
    let trials = case::load_all().into_iter().flat_map(trials).collect();
    libtest_mimic::run(&arguments, trials).exit();
}

/// Returns one test for a case, or one for each row of its table.
fn trials(case: Case) -> Vec<Trial> {
    let case = Arc::new(case);
    let rows = case.scenario.table.clone().unwrap_or_else(|| vec![TableRow::new()]);
    rows.into_iter().map(|row| trial(&case, row)).collect()
}

fn trial(case: &Arc<Case>, row: TableRow) -> Trial {
    let needs_own_server = case.scenario.seed.is_some() || case.scenario.config.is_some();
    let (case, name) = (Arc::clone(case), case.test_name(&row));
    let run_test = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let target = Target::open(&case.scenario)?;
        Ok(runtime.block_on(runner::run_case(&case, &row, &target))?)
    };
    Trial::test(name, run_test).with_ignored_flag(needs_own_server && Target::is_external())
}
