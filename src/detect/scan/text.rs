//! Plain text, logs, and text inside fields: tokens, each judged under the word before it.
//! In: text. Out: findings in the sink. Bounds: one pass, linear; a value under a key is at most 200 bytes.

use super::extent::{
    bracketed, groups, listed, named_by_words, pair, phrase, token_byte, token_end, town,
};
use super::sink::{NodeId, Sink, Slot, Style, UNLIKELY};
use super::{field, program};
use crate::body::json::chars;
use crate::detect::kind::Kind;
use crate::detect::mask;
use crate::detect::rules::KeyCtx;
use crate::detect::valid::china;
use std::ops::Range;

/// Longest value taken under a key.
const VALUE: usize = 200;
/// Longest value taken that looks encoded: a key of some KiB in base64, and as much again for another layer.
const LONG: usize = 64 << 10;
/// Shortest line that may be a document in a code: two values of ten characters in hex or base64 are no shorter.
const CODED: usize = 24;
/// Longest key looked at.
pub(super) const KEY: usize = 48;

/// A text body from a byte on: each line is a place `text:LINE` (`text:KEY:LINE` under a word that names a class) and a record.
pub(crate) fn body(s: &mut Sink, content: &[u8], start: usize) {
    lines(s, content, start, content.len());
}

/// The lines of `content` in `start..end`.
pub(crate) fn lines(s: &mut Sink, content: &[u8], start: usize, end: usize) {
    let before = content.get(..start).unwrap_or(b"");
    let number = u32::try_from(memchr::memchr_iter(b'\n', before).count()).unwrap_or(u32::MAX);
    let root = s.root("text", Style::Colon);
    numbered(s, root, content, start, end, number);
}

/// A text that is a part of something larger and begins at `at` there; its lines count from 1.
pub(crate) fn under(s: &mut Sink, root: &str, content: &[u8], at: usize) {
    let root = s.root(root, Style::Colon);
    let base = s.base;
    s.base += at as u64;
    numbered(s, root, content, 0, content.len(), 0);
    s.base = base;
}

/// The lines of `content` in `start..end`, of which the first has number `number + 1`.
pub(crate) fn numbered(
    s: &mut Sink,
    root: NodeId,
    content: &[u8],
    start: usize,
    end: usize,
    mut number: u32,
) {
    let outer = s.program;
    s.program |= program::is(content.get(start..end).unwrap_or(b""));
    let mut at = start;
    while at < end {
        let rest = content.get(at..end).unwrap_or(b"");
        let n = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        number = number.saturating_add(1);
        let mut line = rest.get(..n).unwrap_or(b"");
        let mut step = n + 1;
        if let Some(key) = memchr::memmem::find(line, b"-----BEGIN ") {
            // a key in PEM goes over lines
            let block = rest.get(key..).unwrap_or(b"");
            if let Some(stop) = key_end(block.get(..block.len().min(16384)).unwrap_or(block)) {
                line = rest.get(..(key + stop).max(n)).unwrap_or(line);
                step = line.len() + 1;
            }
        }
        if line.len() >= 5 {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            s.push(root, true, true);
            if let Some(f) = s.frames.last_mut() {
                f.idx = number;
            }
            let slot = Slot::plain(at, line.len());
            // a document that was encoded as a whole is a word of its own
            let lone = line.len() >= CODED && memchr::memchr(b' ', line).is_none();
            if !lone || !field::encoded(s, root, line, slot) {
                scan(s, root, line, slot);
            }
            s.pop();
        }
        let inside = rest.get(n + 1..step).unwrap_or(b"");
        number = number
            .saturating_add(u32::try_from(memchr::memchr_iter(b'\n', inside).count()).unwrap_or(0));
        at += step;
    }
    s.program = outer;
}

/// Length of a full-width punctuation mark at the beginning of `v` and whether it is a colon.
fn wide_mark(v: &[u8]) -> Option<bool> {
    let c = v.get(..3)?;
    if c == "：".as_bytes() {
        return Some(true);
    }
    [
        "，", "。", "、", "；", "（", "）", "“", "”", "【", "】", "《", "》", "　", "！", "？",
    ]
    .iter()
    .any(|m| m.as_bytes() == c)
    .then_some(false)
}

/// What may tell of a token.
struct Near {
    /// A colon or equals sign made `word` its key.
    told: bool,
    word: Option<Range<usize>>,
    /// The word of a sentence before it.
    prose: Option<Range<usize>>,
}

