//! A text looked through to the values in it, layer by layer. In: bytes. Out: values with their place in the outermost text, and
//! the chain of forms around each. Bounds: [`DEPTH`] layers; of what is unpacked and undone in one text [`ROOM`] bytes and a part
//! of its length; one pass over each text.
//!
//! Codings of a word (percent, base64, hex, `\u`, character references) are undone where they stand, word by word, so that a place
//! is that of the word; compressed texts, zips and workbooks as a whole.

use super::patterns::{Left, Patterns};
use crate::body::{sheet, zip};
use crate::detect::form::{Form, Step};
use crate::detect::normal::{base64_any, gunzip, hex, percent};
use crate::limits;

/// Layers around a value.
const DEPTH: usize = 3;
/// Bytes that are unpacked in one text.
const ROOM: usize = 8 << 20;
/// Shortest word that may be a coding of anything.
const SHORT: usize = 8;
/// Longest masked word.
const LONG: usize = 120;

/// Lengths of the lines that long base64 is cut into: 60, 64 and 76 are in use.
const FOLDED: std::ops::RangeInclusive<usize> = 40..=128;

/// A value at a place.
pub(super) struct At {
    pub offset: usize,
    pub len: usize,
    pub value: u32,
    pub form: Form,
    pub masked: bool,
    pub conf: f32,
}

/// Looks through texts.
pub(super) struct Looker<'p> {
    patterns: &'p Patterns,
    /// Values that stood as salts do, see [`salts`].
    pub salts: Vec<Vec<u8>>,
    room: usize,
}

/// Where a layer stands in the outermost text: all of it at one place, or each byte at its own.
#[derive(Clone, Copy)]
enum Place {
    Own,
    Within(usize, usize),
}

impl Place {
    fn of(self, from: usize, to: usize) -> (usize, usize) {
        match self {
            Place::Own => (from, to.saturating_sub(from)),
            Place::Within(at, len) => (at, len),
        }
    }
}

