//! Types of messages by name and number. In: `.proto` texts or descriptor sets. Out: a [`Schema`] that says what each field is
//! called. Bounds: the files an investigator gives, [`crate::limits::SCHEMA_BYTES`] in all; messages nest
//! 32 deep in a text.

use super::wire::{Wire, fields};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[path = "schema_text.rs"]
mod text;

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Type {
    /// `double`
    Double,
    /// `float`
    Float,
    /// `int32 int64`
    Int,
    /// `uint32 uint64`
    Uint,
    /// `sint32 sint64`
    Sint,
    /// `fixed32`
    Fixed32,
    /// `fixed64`
    Fixed64,
    /// `sfixed32`
    Sfixed32,
    /// `sfixed64`
    Sfixed64,
    /// `bool`
    Bool,
    /// `string`
    String,
    /// `bytes`
    Bytes,
    /// An enumeration, by its place.
    Enum(usize),
    /// A message, by its place.
    Message(usize),
}

/// One field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldDef {
    /// Name.
    pub name: String,
    /// What it holds.
    pub ty: Type,
    /// Whether it is a list or a map.
    pub repeated: bool,
}

/// One message type.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Message {
    name: String,
    fields: BTreeMap<u32, FieldDef>,
}

/// One enumeration.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Enum {
    name: String,
    values: BTreeMap<i64, String>,
}

/// All types that are known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schema {
    messages: Vec<Message>,
    enums: Vec<Enum>,
    /// `pkg.Service/Method`: what is asked and what is answered.
    methods: BTreeMap<String, (usize, usize)>,
}

impl Schema {
    /// Place of a message by its full name.
    pub fn message(&self, name: &str) -> Option<usize> {
        self.messages
            .binary_search_by(|m| m.name.as_str().cmp(name))
            .ok()
    }
    /// A field of a message.
    pub fn field(&self, message: usize, number: u32) -> Option<&FieldDef> {
        self.messages.get(message)?.fields.get(&number)
    }
    /// Full name of a message.
    pub fn name(&self, message: usize) -> &str {
        self.messages.get(message).map_or("", |m| &m.name)
    }
    /// Name of an enumeration's value.
    pub fn value(&self, of: usize, n: i64) -> Option<&str> {
        self.enums.get(of)?.values.get(&n).map(String::as_str)
    }
    /// Types of a method by its path (`/pkg.Service/Method`, also below a prefix): asked, answered.
    pub fn method(&self, path: &str) -> Option<(usize, usize)> {
        let mut parts = path.rsplit('/');
        let (method, service) = (parts.next()?, parts.next()?);
        self.methods.get(&format!("{service}/{method}")).copied()
    }
    /// Whether it knows nothing.
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty() && self.methods.is_empty()
    }
    /// Methods that are known.
    pub fn methods(&self) -> usize {
        self.methods.len()
    }

    /// As text, for keeping.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
    /// What [`Schema::to_json`] wrote; `None` where the text is something else.
    pub fn from_json(text: &str) -> Option<Schema> {
        serde_json::from_str(text).ok()
    }

    /// Of one `.proto` text without imports.
    ///
    /// # Errors
    /// What is wrong, with its line.
    pub fn from_proto(source: &str) -> Result<Schema, String> {
        let mut b = Builder::default();
        b.proto(source)?;
        b.build()
    }
}

/// A type as a declaration names it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Named {
    Is(Type),
    /// To be looked up, from this scope outwards.
    Name(String, String),
}

/// A field's name, type, and whether it is repeated.
type Declared = (String, Named, bool);

/// Gathers declarations of several files, then resolves their names together.
#[derive(Debug, Default)]
pub struct Builder {
    messages: BTreeMap<String, BTreeMap<u32, Declared>>,
    enums: BTreeMap<String, BTreeMap<i64, String>>,
    methods: BTreeMap<String, (Named, Named)>,
    /// Fields added to messages from outside.
    extensions: Vec<(Named, u32, String, Named, bool)>,
}

fn join(scope: &str, name: &str) -> String {
    if scope.is_empty() {
        name.to_owned()
    } else {
        format!("{scope}.{name}")
    }
}

impl Builder {
    /// Adds a `.proto` text; gives the files that it imports.
    ///
    /// # Errors
    /// What is wrong, with its line.
    pub fn proto(&mut self, source: &str) -> Result<Vec<String>, String> {
        text::read(self, source)
    }

