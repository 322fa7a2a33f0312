//! What the parts measured, and the table of it.

use anyhow::{Context, Result};
use serde_json::{Value, json};

/// Who can have done the work, in the order of the columns.
const COLUMNS: [&str; 5] = ["q8", "f32", "candle q8", "candle f32", "python"];

/// Medians by what was done and who did it.
#[derive(Default)]
pub(crate) struct Figures {
    times: Vec<Figure>,
    memory: Vec<Figure>,
}

struct Figure {
    what: String,
    who: String,
    median: f64,
    least: f64,
    count: usize,
}

impl Figures {
    /// Adds the durations of one part's report.
    pub(crate) fn times(&mut self, report: &Value) -> Result<()> {
        for figure in report["values"].as_array().into_iter().flatten() {
            let mut values: Vec<f64> = figure["values"]
                .as_array()
                .context("no values")?
                .iter()
                .filter_map(Value::as_f64)
                .collect();
            values.sort_by(f64::total_cmp);
            self.times.push(Figure {
                what: text(figure, "what")?,
                who: text(figure, "who")?,
                median: *values.get(values.len() / 2).context("no value")?,
                least: values[0],
                count: values.len(),
            });
        }
        Ok(())
    }

    /// Adds the memory of one part's report.
    pub(crate) fn memory(&mut self, report: &Value) -> Result<()> {
        for figure in report["memory"].as_array().into_iter().flatten() {
            let mb = figure["mb"].as_f64().context("no memory")?;
            self.memory.push(Figure {
                what: text(figure, "what")?,
                who: text(figure, "who")?,
                median: mb,
                least: mb,
                count: 1,
            });
        }
        Ok(())
    }

    /// A median, if it was measured.
    pub(crate) fn median(&self, what: &str, who: &str) -> Option<f64> {
        find(&self.times, what, who).map(|figure| figure.median)
    }

    /// Median (and least) times in ms and memory in MB, ours first, with how many times longer the others took.
    pub(crate) fn table(&self) -> String {
        let mut table = Table::new(&self.times, "median (least), ms");
        for what in names(&self.times) {
            let speed = what.contains("times real time");
            let number = |value: f64| match (speed, value * 1e3) {
                (true, _) => format!("{value:.2}"),
                (_, ms) if ms < 10.0 => format!("{ms:.3}"),
                (_, ms) => format!("{ms:.1}"),
            };
            let shown = |who: &str| {
                let figure = find(&self.times, what, who)?;
                Some(format!("{} ({})", number(figure.median), number(figure.least)))
            };
            let ours = self.median(what, "q8").or(self.median(what, "f32"));
            let against = |who: &[&str]| {
                let theirs = who.iter().filter_map(|who| self.median(what, who)).reduce(f64::min);
                match (ours, theirs) {
                    (Some(ours), Some(theirs)) if speed => format!("{:.1}", ours / theirs),
                    (Some(ours), Some(theirs)) => format!("{:.1}", theirs / ours),
                    _ => String::new(),
                }
            };
            let ratios = [against(&["candle q8", "candle f32"]), against(&["python"])];
            table.row(what, shown, ratios);
        }
        let mut memory = Table::new(&self.memory, "memory, MB");
        for what in names(&self.memory) {
            let shown = |who: &str| find(&self.memory, what, who).map(|figure| format!("{:.0}", figure.median));
            memory.row(what, shown, [String::new(), String::new()]);
        }
        format!("{}\n{}", table.finish(), memory.finish())
    }

    /// All of it.
    pub(crate) fn json(&self) -> Value {
        let times: Vec<Value> = self
            .times
            .iter()
            .map(|figure| {
                json!({
                    "what": figure.what,
                    "who": figure.who,
                    "median": figure.median,
                    "least": figure.least,
                    "count": figure.count,
                })
            })
            .collect();
        let memory: Vec<Value> = self
            .memory
            .iter()
            .map(|figure| json!({"what": figure.what, "who": figure.who, "mb": figure.median}))
            .collect();
        json!({"times": times, "memory": memory})
    }
}

