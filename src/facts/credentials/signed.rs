//! Credentials that say in clear whose they are: a name, when it ends, and a signature over both. In: text. Out: the name.
//! Bounds: text of at most [`LONG`] bytes, [`PARTS`] parts.
//!
//! Cookies of WordPress, tokens by which Spring remembers somebody, tickets of many a maker's own are made so: `ida|1790000000|...|HMAC`,
//! plain or as base64. Whether it is let in is for the answers to say, as of any token.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

const LONG: usize = 1024;
const PARTS: usize = 8;

/// Who a signed text names.
pub fn name(secret: &str) -> Option<String> {
    if !(40..=LONG).contains(&secret.len()) {
        return None;
    }
    if secret.contains(['|', ':']) {
        return of(secret);
    }
    // Only what begins as letters do is text in base64.
    let bytes = STANDARD_NO_PAD
        .decode(secret.trim_end_matches('='))
        .ok()
        .filter(|b| b.iter().all(|c| matches!(c, 0x20..=0x7e)))?;
    of(std::str::from_utf8(&bytes).ok()?)
}

fn of(text: &str) -> Option<String> {
    let sign = if text.contains('|') { '|' } else { ':' };
    let mut parts = text.split(sign);
    let who = parts.next()?.trim();
    let rest: Vec<&str> = parts.take(PARTS).collect();
    let (last, between) = rest.split_last()?;
    let signature = last.len() >= 20
        && last
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=' | b'-' | b'_'));
    let fits = (2..=64).contains(&who.len())
        && who.bytes().any(|b| b.is_ascii_alphabetic())
        && who
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b'@' | b'+'))
        && (who.contains('@') || who.len() <= 32 && !drawn(who));
    (signature && fits && between.iter().any(|p| time(p))).then(|| who.to_owned())
}

/// Seconds or milliseconds of a day between 2001 and 2033.
fn time(part: &str) -> bool {
    matches!(part.len(), 10 | 13)
        && part.starts_with('1')
        && part.bytes().all(|b| b.is_ascii_digit())
}

/// Whether it is a number in hex rather than somebody's name.
fn drawn(who: &str) -> bool {
    who.len() >= 12 && who.bytes().all(|b| b.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose::STANDARD;

    #[test]
    fn who_signed_text_names() {
        let mac = "9f8e7d6c5b4a39281706f5e4d3c2b1a0";
        let press = format!("ida.k|1790000000|Zq3fKd81Lxw0PbTn5RyVa2cMe|{mac}");
        assert_eq!(name(&press).as_deref(), Some("ida.k"));
        let spring = STANDARD.encode(format!("ida@x.example:1790000000123:SHA256:{mac}"));
        assert_eq!(name(&spring).as_deref(), Some("ida@x.example"));
        for no in [
            // no time, no signature, no name
            format!("ida|theme|dark|{mac}"),
            "ida|1790000000|dark|short|and more of it than enough".to_owned(),
            format!("9f8e7d6c5b4a3928|1790000000|x|{mac}"),
            format!("17|1790000000|x|{mac}"),
            mac.repeat(2),
            STANDARD.encode(vec![200u8; 60]),
        ] {
            assert_eq!(name(&no), None, "{no}");
        }
    }
}
