//! Evidence files in every wrapping: byte orders, clocks, sections, compression, folders.

use crate::packets::{header, record, small};
use crate::streams::{ACK, tcp};
use leaktrace::source::log::Formats;
use leaktrace::source::pcap::{Event, PacketReader};
use leaktrace::source::{Kind, Look, discover, hash_file, open_bytes};
use std::io::{Read, Write};
use std::sync::atomic::AtomicBool;

/// Number, time, link and bytes of each packet, and the codes of the diags.
type Content = (Vec<(u64, i64, u32, Vec<u8>)>, Vec<&'static str>);

fn read(bytes: &[u8]) -> Content {
    from(Box::new(std::io::Cursor::new(bytes.to_vec())))
}

fn from(input: Box<dyn Read + Send>) -> Content {
    let mut reader = PacketReader::open(input, 3).unwrap();
    let (mut packets, mut codes) = (Vec::new(), Vec::new());
    while let Some(event) = reader.next() {
        match event {
            Event::Packet(p) => {
                assert_eq!(p.at.unit.source, 3);
                packets.push((p.at.unit.number, p.at.ts, p.link, p.bytes.to_vec()));
            }
            Event::Diag { code, .. } => codes.push(code),
        }
    }
    (packets, codes)
}

/// Words in one byte order.
fn words(big: bool, list: &[u32]) -> Vec<u8> {
    list.iter()
        .flat_map(|w| {
            if big {
                w.to_be_bytes()
            } else {
                w.to_le_bytes()
            }
        })
        .collect()
}

#[test]
fn classic_files_of_every_byte_order_and_clock_are_read() {
    // magic, big-endian, nanoseconds, extra words in the record header
    let cases = [
        (0xa1b2_c3d4, false, 1000, 0),
        (0xa1b2_c3d4, true, 1000, 0),
        (0xa1b2_3c4d, false, 1, 0),
        (0xa1b2_3c4d, true, 1, 0),
        (0xa1b2_cd34, false, 1000, 2),
    ];
    for (magic, big, tick, extra) in cases {
        let version = if big { 0x0002_0004 } else { 0x0004_0002 };
        let mut file = words(big, &[magic, version, 0, 0, 65_535, 101]);
        for n in 0..3 {
            file.extend(words(big, &[1_700_000_000, n, 5, 9]));
            file.extend(words(big, &vec![0; extra]));
            file.extend(b"bytes");
        }
        let (packets, codes) = read(&file);
        assert!(codes.is_empty(), "{magic:x} {codes:?}");
        assert_eq!(packets.len(), 3);
        let ts = 1_700_000_000_000_000_000 + 2 * tick;
        assert_eq!(packets[2], (3, ts, 101, b"bytes".to_vec()));
    }
}

fn block(big: bool, kind: u32, body: &[u8]) -> Vec<u8> {
    let mut body = body.to_vec();
    body.resize(body.len().next_multiple_of(4), 0);
    let len = u32::try_from(body.len() + 12).unwrap();
    [words(big, &[kind, len]), body, words(big, &[len])].concat()
}

fn section(big: bool) -> Vec<u8> {
    let version = if big { 0x0001_0000 } else { 0x0000_0001 };
    block(
        big,
        0x0a0d_0d0a,
        &words(big, &[0x1a2b_3c4d, version, u32::MAX, u32::MAX]),
    )
}

/// An interface with a resolution and an offset in seconds.
fn interface(big: bool, link: u32, resolution: u8, offset: i64) -> Vec<u8> {
    let half = |n: u32| if big { n << 16 } else { n };
    let option = |code: u32, len: u32| {
        if big {
            code << 16 | len
        } else {
            len << 16 | code
        }
    };
    let mut body = words(big, &[half(link), 0, option(9, 1)]);
    body.extend([resolution, 0, 0, 0]);
    body.extend(words(big, &[option(14, 8)]));
    body.extend(if big {
        offset.to_be_bytes()
    } else {
        offset.to_le_bytes()
    });
    body.extend(words(big, &[0]));
    block(big, 1, &body)
}

fn enhanced(big: bool, interface: u32, ticks: u64, bytes: &[u8]) -> Vec<u8> {
    let len = u32::try_from(bytes.len()).unwrap();
    let (high, low) = ((ticks >> 32) as u32, ticks as u32);
    let mut body = words(big, &[interface, high, low, len, len + 7]);
    body.extend(bytes);
    block(big, 6, &body)
}

#[test]
fn sections_interfaces_and_clocks_of_pcapng_are_kept_apart() {
    for big in [false, true] {
        let mut file = section(big);
        file.extend(interface(big, 1, 6, 0));
        file.extend(interface(big, 101, 0x80 | 1, -10));
        file.extend(enhanced(big, 0, 5_000_000, b"micro"));
        file.extend(enhanced(big, 1, 41, b"half seconds"));
        file.extend(block(big, 0x7777, b"nobody knows"));
        file.extend(block(
            big,
            3,
            &[words(big, &[6]), b"simple".to_vec()].concat(),
        ));
        file.extend(enhanced(big, 9, 0, b"no such interface"));
        // A new section in the other byte order forgets the interfaces.
        file.extend(section(!big));
        file.extend(interface(!big, 113, 9, 0));
        file.extend(enhanced(!big, 0, 17, b"nano"));
        let (packets, codes) = read(&file);
        let expected = vec![
            (1, 5_000_000_000, 1, b"micro".to_vec()),
            (2, 10_500_000_000, 101, b"half seconds".to_vec()),
            (3, 10_500_000_000, 1, b"simple".to_vec()),
            (5, 17, 113, b"nano".to_vec()),
        ];
        assert_eq!(packets, expected);
        assert_eq!(codes, ["unknown-block", "unknown-interface"]);
    }
}

#[test]
fn damage_in_pcapng_costs_the_damaged_block_alone() {
    let mut file = section(false);
    file.extend(interface(false, 101, 6, 0));
    let mut places = Vec::new();
    for n in 0..20 {
        places.push(file.len());
        file.extend(enhanced(false, 0, n, b"twenty packets"));
    }
    for damage in [[0, 0, 0, 0], [0xff, 0xff, 0xff, 0x7f], [0x40, 0xff, 0, 0]] {
        let mut bytes = file.clone();
        bytes[places[7] + 4..places[7] + 8].copy_from_slice(&damage);
        let (packets, codes) = read(&bytes);
        assert_eq!((packets.len(), codes), (19, vec!["damaged-record"]));
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

fn xz(bytes: &[u8]) -> Vec<u8> {
    let options = lzma_rust2::XzOptions::with_preset(1);
    let mut out = lzma_rust2::XzWriter::new(Vec::new(), options).unwrap();
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

fn bzip2(bytes: &[u8]) -> Vec<u8> {
    let mut out = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

fn lz4(bytes: &[u8]) -> Vec<u8> {
    let mut out = lz4_flex::frame::FrameEncoder::new(Vec::new());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

/// A window of 1.5 GiB is not believed: the file is left out with the reason, and no memory is taken.
#[test]
fn an_xz_file_that_wants_too_much_memory_is_refused() {
    let mut file = xz(&small());
    // filter flags in the block header: LZMA2, one byte of properties, the dictionary; then its checksum
    assert_eq!((file[14], file[15]), (0x21, 1));
    file[16] = 37;
    let len = (usize::from(file[12]) + 1) * 4;
    let mut sum = flate2::Crc::new();
    sum.update(&file[12..12 + len - 4]);
    file[12 + len - 4..12 + len].copy_from_slice(&sum.sum().to_le_bytes());
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("big.xz");
    std::fs::write(&path, &file).unwrap();
    let (inputs, left) = discover(
        &[path],
        Look {
            formats: &Formats::default(),
            spill: &std::env::temp_dir(),
            stop: &AtomicBool::new(false),
        },
    );
    assert!(inputs.is_empty());
    assert!(left[0].1.contains("memory"), "{}", left[0].1);
}

#[test]
fn compression_is_seen_through_and_its_damage_costs_the_rest_alone() {
    let dir = tempfile::tempdir().unwrap();
    let open = |name: &str, bytes: &[u8]| {
        let path = dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        from(open_bytes(&path).unwrap())
    };
    let mut file = header(65_535);
    for n in 0..2000u32 {
        // Bytes that do not compress, so that a cut comes before the end of the content.
        let data: Vec<u8> = (0..100u32)
            .map(|i| (n.wrapping_mul(2_654_435_761) >> (i % 24)) as u8)
            .collect();
        record(&mut file, n, &tcp((1, 2), true, ACK, n * 100, 0, &data));
    }
    let half = file.len() / 2;
    let frame = |b: &[u8]| zstd::stream::encode_all(b, 1).unwrap();
    let members = [gzip(&file[..half]), gzip(&file[half..])].concat();
    let frames = [frame(&file[..half]), frame(&file[half..])].concat();
    let both =
        |pack: &dyn Fn(&[u8]) -> Vec<u8>| [pack(&file[..half]), pack(&file[half..])].concat();
    let streams = both(&xz);
    let blocks = both(&bzip2);
    let lz4s = both(&lz4);
    for (name, bytes) in [
        ("members", members.clone()),
        ("frames", frames.clone()),
        ("streams", streams.clone()),
        ("blocks", blocks.clone()),
        ("lz4", lz4s.clone()),
        ("twice", frame(&members)),
        ("twice.xz", xz(&bzip2(&file))),
    ] {
        let (packets, codes) = open(name, &bytes);
        assert_eq!((packets.len(), codes.len()), (2000, 0), "{name}");
    }
    for (name, bytes) in [
        ("cut.gz", members),
        ("cut.zst", frames),
        ("cut.xz", streams),
        ("cut.bz2", blocks),
        ("cut.lz4", lz4s),
    ] {
        let (packets, codes) = open(name, &bytes[..bytes.len() * 3 / 4]);
        assert!(
            (990..2000).contains(&packets.len()),
            "{name}: {}",
            packets.len()
        );
        assert!(codes.contains(&"read-error"), "{name}: {codes:?}");
    }
}

#[test]
fn folders_are_walked_in_order_and_what_is_left_out_has_a_reason() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    std::fs::create_dir(at("b")).unwrap();
    std::fs::write(at("z.bin"), small()).unwrap();
    std::fs::write(at("b/packets.gz"), gzip(&small())).unwrap();
    let line =
        "10.0.0.1 - - [10/Oct/2023:13:55:36 +0000] \"GET /a HTTP/1.1\" 200 12 \"-\" \"curl\"\n";
    std::fs::write(at("access"), line.repeat(3)).unwrap();
    std::fs::write(at("notes.pcap"), "not a capture whatever the name says").unwrap();
    std::fs::write(at(".hidden"), small()).unwrap();
    std::fs::write(at("empty"), b"").unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(dir.path(), at("loop")).unwrap();
    let (inputs, left) = discover(
        &[dir.path().to_owned(), at("z.bin"), at("nowhere")],
        Look {
            formats: &Formats::default(),
            spill: dir.path(),
            stop: &AtomicBool::new(false),
        },
    );
    let found: Vec<_> = inputs
        .iter()
        .map(|i| (i.name.as_str(), i.kind.name()))
        .collect();
    let expected = [
        ("access", "log:combined".to_owned()),
        ("b/packets.gz", "pcap".to_owned()),
        ("z.bin", "pcap".to_owned()),
    ];
    assert_eq!(found, expected);
    assert_eq!(inputs[1].kind, Kind::Pcap);
    assert_eq!(inputs[1].first_ts, Some(1_700_000_000_000_000_000));
    let why = |name: &str| {
        let hit = left
            .iter()
            .find(|(p, _)| p == &at(name) || (name.is_empty() && p == dir.path()));
        hit.map(|(_, why)| why.as_str()).unwrap_or_default()
    };
    assert_eq!(why(""), "1 hidden skipped");
    assert_eq!(why("empty"), "empty");
    assert_eq!(
        why("z.bin"),
        "",
        "given twice and read once: nothing is left out"
    );
    assert!(why("notes.pcap").starts_with("neither"));
    assert!(!why("nowhere").is_empty());
    if cfg!(unix) {
        assert!(why("loop").starts_with("link to a folder"));
    }
}

#[test]
fn the_hash_is_that_of_the_file_as_it_lies() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("f");
    std::fs::write(&path, b"abc").unwrap();
    let mut told = 0;
    let (hash, len) = hash_file(&path, &AtomicBool::new(false), &mut |n| told += n).unwrap();
    assert_eq!((len, told), (3, 3));
    assert_eq!(hash[..4], [0xba, 0x78, 0x16, 0xbf]);
    assert!(hash_file(&path, &AtomicBool::new(true), &mut |_| ()).is_err());
}
