//! How a value was wrapped where it stood: a short chain from the outside in.
//! In: steps. Out: a name as the contract writes it (`gzip>base64>plain`, `sha256`). Bounds: four steps.

/// One layer around a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Step {
    /// Percent-encoding.
    Url = 1,
    /// Base64 in any alphabet.
    Base64 = 2,
    /// Hexadecimal digits.
    Hex = 3,
    /// `\uXXXX` escapes.
    Unicode = 4,
    /// Character references of HTML and XML.
    Html = 5,
    /// gzip or zlib.
    Gzip = 6,
    /// JSON inside a JSON string, and similar quoting.
    Json = 7,
    /// MD5 of the value.
    Md5 = 8,
    /// SHA-1 of the value.
    Sha1 = 9,
    /// SHA-256 of the value.
    Sha256 = 10,
    /// SM3 of the value.
    Sm3 = 11,
    /// Part of the value replaced by a mask character.
    Mask = 12,
    /// The last four characters alone.
    Last4 = 13,
    /// An integer as Protocol Buffers write it: a varint, or eight bytes in little-endian order.
    Varint = 14,
    /// A float of eight bytes in little-endian order.
    Double = 15,
    /// A workbook (Office Open XML); its sheets are tables.
    Xlsx = 16,
    /// A zip; what stands in one of its members.
    Zip = 17,
    /// Chinese text in GB 18030, GBK or GB 2312.
    Gb18030 = 18,
}

impl Step {
    /// All steps.
    pub const ALL: [Step; 18] = [
        Step::Url,
        Step::Base64,
        Step::Hex,
        Step::Unicode,
        Step::Html,
        Step::Gzip,
        Step::Json,
        Step::Md5,
        Step::Sha1,
        Step::Sha256,
        Step::Sm3,
        Step::Mask,
        Step::Last4,
        Step::Varint,
        Step::Double,
        Step::Xlsx,
        Step::Zip,
        Step::Gb18030,
    ];
    /// Name in the contract.
    pub fn name(self) -> &'static str {
        match self {
            Step::Url => "url",
            Step::Base64 => "base64",
            Step::Hex => "hex",
            Step::Unicode => "unicode",
            Step::Html => "html",
            Step::Gzip => "gzip",
            Step::Json => "json",
            Step::Md5 => "md5",
            Step::Sha1 => "sha1",
            Step::Sha256 => "sha256",
            Step::Sm3 => "sm3",
            Step::Mask => "mask",
            Step::Last4 => "last4",
            Step::Varint => "varint",
            Step::Double => "double",
            Step::Xlsx => "xlsx",
            Step::Zip => "zip",
            Step::Gb18030 => "gb18030",
        }
    }
    /// Whether it is a digest.
    pub fn digest(self) -> bool {
        (Step::Md5 as u8..=Step::Sm3 as u8).contains(&(self as u8))
    }
    /// Whether the value cannot be had back from it.
    pub fn one_way(self) -> bool {
        (Step::Md5 as u8..=Step::Last4 as u8).contains(&(self as u8))
    }
}

/// A chain of at most four steps, outermost first; empty is `plain`. One byte a step, outermost in the highest used byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Form(pub u32);

impl Form {
    /// The value as it is.
    pub const PLAIN: Form = Form(0);
    /// This chain with one more step inside; unchanged where four are used up.
    #[must_use]
    pub fn then(self, inner: Step) -> Form {
        if self.0 > 0x00ff_ffff {
            self
        } else {
            Form(self.0 << 8 | inner as u32)
        }
    }
    /// This chain inside one more step; unchanged where four are used up.
    #[must_use]
    pub fn within(self, outer: Step) -> Form {
        let used = 4 - self.0.leading_zeros() / 8;
        if used == 4 {
            self
        } else {
            Form(self.0 | (outer as u32) << (8 * used))
        }
    }
    /// Steps, outermost first.
    pub fn steps(self) -> impl Iterator<Item = Step> {
        self.0
            .to_be_bytes()
            .into_iter()
            .filter_map(|b| Step::ALL.into_iter().find(|s| *s as u8 == b))
    }
    /// Name in the contract.
    pub fn name(self) -> String {
        let mut parts: Vec<&str> = self.steps().map(Step::name).collect();
        if !self.steps().last().is_some_and(Step::one_way) {
            parts.push("plain");
        }
        parts.join(">")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_from_the_outside_in() {
        assert_eq!(Form::PLAIN.name(), "plain");
        assert_eq!(
            Form::PLAIN.then(Step::Gzip).then(Step::Base64).name(),
            "gzip>base64>plain"
        );
        assert_eq!(Form::PLAIN.then(Step::Sha256).name(), "sha256");
        let inner = Form::PLAIN.then(Step::Url).then(Step::Mask);
        assert_eq!(inner.within(Step::Gb18030).name(), "gb18030>url>mask");
        assert_eq!(Form::PLAIN.within(Step::Gb18030).name(), "gb18030>plain");
        assert_eq!(
            Form::PLAIN.then(Step::Url).then(Step::Mask).name(),
            "url>mask"
        );
    }
}
