//! The figures as Markdown.

use std::fmt::{self, Display, Formatter};

use crate::{
    SEEDS,
    crowd::{Crowd, Memory},
    life::Life,
    machine::Machine,
    operation::Operation,
    options::Options,
    storage::Storage,
    table::Table,
    times::Times,
};

pub(crate) struct Report<'a> {
    pub(crate) options: &'a Options,
    pub(crate) machine: &'a Machine,
    pub(crate) lives: Vec<Life>,
    pub(crate) crowds: Vec<Crowd>,
}

impl Display for Report<'_> {
    fn fmt(&self, out: &mut Formatter) -> fmt::Result {
        let Options { repetitions, accounts, .. } = self.options;
        writeln!(out, "# What accounts cost\n")?;
        writeln!(out, "Machine: {}.\n", self.machine.description())?;
        writeln!(out, "## One account\n")?;
        writeln!(
            out,
            "From the request to the end of its answer, over one connection that is kept alive, and \
             the server's processor time.\n{repetitions} repetitions of each operation, {} with the \
             largest seed; of some twice as many. Processor time of one\noperation is good to about \
             ±{:.2} ms, with the largest seed ±{:.2} ms. The figures before the colon are the \
             tickets in the seed.\n",
            self.options.repetitions(SEEDS[2]),
            self.lives[0].grain(self.options),
            self.lives[2].grain(self.options),
        )?;
        writeln!(out, "{}", self.life_table())?;
        writeln!(out, "## Bytes of an account's database\n")?;
        writeln!(out, "{}", self.bytes_table())?;
        writeln!(out, "## Many accounts\n")?;
        writeln!(
            out,
            "Of {} tickets each. Those that are removed were written to once, and left alone for a \
             while.\n",
            SEEDS[0]
        )?;
        writeln!(out, "{}", self.crowd_table())?;
        writeln!(out, "## {accounts} idle accounts\n")?;
        writeln!(out, "Of {} tickets each; every one of them was written to once.\n", SEEDS[0])?;
        write!(out, "{}", self.memory_table())
    }
}

impl Report<'_> {
    fn life_table(&self) -> Table {
        let figures = ["p50 ms", "p99 ms", "CPU ms"];
        let columns = SEEDS.into_iter().flat_map(|tickets| {
            figures.into_iter().map(move |figure| format!("{tickets}: {figure}"))
        });
        let headings: Vec<_> =
            ["operation", "storage"].map(str::to_owned).into_iter().chain(columns).collect();
        let headings: Vec<_> = headings.iter().map(String::as_str).collect();
        let mut table = Table::new(&headings);
        for operation in self.lives.first().iter().flat_map(|life| life.times.keys()) {
            for storage in Storage::ALL {
                table.add(self.life_row(*operation, storage));
            }
        }
        table
    }

    fn life_row(&self, operation: Operation, storage: Storage) -> Vec<String> {
        let lives = self.lives.iter().filter(|life| life.storage == storage);
        let figures = lives.flat_map(|life| cells(&life.times[&operation]));
        let names = [operation.name().to_owned(), storage.flag().to_owned()];
        names.into_iter().chain(figures).collect()
    }

    fn bytes_table(&self) -> Table {
        let mut table = Table::new(&["tickets", "storage", "bytes", "bytes per ticket"]);
        for life in &self.lives {
            let Life { tickets, bytes, storage, .. } = life;
            let numbers = [tickets.to_string(), storage.flag().to_owned(), bytes.to_string()];
            table.add([numbers.to_vec(), vec![(bytes / tickets).to_string()]].concat());
        }
        table
    }

    fn crowd_table(&self) -> Table {
        let mut table = Table::new(&["step", "storage", "p50 ms", "p99 ms", "CPU ms"]);
        for crowd in &self.crowds {
            for (name, times) in &crowd.steps {
                let names = vec![name.clone(), crowd.storage.flag().to_owned()];
                table.add([names, cells(times).to_vec()].concat());
            }
        }
        table
    }

    fn memory_table(&self) -> Table {
        let mut table = Table::new(&["figure", Storage::ALL[0].flag(), Storage::ALL[1].flag()]);
        let rows = self.crowds.iter().map(|crowd| self.memory_rows(crowd));
        let rows: Vec<_> = rows.collect();
        for (index, (name, _)) in rows[0].iter().enumerate() {
            let figures = rows.iter().map(|rows| rows[index].1.clone());
            table.add([(*name).to_owned()].into_iter().chain(figures).collect());
        }
        table
    }

    fn memory_rows(&self, crowd: &Crowd) -> Vec<(&'static str, String)> {
        let Memory { before, busy, idle, bytes } = &crowd.memory;
        let growth = (idle.memory - before.memory) * 1e3 / f64::from(self.options.accounts);
        let data = f64::from(*bytes) / 1e3;
        let rest = match crowd.storage {
            Storage::Files => "-".to_owned(),
            Storage::Memory => format!("{:.1}", growth - data),
        };
        vec![
            ("resident memory before, MB", format!("{:.1}", before.memory)),
            ("when the last was written to, MB", format!("{:.1}", busy.memory)),
            ("when they are idle, MB", format!("{:.1}", idle.memory)),
            ("growth per idle account, kB", format!("{growth:.1}")),
            ("bytes of its database, kB", format!("{data:.1}")),
            ("growth less those, kB", rest),
            ("threads before", before.threads.to_string()),
            ("threads when the last was written to", busy.threads.to_string()),
            ("threads when they are idle", idle.threads.to_string()),
            ("open files before", before.files.to_string()),
            ("open files when the last was written to", busy.files.to_string()),
            ("open files when they are idle", idle.files.to_string()),
        ]
    }
}

fn cells(times: &Times) -> [String; 3] {
    [times.percentile(50), times.percentile(99), times.cpu()].map(|figure| format!("{figure:.2}"))
}
