use bytes::BufMut;
use proptest::prelude::*;

use super::*;

/// A message as a sender means it.
#[derive(Clone, Debug, PartialEq)]
struct Meant {
    stamp: u32,
    kind: u8,
    body: Vec<u8>,
}

fn all(bytes: &[u8], block: usize) -> Result<Vec<Meant>, Broken> {
    let (mut chunks, mut found) = (Chunks::new(), Vec::new());
    for block in bytes.chunks(block) {
        chunks.push(block);
        while let Some(message) = chunks.next()? {
            let (stamp, kind, body) = (message.timestamp.value, message.type_id, message.data.to_vec());
            if kind == 1 {
                chunks.set_size(u32::from_be_bytes(body[..4].try_into().unwrap()))?;
            } else {
                found.push(Meant { stamp, kind, body });
            }
        }
    }
    Ok(found)
}

/// Chunks of `size` bytes of one message, with a whole header; `stream` is 2 to 65599.
fn chunked(stream: u32, meant: &Meant, size: usize) -> Vec<Vec<u8>> {
    let basic = |format: u8| match stream {
        0..64 => vec![format << 6 | stream as u8],
        64..320 => vec![format << 6, (stream - 64) as u8],
        _ => vec![format << 6 | 1, (stream - 64) as u8, ((stream - 64) >> 8) as u8],
    };
    let is_extended = meant.stamp >= EXTENDED;
    let mut parts: Vec<&[u8]> = meant.body.chunks(size).collect();
    parts.resize(parts.len().max(1), &[]);
    let chunk = |(index, part): (usize, &&[u8])| {
        let mut bytes = basic(if index == 0 { 0 } else { 3 });
        if index == 0 {
            bytes.put_uint(u64::from(meant.stamp.min(EXTENDED)), 3);
            bytes.put_uint(meant.body.len() as u64, 3);
            bytes.put_u8(meant.kind);
            bytes.put_u32_le(1);
        }
        if is_extended {
            bytes.put_u32(meant.stamp);
        }
        bytes.put_slice(part);
        bytes
    };
    parts.iter().enumerate().map(chunk).collect()
}

fn meant(stamp: u32, kind: u8, length: usize) -> Meant {
    let body = (0..length).map(|n| (n * 7 + usize::from(kind)) as u8).collect();
    Meant { stamp, kind, body }
}

#[test]
fn sound_between_the_chunks_of_a_picture_spoils_neither() {
    let (picture, sound) = (meant(40, 9, 1000), meant(41, 8, 300));
    let (picture_parts, sound_parts) = (chunked(4, &picture, 128), chunked(5, &sound, 128));
    let mut bytes = picture_parts[..2].concat();
    bytes.extend(sound_parts[0].iter().chain(&picture_parts[2]));
    bytes.extend(sound_parts[1..].concat());
    bytes.extend(picture_parts[3..].concat());
    assert_eq!(all(&bytes, 50), Ok(vec![sound, picture]));
}

#[test]
fn a_chunk_size_that_changes_within_a_message_holds_from_the_next_chunk_on() {
    let picture = meant(40, 9, 1000);
    let mut bytes = chunked(4, &picture, 128)[0].clone();
    bytes.extend([2, 0, 0, 0, 0, 0, 4, 1, 0, 0, 0, 0, 0, 0, 0x10, 0]);
    bytes.push(0xc4);
    bytes.extend(&picture.body[128..]);
    assert_eq!(all(&bytes, 1), Ok(vec![picture]));
}

#[test]
fn short_headers_go_on_from_the_ones_before() {
    let header = |format: u8, fields: &[u8], body: &[u8]| [&[format << 6 | 6], fields, body].concat();
    let bytes = [
        header(0, &[0, 0, 40, 0, 0, 2, 9, 1, 0, 0, 0], b"aa"),
        header(1, &[0, 0, 10, 0, 0, 1, 8], b"b"),
        header(2, &[0, 0, 5], b"c"),
        header(3, &[], b"d"),
        // A difference in four bytes, though it is small.
        header(2, &[0xff, 0xff, 0xff, 0, 0, 0, 7], b"e"),
        header(3, &[0, 0, 0, 7], b"f"),
        header(2, &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe], b"g"),
    ]
    .concat();
    let found: Vec<(u32, u8)> = all(&bytes, 3).unwrap().iter().map(|m| (m.stamp, m.kind)).collect();
    assert_eq!(found, [(40, 9), (50, 8), (55, 8), (60, 8), (67, 8), (74, 8), (72, 8)]);
}

