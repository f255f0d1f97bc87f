//! Header compression (RFC 7541) as it is seen from the side, also from the middle. In: header blocks in order. Out: fields, of
//! which names and values may be unknown. Bounds: [`limits::HPACK_TABLE`] bytes of entries; the work is linear in the block and
//! in what its fields hold.
//!
//! Indices count from the newest entry, so a window to which entries are only ever added resolves every later reference to
//! what it has seen, whatever stood in the table before; a reference beyond the window is unknown, never guessed. Where a block
//! was lost, entries may have been added unseen: the window begins anew.

use super::huffman;
use crate::limits;
use std::collections::VecDeque;
use std::sync::Arc;

/// RFC 7541 appendix A.
#[rustfmt::skip]
const STATIC: [(&str, &str); 61] = [
    (":authority", ""), (":method", "GET"), (":method", "POST"), (":path", "/"), (":path", "/index.html"),
    (":scheme", "http"), (":scheme", "https"), (":status", "200"), (":status", "204"), (":status", "206"),
    (":status", "304"), (":status", "400"), (":status", "404"), (":status", "500"), ("accept-charset", ""),
    ("accept-encoding", "gzip, deflate"), ("accept-language", ""), ("accept-ranges", ""), ("accept", ""),
    ("access-control-allow-origin", ""), ("age", ""), ("allow", ""), ("authorization", ""), ("cache-control", ""),
    ("content-disposition", ""), ("content-encoding", ""), ("content-language", ""), ("content-length", ""),
    ("content-location", ""), ("content-range", ""), ("content-type", ""), ("cookie", ""), ("date", ""), ("etag", ""),
    ("expect", ""), ("expires", ""), ("from", ""), ("host", ""), ("if-match", ""), ("if-modified-since", ""),
    ("if-none-match", ""), ("if-range", ""), ("if-unmodified-since", ""), ("last-modified", ""), ("link", ""),
    ("location", ""), ("max-forwards", ""), ("proxy-authenticate", ""), ("proxy-authorization", ""), ("range", ""),
    ("referer", ""), ("refresh", ""), ("retry-after", ""), ("server", ""), ("set-cookie", ""),
    ("strict-transport-security", ""), ("transfer-encoding", ""), ("user-agent", ""), ("vary", ""), ("via", ""),
    ("www-authenticate", ""),
];

/// Size of a table before anything else is said (RFC 9113 section 6.5.2).
const DEFAULT: usize = 4096;
/// Bytes an entry counts beyond its name and value (RFC 7541 section 4.1).
const OVERHEAD: usize = 32;

/// Name and value of a field; `None` what cannot be known.
pub type Field<'a> = (Option<&'a [u8]>, Option<&'a [u8]>);

/// How a block ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// All of it was read.
    Whole,
    /// It breaks the format somewhere, but could be read on.
    Odd,
    /// It stops inside a field, or cannot be read on.
    Cut,
}

#[derive(Debug, Clone)]
struct Entry {
    name: Option<Arc<[u8]>>,
    value: Option<Arc<[u8]>>,
}

impl Entry {
    fn size(&self) -> usize {
        let len = |s: &Option<Arc<[u8]>>| s.as_ref().map_or(0, |s| s.len());
        len(&self.name) + len(&self.value) + OVERHEAD
    }
}

/// The table of one direction.
#[derive(Debug)]
pub struct Table {
    /// Newest first.
    entries: VecDeque<Entry>,
    size: usize,
    max: usize,
    /// Nothing older than `entries` is in the table.
    whole: bool,
}

impl Default for Table {
    /// A table of which nothing is known.
    fn default() -> Table {
        Table {
            entries: VecDeque::new(),
            size: 0,
            max: limits::HPACK_TABLE,
            whole: false,
        }
    }
}

impl Table {
    /// The table of a connection whose start was captured.
    pub fn fresh() -> Table {
        Table {
            max: DEFAULT,
            whole: true,
            ..Table::default()
        }
    }

    /// Blocks were lost: what stands in the table is unknown.
    pub fn forget(&mut self) {
        *self = Table::default();
    }

    /// Bytes held.
    pub fn held(&self) -> usize {
        self.size
    }

    fn get(&self, index: usize) -> Option<&Entry> {
        self.entries.get(index.checked_sub(STATIC.len() + 1)?)
    }

    /// An entry is referred to that is not there. Where all entries should be known, the window is not the sender's table (any
    /// more): nothing in it is to be believed. Tells whether it was so.
    fn missing(&mut self) -> bool {
        let whole = self.whole;
        if whole {
            self.forget();
        }
        whole
    }

    fn insert(&mut self, entry: Entry) {
        let size = entry.size();
        if size > self.max {
            // RFC 7541 section 4.4: it empties the table and is not added
            self.entries.clear();
            self.size = 0;
            return;
        }
        self.size += size;
        self.entries.push_front(entry);
        self.evict();
    }

    fn evict(&mut self) {
        while self.size > self.max
            && let Some(e) = self.entries.pop_back()
        {
            self.size -= e.size();
        }
    }

