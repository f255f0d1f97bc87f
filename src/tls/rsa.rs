//! A server's RSA private key, to read what clients sent under it. In: PEM (PKCS#1, PKCS#8). Out: premaster secrets. Bounds:
//! [`limits::RSA_BITS`] bits; one power a handshake, and only of the certificate's own key.

use super::der::Der;
use crate::limits;
use base64::Engine as _;
use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
use crypto_bigint::{BoxedUint, Odd};

/// A private key.
pub struct RsaKey {
    /// Modulus, without leading zeros: a certificate with the same is of this key.
    pub modulus: Vec<u8>,
    params: BoxedMontyParams,
    private: BoxedUint,
}

impl std::fmt::Debug for RsaKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RSA key of {} bits", self.modulus.len() * 8) // never the key
    }
}

/// Reads every private key of a PEM file.
///
/// # Errors
/// In words, where it holds none that can be read.
pub fn keys(pem: &[u8]) -> Result<Vec<RsaKey>, &'static str> {
    let text = String::from_utf8_lossy(pem);
    let (mut keys, mut why) = (Vec::new(), "no private key in it (PEM)");
    let mut rest = text.as_ref();
    while let Some((_, after)) = rest.split_once("-----BEGIN ") {
        let Some((kind, after)) = after.split_once("-----") else {
            break;
        };
        let Some((body, after)) = after.split_once("-----END ") else {
            break;
        };
        rest = after;
        if kind.contains("ENCRYPTED") || body.contains("ENCRYPTED") {
            why =
                "its private key is encrypted; write it without a passphrase first (openssl pkey)";
            continue;
        }
        let pkcs8 = match kind {
            "RSA PRIVATE KEY" => false,
            "PRIVATE KEY" => true,
            _ => continue,
        };
        let digits: String = body.split_ascii_whitespace().collect();
        let der = base64::engine::general_purpose::STANDARD.decode(digits);
        match der.ok().as_deref().and_then(|d| key(d, pkcs8)) {
            Some(k) => keys.push(k),
            None => why = "its private key is not an RSA key that can be read",
        }
    }
    if keys.is_empty() { Err(why) } else { Ok(keys) }
}

fn key(der: &[u8], pkcs8: bool) -> Option<RsaKey> {
    let mut seq = Der(Der(der).want(0x30)?);
    if pkcs8 {
        seq.number()?;
        seq.want(0x30)?;
        seq = Der(Der(seq.want(0x04)?).want(0x30)?);
    }
    seq.number()?; // version
    let (n, _e, d) = (seq.number()?, seq.number()?, seq.number()?);
    if n.len() < 32 || n.len() * 8 > limits::RSA_BITS || d.len() > n.len() {
        return None;
    }
    let bits = u32::try_from(n.len() * 8).ok()?;
    let modulus = BoxedUint::from_be_slice(n, bits).ok()?;
    let odd: Odd<BoxedUint> = Option::from(Odd::new(modulus))?;
    Some(RsaKey {
        modulus: n.to_vec(),
        params: BoxedMontyParams::new(odd),
        private: BoxedUint::from_be_slice(d, bits).ok()?,
    })
}

impl RsaKey {
    /// The premaster secret out of what the client encrypted (RFC 5246 section 7.4.7.1): 48 bytes padded by PKCS#1 v1.5.
    #[must_use]
    pub fn premaster(&self, sealed: &[u8]) -> Option<Vec<u8>> {
        if sealed.len() > self.modulus.len() {
            return None;
        }
        let bits = u32::try_from(self.modulus.len() * 8).ok()?;
        let c = BoxedUint::from_be_slice(sealed, bits).ok()?;
        if c >= *self.params.modulus().as_ref() {
            return None;
        }
        let m = BoxedMontyForm::new(c, &self.params)
            .pow(&self.private)
            .retrieve()
            .to_be_bytes();
        let m = m.get(m.len().checked_sub(self.modulus.len())?..)?;
        let (padding, premaster) = m.split_at_checked(m.len().checked_sub(48)?)?;
        // 00 02, at least eight bytes that are not zero, 00
        let (end, pad) = padding.split_last()?;
        let pad = pad.strip_prefix(&[0, 2])?;
        (*end == 0 && pad.len() >= 8 && !pad.contains(&0)).then(|| premaster.to_vec())
    }
}