struct Scan<'a> {
    s: &'a mut Sink,
    node: NodeId,
    v: &'a [u8],
    slot: Slot,
    /// Node whose children give the context of a word.
    words: NodeId,
    /// Findings go to `text:KEY`.
    split: bool,
}

impl Scan<'_> {
    fn get(&self, r: Range<usize>) -> &[u8] {
        self.v.get(r).unwrap_or(b"")
    }
    /// What the word before a value says, and where its findings go.
    /// `told`: a colon or equals sign made it the key of the value, which has a field of its own then.
    fn context(&mut self, key: Option<Range<usize>>, told: bool) -> (KeyCtx, NodeId) {
        let (mut ctx, node) = self.said(key, told);
        if self.s.program {
            ctx.pos &= !(Kind::Name.bit() | Kind::Address.bit());
        }
        (ctx, node)
    }
    fn said(&mut self, key: Option<Range<usize>>, told: bool) -> (KeyCtx, NodeId) {
        let Some(key) = key else {
            return (self.s.ctx(self.node), self.node);
        };
        let mut from = key.start.max(key.end.saturating_sub(KEY));
        while from < key.end && self.v.get(from).is_some_and(|b| (0x80..0xc0).contains(b)) {
            from += 1;
        }
        let word = self.v.get(from..key.end).unwrap_or(b"");
        let id = self.s.child(self.words, word);
        let ctx = self.s.ctx(id);
        let own = told && plain_word(word);
        if ctx.pos == 0 && !ctx.numbering && !ctx.coded && !own {
            return (self.s.ctx(self.node), self.node);
        }
        let node = if self.split && (ctx.pos != 0 || own) {
            self.s.child(self.node, word)
        } else {
            self.node
        };
        (ctx, node)
    }
    /// What the words around a token say: a key, a word right before it, or the words of a sentence, of which only what has a form of
    /// its own is believed, and no number before them.
    fn near(&mut self, near: &Near) -> (KeyCtx, NodeId) {
        let said = self.context(near.word.clone(), near.told);
        let Some(last) = near.prose.clone().filter(|_| self.s.roomy()) else {
            return said;
        };
        // A key speaks for what follows it, the field's own for all of it; a part of a time (`09:21:20 skuId 166...`) is none.
        if said.0.pos != 0 || near.told && said.0.numbering {
            return said;
        }
        let mut ctx = self.word(last.clone());
        // `Ticket 138...`, `model 215-47-7359`
        let coded = ctx.pos & SECRET != 0 || ctx.thing && !ctx.person || ctx.lone;
        if ctx.pos == 0 && !ctx.numbering {
            ctx = self.word(phrase(self.v, last));
            ctx.numbering = false;
        }
        ctx.pos &= FORMED;
        ctx.coded = coded && ctx.pos == 0;
        match ctx.pos != 0 || ctx.numbering || ctx.coded {
            true => (ctx, said.1),
            false => said,
        }
    }
    /// What words say.
    fn word(&mut self, words: Range<usize>) -> KeyCtx {
        let from = words.start.max(words.end.saturating_sub(KEY));
        let id = self
            .s
            .child(self.words, self.v.get(from..words.end).unwrap_or(b""));
        self.s.ctx(id)
    }
    /// Whether a token is one among words.
    fn sentence(&self, token: &[u8]) -> bool {
        // a line without blanks may be as long as a body and full of numbers: its beginning tells
        let begins = self.v.get(..self.v.len().min(256)).unwrap_or(self.v);
        token.len() < self.v.len() && begins.iter().any(|b| *b == b' ' || *b >= 0x80)
    }
    /// Judges a part as a whole value; tells whether it is one.
    fn judge(&mut self, r: Range<usize>, ctx: &KeyCtx, node: NodeId) -> bool {
        let v = self.v.get(r.clone()).unwrap_or(b"");
        if v.len() < least(ctx) {
            return false;
        }
        let verdict = self.s.judge.whole(v, chars::all(v), ctx);
        if let Some(hit) = verdict.hit {
            let coded = ctx.numbering || ctx.coded;
            if node == self.node && (hit.conf < UNLIKELY || coded && hit.conf <= 40) {
                return false;
            }
            // Of the numbers that a sentence does not name every tenth passes; what begins as China's cards do is rarer.
            let lucky = hit.class == Kind::Card as u8 && !hit.masked && !ctx.names(Kind::Card);
            if lucky
                && node == self.node
                && v.iter().all(u8::is_ascii_digit)
                && !v.starts_with(b"62")
                && self.sentence(v)
            {
                return false;
            }
            let slot = self.slot.part(r.start, r.len());
            self.s.found(node, hit, slot);
            return true;
        }
        // text is no column: a number of something else in it says nothing of the others
        if verdict.miss != 0 && !((ctx.numbering || ctx.coded) && node == self.node) {
            let mut miss = verdict.miss & !Kind::Name.bit();
            if miss & Kind::Card.bit() != 0
                && node == self.node
                && !ctx.names(Kind::Card)
                && self.sentence(v)
            {
                miss &= !Kind::Card.bit();
            }
            self.s.miss(node, miss);
        }
        false
    }
}

