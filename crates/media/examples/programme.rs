//! Twenty seconds of a programme dubbed by the mock, as 16-bit PCM on the standard output: what has to be the same on every
//! kind of machine. `cargo run -p dragoman-media --example programme | shasum -a 256`.

use std::io::Write as _;

use dragoman_audio::playout::{Config, End, Key, Playout};
use dragoman_audio::{RATE, pcm};
use dragoman_speech::engine::mock;
use dragoman_timeline::Pts;

const BLOCK: usize = 1_024;
const SECONDS: usize = 20;
/// An utterance begins every three seconds and lasts two.
const EVERY_MS: i64 = 3_000;
const LASTS_MS: i64 = 2_000;
/// The mock's input and output.
const SOURCE_RATE: usize = 16_000;
const DUB_RATE: u32 = 24_000;

fn main() -> std::io::Result<()> {
    let mut playout = Playout::new(Config {
        dub_rate: DUB_RATE,
        ..Config::default()
    });
    let dub = mock::tone(
        "es",
        SOURCE_RATE * LASTS_MS as usize / 1_000 * DUB_RATE as usize / SOURCE_RATE,
    );
    let mut noise = 1_u32;
    let mut next = 0_u32;
    let mut programme = Vec::new();
    for n in 0..SECONDS * RATE as usize / BLOCK {
        let at = Pts::from_samples((n * BLOCK) as i64, RATE);
        let start = i64::from(next) * EVERY_MS;
        if at.ms() >= start - 500 {
            let key = Key {
                connection: 0,
                utterance: next,
            };
            playout.utterance(key, Pts::from_ms(start), Pts::from_ms(start + LASTS_MS));
            playout.dub(key, 0, &dub);
            playout.end(key, End::Done);
            next += 1;
        }
        // Noise out of whole numbers: the bed itself may not depend on the machine.
        let mut block: Vec<f32> = (0..BLOCK * 2)
            .map(|_| {
                noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                pcm::to_f32((noise >> 20) as i16 - 2_048)
            })
            .collect();
        playout.render(at, &mut block);
        while playout.next_event().is_some() {}
        programme.extend(
            block
                .iter()
                .flat_map(|sample| ((sample * 32_767.0).round() as i16).to_le_bytes()),
        );
    }
    std::io::stdout().write_all(&programme)
}
