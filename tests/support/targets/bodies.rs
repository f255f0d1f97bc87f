//! Bodies: codings, kinds, operations, messages.

use super::SCANNER;
use leaktrace::body::operation::{self, dispatch, graphql};
use leaktrace::body::protobuf::realign::Hole;
use leaktrace::body::protobuf::schema::{Builder, Schema};
use leaktrace::body::protobuf::walk::{Key, Leaf, Visit, walk};
use leaktrace::body::protobuf::{frames, wire};
use leaktrace::body::{decode, multipart, sheet, sniff, sse, zip};
use leaktrace::detect::pack;
use leaktrace::limits;

/// A coded body: the first byte selects up to two codings.
pub fn decode_body(data: &[u8]) {
    const CODINGS: [&[u8]; 8] = [
        b"gzip",
        b"deflate",
        b"br",
        b"zstd",
        b"x-gzip",
        b"identity",
        b"gzip, br",
        b"nonsense",
    ];
    let Some((which, raw)) = data.split_first() else {
        return;
    };
    let first = CODINGS[usize::from(which & 7)];
    let second = CODINGS[usize::from(which >> 3 & 7)];
    let both = [first, second];
    let codings = if which & 0x40 == 0 {
        &both[..1]
    } else {
        &both[..]
    };
    let d = decode::decode(raw, codings);
    assert!(d.content.len() as u64 <= d.len);
    let _ = sniff::kind(&d.content, None);
}

/// Kinds of content that are scanned each in its way.
pub const KINDS: [&str; 12] = [
    "json",
    "ndjson",
    "xml",
    "html",
    "form",
    "multipart",
    "csv",
    "text",
    "binary",
    "sse",
    "grpc",
    "protobuf",
];

/// Content of every kind: the first byte selects how it is read.
pub fn scan(data: &[u8]) {
    let Some((which, content)) = data.split_first() else {
        return;
    };
    let kind = match KINDS.get(usize::from(*which & 15)) {
        Some(k) => k,
        None => sniff::kind(content, None),
    };
    let media = (kind == "multipart").then_some("multipart/form-data; boundary=B");
    let facts = SCANNER.with_borrow_mut(|s| s.scan_body(content, kind, media));
    for f in &facts.findings {
        assert!(
            f.offset as usize + f.len as usize <= content.len(),
            "a finding lies inside its body"
        );
    }
    let packed = pack::pack(&facts, &[], &mut pack::Lists::default());
    let terms = packed.fields.as_deref().unwrap_or_default();
    let numbers: Vec<u32> = (0..).take(terms.len()).collect();
    let blob = pack::blob(&packed, &numbers);
    let back = pack::decode(&blob, &|n| {
        terms.get(n as usize).cloned().unwrap_or_default()
    });
    assert_eq!(back.findings.len(), facts.findings.len());
}

/// A request: media type, target and body, each ended by a line feed but the last.
pub fn operation(data: &[u8]) {
    let mut lines = data.splitn(3, |b| *b == b'\n');
    let mut line = || lines.next().unwrap_or_default();
    let (media, target, body) = (line(), line(), line());
    let media = String::from_utf8_lossy(media).to_lowercase();
    let kind = sniff::kind(body, Some(&media));
    let header = |_: &str| Some(&b"a/b#c"[..]);
    let r = operation::Request::new(b"POST", target, &media, "", &header, body, kind);
    if let Some(op) = operation::of(&r) {
        assert!(
            op.name
                .is_none_or(|n| !n.is_empty() && !n.contains('#') && n.len() <= 800)
        );
    }
    if let Some(s) = dispatch::seen(&r, Some((body, kind))) {
        assert!(s.fields.lines().count() <= 4 && s.asked != 0);
    }
    let _ = graphql::parse(&String::from_utf8_lossy(body));
}

/// Counts what opens and closes, and holds places to the content.
struct Balance<'a>(&'a [u8], usize);

