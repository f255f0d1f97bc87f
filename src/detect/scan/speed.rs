//! Measures the scanner: `cargo test --release --lib detect::scan::speed -- --ignored --nocapture`. Not a timed test.

use crate::detect::print::PrintKey;
use crate::detect::{Rules, Scanner};
use std::sync::Arc;

fn next(seed: &mut u64) -> u64 {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    *seed
}

/// A page of records of some 20 fields, about `share` of 10 with sensitive values.
fn page(seed: &mut u64, share: u64) -> String {
    use std::fmt::Write as _;
    let mut s =
        String::from("{\"code\":0,\"message\":\"success\",\"data\":{\"total\":10,\"list\":[");
    for i in 0..10 {
        let r = next(seed);
        if i > 0 {
            s.push(',');
        }
        let _ = write!(
            s,
            "{{\"id\":{},\"orderNo\":\"2024{:014}\",\"status\":\"active\",\"createTime\":\"2024-03-01 10:22:{:02}\",\"amount\":{}.{:02},\"type\":{},\"remark\":\"regular customer\",\"level\":\"gold\",\"enabled\":true,\"tag\":null,\"score\":{},\"city\":\"杭州\"",
            r % 1_000_000,
            r % 100_000_000_000_000,
            r % 60,
            r % 5000,
            r % 100,
            r % 9,
            r % 100
        );
        if r % 10 < share {
            let _ = write!(
                s,
                ",\"name\":\"张{}\",\"mobile\":\"138{:08}\",\"idCard\":\"11010519491231002X\",\"email\":\"u{}@example.com\",\"address\":\"浙江省杭州市西湖区文三路{}号\"",
                ["伟", "芳", "敏", "静"]
                    .get((r % 4) as usize)
                    .unwrap_or(&"伟"),
                r % 100_000_000,
                r % 99999,
                r % 500
            );
        }
        s.push('}');
    }
    s.push_str("]}}");
    s
}

/// Nanoseconds this thread was on a processor (Linux), else wall time: other load on the machine does not count.
fn cpu(start: std::time::Instant) -> f64 {
    std::fs::read_to_string("/proc/thread-self/schedstat")
        .ok()
        .and_then(|s| s.split(' ').next()?.parse::<f64>().ok())
        .map_or_else(|| start.elapsed().as_secs_f64(), |ns| ns / 1e9)
}

#[test]
#[ignore = "prints a speed, asserts nothing about it"]
fn megabytes_a_second() {
    let mut scanner = Scanner::new(Arc::new(Rules::builtin()), PrintKey::new([1; 16]));
    for share in [0, 5, 10] {
        let mut seed = 88_172_645_463_325_252;
        let pages: Vec<String> = (0..2000).map(|_| page(&mut seed, share)).collect();
        let bytes: usize = pages.iter().map(String::len).sum();
        let mut best = f64::MAX;
        let mut findings = 0;
        for _ in 0..5 {
            findings = 0;
            let clock = std::time::Instant::now();
            let t = cpu(clock);
            for p in &pages {
                findings += scanner.scan_body(p.as_bytes(), "json", None).findings.len();
            }
            best = best.min(cpu(clock) - t);
        }
        println!(
            "share {share}: {:.0} MB/s, {} bytes a body, {:.1} findings a KB",
            bytes as f64 / best / 1e6,
            bytes / pages.len(),
            findings as f64 * 1024.0 / bytes as f64
        );
    }
}