impl<'p> Looker<'p> {
    pub fn new(patterns: &'p Patterns) -> Looker<'p> {
        Looker {
            patterns,
            salts: Vec::new(),
            room: 0,
        }
    }

    /// All values in a text.
    pub fn look(&mut self, text: &[u8], out: &mut Vec<At>) {
        self.room = ROOM.saturating_add(text.len() * 4);
        if self.patterns.direct() {
            self.found(text, Place::Own, Form::PLAIN, out);
        } else {
            self.layer(text, Place::Own, Form::PLAIN, 0, out);
        }
    }

    /// What stands there as it is.
    fn found(&self, text: &[u8], place: Place, form: Form, out: &mut Vec<At>) {
        self.patterns.find(text, |from, to, p| {
            let (offset, len) = place.of(from, to);
            out.push(At {
                offset,
                len,
                value: p.value,
                form: p.form.steps().fold(form, Form::then),
                masked: p.left != Left::All,
                conf: p.left.conf(to.saturating_sub(from)),
            });
        });
    }

    fn layer(&mut self, text: &[u8], place: Place, form: Form, depth: usize, out: &mut Vec<At>) {
        self.found(text, place, form, out);
        if depth < DEPTH {
            if self.whole(text, place, form, depth, out) {
                return;
            }
            self.folded(text, place, form, depth, out);
        }
        self.words(text, place, form, depth, out);
    }

    /// What is compressed as a whole. Whether it was.
    fn whole(
        &mut self,
        text: &[u8],
        place: Place,
        form: Form,
        depth: usize,
        out: &mut Vec<At>,
    ) -> bool {
        let at = match place {
            Place::Own => Place::Within(0, text.len()),
            within => within,
        };
        if text.starts_with(b"PK\x03\x04") {
            if sheet::is_workbook(text, "") {
                if let Some(rows) = sheet::text(text).filter(|r| self.take(r.len())) {
                    self.layer(&rows, at, form.then(Step::Xlsx), depth + 1, out);
                    return true;
                }
            } else if let Some(members) = zip::directory(text) {
                for m in &members {
                    let mut room = self.room.min(limits::NESTED_DECODED);
                    if let Some(inner) = m.unpack(text, &mut room)
                        && self.take(inner.len())
                    {
                        self.layer(&inner, at, form.then(Step::Zip), depth + 1, out);
                    }
                }
                return true;
            }
        }
        let packed = text.starts_with(&[0x1f, 0x8b])
            || text.first() == Some(&0x78)
                && matches!(text.get(1), Some(0x01 | 0x5e | 0x9c | 0xda));
        if packed
            && let Some(inner) = gunzip(text)
            && self.take(inner.len())
        {
            self.layer(&inner, at, form.then(Step::Gzip), depth + 1, out);
            return true;
        }
        false
    }

    /// Takes from what may be undone in this text.
    fn take(&mut self, n: usize) -> bool {
        if n > self.room {
            return false;
        }
        self.room -= n;
        true
    }

    /// Words that may be a coding, a digest, a mask.
    fn words(&mut self, text: &[u8], place: Place, form: Form, depth: usize, out: &mut Vec<At>) {
        let mut at = 0;
        while let Some(b) = text.get(at) {
            if !part(*b) {
                at += 1;
                continue;
            }
            let from = at;
            let (mut escapes, mut references, mut stars, mut codes) = (false, false, false, false);
            while let Some(b) = text.get(at).filter(|b| part(**b)) {
                match b {
                    b'%' => codes = true,
                    b'\\' => escapes = true,
                    b'&' => references = true,
                    // of the signs that hide something, those beyond ASCII begin with these
                    b'*' | 0xe2 | 0xef => stars = true,
                    _ => {}
                }
                // a quote that is escaped belongs to the word
                at += if *b == b'\\' { 2 } else { 1 };
            }
            at = at.min(text.len());
            let Some(word) = text.get(from..at) else {
                break;
            };
            let (offset, len) = place.of(from, at);
            let inner = Place::Within(offset, len);
            if depth < DEPTH {
                if escapes {
                    let mut plain = Vec::with_capacity(word.len());
                    crate::body::json::unescape(word, &mut plain);
                    if plain != word && self.take(plain.len()) {
                        self.layer(&plain, inner, form.then(Step::Unicode), depth + 1, out);
                    }
                }
                if references {
                    let (plain, changed) = crate::body::xml::unescape(word);
                    if changed && self.take(plain.len()) {
                        self.layer(&plain, inner, form.then(Step::Html), depth + 1, out);
                    }
                }
                if codes {
                    let mut plain = Vec::with_capacity(word.len());
                    if percent(word, true, &mut plain) && self.take(plain.len()) {
                        self.layer(&plain, inner, form.then(Step::Url), depth + 1, out);
                    }
                }
            }
            self.codings(word, from, place, form, depth, out);
            if (stars || word.ends_with(b"...")) && word.len() <= LONG && self.patterns.has_masks()
            {
                self.masks(word, inner, form, out);
            }
        }
        if depth == 0 {
            self.find_salts(text);
        }
    }

    /// Base64 in lines of one length, as in mail: a value may stand across two of them.
    fn folded(&mut self, text: &[u8], place: Place, form: Form, depth: usize, out: &mut Vec<At>) {
        let mut at = 0;
        // where the lines begin and end, how long they are, and how many; the last may be shorter
        let mut block: Option<(usize, usize, usize, usize)> = None;
        for line in text.split_inclusive(|b| *b == b'\n') {
            let from = at;
            at += line.len();
            let line = line.trim_ascii_end();
            let coded = !line.is_empty() && line.iter().all(|b| alphabet(*b) || *b == b'=');
            match &mut block {
                Some((_, to, width, n)) if coded && line.len() <= *width => {
                    (*to, *n) = (from + line.len(), *n + 1);
                    if line.len() == *width {
                        continue;
                    }
                }
                _ if coded && FOLDED.contains(&line.len()) => {
                    self.unfold(text, block.take(), place, form, depth, out);
                    block = Some((from, from + line.len(), line.len(), 1));
                    continue;
                }
                _ => {}
            }
            self.unfold(text, block.take(), place, form, depth, out);
        }
        self.unfold(text, block, place, form, depth, out);
    }

    fn unfold(
        &mut self,
        text: &[u8],
        block: Option<(usize, usize, usize, usize)>,
        place: Place,
        form: Form,
        depth: usize,
        out: &mut Vec<At>,
    ) {
        let Some((from, to, _, 2..)) = block else {
            return;
        };
        let lines = text.get(from..to).unwrap_or_default();
        let one: Vec<u8> = lines
            .iter()
            .copied()
            .filter(|b| !b.is_ascii_whitespace())
            .collect();
        if let Some(bytes) = base64_any(&one)
            && telling(&bytes)
            && self.take(bytes.len())
        {
            let (offset, len) = place.of(from, to);
            let inner = Place::Within(offset, len);
            self.layer(&bytes, inner, form.then(Step::Base64), depth + 1, out);
        }
    }

    /// Base64 and hex: the whole run, else its parts.
    fn codings(
        &mut self,
        word: &[u8],
        start: usize,
        place: Place,
        form: Form,
        depth: usize,
        out: &mut Vec<At>,
    ) {
        let mut at = 0;
        while at < word.len() {
            let from = at
                + word
                    .get(at..)
                    .unwrap_or_default()
                    .iter()
                    .take_while(|b| !alphabet(**b))
                    .count();
            let n = word
                .get(from..)
                .unwrap_or_default()
                .iter()
                .take_while(|b| alphabet(**b))
                .count();
            at = from + n;
            let Some(run) = word.get(from..at) else { break };
            if run.len() < SHORT {
                at = at.max(from + 1);
                continue;
            }
            if self.coding(run, start + from, place, form, depth, out) {
                continue;
            }
            let mut began = 0;
            for part in run.split(|b| !b.is_ascii_alphanumeric()) {
                if part.len() >= SHORT && part.len() < run.len() {
                    self.coding(part, start + from + began, place, form, depth, out);
                }
                began += part.len() + 1;
            }
        }
    }

    /// One run. Whether it was a coding of something.
    fn coding(
        &mut self,
        run: &[u8],
        start: usize,
        place: Place,
        form: Form,
        depth: usize,
        out: &mut Vec<At>,
    ) -> bool {
        let (offset, len) = place.of(start, start + run.len());
        for (step, bytes) in [
            (Step::Hex, hex(run)),
            // without what pads it a length of one more is no base64
            (Step::Base64, base64_any(run)),
        ] {
            let Some(bytes) = bytes else { continue };
            if let Some((value, digest)) = self.patterns.digest(&bytes) {
                out.push(At {
                    offset,
                    len,
                    value,
                    form: form.then(digest),
                    masked: false,
                    conf: 0.98,
                });
                return true;
            }
            if depth < DEPTH && telling(&bytes) && self.take(bytes.len()) {
                let inner = Place::Within(offset, len);
                self.layer(&bytes, inner, form.then(step), depth + 1, out);
                return true;
            }
        }
        false
    }

    /// Masked words, without what stands around the mask.
    fn masks(&mut self, word: &[u8], place: Place, form: Form, out: &mut Vec<At>) {
        let Ok(text) = std::str::from_utf8(word) else {
            return;
        };
        let (offset, len) = place.of(0, word.len());
        for piece in text.split(['=', '&', ';', ',', '/', '\'']) {
            for m in self.patterns.masked(piece) {
                out.push(At {
                    offset,
                    len,
                    value: m.value,
                    form: form.then(Step::Mask),
                    masked: true,
                    conf: m.conf,
                });
            }
        }
    }

    /// Values of fields that are called salts.
    fn find_salts(&mut self, text: &[u8]) {
        for key in [&b"salt"[..], b"Salt", b"SALT", b"nonce", b"pepper"] {
            for at in memchr::memmem::find_iter(text, key) {
                if self.salts.len() >= super::patterns::SALTS {
                    return;
                }
                let rest = text.get(at + key.len()..).unwrap_or_default();
                let gap = rest
                    .iter()
                    .take(8)
                    .take_while(|b| matches!(b, b'"' | b'\'' | b':' | b'=' | b' ' | b'>'))
                    .count();
                let value: Vec<u8> = rest
                    .get(gap..)
                    .unwrap_or_default()
                    .iter()
                    .take(129)
                    .take_while(|b| b.is_ascii_alphanumeric() || b"+/=_-.$".contains(b))
                    .copied()
                    .collect();
                if gap > 0 && (2..=128).contains(&value.len()) && !self.salts.contains(&value) {
                    self.salts.push(value);
                }
            }
        }
    }
}

/// Whether a byte is part of a word: what quotes, brackets and blanks divide.
fn part(b: u8) -> bool {
    !matches!(
        b,
        0..=32 | b'"' | b'\'' | b'<' | b'>' | b'{' | b'}' | b'[' | b']' | b'(' | b')' | b',' | 127
    )
}

fn alphabet(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'-' | b'_')
}

/// Whether undone bytes are text, or compressed: anything else is chance.
fn telling(b: &[u8]) -> bool {
    b.starts_with(&[0x1f, 0x8b])
        || b.starts_with(b"PK\x03\x04")
        || b.starts_with(&[0x78, 0x9c])
        || b.len() >= 4
            && std::str::from_utf8(b).is_ok()
            && !b
                .iter()
                .any(|c| *c < 32 && !matches!(c, b'\t' | b'\r' | b'\n'))
}
