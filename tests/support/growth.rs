//! Whether time grows with an input's size. In: an input and one of twice its size, and how to time one. Out: a panic where it
//! grows faster. Bounds: four looks, each the best of three, since whatever else the machine does only adds.

use std::time::Duration;

/// How much longer twice the input may take.
const RATIO: f64 = 2.3;

/// Holds the larger of two inputs to [`RATIO`] times the smaller one's time; less than `noise` seconds is taken for that.
pub fn at_most_double(
    name: &str,
    (small, large): (&[u8], &[u8]),
    noise: f64,
    took: impl Fn(&[u8]) -> Duration,
) {
    let best = |bytes: &[u8]| (0..3).map(|_| took(bytes)).min().unwrap_or_default();
    let mut ratio = f64::INFINITY;
    for _ in 0..4 {
        let (a, b) = (best(small), best(large));
        ratio = b.as_secs_f64() / a.as_secs_f64().max(noise);
        if ratio < RATIO {
            break;
        }
    }
    assert!(ratio < RATIO, "{name}: {ratio}");
}
