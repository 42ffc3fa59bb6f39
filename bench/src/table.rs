//! A Markdown table that is readable on a terminal.

use std::fmt::{self, Display, Formatter};

/// A Markdown table with columns as wide as their widest cell.
pub struct Table(Vec<Vec<String>>);

impl Table {
    pub fn new(headings: &[&str]) -> Self {
        Self(vec![headings.iter().map(|&heading| heading.to_owned()).collect()])
    }

    pub fn add(&mut self, cells: Vec<String>) {
        self.0.push(cells);
    }

    fn width(&self, column: usize) -> usize {
        self.0.iter().map(|row| row[column].chars().count()).max().unwrap_or(0)
    }

    /// Columns of numbers are aligned right, others left.
    fn is_number(&self, column: usize) -> bool {
        self.0.last().is_some_and(|row| row[column].parse::<f64>().is_ok())
    }

    fn separator(&self, column: usize) -> String {
        let line = "-".repeat(self.width(column) + 1);
        if self.is_number(column) { line + ":" } else { line + "-" }
    }
}

impl Display for Table {
    fn fmt(&self, out: &mut Formatter) -> fmt::Result {
        for (index, row) in self.0.iter().enumerate() {
            for (column, cell) in row.iter().enumerate() {
                let width = self.width(column);
                if self.is_number(column) {
                    write!(out, "| {cell:>width$} ")?;
                } else {
                    write!(out, "| {cell:<width$} ")?;
                }
            }
            writeln!(out, "|")?;
            if index == 0 {
                let separators: Vec<_> =
                    (0..row.len()).map(|column| self.separator(column)).collect();
                writeln!(out, "|{}|", separators.join("|"))?;
            }
        }
        Ok(())
    }
}
