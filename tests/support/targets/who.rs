//! Who a call says it is, and evidence as a screen may draw it. In: any bytes. Out: nothing; a broken promise panics.

use super::KEY;
use super::streams::conversation;
use leaktrace::body::{decode, sniff};
use leaktrace::call::model::Message;
use leaktrace::call::text::{is_unsafe, lossless, safe_json, visible};
use leaktrace::facts::credentials::{CallView, Memo, extract};
use leaktrace::proto::Options;
use leaktrace::ui::widget::safe_text::SafeText;
use std::sync::Arc;

/// Requests up to the first NUL, answers behind it: tokens, cookies, logins, assertions. What is kept of a secret is a print, and
/// what was read before saves work only.
pub fn credentials(data: &[u8]) {
    let at = data.iter().position(|b| *b == 0).unwrap_or(data.len());
    let (client, server) = (&data[..at], data.get(at + 1..).unwrap_or_default());
    let mut both = Vec::with_capacity(data.len() + 8);
    for (side, bytes) in [(0u8, client), (1, server)] {
        for piece in bytes.chunks(0xffff) {
            both.push(side);
            both.extend((piece.len() as u16).to_be_bytes());
            both.extend(piece);
        }
    }
    let calls = conversation(&both, usize::MAX, &Arc::new(Options::default()));
    let mut warm = Memo::default();
    for x in &calls.exchanges {
        let body = |m: Option<&Message>| {
            let Some(m) = m else { return (Vec::new(), "") };
            let codings: Vec<&[u8]> = m.header_all("content-encoding").collect();
            let d = decode::decode(&m.body.bytes, &codings);
            let declared = m.header("content-type").map(String::from_utf8_lossy);
            let kind = sniff::kind(&d.content, declared.as_deref());
            (d.content.into_owned(), kind)
        };
        let (asked, told) = (body(x.request.as_ref()), body(x.response.as_ref()));
        let view = CallView {
            req: x.request.as_ref(),
            resp: x.response.as_ref(),
            peer: x.peer.as_deref(),
            req_body: &asked.0,
            req_kind: asked.1,
            resp_body: &told.0,
            resp_kind: told.1,
        };
        let fresh = format!("{:?}", extract(&view, &KEY, &mut Memo::default()));
        for _ in 0..2 {
            let again = format!("{:?}", extract(&view, &KEY, &mut warm));
            assert_eq!(again, fresh, "what was read before changes who it is");
        }
    }
}

/// Nothing of any evidence is drawn that moves a cursor or turns the text round, however it is cut.
pub fn safe_text(data: &[u8]) {
    let kept = lossless(data);
    let json = safe_json(&kept);
    assert!(!json.chars().any(|c| is_unsafe(c) && c != '\n'));
    assert!(!visible(&kept).chars().any(is_unsafe));
    let whole = SafeText::new(&kept);
    let safe = |t: &SafeText| {
        assert!(!t.as_str().chars().any(is_unsafe), "{t:?} of {kept:?}");
        let _ = (0..t.as_str().len()).all(|at| t.is_odd(at));
    };
    safe(&whole);
    for w in [0usize, 1, 2, 7, 80] {
        for middle in [false, true] {
            let short = whole.elide(w, middle, "…");
            safe(&short);
            assert!(short.width() <= w, "{w} columns for {short:?} of {kept:?}");
        }
        for line in whole.wrap(w) {
            safe(&line);
            // one character that is wider than the line stays whole
            assert!(
                line.width() <= w.max(2),
                "{w} columns for {line:?} of {kept:?}"
            );
        }
    }
}
