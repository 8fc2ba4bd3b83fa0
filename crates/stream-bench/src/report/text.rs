//! A report for a terminal, and as Markdown.

use comfy_table::{Cell, CellAlignment, presets};

use super::tables::{self, Table};
use super::{Report, llama_bench};

pub(super) fn terminal(report: &Report) -> String {
    let facts = report.about.facts().into_iter();
    let mut text: String = facts
        .map(|(name, value)| format!("{name:<18}{value}\n"))
        .collect();
    for table in tables::all(report) {
        let (title, caption) = (table.title, &table.caption);
        text += &format!("\n{title}\n{caption}\n{}\n", drawn(&table));
    }
    for note in report.notes() {
        text += &format!("\n{note}\n");
    }
    text
}

pub(super) fn markdown(report: &Report) -> String {
    let mut text = as_markdown(&llama_bench::table(report));
    for table in tables::all(report) {
        text += &format!(
            "\n### {}\n\n{}\n\n{}",
            table.title,
            table.caption,
            as_markdown(&table)
        );
    }
    text += "\n### Circumstances\n\n";
    for (name, value) in report.about.facts() {
        text += &format!("- {name}: {value}\n");
    }
    for note in report.notes() {
        text += &format!("- {note}\n");
    }
    text
}

fn drawn(table: &Table) -> String {
    let mut drawn = comfy_table::Table::new();
    drawn.load_style(presets::UTF8_FULL_CONDENSED);
    drawn.set_header(&table.header);
    for row in &table.rows {
        drawn.add_row(row.iter().enumerate().map(|(column, text)| {
            let right = column >= table.words;
            let alignment = if right {
                CellAlignment::Right
            } else {
                CellAlignment::Left
            };
            Cell::new(text).set_alignment(alignment)
        }));
    }
    drawn.to_string()
}

/// A table of Markdown, with numbers to the right, as `llama-bench` writes it.
fn as_markdown(table: &Table) -> String {
    let rule = (0..table.header.len()).map(|column| match column < table.words {
        true => "---".to_owned(),
        false => "---:".to_owned(),
    });
    let rule: Vec<_> = rule.collect();
    let lines = [&table.header, &rule].into_iter().chain(&table.rows);
    lines.map(|cells| line(cells)).collect()
}

fn line(cells: &[String]) -> String {
    let cells: Vec<_> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
    format!("| {} |\n", cells.join(" | "))
}