/// End of a key in PEM, its last line included.
fn key_end(v: &[u8]) -> Option<usize> {
    let at = memchr::memmem::find(v, b"-----END")?;
    let rest = v.get(at + 8..)?;
    let close = memchr::memmem::find(rest.get(..40).unwrap_or(rest), b"-----");
    Some(at + 8 + close.map_or(0, |n| n + 5))
}

/// Scans text of a field, or a line.
pub(crate) fn scan(s: &mut Sink, node: NodeId, v: &[u8], slot: Slot) {
    let split = s.node(node).is_some_and(|n| n.style == Style::Colon);
    let words = s.root("words", Style::Flat);
    let mut t = Scan {
        s,
        node,
        v,
        slot,
        words,
        split,
    };
    if memchr::memmem::find(v, b"-----BEGIN ").is_some_and(|at| {
        let end = key_end(t.get(at..v.len())).map_or(v.len(), |n| at + n);
        let ctx = t.s.ctx(node);
        t.judge(at..end, &ctx, node)
    }) {
        return;
    }
    // a line of a travel document is one value: its filler is no part of a word
    if matches!(v.len(), 36 | 44) && v.contains(&b'<') {
        let ctx = t.s.ctx(node);
        if t.judge(0..v.len(), &ctx, node) {
            return;
        }
    }
    // the last word, and the word that a `:` or `=` made the key of what follows
    let mut word: Option<Range<usize>> = None;
    let mut key: Option<Range<usize>> = None;
    let mut i = 0;
    while let Some(&b) = v.get(i) {
        if b >= 0x80 {
            if let Some(colon) = wide_mark(t.get(i..v.len())) {
                key = if colon { word.take() } else { None };
                i += 3;
                if key.is_some() {
                    i = under_key(&mut t, i, &mut key);
                }
                continue;
            }
            let start = i;
            while v.get(i).is_some_and(|b| *b >= 0x80)
                && (i == start || wide_mark(t.get(i..v.len())).is_none())
            {
                i += 1;
                while v.get(i).is_some_and(|b| (0x80..0xc0).contains(b)) {
                    i += 1;
                }
            }
            // a plate begins with a Chinese character, a masked name ends with covers
            if v.get(i).is_some_and(|b| b.is_ascii_uppercase()) && i >= start + 3 {
                let end = i + t
                    .get(i..v.len())
                    .iter()
                    .take(16)
                    .take_while(|b| token_byte(**b))
                    .count();
                let from = i - 3;
                let text = String::from_utf8_lossy(t.get(from..end)).into_owned();
                let hidden = text.starts_with(|c: char| china::PLATE_PLACES.contains(c))
                    && mask::read(&text).is_some_and(|m| (7..=8).contains(&m.len));
                if hidden || china::plate(&text, false) {
                    let (ctx, node) = t.context(Some(start..from), false);
                    t.judge(from..end, &ctx, node);
                    i = end;
                    continue;
                }
            }
            word = Some(start..i);
            continue;
        }
        if token_byte(b) {
            let start = i;
            i = token_end(v, i);
            let mut end = i;
            while end > start && matches!(v.get(end - 1), Some(b'.' | b'-' | b'#')) {
                end -= 1;
            }
            // a Chinese word right before it is its key: 手机号13812345678
            let close = word
                .clone()
                .filter(|w| v.get(w.start).is_some_and(|b| *b >= 0x80) && start - w.end <= 1);
            let numeric = v
                .get(start)
                .is_some_and(|b| b.is_ascii_digit() || matches!(b, b'+' | b'*'));
            let far = if numeric { groups(v, start, end) } else { None };
            // ... and English words are: ID card number 110105..., born on 1990-01-31
            let prose = word
                .clone()
                .filter(|w| close.is_none() && matches!(v.get(w.end..start), Some(b" " | b". ")))
                .filter(|w| v.get(w.start).is_some_and(u8::is_ascii_alphabetic))
                .filter(|_| far.is_some() || named_by_words(t.get(start..end)));
            let near = Near {
                told: key.is_some(),
                word: key.clone().or(close),
                prose,
            };
            if let Some(far) = far {
                let (ctx, node) = t.near(&near);
                if t.judge(start..far, &ctx, node) {
                    i = far;
                    word = None;
                    continue;
                }
            }
            if let Some(far) = pair(v, end).filter(|_| numeric) {
                let (ctx, node) = t.near(&near);
                if ctx.names(Kind::Gps) && t.judge(start..far, &ctx, node) {
                    i = far;
                    word = None;
                    continue;
                }
            }
            let bits = chars::all(t.get(start..end));
            let any = bits & (chars::DIGIT | chars::AT) != 0 || end - start >= 16;
            if any && end - start >= 5 {
                let (ctx, node) = t.near(&near);
                t.judge(start..end, &ctx, node);
            }
            word = Some(start..end);
            // what a key names ends with its sentence
            if end < i && v.get(end) == Some(&b'.') && matches!(v.get(i), Some(b' ')) {
                key = None;
            }
            continue;
        }
        if b == b'('
            && let Some(end) = bracketed(v, i)
        {
            let near = Near {
                told: key.is_some(),
                word: key.clone(),
                prose: word
                    .clone()
                    .filter(|w| v.get(w.end..i) == Some(b" "))
                    .filter(|w| v.get(w.start).is_some_and(u8::is_ascii_alphabetic)),
            };
            let (ctx, node) = t.near(&near);
            t.judge(i..end, &ctx, node);
            word = None;
            i = end;
            continue;
        }
        match b {
            b':' | b'=' => {
                key = word.take();
                i += 1;
                if key.is_some() {
                    i = under_key(&mut t, i, &mut key);
                }
            }
            b'"' | b'\'' | b' ' | b'\t' => i += 1,
            b'/' | b'?' => {
                key = None;
                i += 1;
            }
            _ => {
                key = None;
                word = None;
                i += 1;
            }
        }
    }
}