fn text(figure: &Value, name: &str) -> Result<String> {
    figure[name].as_str().map(str::to_owned).context("no name")
}

fn find<'a>(figures: &'a [Figure], what: &str, who: &str) -> Option<&'a Figure> {
    figures.iter().find(|figure| figure.what == what && figure.who == who)
}

/// What was measured, each once, in order.
fn names(figures: &[Figure]) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for figure in figures {
        if !names.contains(&figure.what.as_str()) {
            names.push(&figure.what);
        }
    }
    names
}

/// Lines of cells, as wide as they have to be.
struct Table {
    columns: Vec<&'static str>,
    lines: Vec<Vec<String>>,
}

impl Table {
    /// With the columns that have a figure at all.
    fn new(figures: &[Figure], title: &str) -> Self {
        let columns: Vec<&str> = COLUMNS
            .into_iter()
            .filter(|column| figures.iter().any(|figure| figure.who == *column))
            .collect();
        let mut head = vec![title.to_owned()];
        head.extend(columns.iter().map(|column| (*column).to_owned()));
        for other in ["candle", "python"] {
            if columns.iter().any(|column| column.starts_with(other)) {
                head.push(format!("{other}/ours"));
            }
        }
        Self {
            columns,
            lines: vec![head],
        }
    }

    fn row(&mut self, what: &str, shown: impl Fn(&str) -> Option<String>, ratios: [String; 2]) {
        let mut line = vec![what.to_owned()];
        line.extend(self.columns.iter().map(|column| shown(column).unwrap_or_default()));
        for (other, ratio) in ["candle", "python"].into_iter().zip(ratios) {
            if self.columns.iter().any(|column| column.starts_with(other)) {
                line.push(ratio);
            }
        }
        self.lines.push(line);
    }

    fn finish(&self) -> String {
        let columns = self.lines[0].len();
        let width = |column: usize| {
            self.lines
                .iter()
                .map(|line| line[column].len())
                .max()
                .unwrap_or_default()
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let mut text = String::new();
        for line in &self.lines {
            for (column, cell) in line.iter().enumerate() {
                let width = widths[column];
                match column {
                    0 => text.push_str(&format!("{cell:width$}")),
                    _ => text.push_str(&format!("  {cell:>width$}")),
                }
            }
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures() -> Figures {
        let mut figures = Figures::default();
        let report = json!({
            "values": [
                {"what": "step", "who": "q8", "values": [0.003, 0.001, 0.002]},
                {"what": "step", "who": "candle f32", "values": [0.02]},
                {"what": "times real time", "who": "q8", "values": [3.0]},
                {"what": "times real time", "who": "candle f32", "values": [1.5]},
            ],
            "memory": [{"what": "model", "who": "q8", "mb": 80.0}],
        });
        figures.times(&report).unwrap();
        figures.memory(&report).unwrap();
        figures
    }

    #[test]
    fn medians_and_ratios() {
        let figures = figures();
        assert_eq!(figures.median("step", "q8"), Some(0.002));
        assert_eq!(figures.median("step", "python"), None);
        let table = figures.table();
        let cells = |name: &str| {
            let line = table.lines().find(|line| line.starts_with(name)).unwrap();
            line[name.len()..]
                .split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        assert_eq!(cells("median (least), ms"), ["q8", "candle", "f32", "candle/ours"]);
        assert_eq!(cells("step"), ["2.000", "(1.000)", "20.0", "(20.0)", "10.0"]);
        assert_eq!(cells("times real time"), ["3.00", "(3.00)", "1.50", "(1.50)", "2.0"]);
        assert_eq!(cells("model"), ["80"]);
    }

    #[test]
    fn what_is_not_a_report_is_an_error() {
        assert!(
            Figures::default()
                .times(&json!({"values": [{"what": "step", "who": "q8", "values": []}]}))
                .is_err()
        );
        assert!(
            Figures::default()
                .times(&json!({"values": [{"values": [1.0]}]}))
                .is_err()
        );
    }
}
