//! Fills a report in Markdown, whose template contains placeholders such as `{rounds}`.

use crate::prelude::*;

#[macro_export]
macro_rules! row {
    ($($cell:expr),* $(,)?) => { vec![$($cell.to_string()),*] };
}

pub type Rows = Vec<Vec<String>>;

pub fn extend(rows: &mut Rows, names: Vec<String>, cells: impl IntoIterator<Item = String>) {
    match rows.iter_mut().find(|row| row.starts_with(&names)) {
        Some(row) => row.extend(cells),
        None => rows.push(names.into_iter().chain(cells).collect()),
    }
}

pub fn fixed<const N: usize>(numbers: [f64; N], decimals: usize) -> [String; N] {
    numbers.map(|number| format!("{number:.decimals$}"))
}

pub fn cells<const N: usize>(numbers: [(f64, usize); N]) -> Vec<String> {
    numbers.map(|(number, decimals)| format!("{number:.decimals$}")).into()
}

pub struct Report(String);

impl Report {
    pub fn new(template: &str, bench: &Bench) -> Self {
        let mut report = Self(template.to_owned());
        report.fill("machine", &bench.machine);
        report
    }

    pub fn fill(&mut self, name: &str, value: impl Display) {
        self.0 = self.0.replace(&format!("{{{name}}}"), &value.to_string());
    }

    /// The same with several names, separated by spaces.
    pub fn fill_all(&mut self, names: &str, values: &[u32]) {
        for (name, value) in names.split(' ').zip(values) {
            self.fill(name, value);
        }
    }

    /// Adds the rows of a table. In the template, its header is the line before the placeholder. Columns are as wide as
    /// their widest cell; columns of numbers are aligned right, others left.
    pub fn table(&mut self, name: &str, rows: &[Vec<String>]) {
        let placeholder = format!("\n{{{name}}}\n");
        let Some((before, after)) = self.0.split_once(&placeholder) else { return };
        let (before, header) = before.rsplit_once('\n').unwrap_or(("", before));
        let names = header.trim_matches('|').split('|').map(|name| name.trim().to_owned());
        let mut table = vec![names.collect::<Vec<_>>(), Vec::new()];
        table.extend_from_slice(rows);
        let mut lines = vec![String::new(); table.len()];
        for column in 0..table[0].len() {
            let cells = table.iter().filter_map(|row| row.get(column));
            let width = cells.map(|cell| cell.chars().count()).max().unwrap_or(0);
            let is_number = rows.last().is_some_and(|row| row[column].parse::<f64>().is_ok());
            for (line, row) in lines.iter_mut().zip(&table) {
                let cell = match row.get(column) {
                    None => format!("|-{}{}", "-".repeat(width), if is_number { ":" } else { "-" }),
                    Some(cell) if is_number => format!("| {cell:>width$} "),
                    Some(cell) => format!("| {cell:<width$} "),
                };
                line.push_str(&cell);
            }
        }
        self.0 = format!("{before}\n{}|\n{after}", lines.join("|\n"));
    }

    /// Prints the report, and writes it to `target/bench/NAME.md`. Leaves out sections without a measured table.
    pub fn publish(self, name: &str) -> Result<()> {
        let sections = self.0.split("\n## ").filter(|section| !section.contains("\n{"));
        let text = sections.collect::<Vec<_>>().join("\n## ");
        println!("{text}");
        let file = target_folder("bench")?.join(format!("{name}.md"));
        fs::write(&file, text)?;
        eprintln!("report: {}", file.display());
        Ok(())
    }
}
