//! Keys of a document as fields hold them. In: the bytes of a key. Out: whether another is the same, without looking elsewhere for most.
//! Bounds: none of its own; a key is held once a field.

/// A key. Most have at most sixteen bytes: their ends are all of them, and lie in the node itself.
pub(super) struct Key {
    ends: [u64; 2],
    all: Box<[u8]>,
}

impl Key {
    pub(super) fn new(key: &[u8]) -> Key {
        Key {
            ends: ends(key),
            all: key.into(),
        }
    }
    #[inline]
    pub(super) fn is(&self, key: &[u8]) -> bool {
        self.all.len() == key.len()
            && self.ends == ends(key)
            && (key.len() <= 16 || *self.all == *key)
    }
}

/// The first and the last eight bytes of a key, which overlap in one that is shorter than sixteen.
#[inline]
fn ends(key: &[u8]) -> [u64; 2] {
    let four = |b: &[u8; 4]| u64::from(u32::from_le_bytes(*b));
    if let (Some(a), Some(b)) = (key.first_chunk(), key.last_chunk()) {
        [u64::from_le_bytes(*a), u64::from_le_bytes(*b)]
    } else if let (Some(a), Some(b)) = (key.first_chunk(), key.last_chunk()) {
        [four(a), four(b)]
    } else {
        [key.iter().fold(0, |n, b| n << 8 | u64::from(*b)), 0]
    }
}

#[cfg(test)]
mod tests {
    use super::Key;

    /// Ends alone would take keys of other lengths, and long ones that differ in their middle, for the same.
    #[test]
    fn keys_are_the_same_where_all_bytes_are() {
        let long = ["customer_phone_a_home", "customer_phone_b_home"];
        let keys = [
            "",
            "a",
            "b",
            "aa",
            "id\0",
            "id",
            "idid",
            "ididid",
            "abcdefgh",
            "abcdefghabcdefgh",
            "abcdefghXabcdefgh",
            "abcdefghYabcdefgh",
        ];
        for one in keys.iter().chain(&long) {
            for other in keys.iter().chain(&long) {
                assert_eq!(
                    Key::new(one.as_bytes()).is(other.as_bytes()),
                    one == other,
                    "{one:?} {other:?}"
                );
            }
        }
    }
}