/// A value under a key that names a class: taken to its delimiter. Returns where to go on.
fn under_key(t: &mut Scan<'_>, at: usize, key: &mut Option<Range<usize>>) -> usize {
    let v = t.v;
    let mut from = at;
    while matches!(v.get(from), Some(b' ' | b'\t')) && from < at + 4 {
        from += 1;
    }
    let quote = v.get(from).copied().filter(|b| matches!(b, b'"' | b'\''));
    from += usize::from(quote.is_some());
    let (mut ctx, mut node) = t.context(key.clone(), true);
    if ctx.pos == 0
        && !ctx.numbering
        && let Some(last) = key.clone()
    {
        // `Passport No: ...`
        let long = phrase(v, last.clone());
        if long != last {
            let (wide, at) = t.context(Some(long), true);
            if wide.pos & FORMED != 0 {
                (ctx, node) = (wide, at);
            }
        }
    }
    // under a key that says nothing only what tells by itself and is more than one word: an address, an encoded value
    let han = v.get(from).is_some_and(|b| *b >= 0xe4);
    let run = encoded_run(v.get(from..).unwrap_or_default());
    if ctx.pos == 0 && !han && run < VALUE && !matches!(v.get(from), Some(b'%' | b'\\')) {
        return at;
    }
    let rest = t.get(from..(from + VALUE.max(run)).min(v.len()));
    let spaces = ctx.names(Kind::Address) || ctx.names(Kind::Name);
    let entity = rest.starts_with(b"&#");
    let mut n = 0;
    while let Some(&b) = rest.get(n) {
        let stop = match quote {
            Some(q) => b == q,
            None if entity && matches!(b, b'&' | b';') => n + 1 == rest.len(),
            None => {
                matches!(
                    b,
                    b',' | b';'
                        | b'&'
                        | b'|'
                        | b'<'
                        | b'>'
                        | b'"'
                        | b'\''
                        | b'\t'
                        | b'\r'
                        | b'\n'
                        | b'}'
                        | b']'
                ) || b == b' ' && !spaces
                    || b >= 0xc0 && wide_mark(rest.get(n..).unwrap_or(b"")).is_some()
            }
        };
        if stop {
            break;
        }
        n += 1;
    }
    if quote.is_none() && ctx.names(Kind::Address) {
        let list = (v.get(at.wrapping_sub(1)) == Some(&b'=')).then(|| listed(rest, n));
        n = list.flatten().or_else(|| town(rest, n)).unwrap_or(n);
    } else if quote.is_none() && ctx.names(Kind::Phone) && rest.first() == Some(&b'(') {
        // `(329) ***-**58`
        let part = |b: &u8| b.is_ascii_digit() || b" ()*#-.xX".contains(b);
        let most = rest.get(..rest.len().min(20)).unwrap_or(rest);
        n = most.iter().take_while(|b| part(b)).count().max(n);
    } else if quote.is_none() && ctx.names(Kind::Gps) {
        n = pair(rest, n).unwrap_or(n);
    }
    let len = rest.get(..n).unwrap_or(b"").trim_ascii_end().len();
    // numbers in groups of letters and digits: `DE89 3704 0044 ...`
    let rest = t.get(from..(from + VALUE.max(run)).min(v.len()));
    if ctx.pos & SPACED != 0 && quote.is_none() && rest.get(n) == Some(&b' ') {
        let most = rest.get(..rest.len().min(48)).unwrap_or(rest);
        let end = most
            .iter()
            .position(|b| matches!(b, b',' | b';' | b'|' | b'<' | b'"' | b'\t' | b'\r' | b'\n'));
        let wide = most
            .get(..end.unwrap_or(most.len()))
            .unwrap_or_default()
            .trim_ascii_end()
            .len();
        if t.judge(from..from + wide, &ctx, node) {
            *key = None;
            return from + wide;
        }
    }
    if len >= 2 && from + len <= v.len() {
        let secret = ctx.pos & !FORMED & !Kind::Name.bit() != 0 && quote.is_none();
        let program = secret && {
            t.s.program || {
                let key = key.clone().unwrap_or_default();
                program::reads_so(t.get(key), t.get(from..from + len), from == at)
            }
        };
        let found = if program || len < least(&ctx) {
            false
        } else {
            t.judge(from..from + len, &ctx, node)
        };
        if found {
            *key = None;
            return from + len;
        }
        // An encoded value is gone over once, inside its encoding: looking at it here as well would double the work
        // for every key in it.
        let value = v.get(from..from + len).unwrap_or(b"");
        let slot = t.slot.part(from, len);
        let coded =
            |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'_' | b'-' | b'=');
        let may = entity
            || value.iter().any(|b| matches!(b, b'%' | b'\\'))
            || len >= 12 && value.iter().all(coded);
        if may && field::encoded(t.s, node, value, slot) {
            *key = None;
            return from + len;
        }
    }
    from
}

