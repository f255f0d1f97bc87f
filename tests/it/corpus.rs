//! The fuzzers' corpora run through the same entries on every `cargo test`: each seed, each of its prefixes at a stride,
//! and a number of seeded mutations. `LEAKTRACE_FUZZ_ROUNDS` raises that number; it is what to set for a long night
//! where no fuzzer can be built.

#[path = "../support/targets/mod.rs"]
pub mod targets;

use crate::support::random::Random;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use targets::TARGETS;

/// What a mutation may splice in: borders of numbers and words of the formats.
const WORDS: [&[u8]; 24] = [
    b"\0",
    b"\xff\xff\xff\xff",
    b"\x7f\xff\xff\xff",
    b"\x80\0\0\0",
    b"\r\n\r\n",
    b"\n",
    b"Content-Length: 18446744073709551615\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"0\r\n\r\n",
    b"ffffffffffffffff\r\n",
    b"HTTP/1.1 200 OK\r\n",
    b"HEAD / HTTP/1.1\r\n",
    b"[[[[[[[[",
    b"{\"a\":",
    b"\\ud800",
    b"\"",
    b"<a>",
    b"]]>",
    b"&#x110000;",
    b"%",
    b"=",
    b"(",
    b" or ",
    b"9223372036854775808",
];

fn seeds(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(target);
    let mut files: Vec<PathBuf> = std::fs::read_dir(&dir)
        .unwrap_or_else(|e| panic!("{}: {e}", dir.display()))
        .map(|e| e.unwrap().path())
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{} holds no seed", dir.display());
    files
        .into_iter()
        .map(|p| (p.clone(), std::fs::read(p).unwrap()))
        .collect()
}

fn mutate(seed: &[u8], other: &[u8], r: &mut Random) -> Vec<u8> {
    let mut v = seed.to_vec();
    for _ in 0..1 + r.below(4) {
        let at = r.below(v.len() as u64 + 1) as usize;
        let end = (at + r.below(16) as usize).min(v.len());
        match r.below(7) {
            0 if at < v.len() => v[at] ^= 1 << r.below(8),
            1 if at < v.len() => v[at] = r.next() as u8,
            2 => drop(v.drain(at..end)),
            3 => drop(v.splice(at..end, r.pick(&WORDS).iter().copied())),
            4 => {
                let piece = v[at..end].to_vec();
                drop(v.splice(at..at, piece.repeat(1 + r.below(40) as usize)));
            }
            5 if !other.is_empty() => {
                let from = r.below(other.len() as u64) as usize;
                let to = (from + r.below(64) as usize).min(other.len());
                drop(v.splice(at..end, other[from..to].iter().copied()));
            }
            _ => v.truncate(at),
        }
    }
    v
}

/// Runs one input; tells what it was where it fails or takes long.
fn run(name: &str, entry: fn(&[u8]), from: &Path, input: &[u8]) {
    if std::env::var_os("LEAKTRACE_FUZZ_KEEP").is_some() {
        // a hang or a kill leaves no word: the input does
        let _ = std::fs::write(
            std::env::temp_dir().join(format!("leaktrace-{name}-now.bin")),
            input,
        );
    }
    let begin = Instant::now();
    if let Err(cause) = catch_unwind(AssertUnwindSafe(|| entry(input))) {
        let kept = std::env::temp_dir().join(format!("leaktrace-{name}-failed.bin"));
        let _ = std::fs::write(&kept, input);
        eprintln!(
            "{name}: fails on {}, made from {}",
            kept.display(),
            from.display()
        );
        std::panic::resume_unwind(cause);
    }
    let took = begin.elapsed();
    assert!(
        took < Duration::from_secs(20),
        "{name}: {took:?} for {} bytes made from {}",
        input.len(),
        from.display()
    );
}

fn replay(name: &str) {
    let (_, entry, _) = *TARGETS.iter().find(|t| t.0 == name).unwrap();
    let rounds: u64 = std::env::var("LEAKTRACE_FUZZ_ROUNDS")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(40);
    let salt: u64 = std::env::var("LEAKTRACE_FUZZ_SEED")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(1);
    let seeds = seeds(name);
    run(name, entry, Path::new("nothing"), &[]);
    for (n, (path, seed)) in seeds.iter().enumerate() {
        run(name, entry, path, seed);
        for end in (0..seed.len()).step_by(seed.len() / 16 + 1) {
            run(name, entry, path, &seed[..end]);
        }
        let mut r = Random::new(n as u64 * 1_000_003 + salt);
        for _ in 0..rounds {
            let other = &r.pick(&seeds).1;
            let input = mutate(seed, other, &mut r);
            run(name, entry, path, &input);
        }
    }
}

macro_rules! targets {
    ($($name:ident),*) => {
        $(#[test] fn $name() { replay(stringify!($name)); })*
        #[test]
        fn every_target_is_replayed_and_fuzzed() {
            let all = [$(stringify!($name)),*];
            let (mut named, mut all) = (TARGETS.iter().map(|t| t.0).collect::<Vec<_>>(), all.to_vec());
            named.sort_unstable();
            all.sort_unstable();
            assert_eq!(named, all);
            let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
            let toml = std::fs::read_to_string(fuzz.join("Cargo.toml")).unwrap();
            let src = fuzz.join("../src");
            for (name, _, paths) in TARGETS {
                assert!(paths.iter().all(|p| src.join(p).exists()), "{name}: {paths:?}");
            }
            for name in all {
                assert!(fuzz.join(format!("targets/{name}.rs")).exists() && toml.contains(&format!("\"{name}\"")), "{name}");
            }
        }
    };
}
targets!(
    capture,
    frames,
    segments,
    http1,
    http2,
    websocket,
    socks,
    hello,
    keylog,
    tls,
    quic,
    decode,
    scan,
    logs,
    log_format,
    filter,
    blobs,
    text,
    clue,
    theme,
    har,
    mitmproxy,
    burp,
    unpack,
    archive,
    operation,
    protobuf,
    schema,
    parts,
    sheet,
    spec,
    profile,
    look,
    credentials,
    safe_text
);
