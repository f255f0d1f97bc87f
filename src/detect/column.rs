//! Whether the values of one field are of a class, by all of them together: a pure function.
//! In: how many values passed, were masked, were refused, are distinct, and what each was believed to be alone. Out: yes or no, a probability, a reason.
//! Bounds: constant time; counts beyond 2^53 lose precision, nothing else.
//!
//! Two explanations compete. *It is the class*: values pass the check at a rate that is near 1 (Beta(19, 1)). *It is something else of the
//! same shape*: values pass at about the class's `chance` (Beta with the weight of ten values). The belief in a single value
//! (key, neighbours, check) is the starting point; every further value moves it by the ratio of the two. With a strong check three
//! values settle it; a column of order numbers, of which a tenth passes Luhn, is refused however many of them there are.

use super::rules::ClassDef;

/// What the key of a field says about a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Context {
    /// A word of the key names the class.
    Named,
    /// Nothing for or against.
    Neutral,
    /// The key numbers something else (order, trace, time) or rules the class out.
    Against,
}

/// Decision about one field and class.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// Whether findings of the class in this field hold.
    pub accept: bool,
    /// Probability that they do, 0..=1.
    pub conf: f64,
    /// Why, in one line of plain words; no evidence text.
    pub why: String,
}

/// What a field held over all calls of one API and direction, for one class.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Held {
    /// Candidates in clear.
    pub clear: u64,
    /// Candidates of which part is hidden.
    pub masked: u64,
    /// Values of its shape that the check refused.
    pub misses: u64,
    /// Sum of the candidates' `conf` (0..=100).
    pub belief: u64,
    /// Which of 64 parts of all values the clear candidates fall into, by their prints: how many are distinct can be told from it.
    pub seen: u64,
}

impl Held {
    /// Counts a candidate.
    #[inline]
    pub fn add(&mut self, masked: bool, conf: u8, print: u64) {
        if masked {
            self.masked += 1;
        } else {
            self.clear += 1;
            self.seen |= 1 << (print & 63);
        }
        self.belief += u64::from(conf);
    }

    /// How many clear candidates are distinct, about (linear counting); all of them where that can no longer be told.
    fn distinct(&self) -> f64 {
        let k = f64::from(self.seen.count_ones());
        let clear = self.clear as f64;
        if k >= 60.0 {
            return clear;
        }
        // of none this is 0, without a sign
        (64.0 * (64.0 / (64.0 - k)).ln()).max(k).min(clear)
    }
}

/// Decides. What the values say is weighed by how many of them are distinct: one value that comes a thousand times says what it says once.
pub fn decide(class: &ClassDef, held: &Held, context: Context) -> Decision {
    let Held {
        clear,
        masked,
        misses,
        belief,
        ..
    } = *held;
    if clear + masked == 0 {
        return Decision {
            accept: false,
            conf: 0.0,
            why: "no value passed the check".into(),
        };
    }
    let mean_conf = belief as f64 / (clear + masked) as f64;
    let p = (mean_conf / 100.0).clamp(0.005, 0.995);
    let start = (p / (1.0 - p)).ln();
    // Under a key that names the class a refused value is more likely a typing error or test data than another kind of number. (A bare
    // `name` names its class too, but its values were believed less.)
    let named = mean_conf >= 95.0;
    let against = context == Context::Against || mean_conf < 20.0;
    let refused = misses as f64 * if named { 0.1 } else { 1.0 };
    // A masked value passed no check: it speaks for the class only through the belief it carries.
    let passed = clear as f64;
    let distinct = held.distinct();
    let mut moved = if passed > 0.0 {
        ratio(class.chance, distinct, refused * distinct / passed) - ratio(class.chance, 1.0, 0.0)
    } else {
        -refused.min(20.0)
    };
    // However many values pass a weak check: a column of tracking numbers that look like telephone numbers is none of those. Nor does a
    // number of words that read like names make a column of names.
    if against && class.chance >= 0.01 {
        moved = moved.min(1.0);
    }
    if class.needs_key && mean_conf < 46.0 {
        moved = moved.min(0.0);
    }
    // A few words over and over are a choice from a list, not what people are called.
    if class.needs_key && mean_conf < 90.0 && passed >= 12.0 && distinct < 0.5 * passed.min(40.0) {
        moved = moved.min(-2.0);
    }
    // A column is of one kind. Where less than most pass, those that do pass are luck, also where numbers were made to come near.
    let share = passed / (passed + misses as f64).max(1.0);
    let least = match (named, class.chance >= 0.01) {
        (true, _) => 0.25,
        (false, true) if passed + misses as f64 >= 10.0 => 0.9,
        (false, true) => 0.8,
        (false, false) => 0.5,
    };
    if passed + misses as f64 >= 3.0 && passed > 0.0 && share < least {
        moved = moved.min(-6.0);
    }
    let logit = (start + moved).clamp(-30.0, 30.0);
    let conf = 1.0 / (1.0 + (-logit).exp());
    let key = match context {
        Context::Named => "the key names it",
        Context::Neutral => "the key says nothing",
        Context::Against => "the key speaks against it",
    };
    let all = clear + misses;
    let why = format!(
        "{clear} of {all} values of its shape pass the check, about {distinct:.0} of them distinct, {masked} masked; {key}; one value alone {p:.2}"
    );
    Decision {
        accept: conf >= 0.5,
        conf,
        why,
    }
}

