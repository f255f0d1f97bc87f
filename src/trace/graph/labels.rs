//! Where the words of a movement stand in a drawing: on their arrow, on no box and on no other words where there is room. In: boxes that
//! are taken, curves, sizes. Out: places. Bounds: 56 places for each of the movements that a drawing has, against all before.

/// Places tried along an arrow, in sixteenths of it: its middle first.
const ALONG: [i64; 11] = [8, 10, 6, 11, 5, 12, 4, 13, 3, 14, 2];
/// Height of a line of words.
pub(super) const LINE: i64 = 13;
/// Width of a letter, rounded up: words of a proportional type are narrower.
const LETTER: i64 = 6;

/// A rectangle: left, top, right, bottom.
pub(super) type Rect = (i64, i64, i64, i64);
/// Ends and handles of a curve.
pub(super) type Curve = [(i64, i64); 4];

fn on_curve(c: &Curve, k: i64) -> (i64, i64) {
    let j = 16 - k;
    let [a, b, d, e] = *c;
    let mix = |a: i64, b: i64, d: i64, e: i64| {
        (j * j * j * a + 3 * j * j * k * b + 3 * j * k * k * d + k * k * k * e) / 4096
    };
    (mix(a.0, b.0, d.0, e.0), mix(a.1, b.1, d.1, e.1))
}

/// Area that two rectangles share.
fn shared(a: &Rect, b: &Rect) -> i64 {
    let w = a.2.min(b.2) - a.0.max(b.0);
    let h = a.3.min(b.3) - a.1.max(b.1);
    w.max(0) * h.max(0)
}

/// Room that is taken.
pub(super) struct Taken {
    rects: Vec<Rect>,
    /// What the drawing has.
    size: (i64, i64),
}

impl Taken {
    /// Boxes stand first.
    pub(super) fn new(boxes: Vec<Rect>, size: (i64, i64)) -> Taken {
        Taken { rects: boxes, size }
    }

    /// What words around `x` take whose first line stands on `top`.
    fn rect(x: i64, top: i64, words: &[String]) -> Rect {
        let most = words.iter().map(|w| w.chars().count()).max().unwrap_or(0);
        let half = i64::try_from(most).unwrap_or(0) * LETTER / 2 + 2;
        let lines = i64::try_from(words.len().max(1)).unwrap_or(1);
        (x - half, top - 11, x + half, top + LINE * (lines - 1) + 3)
    }

    fn cost(&self, r: &Rect) -> i64 {
        let out =
            (-r.0).max(0) + (-r.1).max(0) + (r.2 - self.size.0).max(0) + (r.3 - self.size.1).max(0);
        let over: i64 = self.rects.iter().map(|t| shared(t, r)).sum();
        over + out * LINE
    }

    /// Middle and first line of the words of a movement: `own` where nothing stands there, else the place along the arrow that shares
    /// least with others.
    pub(super) fn place(&mut self, own: (i64, i64), curve: &Curve, words: &[String]) -> (i64, i64) {
        let high = LINE * i64::try_from(words.len().saturating_sub(1)).unwrap_or(0);
        let along = ALONG.iter().flat_map(|k| {
            let (x, y) = on_curve(curve, *k);
            let middle = y + 4 - high / 2;
            [0, -1, 1, -2, 2].map(|n| (x, middle + n * (high + LINE + 4) / 2))
        });
        let mut best = own;
        let mut least = i64::MAX;
        for (x, top) in std::iter::once(own).chain(along) {
            let cost = self.cost(&Taken::rect(x, top, words));
            if cost < least {
                (best, least) = ((x, top), cost);
            }
            if cost == 0 {
                break;
            }
        }
        self.rects.push(Taken::rect(best.0, best.1, words));
        best
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_ways_that_cross_do_not_stand_on_each_other() {
        let words = vec!["150 records".to_owned(), "GET h/customers".to_owned()];
        let mut t = Taken::new(Vec::new(), (600, 400));
        let down: Curve = [(190, 60), (290, 60), (290, 260), (380, 260)];
        let up: Curve = [(190, 260), (290, 260), (290, 60), (380, 60)];
        let mut seen: Vec<Rect> = Vec::new();
        for c in [down, up, down, up] {
            let (x, top) = t.place((285, 160), &c, &words);
            let r = Taken::rect(x, top, &words);
            assert!(seen.iter().all(|s| shared(s, &r) == 0), "{r:?} on {seen:?}");
            seen.push(r);
        }
    }

    #[test]
    fn words_stand_on_no_box_where_there_is_room() {
        let words = vec!["1 record".to_owned()];
        let mut t = Taken::new(vec![(250, 20, 330, 90)], (600, 400));
        let c: Curve = [(100, 60), (290, 60), (290, 60), (500, 60)];
        let (x, top) = t.place((290, 55), &c, &words);
        assert_eq!(shared(&Taken::rect(x, top, &words), &(250, 20, 330, 90)), 0);
    }
}
