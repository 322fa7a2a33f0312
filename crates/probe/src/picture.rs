//! Pure: the pictures of the test stream: colour bars, a running clock, a frame counter, something that moves, a flash on
//! each whole second.

const WHITE: u8 = 235;
const BLACK: u8 = 16;
/// Luma and chroma of the bars at 75 %.
const BARS: [(u8, u8, u8); 8] = [
    (180, 128, 128),
    (162, 44, 142),
    (131, 156, 44),
    (112, 72, 58),
    (84, 184, 198),
    (65, 100, 212),
    (35, 212, 114),
    (16, 128, 128),
];
/// Digits, colon, point and space, 5 x 7.
const GLYPHS: [[u8; 7]; 13] = [
    [0x0e, 0x11, 0x13, 0x15, 0x19, 0x11, 0x0e],
    [0x04, 0x0c, 0x04, 0x04, 0x04, 0x04, 0x0e],
    [0x0e, 0x11, 0x01, 0x02, 0x04, 0x08, 0x1f],
    [0x1f, 0x02, 0x04, 0x02, 0x01, 0x11, 0x0e],
    [0x02, 0x06, 0x0a, 0x12, 0x1f, 0x02, 0x02],
    [0x1f, 0x10, 0x1e, 0x01, 0x01, 0x11, 0x0e],
    [0x06, 0x08, 0x10, 0x1e, 0x11, 0x11, 0x0e],
    [0x1f, 0x01, 0x02, 0x04, 0x08, 0x08, 0x08],
    [0x0e, 0x11, 0x11, 0x0e, 0x11, 0x11, 0x0e],
    [0x0e, 0x11, 0x11, 0x0f, 0x01, 0x02, 0x0c],
    [0x00, 0x0c, 0x0c, 0x00, 0x0c, 0x0c, 0x00],
    [0x00, 0x00, 0x00, 0x00, 0x00, 0x0c, 0x0c],
    [0x00; 7],
];
const NOISE_SIDE: usize = 256;

/// Paints I420 pictures of one size.
pub struct Painter {
    width: usize,
    height: usize,
    background: Vec<u8>,
    noise: Vec<u8>,
}

impl Painter {
    /// A painter for pictures of this size; both must be even.
    #[must_use]
    pub fn new(width: usize, height: usize) -> Self {
        let mut background = Vec::with_capacity(width * height * 3 / 2);
        let bar = |x: usize, across: usize| BARS[(x * BARS.len() / across).min(BARS.len() - 1)];
        for _ in 0..height {
            background.extend((0..width).map(|x| bar(x, width).0));
        }
        for chroma in [1, 2] {
            for _ in 0..height / 2 {
                background.extend((0..width / 2).map(|x| {
                    let bar = bar(x, width / 2);
                    if chroma == 1 { bar.1 } else { bar.2 }
                }));
            }
        }
        let mut state = 0x2545_f491u32;
        let noise = (0..NOISE_SIDE * NOISE_SIDE)
            .map(|_| {
                state ^= state << 13;
                state ^= state >> 17;
                state ^= state << 5;
                80 + (state >> 24) as u8 / 4
            })
            .collect();
        Self {
            width,
            height,
            background,
            noise,
        }
    }

    /// The picture `frame` at `media_ns`.
    #[must_use]
    pub fn paint(&self, frame: u64, media_ns: u64) -> Vec<u8> {
        let mut picture = self.background.clone();
        let scale = (self.width / 90).max(1);
        let ms = media_ns / 1_000_000;
        let clock = format!(
            "{:02}:{:02}:{:02}.{:03}",
            ms / 3_600_000,
            ms / 60_000 % 60,
            ms / 1000 % 60,
            ms % 1000
        );
        self.text(&mut picture, &clock, self.height / 4, scale);
        self.text(
            &mut picture,
            &format!("{frame:08}"),
            self.height / 4 + 10 * scale,
            (scale / 2).max(1),
        );
        // Noise as a camera has it keeps the bit rate at that of a real stream.
        let side = (self.height / 5).min(NOISE_SIDE / 2);
        let (dx, dy) = ((frame * 53 % 127) as usize, (frame * 31 % 113) as usize);
        let top = self.height - side - self.height / 20;
        for y in 0..side {
            let from = (dy + y) % NOISE_SIDE * NOISE_SIDE + dx;
            let to = (top + y) * self.width + self.width / 20;
            picture[to..to + side].copy_from_slice(&self.noise[from..from + side]);
        }
        let span = self.width.saturating_sub(side * 3).max(1);
        let x = self.width / 20 + side + (frame as usize * self.width / 160) % span;
        self.rectangle(&mut picture, (x, top + side / 4), (side / 2, side / 2), WHITE);
        if media_ns % 1_000_000_000 < 100_000_000 {
            self.rectangle(
                &mut picture,
                (self.width - side - self.width / 20, top),
                (side, side),
                WHITE,
            );
        }
        picture
    }

    fn text(&self, picture: &mut [u8], text: &str, top: usize, scale: usize) {
        let left = self.width.saturating_sub(text.len() * 6 * scale) / 2;
        let margin = 2 * scale;
        self.rectangle(
            picture,
            (left.saturating_sub(margin), top.saturating_sub(margin)),
            (text.len() * 6 * scale + margin, 7 * scale + 2 * margin),
            BLACK,
        );
        for (n, letter) in text.bytes().enumerate() {
            let glyph = match letter {
                b'0'..=b'9' => usize::from(letter - b'0'),
                b':' => 10,
                b'.' => 11,
                _ => 12,
            };
            for (row, bits) in GLYPHS[glyph].iter().enumerate() {
                for column in (0..5).filter(|column| bits >> (4 - column) & 1 == 1) {
                    let place = (left + (n * 6 + column) * scale, top + row * scale);
                    self.rectangle(picture, place, (scale, scale), WHITE);
                }
            }
        }
    }

    fn rectangle(&self, picture: &mut [u8], (x, y): (usize, usize), (w, h): (usize, usize), luma: u8) {
        let (right, bottom) = ((x + w).min(self.width), (y + h).min(self.height));
        for row in y..bottom {
            picture[row * self.width + x.min(right)..row * self.width + right].fill(luma);
        }
        // Grey: the bars' colours end where letters begin.
        let plane = self.width * self.height;
        for row in y / 2..bottom.div_ceil(2) {
            for chroma in [plane, plane + plane / 4] {
                let start = chroma + row * (self.width / 2);
                let (from, to) = (start + x.min(right) / 2, start + right.div_ceil(2).min(self.width / 2));
                if let Some(line) = picture.get_mut(from..to) {
                    line.fill(128);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_size_is_painted_in_full_and_every_picture_differs() {
        for (width, height) in [(1280, 720), (640, 360), (320, 180), (64, 64), (1920, 1080)] {
            let painter = Painter::new(width, height);
            let pictures: Vec<_> = (0..100).map(|n| painter.paint(n, n * 33_333_333)).collect();
            assert!(pictures.iter().all(|picture| picture.len() == width * height * 3 / 2));
            assert!(pictures.windows(2).all(|two| two[0] != two[1]));
        }
    }
}