impl Visit for Balance<'_> {
    fn open(&mut self, _: Key<'_>) {
        self.1 += 1;
    }
    fn close(&mut self) {
        self.1 -= 1;
    }
    fn leaf(&mut self, _: Key<'_>, value: Leaf<'_>, at: std::ops::Range<usize>) {
        let bytes = &self.0[at];
        match value {
            Leaf::Text(t) => assert_eq!(t.as_bytes(), bytes),
            Leaf::Bytes(b) => assert_eq!(b, bytes),
            Leaf::Uint(n) if bytes.len() != 4 && bytes.len() != 8 => {
                assert_eq!(wire::varint(bytes, 0), Some((n, bytes.len())));
            }
            _ => {}
        }
    }
    fn broken(&mut self, at: std::ops::Range<usize>) {
        assert!(at.end <= self.0.len());
    }
}

/// A body of messages, with and without a schema; the first byte says how it is coded.
pub fn protobuf(data: &[u8]) {
    let Some((how, body)) = data.split_first() else {
        return;
    };
    let schema = Schema::from_proto(
        "message M { string a = 1; M b = 2; repeated M c = 3; repeated int32 d = 4; map<string, M> e = 5; double f = 6; bytes g = 7; sint64 h = 8; fixed32 i = 9; bool j = 10; }",
    )
    .unwrap();
    let ty = schema.message("M").unwrap();
    let encoding = (how & 1 == 1).then_some(&b"gzip"[..]);
    // bits of the first byte say where bytes are missing, of a number that is known or not
    let at = body.len() * usize::from(how >> 5) / 8;
    let holes = [Hole {
        at,
        missing: (how & 8 == 8).then_some(at as u64 + 1),
    }];
    let sent = frames::Sent {
        bytes: body,
        holes: if how & 4 == 4 { &holes } else { &[] },
        complete: how & 16 == 16,
    };
    let undone = frames::undo(sent, encoding, how & 2 == 2);
    let content = undone.as_ref().map_or(body, |u| &u.content);
    let mut end = 0;
    for f in frames::frames(content) {
        assert!(f.body.start == end + 5 && f.body.end <= content.len());
        end = f.body.end;
        for known in [None, Some((&schema, ty))] {
            let mut b = Balance(content, 0);
            walk(content, f.body.clone(), known, &mut b);
            assert_eq!(b.1, 0, "what is opened is closed");
        }
    }
    let _ = frames::status(content);
}

/// A schema as text or as a descriptor set.
pub fn schema(data: &[u8]) {
    let mut b = Builder::default();
    let text = String::from_utf8_lossy(data);
    if b.proto(&text).is_ok() {
        let _ = b.build();
    }
    let mut b = Builder::default();
    if b.descriptors(data).is_ok() {
        let _ = b.build();
    }
}

/// Parts of a form, and events.
pub fn parts(data: &[u8]) {
    let mut end = 0;
    for p in multipart::parts(data) {
        assert!(p.head.start >= end && p.head.end <= p.body.start && p.body.end <= data.len());
        end = p.body.end;
        let _ = (p.name(data), p.media(data), p.file(data), p.decoded(data));
    }
    let mut end = 0;
    for e in sse::events(data) {
        assert!(e.whole.start >= end && e.whole.end <= data.len());
        end = e.whole.end;
        let (text, places) = e.text(data);
        assert_eq!(places.len(), e.data.len());
        assert!(text.len() <= data.len());
    }
}

/// A zip in a body, as one and as a workbook: what is unpacked stays within its room.
pub fn sheets(data: &[u8]) {
    let _ = sheet::is_workbook(data, "");
    let room = 1 << 16;
    let members = zip::members(data, room);
    assert!(members.len() <= limits::SHEET_MEMBERS);
    let unpacked: usize = members.iter().flat_map(|m| &m.1).map(Vec::len).sum();
    assert!(unpacked <= room, "{unpacked} bytes of {room}");
    if let Some(text) = zip::text(data) {
        assert!(text.len() <= limits::NESTED_DECODED + members.len() * sheet::BREAK.len());
    }
    if let Some(text) = sheet::text(data) {
        let breaks = sheet::BREAK.len() * limits::SHEETS;
        assert!(text.len() <= 2 * limits::SHEET_DECODED * limits::SHEETS + breaks);
    }
}
