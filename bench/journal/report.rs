//! The report in Markdown.

use std::fmt::{self, Display, Formatter};

use omnidesk_mock_bench::{
    machine::Machine, statistics::LatencySamples, storage::Storage, table::Table,
};

use crate::{
    memory::{MemoryGrowth, SAMPLES},
    options::Options,
    stream::StreamMeasurement,
    verify::{CAPACITY, VerifyMeasurement},
    wait::WaitMeasurement,
};

pub(crate) struct Report<'a> {
    pub(crate) options: &'a Options,
    pub(crate) machine: &'a Machine,
    pub(crate) waits: Vec<(Storage, Vec<WaitMeasurement>)>,
    pub(crate) verifications: Vec<VerifyMeasurement>,
    pub(crate) streams: Vec<StreamMeasurement>,
    pub(crate) memory: Vec<MemoryGrowth>,
}

impl Display for Report<'_> {
    fn fmt(&self, out: &mut Formatter) -> fmt::Result {
        let Options { rounds, repetitions, stream_requests, memory_requests, .. } = self.options;
        writeln!(out, "# The journal\n")?;
        writeln!(out, "Machine: {}.\n", self.machine.description())?;
        writeln!(out, "## Waits\n")?;
        writeln!(
            out,
            "{rounds} rounds each, over connections that are kept alive. p50 and p99 are the latency of the request \
             itself. Wake-up is the time\nfrom its response until the last waiting client has read its own. Processor time \
             is that of a whole round with all clients.\n"
        )?;
        writeln!(out, "{}", self.wait_table())?;
        writeln!(out, "## A full journal\n")?;
        writeln!(out, "{CAPACITY} entries, in memory; {repetitions} repetitions.\n")?;
        writeln!(out, "{}", self.verify_table())?;
        writeln!(out, "## Event stream\n")?;
        writeln!(
            out,
            "{stream_requests} requests of each kind over one connection, in turns, after thousands of events. The client \
             of the stream runs on the client's core.\n"
        )?;
        writeln!(out, "{}", self.stream_table())?;
        writeln!(out, "## Memory\n")?;
        writeln!(
            out,
            "Resident memory in MB, with accounts in files, during {memory_requests} requests: four `GET` of an item, one \
             `setStatus`, and so on.\nWithout a journal, the growth is that of the response cache.\n"
        )?;
        write!(out, "{}", self.memory_table())
    }
}

impl Report<'_> {
    fn wait_table(&self) -> Table {
        let mut table = Table::new(&[
            "request",
            "storage",
            "p50 ms",
            "p99 ms",
            "wake-up p50 ms",
            "wake-up p99 ms",
            "CPU ms",
        ]);
        for (storage, measurements) in &self.waits {
            for WaitMeasurement { name, round_trip, wake_up } in measurements {
                let [p50, p99, cpu] = cells(round_trip);
                // Empty cells without waiting clients.
                let [wake_up_p50, wake_up_p99, _] = wake_up.as_ref().map(cells).unwrap_or_default();
                let names = [name.clone(), storage.flag().to_owned()];
                table.add([&names[..], &[p50, p99, wake_up_p50, wake_up_p99, cpu]].concat());
            }
        }
        table
    }

    fn verify_table(&self) -> Table {
        let mut table = Table::new(&["query", "response B", "p50 ms", "p99 ms", "CPU ms"]);
        for VerifyMeasurement { name, response_bytes, samples } in &self.verifications {
            let names = [(*name).to_owned(), response_bytes.to_string()];
            table.add([&names[..], &cells(samples)].concat());
        }
        table
    }

    fn stream_table(&self) -> Table {
        let headings = ["stream", "request", "p50 ms", "p99 ms", "CPU ms", "memory MB"];
        let mut table = Table::new(&headings);
        for StreamMeasurement { name, reads, writes, memory } in &self.streams {
            for (request, samples) in [("GET item", reads), ("PUT item", writes)] {
                let names = [name, request].map(str::to_owned);
                table.add([&names[..], &cells(samples), &[format!("{memory:.1}")]].concat());
            }
        }
        table
    }

    fn memory_table(&self) -> Table {
        let names = self.memory.iter().map(|growth| growth.name.as_str());
        let headings: Vec<&str> = ["requests"].into_iter().chain(names).collect();
        let mut table = Table::new(&headings);
        for sample in 0..=SAMPLES {
            let requests = self.options.memory_requests / SAMPLES * sample;
            let resident = self.memory.iter().map(|growth| growth.resident[sample as usize]);
            let cells = resident.map(|megabytes| format!("{megabytes:.1}"));
            table.add([requests.to_string()].into_iter().chain(cells).collect());
        }
        table
    }
}

fn cells(samples: &LatencySamples) -> [String; 3] {
    let figures = [samples.percentile(50), samples.percentile(99), samples.mean_cpu()];
    figures.map(|figure| format!("{figure:.3}"))
}
