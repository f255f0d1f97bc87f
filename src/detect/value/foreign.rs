//! Numbers of other countries, travel documents, medicine and banks. In: a value, what its key says. Out: a hit, or which checks refused it.
//! Bounds: values of at most 100 bytes; the length and the first characters tell which few checks are made where no key names one.

use super::{Hit, Judge, NATIONAL};
use crate::body::json::chars;
use crate::detect::kind::Kind;
use crate::detect::rules::KeyCtx;
use crate::detect::valid::national::{Fit, dated_rrn, fit};

impl Judge {
    /// Classes that the key names.
    pub(super) fn named(&mut self, v: &[u8], ctx: &KeyCtx, miss: &mut u64) -> Option<Hit> {
        let mut left = ctx.pos & NATIONAL & self.rules.enabled;
        while left != 0 {
            let class = u8::try_from(left.trailing_zeros()).ok()?;
            left &= left - 1;
            let kind = Kind::by_class(class)?;
            match fit(kind, v) {
                Fit::Passes(_) => return self.hit(kind, 97, v),
                Fit::Refused if kind == Kind::Rrn && dated_rrn(v) => {
                    return self.hit(kind, 95, v);
                }
                Fit::Refused => *miss |= kind.bit(),
                Fit::Not => {}
            }
        }
        None
    }

    /// Classes that tell by themselves, by length and characters.
    pub(super) fn alone(
        &mut self,
        v: &[u8],
        bits: u16,
        ctx: &KeyCtx,
        miss: &mut u64,
    ) -> Option<Hit> {
        let letters = bits & chars::UPPER != 0 && bits & chars::LOWER == 0;
        let numeric = bits & (chars::UPPER | chars::LOWER | chars::OTHER) == 0;
        let kinds: &[Kind] = match v.len() {
            9 if letters => &[Kind::Nric, Kind::Nino],
            10 if letters && v.last() == Some(&b')') => &[Kind::HkId],
            11 | 13 if letters => &[Kind::Mbi, Kind::Nino],
            12 if numeric && bits & chars::SPACE != 0 => &[Kind::Nhs],
            14 if numeric && bits & chars::DOT != 0 => &[Kind::Cpf],
            14 if numeric && bits & (chars::SPACE | chars::DASH) != 0 => {
                &[Kind::Aadhaar, Kind::Rrn]
            }
            15 if bits == chars::DIGIT => &[Kind::Nir],
            16 if letters => &[Kind::CodiceFiscale],
            18 if letters => &[Kind::Curp],
            18 if numeric && bits & chars::SYMBOL != 0 => &[Kind::Cnpj],
            21 if numeric && bits & chars::SPACE != 0 => &[Kind::Nir],
            36 | 44 if v.contains(&b'<') && v.last().is_some_and(u8::is_ascii_digit) => {
                &[Kind::Mrz]
            }
            26..=90 if bits & (chars::UPPER | chars::LOWER) != 0 => match v.first()? {
                b'P' | b'I' | b'A' | b'C' | b'V' if v.len() >= 72 && v.contains(&b'<') => {
                    &[Kind::Mrz]
                }
                _ if bits & !(chars::DIGIT | chars::LOWER | chars::UPPER) == 0 => &[Kind::Coin],
                _ => return None,
            },
            91..=100 if v.contains(&b'<') => &[Kind::Mrz],
            _ => return None,
        };
        for kind in kinds.iter().filter(|k| ctx.veto & k.bit() == 0) {
            match fit(*kind, v) {
                Fit::Passes(0) | Fit::Not => {}
                Fit::Passes(conf) if ctx.numbering || ctx.coded && numeric => {
                    return self.hit(*kind, conf.min(12), v);
                }
                Fit::Passes(conf) => return self.hit(*kind, conf, v),
                Fit::Refused => *miss |= kind.bit(),
            }
        }
        None
    }
}
