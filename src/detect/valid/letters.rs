//! Names by the letters that they are written in. In: text. Out: whether it reads as a name. Bounds: linear in at most 120 bytes.

/// A name in letters that know no capitals (Hebrew, Arabic, Devanagari and its kin, Thai ...): one to four words.
pub fn caseless(text: &str) -> bool {
    text.len() <= 120
        && (1..=4).contains(&text.split(' ').count())
        && text.split(' ').all(|w| {
            (2..=24).contains(&w.chars().count())
                && w.chars().all(|c| {
                    matches!(c, '\u{5d0}'..='\u{10ff}' | '\u{200c}' | '\u{200d}') && !c.is_numeric()
                })
        })
}

/// Words of letters that each begin with a capital and go on in small ones.
pub fn cased(text: &str) -> bool {
    text.split(' ').all(|w| {
        let rest = w.get(1..).unwrap_or_default();
        w.starts_with(|c: char| c.is_ascii_uppercase())
            && !rest.is_empty()
            && rest.bytes().all(|b| b.is_ascii_lowercase())
    })
}
