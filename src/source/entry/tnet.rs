//! Typed netstrings, `LENGTH:PAYLOAD` and a letter for the type, as mitmproxy writes them. In: bytes. Out: a value that
//! borrows from them. Bounds: [`DEPTH`] levels; a container is walked where it is asked for, so nothing is built that
//! the bytes do not hold.

/// Levels of nesting followed: a flow needs five.
const DEPTH: usize = 16;
/// Digits of a length: mitmproxy itself reads no more.
const DIGITS: usize = 12;

/// A value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Value<'a> {
    Bytes(&'a [u8]),
    Int(i64),
    Float(f64),
    Bool(bool),
    Null,
    List(&'a [u8], usize),
    Dict(&'a [u8], usize),
}

/// Length and size of the head (`123:`) of what begins here. `Err(true)` where more bytes are needed to tell.
pub(super) fn head(bytes: &[u8]) -> Result<(usize, usize), bool> {
    let digits = bytes
        .iter()
        .take(DIGITS + 1)
        .take_while(|b| b.is_ascii_digit())
        .count();
    match bytes.get(digits) {
        None if digits <= DIGITS => Err(true),
        Some(b':') if digits > 0 && digits <= DIGITS => {
            let text = bytes
                .get(..digits)
                .and_then(|d| std::str::from_utf8(d).ok());
            let len = text.and_then(|t| t.parse().ok()).ok_or(false)?;
            Ok((len, digits + 1))
        }
        _ => Err(false),
    }
}

/// The value at the beginning and the bytes after it.
pub(super) fn value(bytes: &[u8]) -> Option<(Value<'_>, &[u8])> {
    nested(bytes, 0)
}

fn nested(bytes: &[u8], depth: usize) -> Option<(Value<'_>, &[u8])> {
    let (len, head) = head(bytes).ok()?;
    let payload = bytes.get(head..head.checked_add(len)?)?;
    let (kind, rest) = bytes.get(head + len..)?.split_first()?;
    let text = || std::str::from_utf8(payload).ok();
    let value = match kind {
        b',' | b';' => Value::Bytes(payload),
        b'#' => Value::Int(text()?.parse().ok()?),
        b'^' => Value::Float(text()?.parse().ok()?),
        b'!' => Value::Bool(payload == b"true"),
        b'~' => Value::Null,
        b']' if depth < DEPTH => Value::List(payload, depth + 1),
        b'}' if depth < DEPTH => Value::Dict(payload, depth + 1),
        _ => return None,
    };
    Some((value, rest))
}

impl<'a> Value<'a> {
    /// Elements of a list, up to the first that is damaged.
    pub(super) fn list(self) -> impl Iterator<Item = Value<'a>> {
        let (mut rest, depth) = match self {
            Value::List(b, depth) => (b, depth),
            _ => (&[][..], 0),
        };
        std::iter::from_fn(move || {
            let (v, after) = nested(rest, depth)?;
            rest = after;
            Some(v)
        })
    }

    /// A value of a dictionary; [`Value::Null`] where it has none.
    pub(super) fn get(self, key: &str) -> Value<'a> {
        let Value::Dict(mut rest, depth) = self else {
            return Value::Null;
        };
        while let Some((Value::Bytes(k), after)) = nested(rest, depth) {
            let Some((v, after)) = nested(after, depth) else {
                break;
            };
            if k == key.as_bytes() {
                return v;
            }
            rest = after;
        }
        Value::Null
    }

    /// The first of several keys that has a value: their names changed over the years.
    pub(super) fn first(self, keys: &[&str]) -> Value<'a> {
        keys.iter()
            .map(|k| self.get(k))
            .find(|v| *v != Value::Null)
            .unwrap_or(Value::Null)
    }

    pub(super) fn bytes(self) -> Option<&'a [u8]> {
        match self {
            Value::Bytes(b) => Some(b),
            _ => None,
        }
    }

    pub(super) fn int(self) -> Option<i64> {
        match self {
            Value::Int(n) => Some(n),
            _ => None,
        }
    }

    /// A number of seconds.
    #[allow(clippy::cast_precision_loss)] // whole seconds, far below 2^53
    pub(super) fn number(self) -> Option<f64> {
        match self {
            Value::Int(n) => Some(n as f64),
            Value::Float(x) => Some(x),
            _ => None,
        }
    }

    pub(super) fn is_dict(self) -> bool {
        matches!(self, Value::Dict(..))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_in_what_they_stand_in() {
        let text = b"42:3:key,2:12#4:list,11:1:5#4:true!]3:nil;0:~}rest";
        // the length is checked against what is there
        assert_eq!(value(&text[..20]), None);
        let (v, rest) = value(text).unwrap();
        assert_eq!(rest, b"rest");
        assert_eq!(v.get("key"), Value::Int(12));
        assert_eq!(
            v.get("list").list().collect::<Vec<_>>(),
            [Value::Int(5), Value::Bool(true)]
        );
        assert_eq!(v.get("nil"), Value::Null);
        assert_eq!(v.first(&["none", "key"]), Value::Int(12));
        assert_eq!(v.get("none"), Value::Null);
        assert_eq!(head(b"12"), Err(true));
        assert_eq!(head(b"12x"), Err(false));
        assert_eq!(head(b"9999999999999:"), Err(false));
        assert_eq!(head(b":"), Err(false));
    }

    #[test]
    fn nesting_ends_at_its_bound() {
        let mut text = b"0:]".to_vec();
        for _ in 0..10_000 {
            text = [format!("{}:", text.len()).as_bytes(), &text, b"]"].concat();
        }
        let (mut v, mut levels) = (value(&text).unwrap().0, 1);
        while let Some(inner) = v.list().next() {
            v = inner;
            levels += 1;
        }
        assert_eq!(levels, DEPTH);
    }
}
