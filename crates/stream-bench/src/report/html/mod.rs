//! A report as one page: no script, no font, no picture from elsewhere, light or dark as the
//! reader has it. It is written as XML too, so that a parser can check it.

mod chart;
mod distribution;
mod scale;
mod throughput;
mod timeline;

use super::Report;
use super::tables::{self, Table};

const STYLE: &str = include_str!("style.css");
/// Colours that the style has for contenders.
const COLOURS: usize = 8;

pub(super) fn page(report: &Report) -> String {
    let title = format!("{}: engines compared", escape(&report.about.model.name));
    let tables: String = tables::all(report).iter().map(table).collect();
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n\
         <meta name=\"color-scheme\" content=\"light dark\"/>\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n\
         <h1>{title}</h1>\n{facts}{legend}{figures}{tables}{notes}</main>\n</body>\n</html>\n",
        facts = facts(report),
        legend = legend(report),
        figures = figures(report),
        notes = notes(report),
    )
}

/// Text as it may stand in an element or in an attribute.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' | '\t' => escaped.push(' '),
            // XML has no place for these, not even as references.
            control if control.is_control() => escaped.push('\u{FFFD}'),
            plain => escaped.push(plain),
        }
    }
    escaped
}

/// The class that gives a contender its colour.
fn colour(entrant: usize) -> String {
    format!("c{}", entrant % COLOURS)
}

fn facts(report: &Report) -> String {
    let pair = |(name, value): (&str, String)| {
        format!("<div><dt>{name}</dt><dd>{}</dd></div>\n", escape(&value))
    };
    let pairs: String = report.about.facts().into_iter().map(pair).collect();
    format!(
        "<details>\n<summary>Machine, model and requests</summary>\n<dl>\n{pairs}</dl>\n</details>\n"
    )
}

/// Which colour is whose, of those that were measured.
fn legend(report: &Report) -> String {
    let entrants = report.measured.entrants.iter().enumerate();
    let ran = |index| report.measured.runs.iter().any(|run| run.entrant == index);
    let items = entrants.filter(|&(index, _)| ran(index));
    let items = items.map(|(index, entrant)| {
        let (class, label) = (colour(index), escape(&entrant.label));
        format!("<li class=\"{class}\"><i></i>{label}</li>")
    });
    format!("<ul class=\"legend\">{}</ul>\n", items.collect::<String>())
}

fn figures(report: &Report) -> String {
    format!(
        "<section class=\"alone\">\n{}</section>\n<section>\n<h2>Distributions</h2>\n\
         <div class=\"figures\">\n{}</div>\n</section>\n{}",
        throughput::figure(report),
        distribution::figures(report),
        timeline::section(report),
    )
}

fn table(table: &Table) -> String {
    let cell = |tag: &str, column: usize, text: &String| {
        let class = if column < table.words {
            ""
        } else {
            " class=\"n\""
        };
        format!("<{tag}{class}>{}</{tag}>", escape(text))
    };
    let row = |tag: &str, cells: &[String]| {
        let cells = cells.iter().enumerate();
        let cells: String = cells
            .map(|(column, text)| cell(tag, column, text))
            .collect();
        format!("<tr>{cells}</tr>\n")
    };
    let rows: String = table.rows.iter().map(|cells| row("td", cells)).collect();
    format!(
        "<section>\n<h2>{}</h2>\n<p>{}</p>\n<div class=\"scroll\"><table>\n<thead>{}</thead>\n\
         <tbody>\n{rows}</tbody>\n</table></div>\n</section>\n",
        table.title,
        escape(&table.caption),
        row("th", &table.header),
    )
}

fn notes(report: &Report) -> String {
    let notes = report.notes();
    let items = notes
        .iter()
        .map(|note| format!("<li>{}</li>\n", escape(note)));
    let items: String = items.collect();
    format!("<section>\n<h2>Notes</h2>\n<ul>\n{items}</ul>\n</section>\n")
}
