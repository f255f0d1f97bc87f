//! Server-sent events. In: content. Out: values in the sink: the JSON of an event under `$[EVENT]`, other data as lines of text.
//! Bounds: linear.

use super::sink::{Sink, Style};
use super::text;
use crate::body::sse::events;

/// A stream of events.
pub(crate) fn body(s: &mut Sink, content: &[u8]) {
    let (mut counted, mut line) = (0, 0u32);
    for (e, n) in events(content).zip(0u32..) {
        let first = e.data.first().and_then(|r| content.get(r.clone()));
        let lead = first.unwrap_or_default().trim_ascii_start();
        if !matches!(lead.first(), Some(b'{' | b'[')) {
            let root = s.root("text", Style::Colon);
            for r in e.data {
                let passed = content.get(counted..r.start).unwrap_or_default();
                let passed = memchr::memchr_iter(b'\n', passed).count();
                line = line.saturating_add(u32::try_from(passed).unwrap_or(u32::MAX));
                counted = r.start;
                text::numbered(s, root, content, r.start, r.end, line);
            }
            continue;
        }
        let root = s.root("$", Style::Json);
        s.push(root, true, true);
        if let Some(f) = s.frames.last_mut() {
            f.idx = n;
        }
        let elem = s.elem(root);
        let (joined, places) = e.text(content);
        super::json::mapped(s, elem, &joined, places);
        s.pop();
    }
}
