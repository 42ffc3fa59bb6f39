//! The report in Markdown.

use std::fmt::{self, Display, Formatter};

use omnidesk_mock_bench::{
    machine::Machine, statistics::LatencySamples, storage::Storage, table::Table,
};

use crate::{
    SEED_SIZES,
    lifecycle::LifecycleMeasurement,
    many_accounts::{IdleCost, ManyAccountsMeasurement},
    operation::Operation,
    options::Options,
};

pub(crate) struct Report<'a> {
    pub(crate) options: &'a Options,
    pub(crate) machine: &'a Machine,
    pub(crate) lifecycles: Vec<LifecycleMeasurement>,
    pub(crate) many_accounts: Vec<ManyAccountsMeasurement>,
}

impl Display for Report<'_> {
    fn fmt(&self, out: &mut Formatter) -> fmt::Result {
        let Options { repetitions, accounts, .. } = self.options;
        writeln!(out, "# The cost of accounts\n")?;
        writeln!(out, "Machine: {}.\n", self.machine.description())?;
        writeln!(out, "## One account\n")?;
        writeln!(
            out,
            "Latency over one connection that is kept alive, and processor time of the server. {repetitions} repetitions \
             of each\noperation, {} with the largest seed; of some twice as many. The error of the mean processor time is \
             about ±{:.2} ms,\nwith the largest seed ±{:.2} ms. The number before the colon is the number of tickets in \
             the seed.\n",
            self.options.repetitions(SEED_SIZES[2]),
            self.lifecycles[0].rounding_error(self.options),
            self.lifecycles[2].rounding_error(self.options),
        )?;
        writeln!(out, "{}", self.lifecycle_table())?;
        writeln!(out, "## Size of an account's database\n")?;
        writeln!(out, "{}", self.size_table())?;
        writeln!(out, "## Many accounts\n")?;
        writeln!(
            out,
            "With {} tickets each. Each deleted account was written to once and then idle for a while.\n",
            SEED_SIZES[0]
        )?;
        writeln!(out, "{}", self.many_accounts_table())?;
        writeln!(out, "## {accounts} idle accounts\n")?;
        writeln!(out, "With {} tickets each; each was written to once.\n", SEED_SIZES[0])?;
        write!(out, "{}", self.idle_cost_table())
    }
}

impl Report<'_> {
    fn lifecycle_table(&self) -> Table {
        let figures = ["p50 ms", "p99 ms", "CPU ms"];
        let columns = SEED_SIZES.into_iter().flat_map(|tickets| {
            figures.into_iter().map(move |figure| format!("{tickets}: {figure}"))
        });
        let headings: Vec<_> =
            ["operation", "storage"].map(str::to_owned).into_iter().chain(columns).collect();
        let headings: Vec<_> = headings.iter().map(String::as_str).collect();
        let mut table = Table::new(&headings);
        for operation in self.lifecycles.first().iter().flat_map(|first| first.samples.keys()) {
            for storage in Storage::ALL {
                table.add(self.lifecycle_row(*operation, storage));
            }
        }
        table
    }

    fn lifecycle_row(&self, operation: Operation, storage: Storage) -> Vec<String> {
        let lifecycles = self.lifecycles.iter().filter(|lifecycle| lifecycle.storage == storage);
        let figures = lifecycles.flat_map(|lifecycle| cells(&lifecycle.samples[&operation]));
        let names = [operation.name().to_owned(), storage.flag().to_owned()];
        names.into_iter().chain(figures).collect()
    }

    fn size_table(&self) -> Table {
        let mut table = Table::new(&["tickets", "storage", "bytes", "bytes per ticket"]);
        for lifecycle in &self.lifecycles {
            let LifecycleMeasurement { tickets, database_bytes: bytes, storage, .. } = lifecycle;
            let storage = storage.flag().to_owned();
            let per_ticket = (bytes / tickets).to_string();
            table.add(vec![tickets.to_string(), storage, bytes.to_string(), per_ticket]);
        }
        table
    }

    fn many_accounts_table(&self) -> Table {
        let mut table = Table::new(&["operation", "storage", "p50 ms", "p99 ms", "CPU ms"]);
        for measurement in &self.many_accounts {
            for (name, samples) in &measurement.rows {
                let names = vec![name.clone(), measurement.storage.flag().to_owned()];
                table.add([names, cells(samples).to_vec()].concat());
            }
        }
        table
    }

    fn idle_cost_table(&self) -> Table {
        let mut table = Table::new(&["figure", Storage::ALL[0].flag(), Storage::ALL[1].flag()]);
        let columns = self.many_accounts.iter().map(|column| self.idle_cost_column(column));
        let columns: Vec<_> = columns.collect();
        for (index, (name, _)) in columns[0].iter().enumerate() {
            let figures = columns.iter().map(|column| column[index].1.clone());
            table.add([(*name).to_owned()].into_iter().chain(figures).collect());
        }
        table
    }

    fn idle_cost_column(
        &self,
        measurement: &ManyAccountsMeasurement,
    ) -> Vec<(&'static str, String)> {
        let IdleCost { before, busy, idle, database_bytes } = &measurement.idle_cost;
        let growth = (idle.memory - before.memory) * 1e3 / f64::from(self.options.accounts);
        let database = f64::from(*database_bytes) / 1e3;
        let overhead = match measurement.storage {
            Storage::Files => "-".to_owned(),
            Storage::Memory => format!("{:.1}", growth - database),
        };
        vec![
            ("resident memory before, MB", format!("{:.1}", before.memory)),
            ("resident memory after the last write, MB", format!("{:.1}", busy.memory)),
            ("resident memory when idle, MB", format!("{:.1}", idle.memory)),
            ("growth per idle account, kB", format!("{growth:.1}")),
            ("size of its database, kB", format!("{database:.1}")),
            ("growth minus that size, kB", overhead),
            ("threads before", before.threads.to_string()),
            ("threads after the last write", busy.threads.to_string()),
            ("threads when idle", idle.threads.to_string()),
            ("open files before", before.open_files.to_string()),
            ("open files after the last write", busy.open_files.to_string()),
            ("open files when idle", idle.open_files.to_string()),
        ]
    }
}

fn cells(samples: &LatencySamples) -> [String; 3] {
    let figures = [samples.percentile(50), samples.percentile(99), samples.mean_cpu()];
    figures.map(|figure| format!("{figure:.2}"))
}
