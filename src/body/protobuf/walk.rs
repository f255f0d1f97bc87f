//! A message walked from its outermost fields down. In: bytes and, where one is known, their type. Out: fields in order of the wire
//! to a [`Visit`], with their places. Bounds: linear; [`DEPTH`] levels, [`NUMBERS`] fields of one message are told apart.

use super::guess::{As, Guess};
use super::schema::{FieldDef, Schema, Type};
use super::wire::{Field, Wire, fields, varint};
use std::collections::BTreeMap;
use std::ops::Range;

/// Levels of messages; what is deeper is shown as bytes.
const DEPTH: usize = 32;
/// Different fields of one message.
const NUMBERS: usize = 4096;

/// A field's key: its number, and its name where a schema has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key<'a> {
    /// Number.
    pub number: u32,
    /// Name.
    pub name: Option<&'a str>,
    /// Place among the values of a repeated field, from 0.
    pub index: Option<u32>,
}

/// A value that holds no further fields.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Leaf<'a> {
    /// Text.
    Text(&'a str),
    /// Bytes.
    Bytes(&'a [u8]),
    /// An integer as it stands in the bytes.
    Uint(u64),
    /// An integer that is negative, or written in another way than it stands in the bytes.
    Int(i64),
    /// A float.
    Float(f64),
    /// A truth value.
    Bool(bool),
    /// A value of an enumeration, by name.
    Name(&'a str),
}

/// Receives the structure; `at` is a range of the content given to [`walk`].
pub trait Visit {
    /// A message inside begins.
    fn open(&mut self, key: Key<'_>);
    /// It ends.
    fn close(&mut self);
    /// A value.
    fn leaf(&mut self, key: Key<'_>, value: Leaf<'_>, at: Range<usize>);
    /// What is no field, up to the end of the message around it.
    fn broken(&mut self, at: Range<usize>);
}

/// What is known of one field number of one message.
#[derive(Default)]
struct Seen {
    count: u32,
    next: u32,
    guess: Guess,
}

/// Walks the message at `range` of `s`. `ty` is its place in the schema.
pub fn walk<V: Visit>(s: &[u8], range: Range<usize>, schema: Option<(&Schema, usize)>, v: &mut V) {
    level(s, range, schema, v, 0);
}

fn level<V: Visit>(
    s: &[u8],
    range: Range<usize>,
    schema: Option<(&Schema, usize)>,
    v: &mut V,
    depth: usize,
) {
    let def = |number: u32| schema.and_then(|(all, ty)| all.field(ty, number));
    let mut seen: BTreeMap<u32, Seen> = BTreeMap::new();
    for f in fields(s, range.clone()) {
        if seen.len() >= NUMBERS && !seen.contains_key(&f.number) {
            continue;
        }
        let n = seen.entry(f.number).or_default();
        n.count = n.count.saturating_add(1);
        if f.wire == Wire::Len && def(f.number).is_none() {
            n.guess.add(s, f.value);
        }
    }
    let mut all = fields(s, range.clone());
    for f in &mut all {
        let known = def(f.number);
        let (index, guess) = match seen.get_mut(&f.number) {
            Some(n) => {
                let i = n.next;
                n.next = n.next.saturating_add(1);
                let many = known.map_or(n.count > 1, |d| d.repeated);
                (many.then_some(i), n.guess.answer())
            }
            None => (None, As::Bytes),
        };
        let key = Key {
            number: f.number,
            name: known.map(|d| d.name.as_str()),
            index,
        };
        match known {
            Some(d) => typed(s, &f, key, d, schema, v, depth),
            None => bare(s, &f, key, guess, v, depth),
        }
    }
    if all.faulty {
        v.broken(all.at()..range.end.min(s.len()));
    }
}

fn message<V: Visit>(
    s: &[u8],
    f: &Field,
    key: Key<'_>,
    schema: Option<(&Schema, usize)>,
    v: &mut V,
    depth: usize,
) {
    if depth + 1 >= DEPTH {
        return v.leaf(
            key,
            Leaf::Bytes(s.get(f.value.clone()).unwrap_or_default()),
            f.value.clone(),
        );
    }
    v.open(key);
    level(s, f.value.clone(), schema, v, depth + 1);
    v.close();
}

fn bytes<V: Visit>(s: &[u8], f: &Field, key: Key<'_>, v: &mut V, text: bool) {
    let raw = s.get(f.value.clone()).unwrap_or_default();
    let leaf = match std::str::from_utf8(raw) {
        Ok(t) if text => Leaf::Text(t),
        _ => Leaf::Bytes(raw),
    };
    v.leaf(key, leaf, f.value.clone());
}

/// A field that no schema knows.
fn bare<V: Visit>(s: &[u8], f: &Field, key: Key<'_>, guess: As, v: &mut V, depth: usize) {
    match f.wire {
        Wire::Len => match guess {
            As::Message => message(s, f, key, None, v, depth),
            As::Text => bytes(s, f, key, v, true),
            As::Bytes => bytes(s, f, key, v, false),
        },
        Wire::Group => message(s, f, key, None, v, depth),
        Wire::Varint(n) => v.leaf(key, Leaf::Uint(n), f.value.clone()),
        Wire::Fixed64(n) => {
            let leaf = match f64::from_bits(n) {
                x if likely(x) => Leaf::Float(x),
                _ => Leaf::Uint(n),
            };
            v.leaf(key, leaf, f.value.clone());
        }
        Wire::Fixed32(n) => {
            let leaf = match f64::from(f32::from_bits(n)) {
                x if likely(x) => Leaf::Float(x),
                _ => Leaf::Uint(n.into()),
            };
            v.leaf(key, leaf, f.value.clone());
        }
    }
}

/// Whether a number reads as the float that somebody wrote, and not as an integer's bits.
fn likely(x: f64) -> bool {
    x != 0.0 && (1e-6..1e15).contains(&x.abs())
}

/// A field as its schema has it; what does not agree with the schema is shown as it stands.
fn typed<V: Visit>(
    s: &[u8],
    f: &Field,
    key: Key<'_>,
    d: &FieldDef,
    schema: Option<(&Schema, usize)>,
    v: &mut V,
    depth: usize,
) {
    let Some((all, _)) = schema else { return };
    match (&d.ty, f.wire) {
        (Type::Message(ty), Wire::Len | Wire::Group) => {
            message(s, f, key, Some((all, *ty)), v, depth)
        }
        (Type::String, Wire::Len) => bytes(s, f, key, v, true),
        (Type::Bytes, Wire::Len) => bytes(s, f, key, v, false),
        // packed numbers
        (ty, Wire::Len) => {
            let mut at = f.value.start;
            let mut index = key.index.unwrap_or(0);
            while at < f.value.end {
                let Some((leaf, end)) = packed(s, at, f.value.end, ty, all) else {
                    return v.broken(at..f.value.end);
                };
                v.leaf(
                    Key {
                        index: Some(index),
                        ..key
                    },
                    leaf,
                    at..end,
                );
                index = index.saturating_add(1);
                at = end;
            }
        }
        (ty, wire) => match scalar(ty, wire, all) {
            Some(leaf) => v.leaf(key, leaf, f.value.clone()),
            None => bare(s, f, key, As::Bytes, v, depth),
        },
    }
}

/// One number of a packed list.
fn packed<'a>(
    s: &[u8],
    at: usize,
    end: usize,
    ty: &Type,
    all: &'a Schema,
) -> Option<(Leaf<'a>, usize)> {
    let (wire, next) = match ty {
        Type::Double | Type::Fixed64 | Type::Sfixed64 => {
            let b = s.get(at..end)?.first_chunk::<8>()?;
            (Wire::Fixed64(u64::from_le_bytes(*b)), at + 8)
        }
        Type::Float | Type::Fixed32 | Type::Sfixed32 => {
            let b = s.get(at..end)?.first_chunk::<4>()?;
            (Wire::Fixed32(u32::from_le_bytes(*b)), at + 4)
        }
        _ => {
            let (n, next) = varint(s.get(..end)?, at)?;
            (Wire::Varint(n), next)
        }
    };
    Some((scalar(ty, wire, all)?, next))
}

/// A number under its type; `None` where it is written in another way than that type is.
fn scalar<'a>(ty: &Type, wire: Wire, all: &'a Schema) -> Option<Leaf<'a>> {
    let zigzag = |n: u64| (n >> 1).cast_signed() ^ -((n & 1).cast_signed());
    let signed = |n: i64| u64::try_from(n).map_or(Leaf::Int(n), Leaf::Uint);
    Some(match (ty, wire) {
        (Type::Int, Wire::Varint(n)) => signed(n.cast_signed()),
        (Type::Uint, Wire::Varint(n)) => Leaf::Uint(n),
        (Type::Sint, Wire::Varint(n)) => Leaf::Int(zigzag(n)),
        (Type::Bool, Wire::Varint(n)) => Leaf::Bool(n != 0),
        (Type::Enum(e), Wire::Varint(n)) => match all.value(*e, n.cast_signed()) {
            Some(name) => Leaf::Name(name),
            None => signed(n.cast_signed()),
        },
        (Type::Double, Wire::Fixed64(n)) => Leaf::Float(f64::from_bits(n)),
        (Type::Fixed64, Wire::Fixed64(n)) => Leaf::Uint(n),
        (Type::Sfixed64, Wire::Fixed64(n)) => signed(n.cast_signed()),
        (Type::Float, Wire::Fixed32(n)) => Leaf::Float(f32::from_bits(n).into()),
        (Type::Fixed32, Wire::Fixed32(n)) => Leaf::Uint(n.into()),
        (Type::Sfixed32, Wire::Fixed32(n)) => Leaf::Int(n.cast_signed().into()),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Text(Vec<String>, Vec<String>);
    impl Text {
        fn key(&self, k: &Key<'_>) -> String {
            let n = k.name.map_or(k.number.to_string(), str::to_owned);
            let i = k.index.map_or(String::new(), |i| format!("[{i}]"));
            format!("{}.{n}{i}", self.1.concat())
        }
    }
    impl Visit for Text {
        fn open(&mut self, key: Key<'_>) {
            let n = key.name.map_or(key.number.to_string(), str::to_owned);
            let i = key.index.map_or(String::new(), |i| format!("[{i}]"));
            self.1.push(format!(".{n}{i}"));
        }
        fn close(&mut self) {
            self.1.pop();
        }
        fn leaf(&mut self, key: Key<'_>, value: Leaf<'_>, at: Range<usize>) {
            let k = self.key(&key);
            self.0.push(format!("{k}={value:?}@{}", at.start));
        }
        fn broken(&mut self, at: Range<usize>) {
            self.0.push(format!("broken@{}", at.start));
        }
    }
    fn read(s: &[u8], schema: Option<(&Schema, usize)>) -> Vec<String> {
        let mut t = Text::default();
        walk(s, 0..s.len(), schema, &mut t);
        t.0
    }

    #[test]
    fn without_a_schema_fields_go_by_number() {
        let s = b"\x0a\x02hi\x12\x04\x0a\x02ab\x12\x04\x0a\x02cd\x18\x96\x01\x21\0\0\0\0\0\0\xf8\x3f\x2a\x02\xff\xfe";
        assert_eq!(
            read(s, None),
            [
                ".1=Text(\"hi\")@2",
                ".2[0].1=Text(\"ab\")@8",
                ".2[1].1=Text(\"cd\")@14",
                ".3=Uint(150)@17",
                ".4=Float(1.5)@20",
                ".5=Bytes([255, 254])@30",
            ]
        );
        assert_eq!(read(b"\x08\x01\x0f", None), [".1=Uint(1)@1", "broken@2"]);
    }

    #[test]
    fn with_a_schema_they_go_by_name_and_type() {
        let schema = Schema::from_proto(
            "syntax = 'proto3'; package a.b; enum E { ZERO = 0; ONE = 1; }
             message M { string s = 1; repeated N n = 2; sint32 z = 3; repeated int32 p = 4; E e = 5; double d = 6; map<string, int64> m = 7; }
             message N { bytes b = 1; int64 i = 2; bool t = 3; }",
        )
        .unwrap();
        let ty = schema.message("a.b.M").unwrap();
        let s = b"\x0a\x02hi\x12\x05\x0a\x01x\x18\x01\x18\x03\x22\x03\x01\x96\x01\x28\x01\x31\0\0\0\0\0\0\0\0\x3a\x05\x0a\x01k\x10\x05\x48\x07";
        assert_eq!(
            read(s, Some((&schema, ty))),
            [
                ".s=Text(\"hi\")@2",
                ".n[0].b=Bytes([120])@8",
                ".n[0].t=Bool(true)@10",
                ".z=Int(-2)@12",
                ".p[0]=Uint(1)@15",
                ".p[1]=Uint(150)@16",
                ".e=Name(\"ONE\")@19",
                ".d=Float(0.0)@21",
                ".m[0].key=Text(\"k\")@33",
                ".m[0].value=Uint(5)@35",
                ".9=Uint(7)@37",
            ]
        );
        // bytes that do not keep to the schema are shown as they are
        assert_eq!(read(b"\x08\x05", Some((&schema, ty))), [".s=Uint(5)@1"]);
    }

    #[test]
    fn deep_and_random_bytes_end() {
        let mut deep = b"\x08\x01".to_vec();
        for _ in 0..3000 {
            let mut outer = vec![0x0a];
            let mut n = deep.len();
            while n > 127 {
                outer.push(u8::try_from(n & 127).unwrap() | 128);
                n >>= 7;
            }
            outer.push(u8::try_from(n).unwrap());
            outer.extend(&deep);
            deep = outer;
        }
        assert_eq!(read(&deep, None).len(), 1);
        let mut x = 7u64;
        for _ in 0..2000 {
            let s: Vec<u8> = (0..200)
                .map(|_| {
                    x ^= x << 13;
                    x ^= x >> 7;
                    x ^= x << 17;
                    u8::try_from(x & 0x1f).unwrap()
                })
                .collect();
            let _ = read(&s, None);
        }
    }
}
