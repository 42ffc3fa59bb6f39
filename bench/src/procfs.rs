//! Figures that the kernel reports in `/proc`.

use std::fs;

use crate::BenchResult;

/// The unit of processor time in `/proc`, on every architecture.
const TICKS_PER_SECOND: f64 = 100.0;

/// Processor time of a process in user and kernel mode, in seconds.
pub fn cpu_seconds(process: &str) -> BenchResult<f64> {
    cpu_fields(process, 2)
}

/// The same, with the processor time of its children that have exited.
pub fn cpu_seconds_with_children(process: &str) -> BenchResult<f64> {
    cpu_fields(process, 4)
}

/// Processor time of all processes of the machine, in user mode, niced and in kernel mode. Interrupts are excluded,
/// because the network packets of the load cause some of them.
pub fn machine_cpu_seconds() -> BenchResult<f64> {
    sum_ticks(fs::read_to_string("/proc/stat")?.split_whitespace().skip(1).take(3))
}

/// A number from `/proc/PID/status`. Sizes of memory are in kB.
pub fn status_field(process: u32, name: &str) -> BenchResult<u32> {
    let text = fs::read_to_string(format!("/proc/{process}/status"))?;
    let mut fields = text.lines().filter_map(|line| line.split_once(':'));
    let value = fields.find(|(field, _)| *field == name).map(|(_, value)| value);
    let value = value.ok_or_else(|| format!("/proc/{process}/status has no field {name}"))?;
    Ok(value.trim().trim_end_matches(" kB").parse()?)
}

/// Number of open files and sockets of a process.
pub fn open_file_count(process: u32) -> BenchResult<usize> {
    Ok(fs::read_dir(format!("/proc/{process}/fd"))?.count())
}

/// Ids of the child processes of a process, and of their children.
pub fn descendants(ancestor: u32) -> BenchResult<Vec<u32>> {
    let mut parents = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(id) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        if let Ok(fields) = stat_fields(&id.to_string()) {
            parents.push((id, fields[1].parse::<u32>()?));
        }
    }
    let mut ids = vec![ancestor];
    let mut next = 0;
    while let Some(&parent) = ids.get(next) {
        ids.extend(parents.iter().filter(|(_, of)| *of == parent).map(|(id, _)| id));
        next += 1;
    }
    ids.remove(0);
    Ok(ids)
}

/// The sum of the first fields among: user time, kernel time, and both of the children that have exited.
fn cpu_fields(process: &str, count: usize) -> BenchResult<f64> {
    let fields = stat_fields(process)?;
    sum_ticks(fields.iter().skip(11).take(count).map(String::as_str))
}

fn sum_ticks<'a>(ticks: impl Iterator<Item = &'a str>) -> BenchResult<f64> {
    Ok(ticks.map(str::parse::<f64>).sum::<Result<f64, _>>()? / TICKS_PER_SECOND)
}

/// The fields of `/proc/PID/stat` after the second, which is the program's name in parentheses and can contain spaces.
fn stat_fields(process: &str) -> BenchResult<Vec<String>> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    let after_name = stat.rsplit_once(')').ok_or("/proc/PID/stat has no program name")?.1;
    Ok(after_name.split_whitespace().map(str::to_owned).collect())
}