/// Classes whose values are known by their form under words of a sentence.
const FORMED: u64 = !(Kind::Password.bit()
    | Kind::ApiKey.bit()
    | Kind::CloudKey.bit()
    | Kind::Session.bit()
    | Kind::Name.bit()
    | Kind::Cvv.bit());

/// Classes whose names stand for other things in a sentence.
const SECRET: u64 =
    Kind::Password.bit() | Kind::ApiKey.bit() | Kind::CloudKey.bit() | Kind::Session.bit();

/// Classes whose values are written in groups with letters.
const SPACED: u64 = Kind::Iban.bit() | u64::MAX << Kind::FIRST_NATIONAL;

/// Shortest value that is looked at.
fn least(ctx: &KeyCtx) -> usize {
    if ctx.names(Kind::Cvv) { 3 } else { 4 }
}

/// Whether the word before a colon can be a key: no number, no part of a time or an address.
fn plain_word(word: &[u8]) -> bool {
    word.len() <= 32
        && word.first().is_some_and(|b| !b.is_ascii_digit())
        && word
            .iter()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.') || *b >= 0x80)
}

/// Length of what base64 or percent-encoding may be made of. There is no sign in it that makes a key, so it is gone over once.
fn encoded_run(v: &[u8]) -> usize {
    let least = v.get(..VALUE).unwrap_or_default();
    let part = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'_' | b'-' | b'%');
    // most values are short
    if least.is_empty() || !least.iter().all(part) {
        return 0;
    }
    let n = v.iter().take(LONG).take_while(|b| part(b)).count();
    n + v.iter().skip(n).take(2).take_while(|b| **b == b'=').count()
}
