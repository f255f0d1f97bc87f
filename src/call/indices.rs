//! Indices that fill a place. In: numbers. Out: a list of them. Bounds: none but the list's.

/// Indices of a place. Nearly all places have one or two, and there are millions: these need no memory of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Indices {
    /// The first `.0` of these; the others are 0.
    Few(u8, [u32; 3]),
    /// More than three.
    Many(Box<[u32]>),
}

impl Default for Indices {
    fn default() -> Self {
        Indices::Few(0, [0; 3])
    }
}

impl std::ops::Deref for Indices {
    type Target = [u32];
    fn deref(&self) -> &[u32] {
        match self {
            Indices::Few(n, list) => list.get(..usize::from(*n)).unwrap_or(list),
            Indices::Many(list) => list,
        }
    }
}

impl FromIterator<u32> for Indices {
    fn from_iter<I: IntoIterator<Item = u32>>(from: I) -> Self {
        let mut from = from.into_iter();
        let (mut n, mut list) = (0u8, [0; 3]);
        for slot in &mut list {
            match from.next() {
                Some(i) => (*slot, n) = (i, n + 1),
                None => return Indices::Few(n, list),
            }
        }
        match from.next() {
            Some(next) => Indices::Many(list.into_iter().chain([next]).chain(from).collect()),
            None => Indices::Few(n, list),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Indices;

    #[test]
    fn indices_hold_what_they_are_given() {
        for n in 0..6u32 {
            let list: Vec<u32> = (0..n).map(|i| i * 7).collect();
            let held: Indices = list.iter().copied().collect();
            assert_eq!(&*held, list.as_slice());
        }
        assert_eq!(Indices::default(), std::iter::empty().collect());
    }
}
