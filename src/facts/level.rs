//! Sensitivity levels of calls. In: accepted findings of one message. Out: a level 0 to 4. Bounds: linear in findings.
//!
//! A class has a level; masked it falls; several kinds of personal data of one subject, in clear and in one record, rise above the
//! highest of them, up to 4 (GB/T 35273 and JR/T 0197 grade combinations above their parts). By how much says the grading profile.

use crate::detect::profile::Grading;

/// What is known of the classes of a case, by their bit.
#[derive(Debug, Clone)]
pub struct Classes {
    /// Level 0..=4 by class.
    pub level: [u8; 64],
    /// Bits of classes that tell of one natural person.
    pub person: u64,
    /// Bits of classes that are secrets.
    pub secret: u64,
    /// How they add up.
    pub grading: Grading,
}

impl Default for Classes {
    fn default() -> Classes {
        Classes {
            level: [0; 64],
            person: 0,
            secret: 0,
            grading: Grading::default(),
        }
    }
}

impl Classes {
    /// Level of one value.
    pub fn of(&self, class: u8, masked: bool) -> u8 {
        let l = self.level.get(usize::from(class)).copied().unwrap_or(0);
        l.saturating_sub(if masked { self.grading.masked } else { 0 })
    }

    /// Level of the classes in `bits`, all clear or all masked.
    pub fn of_bits(&self, bits: u64, masked: bool) -> u8 {
        let mut left = bits;
        let mut max = 0;
        while left != 0 {
            let c = left.trailing_zeros();
            max = max.max(self.of(u8::try_from(c).unwrap_or(0), masked));
            left &= left - 1;
        }
        max
    }

    /// Level of one record with these classes in clear.
    pub fn of_record(&self, clear: u64) -> u8 {
        let own = clear & self.person;
        if own.count_ones() < self.grading.several {
            return 0;
        }
        self.of_bits(own, false)
            .saturating_add(self.grading.several_rise)
            .min(4)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_of_one_subject_rise_and_masked_ones_fall() {
        let mut c = Classes::default();
        c.level[..5].copy_from_slice(&[3, 2, 2, 4, 1]);
        c.person = 0b00111;
        assert_eq!((c.of(0, false), c.of(0, true), c.of(4, true)), (3, 2, 0));
        assert_eq!(c.of_record(0b00011), 0);
        assert_eq!(c.of_record(0b00111), 4);
        assert_eq!(c.of_record(0b01011), 0); // a secret is nobody's personal data
        assert_eq!(c.of_bits(0b01010, false), 4);
        c.grading = Grading {
            masked: 2,
            several: 2,
            several_rise: 0,
            many: 100,
            many_rise: 1,
        };
        assert_eq!((c.of(0, true), c.of(4, true)), (1, 0));
        assert_eq!(c.of_record(0b00011), 3);
        let g = c.grading;
        assert_eq!(
            (
                g.of_call(3, 99),
                g.of_call(3, 100),
                g.of_call(1, 100),
                g.of_call(4, 100)
            ),
            (3, 4, 1, 4)
        );
    }
}