/// Log of how much better "it is the class" explains `h` passes and `m` refusals than "it is something else".
fn ratio(chance: f64, h: f64, m: f64) -> f64 {
    let c = chance.clamp(1e-6, 0.6);
    let (a0, b0) = (10.0 * c, 10.0 * (1.0 - c));
    ln_beta(19.0 + h, 1.0 + m) - ln_beta(19.0, 1.0) - ln_beta(a0 + h, b0 + m) + ln_beta(a0, b0)
}

fn ln_beta(a: f64, b: f64) -> f64 {
    ln_gamma(a) + ln_gamma(b) - ln_gamma(a + b)
}

/// Stirling's series after shifting the argument above 8: error below 1e-10 for every positive argument.
fn ln_gamma(mut x: f64) -> f64 {
    let mut shift = 0.0;
    while x < 8.0 {
        shift -= x.ln();
        x += 1.0;
    }
    let i = 1.0 / x;
    let i2 = i * i;
    let series = i * (1.0 / 12.0 - i2 * (1.0 / 360.0 - i2 * (1.0 / 1260.0 - i2 / 1680.0)));
    shift + (x - 0.5) * x.ln() - x + 0.918_938_533_204_672_8 + series
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::Rules;

    /// All values distinct.
    fn ask(class: &str, clear: u64, misses: u64, context: Context, conf: f64) -> Decision {
        ask_of(class, clear, misses, context, conf, u64::MAX)
    }

    fn ask_of(
        class: &str,
        clear: u64,
        misses: u64,
        context: Context,
        conf: f64,
        distinct: u64,
    ) -> Decision {
        let rules = Rules::builtin();
        let id = rules.class_id(class).unwrap();
        let mut held = Held {
            misses,
            ..Held::default()
        };
        for i in 0..clear {
            held.add(false, 0, i % distinct);
        }
        held.belief = format!("{:.0}", (conf * clear as f64).floor())
            .parse()
            .unwrap();
        decide(&rules.classes()[usize::from(id)], &held, context)
    }

    #[test]
    fn gamma_is_right() {
        // 10! = 3628800, and gamma(1/2) = sqrt(pi)
        assert!((ln_gamma(11.0) - 3_628_800f64.ln()).abs() < 1e-9);
        assert!((ln_gamma(0.5) - std::f64::consts::PI.sqrt().ln()).abs() < 1e-9);
    }

    #[test]
    fn of_masked_values_alone_none_is_distinct() {
        let rules = Rules::builtin();
        let id = rules.class_id("cn-mobile").unwrap();
        let mut held = Held::default();
        held.add(true, 90, 7);
        let why = decide(&rules.classes()[usize::from(id)], &held, Context::Named).why;
        assert!(why.contains("about 0 of them"), "{why}");
    }

    #[test]
    fn three_values_settle_a_strong_check_and_a_tenth_is_no_card_column() {
        assert!(ask("cn-id", 3, 0, Context::Neutral, 90.0).conf > 0.99);
        assert!(ask("bank-card", 3, 0, Context::Neutral, 75.0).accept);
        assert!(!ask("bank-card", 9, 91, Context::Neutral, 75.0).accept);
        assert!(!ask("bank-card", 900, 9100, Context::Neutral, 80.0).accept);
        assert!(!ask("cn-id", 1, 60, Context::Neutral, 90.0).accept);
        assert!(ask("bank-card", 97, 3, Context::Neutral, 75.0).accept);
        assert!(!ask("cn-mobile", 7, 93, Context::Neutral, 60.0).accept);
        assert!(ask("cn-mobile", 1, 0, Context::Neutral, 60.0).accept);
        assert!(!ask("cn-mobile", 1, 0, Context::Against, 8.0).accept);
        assert!(ask("cn-mobile", 60, 40, Context::Named, 98.0).accept);
        assert!(!ask("cn-mobile", 70, 30, Context::Neutral, 60.0).accept);
        assert!(!ask("cn-mobile", 500, 0, Context::Against, 8.0).accept);
        assert!(!ask("cn-id", 9, 91, Context::Neutral, 92.0).accept);
        assert!(!ask("cn-id", 9, 91, Context::Named, 99.0).accept);
    }

    #[test]
    fn one_value_a_thousand_times_says_what_it_says_once() {
        let (once, often, many) = (
            ask("bank-card", 1, 0, Context::Neutral, 55.0),
            ask_of("bank-card", 1000, 0, Context::Neutral, 55.0, 1),
            ask("bank-card", 1000, 0, Context::Neutral, 55.0),
        );
        assert!(
            (once.conf - often.conf).abs() < 0.02 && many.conf > 0.99,
            "{once:?} {often:?} {many:?}"
        );
        // words of a list that read like names
        assert!(!ask_of("name", 500, 0, Context::Named, 40.0, 20).accept);
    }

    #[test]
    fn more_passes_never_lower_the_belief() {
        for class in ["cn-id", "bank-card", "cn-mobile", "name", "email"] {
            let mut last = 0.0;
            for n in 1..200 {
                let d = ask(class, n, 0, Context::Neutral, 55.0);
                assert!(d.conf + 1e-12 >= last, "{class} {n}");
                last = d.conf;
            }
        }
    }
}