    /// Adds the types of a schema that is resolved already; what is added later replaces them by name.
    pub fn add(&mut self, s: &Schema) {
        let message = |i: &usize| Named::Name(format!(".{}", s.name(*i)), String::new());
        for m in &s.messages {
            let fields = m.fields.iter().map(|(n, f)| {
                let ty = match &f.ty {
                    Type::Message(i) => message(i),
                    Type::Enum(i) => {
                        let name = s.enums.get(*i).map_or("", |e| &e.name);
                        Named::Name(format!(".{name}"), String::new())
                    }
                    t => Named::Is(*t),
                };
                (*n, (f.name.clone(), ty, f.repeated))
            });
            self.messages.insert(m.name.clone(), fields.collect());
        }
        for e in &s.enums {
            self.enums.insert(e.name.clone(), e.values.clone());
        }
        for (path, (a, b)) in &s.methods {
            self.methods.insert(path.clone(), (message(a), message(b)));
        }
    }

    /// Adds a serialised `FileDescriptorSet` (what `protoc --descriptor_set_out` writes), or a single `FileDescriptorProto`.
    ///
    /// # Errors
    /// Where the bytes are neither.
    pub fn descriptors(&mut self, s: &[u8]) -> Result<(), String> {
        let before = self.messages.len() + self.methods.len() + self.enums.len();
        for f in list(s, 1) {
            self.file(f);
        }
        if self.messages.len() + self.methods.len() + self.enums.len() == before {
            self.file(s);
        }
        if self.messages.len() + self.methods.len() + self.enums.len() == before {
            return Err("holds no types (expected a .proto text or what protoc --descriptor_set_out writes)".into());
        }
        Ok(())
    }

    fn file(&mut self, s: &[u8]) {
        let package = string(s, 2);
        for m in list(s, 4) {
            self.descriptor(m, &package, 0);
        }
        for e in list(s, 5) {
            self.enumeration(e, &package);
        }
        for e in list(s, 7) {
            self.extension(e, &package);
        }
        for service in list(s, 6) {
            let name = join(&package, &string(service, 1));
            for m in list(service, 2) {
                let ty = |n| Named::Name(string(m, n), package.clone());
                self.methods
                    .insert(format!("{name}/{}", string(m, 1)), (ty(2), ty(3)));
            }
        }
    }

    fn descriptor(&mut self, s: &[u8], scope: &str, depth: usize) {
        if depth >= 32 {
            return;
        }
        let name = join(scope, &string(s, 1));
        let mut all = BTreeMap::new();
        for f in list(s, 2) {
            if let Some((n, field)) = field(f, &name) {
                all.insert(n, field);
            }
        }
        self.messages.insert(name.clone(), all);
        for m in list(s, 3) {
            self.descriptor(m, &name, depth + 1);
        }
        for e in list(s, 4) {
            self.enumeration(e, &name);
        }
        for e in list(s, 6) {
            self.extension(e, &name);
        }
    }

    fn enumeration(&mut self, s: &[u8], scope: &str) {
        let values = list(s, 2)
            .map(|v| (number(v, 2).cast_signed(), string(v, 1)))
            .collect();
        self.enums.insert(join(scope, &string(s, 1)), values);
    }

    fn extension(&mut self, s: &[u8], scope: &str) {
        if let Some((n, (name, ty, repeated))) = field(s, scope) {
            let of = Named::Name(string(s, 2), scope.to_owned());
            self.extensions.push((of, n, name, ty, repeated));
        }
    }

    /// Resolves all names.
    ///
    /// # Errors
    /// Where a name has no declaration.
    pub fn build(self) -> Result<Schema, String> {
        let messages: Vec<&String> = self.messages.keys().collect();
        let enums: Vec<&String> = self.enums.keys().collect();
        let find = |n: &Named| -> Result<Type, String> {
            let (name, scope) = match n {
                Named::Is(t) => return Ok(*t),
                Named::Name(name, scope) => (name, scope),
            };
            let look = |full: &str| {
                let at = |list: &[&String]| list.binary_search_by(|m| m.as_str().cmp(full)).ok();
                at(&messages)
                    .map(Type::Message)
                    .or(at(&enums).map(Type::Enum))
            };
            if let Some(full) = name.strip_prefix('.') {
                return look(full).ok_or_else(|| format!("no type is called {full}"));
            }
            let mut scope = scope.as_str();
            loop {
                if let Some(t) = look(&join(scope, name)) {
                    return Ok(t);
                }
                if scope.is_empty() {
                    return Err(format!("no type is called {name} (is an import missing?)"));
                }
                scope = scope.rsplit_once('.').map_or("", |(s, _)| s);
            }
        };
        let mut out = Schema::default();
        for (name, all) in &self.messages {
            let mut fields = BTreeMap::new();
            for (n, (field, ty, repeated)) in all {
                let ty = find(ty).map_err(|e| format!("{name}.{field}: {e}"))?;
                fields.insert(
                    *n,
                    FieldDef {
                        name: field.clone(),
                        ty,
                        repeated: *repeated,
                    },
                );
            }
            out.messages.push(Message {
                name: name.clone(),
                fields,
            });
        }
        for (name, values) in &self.enums {
            out.enums.push(Enum {
                name: name.clone(),
                values: values.clone(),
            });
        }
        for (of, n, name, ty, repeated) in &self.extensions {
            // what extends a type that is not here says nothing
            let (Ok(Type::Message(m)), Ok(ty)) = (find(of), find(ty)) else {
                continue;
            };
            if let Some(m) = out.messages.get_mut(m) {
                m.fields.entry(*n).or_insert_with(|| FieldDef {
                    name: name.clone(),
                    ty,
                    repeated: *repeated,
                });
            }
        }
        for (path, (a, b)) in &self.methods {
            match (find(a), find(b)) {
                (Ok(Type::Message(a)), Ok(Type::Message(b))) => {
                    out.methods.insert(path.clone(), (a, b));
                }
                (Err(e), _) | (_, Err(e)) => return Err(format!("{path}: {e}")),
                _ => return Err(format!("{path}: its types are no messages")),
            }
        }
        Ok(out)
    }
}

