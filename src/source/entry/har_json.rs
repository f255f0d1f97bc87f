//! What is read of an archive's entry. In: JSON. Out: fields, absent and `null` ones empty. Bounds: lists keep
//! [`HEADERS`] elements, unknown fields are passed over, so that memory stays in proportion to the text kept.

use crate::limits::HEADERS;
use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::fmt;
use std::marker::PhantomData;

/// A string as its bytes: one with half a surrogate pair is no UTF-8 and still evidence.
#[derive(Debug, Default, Clone, PartialEq)]
pub(super) struct Text(pub(super) Vec<u8>);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Text, D::Error> {
        struct V;
        impl<'de> Visitor<'de> for V {
            type Value = Text;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or null")
            }
            fn visit_none<E: Error>(self) -> Result<Text, E> {
                Ok(Text::default())
            }
            fn visit_some<D: Deserializer<'de>>(self, d: D) -> Result<Text, D::Error> {
                d.deserialize_bytes(V)
            }
            fn visit_bytes<E: Error>(self, b: &[u8]) -> Result<Text, E> {
                Ok(Text(b.to_vec()))
            }
            fn visit_str<E: Error>(self, s: &str) -> Result<Text, E> {
                Ok(Text(s.as_bytes().to_vec()))
            }
        }
        d.deserialize_option(V)
    }
}

/// A number, also one in quotes; anything else is none.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub(super) struct Number(pub(super) Option<f64>);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Number, D::Error> {
        struct V;
        impl<'de> Visitor<'de> for V {
            type Value = Number;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number")
            }
            fn visit_f64<E: Error>(self, n: f64) -> Result<Number, E> {
                Ok(Number(Some(n)))
            }
            #[allow(clippy::cast_precision_loss)] // lengths and milliseconds, far below 2^53
            fn visit_u64<E: Error>(self, n: u64) -> Result<Number, E> {
                Ok(Number(Some(n as f64)))
            }
            #[allow(clippy::cast_precision_loss)] // lengths and milliseconds, far below 2^53
            fn visit_i64<E: Error>(self, n: i64) -> Result<Number, E> {
                Ok(Number(Some(n as f64)))
            }
            fn visit_str<E: Error>(self, s: &str) -> Result<Number, E> {
                Ok(Number(s.trim().parse().ok()))
            }
            fn visit_unit<E: Error>(self) -> Result<Number, E> {
                Ok(Number(None))
            }
            fn visit_bool<E: Error>(self, _: bool) -> Result<Number, E> {
                Ok(Number(None))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut a: A) -> Result<Number, A::Error> {
                while a.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Number(None))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut a: A) -> Result<Number, A::Error> {
                while a.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Number(None))
            }
        }
        d.deserialize_any(V)
    }
}

/// A list of which only the first elements are kept.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct List<T>(pub(super) Vec<T>);

impl<T> Default for List<T> {
    fn default() -> Self {
        List(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<List<T>, D::Error> {
        struct V<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for V<T> {
            type Value = List<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list or null")
            }
            fn visit_none<E: Error>(self) -> Result<List<T>, E> {
                Ok(List::default())
            }
            fn visit_some<D: Deserializer<'de>>(self, d: D) -> Result<List<T>, D::Error> {
                d.deserialize_seq(V(PhantomData))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut a: A) -> Result<List<T>, A::Error> {
                let mut list = Vec::new();
                while list.len() < HEADERS {
                    match a.next_element()? {
                        Some(x) => list.push(x),
                        None => return Ok(List(list)),
                    }
                }
                while a.next_element::<IgnoredAny>()?.is_some() {}
                Ok(List(list))
            }
        }
        d.deserialize_option(V(PhantomData))
    }
}

/// How many elements a list has.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub(super) struct Count(pub(super) usize);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Count, D::Error> {
        let all: Option<Vec<Nothing>> = Deserialize::deserialize(d)?;
        Ok(Count(all.map_or(0, |v| v.len())))
    }
}

/// Takes no room.
struct Nothing;

impl<'de> Deserialize<'de> for Nothing {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Nothing, D::Error> {
        IgnoredAny::deserialize(d).map(|_| Nothing)
    }
}

/// A value, or what it is by default where it is `null`.
#[derive(Debug, Default, Clone, PartialEq)]
pub(super) struct OrNull<T>(pub(super) T);

impl<'de, T: Deserialize<'de> + Default> Deserialize<'de> for OrNull<T> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<OrNull<T>, D::Error> {
        Ok(OrNull(Option::<T>::deserialize(d)?.unwrap_or_default()))
    }
}

/// An entry of `log.entries`.
#[derive(Debug, Deserialize)]
pub(super) struct Archived {
    #[serde(rename = "startedDateTime")]
    pub(super) started: Text,
    #[serde(default)]
    pub(super) time: Number,
    pub(super) request: Request,
    #[serde(default)]
    pub(super) response: OrNull<Response>,
    #[serde(default, rename = "serverIPAddress")]
    pub(super) server: OrNull<Text>,
    #[serde(default, rename = "_webSocketMessages")]
    pub(super) frames: Count,
}

#[derive(Debug, Deserialize)]
pub(super) struct Request {
    pub(super) method: Text,
    pub(super) url: Text,
    #[serde(default, rename = "httpVersion")]
    pub(super) version: Text,
    #[serde(default)]
    pub(super) headers: List<Named>,
    #[serde(default, rename = "postData")]
    pub(super) post: OrNull<Post>,
    #[serde(default, rename = "bodySize")]
    pub(super) size: Number,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Response {
    #[serde(default)]
    pub(super) status: Number,
    #[serde(default, rename = "statusText")]
    pub(super) reason: Text,
    #[serde(default, rename = "httpVersion")]
    pub(super) version: Text,
    #[serde(default)]
    pub(super) headers: List<Named>,
    #[serde(default)]
    pub(super) content: OrNull<Content>,
    #[serde(default, rename = "bodySize")]
    pub(super) size: Number,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Content {
    #[serde(default)]
    pub(super) size: Number,
    #[serde(default)]
    pub(super) text: Text,
    #[serde(default)]
    pub(super) encoding: Text,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Post {
    #[serde(default, rename = "mimeType")]
    pub(super) mime: Text,
    #[serde(default)]
    pub(super) text: Text,
    #[serde(default)]
    pub(super) params: List<Named>,
    #[serde(default)]
    pub(super) encoding: Text,
    #[serde(default, rename = "_encoding")]
    pub(super) encoding_too: Text,
}

/// A header field or a parameter.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Named {
    #[serde(default)]
    pub(super) name: Text,
    #[serde(default)]
    pub(super) value: Text,
}
