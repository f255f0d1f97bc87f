//! Bodies in Chinese charsets. In: content; what it declares, else its bytes, say which charset it is in. Out: the same text in UTF-8, and the way back from
//! places in it to places in the content. Bounds: one more copy of the text; a look at the first [`HEAD`] bytes for a declaration.

use crate::call::model::Facts;
use crate::detect::form::Step;

/// Bytes in which a page must declare its charset (HTML: the first 1,024).
const HEAD: usize = 1024;

/// The text of content that says that it is in GB 18030 or what is a part of it; `None` for any other, and for what is damaged.
pub(super) fn text(bytes: &[u8], kind: &str, media_type: Option<&str>) -> Option<String> {
    let walked = matches!(
        kind,
        "json" | "ndjson" | "xml" | "html" | "csv" | "text" | "form"
    );
    if !walked || bytes.is_ascii() || std::str::from_utf8(bytes).is_ok() {
        return None;
    }
    let head = bytes.get(..bytes.len().min(HEAD)).unwrap_or(bytes);
    let declared = media_type.is_some_and(|t| chinese(t.as_bytes()))
        || matches!(kind, "xml" | "html") && chinese(head);
    if !declared && !reads_chinese(bytes) {
        return None;
    }
    let text = encoding_rs::GB18030.decode_without_bom_handling_and_without_replacement(bytes)?;
    Some(text.into_owned())
}

/// Whether what is not ASCII is nearly all characters of GB 2312's two levels of hanzi and its signs, as text in it is.
fn reads_chinese(bytes: &[u8]) -> bool {
    let (mut hanzi, mut other, mut at) = (0usize, 0usize, 0usize);
    while let Some(lead) = bytes.get(at) {
        let step = match (lead, bytes.get(at + 1)) {
            (0..=0x7f, _) => 1,
            (0xb0..=0xf7, Some(0xa1..=0xfe)) => {
                hanzi += 1;
                2
            }
            // signs: 、。《》（），：
            (0xa1..=0xa3, Some(0xa1..=0xfe)) => 2,
            _ => {
                other += 1;
                2
            }
        };
        at += step;
    }
    hanzi >= 4 && other * 20 <= hanzi
}

/// Whether a declaration (`charset=GBK`, `encoding="gb2312"`) names a Chinese charset.
fn chinese(said: &[u8]) -> bool {
    let said = said.to_ascii_lowercase();
    ["charset", "encoding"].iter().any(|word| {
        memchr::memmem::find_iter(&said, word.as_bytes()).any(|at| {
            let rest = said.get(at + word.len()..).unwrap_or_default();
            let rest = rest.trim_ascii_start();
            let Some(rest) = rest.strip_prefix(b"=") else {
                return false;
            };
            let rest = rest.trim_ascii_start();
            let name = match rest {
                [b'"' | b'\'', name @ ..] => name,
                name => name,
            };
            name.starts_with(b"gb")
        })
    })
}

/// Puts findings of the text where they stand in the content. Each character is one of one, two or four bytes there.
pub(super) fn back(facts: &mut Facts, content: &[u8], text: &str) {
    let mut ends: Vec<u64> = facts
        .findings
        .iter()
        .flat_map(|f| [f.offset, f.offset + u64::from(f.len)])
        .collect();
    ends.sort_unstable();
    ends.dedup();
    let mut there = Vec::with_capacity(ends.len());
    let (mut at, mut of) = (0u64, 0usize);
    let mut chars = text.chars();
    for end in &ends {
        while at < *end {
            let Some(c) = chars.next() else { break };
            at += c.len_utf8() as u64;
            of += match (content.get(of), content.get(of + 1)) {
                (Some(0..=0x80 | 0xff), _) => 1,
                (_, Some(b'0'..=b'9')) => 4,
                _ => 2,
            };
        }
        there.push(of);
    }
    let place = |at: u64| {
        let i = ends.binary_search(&at).ok()?;
        there.get(i).copied()
    };
    facts.findings.retain_mut(|f| {
        let (Some(from), Some(to)) = (place(f.offset), place(f.offset + u64::from(f.len))) else {
            return false;
        };
        let Some(slice) = content.get(from..to) else {
            return false;
        };
        if !slice.is_ascii() {
            f.form = f.form.within(Step::Gb18030);
        }
        f.offset = from as u64;
        f.len = u32::try_from(to - from).unwrap_or(f.len);
        true
    });
}
