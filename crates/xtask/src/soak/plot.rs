//! All of a soak over time, as a picture: a panel for each quantity, a line for each process or stream.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result};
use font8x8::legacy::BASIC_LEGACY;

use super::row::{QUANTITIES, Row};

const WIDTH: usize = 1280;
const PANEL: usize = 200;
/// Left of a panel are its numbers, right of it the names.
const LEFT: usize = 90;
const RIGHT: usize = 180;
const EDGE: usize = 24;
const GLYPH: usize = 8;

const WHITE: Colour = [255, 255, 255];
const BLACK: Colour = [30, 30, 30];
const GREY: Colour = [225, 225, 225];
/// Apart from each other for most eyes.
const LINES: [Colour; 7] = [
    [0, 114, 178],
    [213, 94, 0],
    [0, 158, 115],
    [204, 121, 167],
    [230, 159, 0],
    [86, 180, 233],
    [90, 90, 90],
];

const LATENCY: &str = "added latency, ms";
const LATENCY_RANGE_MS: f64 = 100.0;

type Colour = [u8; 3];
/// A name with its samples of seconds and values.
type Line = (String, Vec<(f64, f64)>);

/// Writes the picture.
pub(super) fn write(rows: &[Row], file: &Path) -> Result<()> {
    let canvas = draw(rows);
    let out = std::fs::File::create(file).with_context(|| format!("cannot write {}", file.display()))?;
    let mut encoder = png::Encoder::new(std::io::BufWriter::new(out), canvas.width as u32, canvas.height as u32);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().context("cannot write the picture")?;
    writer
        .write_image_data(&canvas.pixels)
        .context("cannot write the picture")?;
    writer.finish().context("cannot write the picture")
}

fn draw(rows: &[Row]) -> Canvas {
    let panels = panels(rows);
    let mut canvas = Canvas::new(WIDTH, PANEL * panels.len() + EDGE);
    let until = rows.last().map_or(1.0, |row| row.at_s.max(1.0));
    let events: Vec<f64> = rows
        .iter()
        .filter(|row| row.event.is_some())
        .map(|row| row.at_s)
        .collect();
    for (index, (title, lines)) in panels.iter().enumerate() {
        panel(&mut canvas, index * PANEL, title, lines, &events, until);
    }
    let bottom = PANEL * panels.len() + GLYPH;
    canvas.text(LEFT, bottom, "0", BLACK);
    let end = format!("{:.2} h; grey: a publisher was disturbed", until / 3600.0);
    canvas.text(WIDTH - RIGHT - end.len() * GLYPH, bottom, &end, BLACK);
    canvas
}

fn panels(rows: &[Row]) -> Vec<(String, Vec<Line>)> {
    if rows.is_empty() {
        return Vec::new();
    }
    // A worker may be away at the end.
    let processes: BTreeSet<&String> = rows.iter().flat_map(|row| row.processes.keys()).collect();
    let streams: BTreeSet<&String> = rows.iter().flat_map(|row| row.streams.keys()).collect();
    let mut panels: Vec<(String, Vec<Line>)> = QUANTITIES
        .iter()
        .enumerate()
        .map(|(index, quantity)| {
            let lines = processes.iter().map(|&name| {
                let value = |row: &Row| Some((row.at_s, row.processes.get(name)?.quantities[index]));
                (name.clone(), rows.iter().filter_map(value).collect())
            });
            ((*quantity).to_owned(), lines.collect())
        })
        .collect();
    type Of = fn(&super::row::Stream) -> Option<f64>;
    let shown: [(&str, Of); 5] = [
        ("sound later than picture, added, ms", |stream| stream.skew_ms),
        (LATENCY, |stream| stream.latency_ms),
        ("gaps, so far", |stream| Some(stream.gaps)),
        ("pictures lost, so far", |stream| Some(stream.lost)),
        ("utterances dubbed, in each session", |stream| Some(stream.dubbed)),
    ];
    for (title, of) in shown {
        let lines = streams.iter().map(|&name| {
            let value = |row: &Row| Some((row.at_s, of(row.streams.get(name)?)?));
            (name.clone(), rows.iter().filter_map(value).collect())
        });
        panels.push((title.to_owned(), lines.collect()));
    }
    panels
}