#[test]
fn an_aborted_message_leaves_room_for_the_next() {
    let mut chunks = Chunks::new();
    chunks.push(&chunked(4, &meant(0, 9, 1000), 128)[..3].concat());
    assert!(chunks.next().unwrap().is_none());
    assert_eq!(chunks.held, 384);
    chunks.abort(4);
    chunks.abort(5);
    assert_eq!(chunks.held, 0);
    chunks.push(&chunked(4, &meant(1, 9, 3), 128).concat());
    assert_eq!(chunks.next().unwrap().unwrap().timestamp.value, 1);
}

#[test]
fn what_no_sender_means_is_broken() {
    let picture = || chunked(4, &meant(0, 9, 1000), 128);
    assert_eq!(all(&[0xc4], 9), Err(Broken::NoPrevious));
    assert_eq!(all(&[0x44, 0, 0], 9), Err(Broken::NoPrevious));
    let within = [picture()[0].clone(), picture()[0].clone()].concat();
    assert_eq!(all(&within, 9), Err(Broken::Unfinished));
    assert_eq!(
        all(&[4, 0, 0, 0, 0xff, 0xff, 0xff, 9, 0, 0, 0, 0], 9),
        Err(Broken::TooLong)
    );
    let streams = |count: u32| (2..2 + count).flat_map(|stream| chunked(stream, &meant(0, 9, 1), 128).concat());
    assert_eq!(all(&streams(64).collect::<Vec<_>>(), 999).map(|all| all.len()), Ok(64));
    assert_eq!(all(&streams(65).collect::<Vec<_>>(), 999), Err(Broken::TooManyStreams));
    for size in [0, 0x7fff_ffff] {
        assert_eq!(Chunks::new().set_size(size), Err(Broken::Size(size)));
    }
}

#[test]
fn unfinished_messages_are_bounded_together() {
    let mut chunks = Chunks::new();
    chunks.set_size(4 << 20).unwrap();
    let parts = |stream| chunked(stream, &meant(0, 9, 5 << 20), 4 << 20).swap_remove(0);
    for stream in [4, 5] {
        chunks.push(&parts(stream));
        assert_eq!(chunks.next().map(|message| message.is_none()), Ok(true));
    }
    chunks.push(&parts(6));
    assert_eq!(chunks.next().map(|message| message.is_none()), Err(Broken::TooLong));
}

proptest! {
    #[test]
    fn messages_survive_any_mixture_and_any_blocks(
        queues in prop::collection::vec(
            prop::collection::vec((any::<u32>(), 8_u8..10, 0_usize..700), 0..4), 1..4),
        order in prop::collection::vec(any::<prop::sample::Index>(), 64),
        size in 1_usize..300,
        block in 1_usize..2_000,
    ) {
        let mut bytes = vec![2, 0, 0, 0, 0, 0, 4, 1, 0, 0, 0, 0];
        bytes.put_u32(size as u32);
        let mut waiting: Vec<std::collections::VecDeque<Vec<u8>>> = Vec::new();
        let mut sent = Vec::new();
        for (index, queue) in queues.iter().enumerate() {
            let stream = [4, 70, 65_599][index];
            let messages: Vec<Meant> = queue.iter().map(|&(stamp, kind, length)| meant(stamp, kind, length)).collect();
            waiting.push(messages.iter().flat_map(|m| chunked(stream, m, size)).collect());
            sent.extend(messages);
        }
        let mut order = order.iter().cycle();
        while waiting.iter().any(|queue| !queue.is_empty()) {
            let index = order.next().unwrap().index(waiting.len());
            let first = waiting.iter().position(|queue| !queue.is_empty()).unwrap();
            let index = if waiting[index].is_empty() { first } else { index };
            bytes.extend(waiting[index].pop_front().unwrap());
        }
        let mut found = all(&bytes, block).unwrap();
        let key = |m: &Meant| (m.stamp, m.kind, m.body.len());
        sent.sort_by_key(key);
        found.sort_by_key(key);
        prop_assert_eq!(found, sent);
    }

    #[test]
    fn no_bytes_are_too_strange(bytes in prop::collection::vec(any::<u8>(), 0..3_000), block in 1_usize..200) {
        let mut chunks = Chunks::new();
        for block in bytes.chunks(block) {
            chunks.push(block);
            loop {
                match chunks.next() {
                    Ok(Some(_)) => {}
                    Ok(None) => break,
                    Err(_) => return Ok(()),
                }
            }
            let held: usize = chunks.streams.values().map(|stream| stream.body.len()).sum();
            prop_assert_eq!(chunks.held, held);
        }
    }
}