/// Messages under a number.
fn list(s: &[u8], number: u32) -> impl Iterator<Item = &[u8]> {
    fields(s, 0..s.len())
        .filter(move |f| f.number == number && f.wire == Wire::Len)
        .filter_map(move |f| s.get(f.value))
}

fn string(s: &[u8], number: u32) -> String {
    list(s, number)
        .last()
        .map(|v| String::from_utf8_lossy(v).into_owned())
        .unwrap_or_default()
}

fn number(s: &[u8], number: u32) -> u64 {
    fields(s, 0..s.len())
        .filter(|f| f.number == number)
        .filter_map(|f| match f.wire {
            Wire::Varint(n) => Some(n),
            _ => None,
        })
        .last()
        .unwrap_or(0)
}

/// A `FieldDescriptorProto`.
fn field(s: &[u8], scope: &str) -> Option<(u32, Declared)> {
    let ty = match number(s, 5) {
        1 => Named::Is(Type::Double),
        2 => Named::Is(Type::Float),
        3 | 5 => Named::Is(Type::Int),
        4 | 13 => Named::Is(Type::Uint),
        6 => Named::Is(Type::Fixed64),
        7 => Named::Is(Type::Fixed32),
        8 => Named::Is(Type::Bool),
        9 => Named::Is(Type::String),
        12 => Named::Is(Type::Bytes),
        15 => Named::Is(Type::Sfixed32),
        16 => Named::Is(Type::Sfixed64),
        17 | 18 => Named::Is(Type::Sint),
        _ => Named::Name(string(s, 6), scope.to_owned()),
    };
    let n = u32::try_from(number(s, 3)).ok().filter(|n| *n > 0)?;
    Some((n, (string(s, 1), ty, number(s, 4) == 3)))
}

