//! The frame of a plot: its place, its axes, and its figure in the page.

use super::escape;
use super::scale::{Scale, tick_text};

/// The plot's size, in the units of its own coordinates.
const WIDTH: f64 = 460.0;
const HEIGHT: f64 = 300.0;
const LEFT: f64 = 52.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 44.0;

/// A plot of two axes.
pub(super) struct Chart {
    pub(super) x: Scale,
    pub(super) y: Scale,
    pub(super) x_title: &'static str,
    pub(super) y_title: &'static str,
}

impl Chart {
    pub(super) fn x_at(&self, figure: f64) -> f64 {
        LEFT + self.x.place(figure) * (WIDTH - LEFT - RIGHT)
    }

    pub(super) fn y_at(&self, figure: f64) -> f64 {
        HEIGHT - BOTTOM - self.y.place(figure) * (HEIGHT - TOP - BOTTOM)
    }

    /// Points joined by lines, as the `points` of a polyline.
    pub(super) fn points(&self, points: &[(f64, f64)]) -> String {
        let place = |&(x, y): &(f64, f64)| format!("{:.1},{:.1}", self.x_at(x), self.y_at(y));
        points.iter().map(place).collect::<Vec<_>>().join(" ")
    }

    /// The plot with what stands in it, in a figure.
    pub(super) fn figure(&self, title: &str, detail: &str, body: &str) -> String {
        let (title, detail) = (escape(title), escape(detail));
        format!(
            "<figure>\n<figcaption>{title}<small>{detail}</small></figcaption>\n\
             <svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{title}\">\n\
             {}{}{body}</svg>\n</figure>\n",
            self.horizontal(),
            self.vertical(),
        )
    }

    fn horizontal(&self) -> String {
        let bottom = HEIGHT - BOTTOM;
        let tick = |tick: f64| {
            let x = self.x_at(tick);
            format!(
                "<line class=\"grid\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP}\" y2=\"{bottom}\"/>\
                 <text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>\n",
                bottom + 17.0,
                tick_text(tick)
            )
        };
        let ticks: String = self.x.ticks().into_iter().map(tick).collect();
        let middle = (LEFT + WIDTH - RIGHT) / 2.0;
        let (y, title) = (HEIGHT - 6.0, self.x_title);
        format!("{ticks}<text x=\"{middle}\" y=\"{y}\" text-anchor=\"middle\">{title}</text>\n")
    }

    fn vertical(&self) -> String {
        let right = WIDTH - RIGHT;
        let tick = |tick: f64| {
            let y = self.y_at(tick);
            format!(
                "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{right}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
                 <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\n",
                LEFT - 6.0,
                y + 4.0,
                tick_text(tick)
            )
        };
        let ticks: String = self.y.ticks().into_iter().map(tick).collect();
        let middle = (TOP + HEIGHT - BOTTOM) / 2.0;
        let title = self.y_title;
        format!(
            "{ticks}<text transform=\"translate(12 {middle}) rotate(-90)\" \
             text-anchor=\"middle\">{title}</text>\n"
        )
    }
}