    fn resize(&mut self, max: usize) {
        if max > limits::HPACK_TABLE {
            self.whole = false; // entries beyond the limit are dropped here before they are there
        } else if max == 0 {
            self.whole = true;
        }
        self.max = max.min(limits::HPACK_TABLE);
        self.evict();
    }

    /// Reads a block, or the part of one that was captured, and hands out its fields. After [`End::Cut`] the table is unknown.
    pub fn read(&mut self, block: &[u8], mut each: impl FnMut(Field<'_>)) -> End {
        let mut input = Input { rest: block };
        let (mut name, mut value) = (Vec::new(), Vec::new());
        let mut odd = false;
        while let Some(first) = input.rest.first().copied() {
            if self
                .field(
                    first, &mut input, &mut name, &mut value, &mut odd, &mut each,
                )
                .is_none()
            {
                self.forget();
                return End::Cut;
            }
        }
        if odd { End::Odd } else { End::Whole }
    }

    /// One field or size update; `None` where the block cannot be read on.
    fn field(
        &mut self,
        first: u8,
        input: &mut Input<'_>,
        name: &mut Vec<u8>,
        value: &mut Vec<u8>,
        odd: &mut bool,
        each: &mut impl FnMut(Field<'_>),
    ) -> Option<()> {
        let (prefix, add) = match first {
            0x80.. => {
                let index = input.int(7)?;
                match (STATIC.get(index.wrapping_sub(1)), self.get(index)) {
                    (Some((n, v)), _) => each((Some(n.as_bytes()), Some(v.as_bytes()))),
                    (None, Some(e)) => each((e.name.as_deref(), e.value.as_deref())),
                    (None, None) => {
                        *odd |= index == 0 || self.missing();
                        each((None, None));
                    }
                }
                return Some(());
            }
            0x40.. => (6, true),
            0x20.. => {
                let max = input.int(5)?;
                self.resize(max);
                return Some(());
            }
            _ => (4, false),
        };
        let index = input.int(prefix)?;
        // a name is not copied: one of many KiB may be referred to with two bytes
        let (mut fixed, mut shared) = (None, None);
        let named = if index == 0 {
            let good = input.string(name)?;
            *odd |= !good;
            good
        } else {
            match (STATIC.get(index - 1), self.get(index)) {
                (Some((n, _)), _) => {
                    fixed = Some(n.as_bytes());
                    true
                }
                (None, Some(e)) => {
                    shared = e.name.clone();
                    shared.is_some()
                }
                (None, None) => {
                    *odd |= self.missing();
                    false
                }
            }
        };
        let good = input.string(value)?;
        *odd |= !good;
        let text = fixed.or(shared.as_deref()).unwrap_or(name);
        each((named.then_some(text), good.then_some(value.as_slice())));
        if add {
            self.insert(Entry {
                name: named.then(|| shared.clone().unwrap_or_else(|| Arc::from(text))),
                value: good.then(|| Arc::from(value.as_slice())),
            });
        }
        Some(())
    }
}

/// The rest of a block.
struct Input<'a> {
    rest: &'a [u8],
}

impl Input<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (b, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*b)
    }

    /// An integer with a prefix of `bits` (RFC 7541 section 5.1); larger than any real one is refused.
    fn int(&mut self, bits: u32) -> Option<usize> {
        let mask = (1usize << bits) - 1;
        let mut n = usize::from(self.byte()?) & mask;
        if n < mask {
            return Some(n);
        }
        for shift in [0, 7, 14, 21] {
            let b = self.byte()?;
            n += usize::from(b & 0x7f) << shift;
            if b & 0x80 == 0 {
                return Some(n);
            }
        }
        None
    }

    /// A string (RFC 7541 section 5.2) into `out`; `Some(false)` where its coding is broken but its length is known.
    fn string(&mut self, out: &mut Vec<u8>) -> Option<bool> {
        out.clear();
        let coded = self.rest.first()? & 0x80 != 0;
        let len = self.int(7)?;
        let (raw, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        if !coded {
            out.extend_from_slice(raw);
            return Some(true);
        }
        let good = huffman::decode(raw, out);
        if !good {
            out.clear();
        }
        Some(good)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(s: &str) -> Vec<u8> {
        let s: String = s.split_whitespace().collect();
        (0..s.len())
            .step_by(2)
            .map(|i| u8::from_str_radix(&s[i..i + 2], 16).unwrap())
            .collect()
    }

    /// Fields as `name: value` lines, unknown as `?`.
    fn lines(t: &mut Table, block: &str) -> (End, Vec<String>) {
        let mut out = Vec::new();
        let text =
            |s: Option<&[u8]>| s.map_or("?".into(), |s| String::from_utf8_lossy(s).into_owned());
        let end = t.read(&hex(block), |(n, v)| {
            out.push(format!("{}: {}", text(n), text(v)))
        });
        (end, out)
    }

    fn holds(t: &mut Table, block: &str, want: &[&str], size: usize) {
        assert_eq!(
            lines(t, block),
            (End::Whole, want.iter().map(|s| s.to_string()).collect())
        );
        assert_eq!(t.size, size);
    }

    #[test]
    fn appendix_c2_of_the_standard() {
        holds(
            &mut Table::fresh(),
            "400a637573746f6d2d6b65790d637573746f6d2d686561646572",
            &["custom-key: custom-header"],
            55,
        );
        holds(
            &mut Table::fresh(),
            "040c2f73616d706c652f70617468",
            &[":path: /sample/path"],
            0,
        );
        holds(
            &mut Table::fresh(),
            "100870617373776f726406736563726574",
            &["password: secret"],
            0,
        );
        holds(&mut Table::fresh(), "82", &[":method: GET"], 0);
    }

    const ASKED: [(&[&str], usize); 3] = [
        (
            &[
                ":method: GET",
                ":scheme: http",
                ":path: /",
                ":authority: www.example.com",
            ],
            57,
        ),
        (
            &[
                ":method: GET",
                ":scheme: http",
                ":path: /",
                ":authority: www.example.com",
                "cache-control: no-cache",
            ],
            110,
        ),
        (
            &[
                ":method: GET",
                ":scheme: https",
                ":path: /index.html",
                ":authority: www.example.com",
                "custom-key: custom-value",
            ],
            164,
        ),
    ];

    #[test]
    fn appendix_c3_and_c4_requests() {
        for blocks in [
            [
                "828684410f7777772e6578616d706c652e636f6d",
                "828684be58086e6f2d6361636865",
                "828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565",
            ],
            [
                "828684418cf1e3c2e5f23a6ba0ab90f4ff",
                "828684be5886a8eb10649cbf",
                "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf",
            ],
        ] {
            let mut t = Table::fresh();
            for (block, (want, size)) in blocks.iter().zip(ASKED) {
                holds(&mut t, block, want, size);
            }
        }
    }

    const ANSWERED: [(&[&str], usize); 3] = [
        (
            &[
                ":status: 302",
                "cache-control: private",
                "date: Mon, 21 Oct 2013 20:13:21 GMT",
                "location: https://www.example.com",
            ],
            222,
        ),
        (
            &[
                ":status: 307",
                "cache-control: private",
                "date: Mon, 21 Oct 2013 20:13:21 GMT",
                "location: https://www.example.com",
            ],
            222,
        ),
        (
            &[
                ":status: 200",
                "cache-control: private",
                "date: Mon, 21 Oct 2013 20:13:22 GMT",
                "location: https://www.example.com",
                "content-encoding: gzip",
                "set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1",
            ],
            215,
        ),
    ];

    #[test]
    fn appendix_c5_and_c6_responses_with_evictions() {
        for blocks in [
            [
                "4803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a323120474d546e1768747470733a2f2f7777772e6578616d706c652e636f6d",
                "4803333037c1c0bf",
                "88c1611d4d6f6e2c203231204f637420323031332032303a31333a323220474d54c05a04677a69707738666f6f3d4153444a4b48514b425a584f5157454f50495541585157454f49553b206d61782d6167653d333630303b2076657273696f6e3d31",
            ],
            [
                "488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8e9ae82ae43d3",
                "4883640effc1c0bf",
                "88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007",
            ],
        ] {
            let mut t = Table::fresh();
            t.resize(256);
            for (block, (want, size)) in blocks.iter().zip(ANSWERED) {
                holds(&mut t, block, want, size);
            }
        }
    }

    #[test]
    fn a_table_joined_late_tells_only_what_was_added_since() {
        let mut t = Table::default();
        // the third block of C.3 refers to an entry of the first; its own entry is known from then on
        let (end, got) = lines(
            &mut t,
            "828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565",
        );
        assert_eq!(end, End::Whole);
        assert_eq!(
            got,
            [
                ":method: GET",
                ":scheme: https",
                ":path: /index.html",
                "?: ?",
                "custom-key: custom-value"
            ]
        );
        assert_eq!(
            lines(&mut t, "be c0").1,
            ["custom-key: custom-value", "?: ?"]
        );
        // a value under a name that is not known; the entry keeps its value
        assert_eq!(lines(&mut t, "7f 05 03 616263 be").1, ["?: abc", "?: abc"]);
    }

    #[test]
    fn what_breaks_the_format_is_told_and_never_guessed() {
        let mut t = Table::fresh();
        // an entry that cannot be there: what the table holds is in doubt from then on
        assert_eq!(
            lines(&mut t, "400161 0162 be bf be"),
            (
                End::Odd,
                vec!["a: b".into(), "a: b".into(), "?: ?".into(), "?: ?".into()]
            )
        );
        for (block, want) in [
            ("80", End::Odd), // index 0
            ("40", End::Cut),
            ("400a6162", End::Cut),     // a name cut
            ("ffffffffff01", End::Cut), // an index beyond all bounds
            ("008164 0161", End::Odd),  // broken Huffman name
        ] {
            assert_eq!(lines(&mut Table::fresh(), block).0, want, "{block}");
        }
        // an entry larger than the table empties it
        let mut t = Table::fresh();
        t.resize(40);
        assert_eq!(
            lines(&mut t, "400161 0162 400161 0b3132333435363738393031").0,
            End::Whole
        );
        assert_eq!(t.size, 0);
    }
}