/// Google's types that every schema may import.
pub const WELL_KNOWN: &str = "syntax = \"proto3\"; package google.protobuf;
message Any { string type_url = 1; bytes value = 2; }
message Duration { int64 seconds = 1; int32 nanos = 2; }
message Timestamp { int64 seconds = 1; int32 nanos = 2; }
message Empty {}
message FieldMask { repeated string paths = 1; }
message Struct { map<string, Value> fields = 1; }
message Value { oneof kind { NullValue null_value = 1; double number_value = 2; string string_value = 3; bool bool_value = 4; Struct struct_value = 5; ListValue list_value = 6; } }
message ListValue { repeated Value values = 1; }
enum NullValue { NULL_VALUE = 0; }
message DoubleValue { double value = 1; }
message FloatValue { float value = 1; }
message Int64Value { int64 value = 1; }
message UInt64Value { uint64 value = 1; }
message Int32Value { int32 value = 1; }
message UInt32Value { uint32 value = 1; }
message BoolValue { bool value = 1; }
message StringValue { string value = 1; }
message BytesValue { bytes value = 1; }
";

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
        // a comment { with braces
        syntax = "proto3"; package crm.v1;
        import "google/protobuf/timestamp.proto"; import public "other.proto";
        option go_package = "x;y";
        message Customer {
          reserved 4, 10 to 20; reserved "old";
          string id_card = 1 [(x.y) = { a: "]" }, deprecated = true];
          repeated Phone phones = 2;
          oneof contact { string email = 5; Address address = 6; }
          map<int32, Phone> by_kind = 7;
          .google.protobuf.Timestamp born = 8;
          message Phone { enum Kind { option allow_alias = true; UNKNOWN = 0; MOBILE = 0x1; NEG = -1; } string number = 1; Kind kind = 2; }
          message Address { string city = 1; Phone.Kind k = 2; }
          extensions 100 to max;
        }
        /* service { */
        service Customers {
          option (o) = 1;
          rpc Get (GetRequest) returns (Customer);
          rpc Watch (stream GetRequest) returns (stream crm.v1.Customer) { option (google.api.http) = { get: "/v1/{id=*}" }; }
        }
        message GetRequest { optional string id = 1; repeated group Odd = 2 { optional int32 x = 1; } }
        extend Customer { bool vip = 100; }
    "#;

    #[test]
    fn proto_texts_are_read() {
        let mut b = Builder::default();
        assert_eq!(
            b.proto(TEXT).unwrap(),
            ["google/protobuf/timestamp.proto", "other.proto"]
        );
        b.proto(WELL_KNOWN).unwrap();
        let s = b.build().unwrap();
        let (asked, answered) = s.method("/crm.v1.Customers/Watch").unwrap();
        assert_eq!(
            (s.name(asked), s.name(answered)),
            ("crm.v1.GetRequest", "crm.v1.Customer")
        );
        assert_eq!(
            s.method("/prefix/crm.v1.Customers/Get"),
            Some((asked, answered))
        );
        let f = |n| {
            let f = s.field(answered, n).unwrap();
            let ty = match f.ty {
                Type::Message(m) => s.name(m).to_owned(),
                t => format!("{t:?}"),
            };
            (f.name.as_str(), ty, f.repeated)
        };
        assert_eq!(f(1), ("id_card", "String".into(), false));
        assert_eq!(f(2), ("phones", "crm.v1.Customer.Phone".into(), true));
        assert_eq!(f(6), ("address", "crm.v1.Customer.Address".into(), false));
        assert_eq!(
            f(7),
            ("by_kind", "crm.v1.Customer.ByKindEntry".into(), true)
        );
        assert_eq!(f(8), ("born", "google.protobuf.Timestamp".into(), false));
        assert_eq!(f(100), ("vip", "Bool".into(), false));
        let phone = s.message("crm.v1.Customer.Phone").unwrap();
        let Type::Enum(kind) = s.field(phone, 2).unwrap().ty else {
            panic!()
        };
        assert_eq!(
            (s.value(kind, 1), s.value(kind, -1)),
            (Some("MOBILE"), Some("NEG"))
        );
        assert_eq!(s.field(asked, 2).unwrap().name, "odd");
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        let e = Schema::from_proto("message A {\n  Missing m = 1;\n}").unwrap_err();
        assert_eq!(e, "A.m: no type is called Missing (is an import missing?)");
        let e = Schema::from_proto("message A {\n  string = 1;\n}").unwrap_err();
        assert!(e.starts_with("line 2"), "{e}");
        for junk in [
            "message",
            "message A",
            "message A {",
            "message A { string s = 1",
            "enum E { A = ",
            "service S { rpc",
            "\"",
            "/*",
            "import",
            "message A { map<string",
            "}",
        ] {
            assert!(Schema::from_proto(junk).is_err(), "{junk}");
        }
        let deep = "message A {".repeat(10_000);
        assert!(Schema::from_proto(&deep).is_err());
    }

    #[test]
    fn descriptor_sets_say_the_same() {
        fn len(n: u8, v: &[u8]) -> Vec<u8> {
            [&[n << 3 | 2, u8::try_from(v.len()).unwrap()], v].concat()
        }
        let id = [len(1, b"id"), b"\x18\x01\x20\x01\x28\x09".to_vec()].concat();
        let kids = [
            len(1, b"kids"),
            b"\x18\x02\x20\x03\x28\x0b".to_vec(),
            len(6, b".p.M"),
        ]
        .concat();
        let m = [len(1, b"M"), len(2, &id), len(2, &kids)].concat();
        let rpc = [len(1, b"Do"), len(2, b".p.M"), len(3, b".p.M")].concat();
        let service = [len(1, b"S"), len(2, &rpc)].concat();
        let file = [
            len(1, b"f.proto"),
            len(2, b"p"),
            len(4, &m),
            len(6, &service),
        ]
        .concat();
        let mut b = Builder::default();
        b.descriptors(&len(1, &file)).unwrap();
        let got = b.build().unwrap();
        let want = Schema::from_proto("package p; message M { string id = 1; repeated M kids = 2; } service S { rpc Do(M) returns (M); }").unwrap();
        assert_eq!(got, want);
        assert!(Builder::default().descriptors(b"hello").is_err());
        assert_eq!(Schema::from_json(&want.to_json()), Some(want));
    }
}