fn panel(canvas: &mut Canvas, top: usize, title: &str, lines: &[Line], events: &[f64], until: f64) {
    let values = lines
        .iter()
        .flat_map(|(_, samples)| samples.iter().map(|sample| sample.1));
    let (low, high) = scale(title, values);
    let (top, bottom) = (top + EDGE, top + PANEL);
    let x = |at: f64| LEFT as f64 + at / until * (WIDTH - LEFT - RIGHT) as f64;
    let y = |value: f64| bottom as f64 - (value - low) / (high - low) * (bottom - top) as f64;
    for at in events {
        canvas.line((x(*at), top as f64), (x(*at), bottom as f64), GREY);
    }
    canvas.line((x(0.0), top as f64), (x(0.0), bottom as f64), BLACK);
    let floor = y(low.max(0.0));
    canvas.line((x(0.0), floor), (x(until), floor), BLACK);
    canvas.text(LEFT, top - GLYPH - 4, title, BLACK);
    for (value, row) in [(high, top), (low, bottom - GLYPH)] {
        let label = format!("{value:.1}");
        canvas.text(LEFT.saturating_sub((label.len() + 1) * GLYPH), row, &label, BLACK);
    }
    for (index, (name, samples)) in lines.iter().enumerate() {
        let colour = LINES[index % LINES.len()];
        for pair in samples.windows(2) {
            canvas.line((x(pair[0].0), y(pair[0].1)), (x(pair[1].0), y(pair[1].1)), colour);
        }
        canvas.text(WIDTH - RIGHT + GLYPH, top + index * (GLYPH + 6), name, colour);
    }
}

/// The least and the largest that a panel shows. Zero is in it, except where what matters is how little it changes.
fn scale(title: &str, values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let low = values.clone().fold(f64::INFINITY, f64::min);
    let high = values.fold(f64::NEG_INFINITY, f64::max);
    if title != LATENCY || !low.is_finite() {
        let low = low.min(0.0);
        return (low, high.max(low + 1.0));
    }
    let middle = f64::midpoint(low, high);
    (
        low.min(middle - LATENCY_RANGE_MS / 2.0),
        high.max(middle + LATENCY_RANGE_MS / 2.0),
    )
}

struct Canvas {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

impl Canvas {
    fn new(width: usize, height: usize) -> Self {
        Self {
            width,
            height,
            pixels: WHITE.repeat(width * height),
        }
    }

    fn dot(&mut self, x: usize, y: usize, colour: Colour) {
        if x < self.width && y < self.height {
            let at = (y * self.width + x) * 3;
            self.pixels[at..at + 3].copy_from_slice(&colour);
        }
    }

    fn line(&mut self, from: (f64, f64), to: (f64, f64), colour: Colour) {
        let (across, down) = (to.0 - from.0, to.1 - from.1);
        if !(across.is_finite() && down.is_finite()) {
            return;
        }
        let steps = across.abs().max(down.abs()).ceil().max(1.0);
        for step in 0..=steps as usize {
            let part = step as f64 / steps;
            self.dot(
                (from.0 + across * part) as usize,
                (from.1 + down * part) as usize,
                colour,
            );
        }
    }

    fn text(&mut self, x: usize, y: usize, text: &str, colour: Colour) {
        for (index, character) in text.chars().enumerate() {
            let glyph = BASIC_LEGACY.get(character as usize).copied().unwrap_or_default();
            for (down, bits) in glyph.iter().enumerate() {
                for across in (0..GLYPH).filter(|across| bits >> across & 1 == 1) {
                    self.dot(x + index * GLYPH + across, y + down, colour);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::row::Process;
    use super::*;

    #[test]
    fn the_picture_shows_every_line_and_can_be_read_back() {
        let row = |at_s: f64| Row {
            at_s,
            processes: [(
                "router".to_owned(),
                Process {
                    pid: 7,
                    quantities: [at_s, 9.0, 8.0, 7.0],
                },
            )]
            .into(),
            ..Row::default()
        };
        let rows: Vec<Row> = (0..10).map(|n| row(f64::from(n))).collect();
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("soak.png");
        write(&rows, &file).unwrap();
        let decoder = png::Decoder::new(std::io::BufReader::new(std::fs::File::open(&file).unwrap()));
        let mut reader = decoder.read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut pixels).unwrap();
        let coloured = pixels.chunks(3).filter(|pixel| **pixel == LINES[0]).count();
        assert!(coloured > 4 * (WIDTH - LEFT - RIGHT - 10), "{coloured}");
        assert_eq!(draw(&[]).height, EDGE);
    }
}
