//! [`PublicKey`]: a minisign public key that is fit to be trusted.

use base64::{Engine, engine::general_purpose::STANDARD};

use super::unwrap_base64;

/// A minisign public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    parsed: minisign_verify::PublicKey,
    key_line: String,
}

impl PublicKey {
    /// Reads the packager's encoding (base64 of the key file), the key file's text, or its key line alone.
    ///
    /// # Errors
    /// Why the text is no usable key: wrong form, another algorithm, or a point that Ed25519 must not trust.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = unwrap_base64(text, "untrusted comment:");
        if text.contains('\0') {
            return Err("it has a zero byte, where minisign would see the end of a line".to_owned());
        }
        let key_line = match text.trim_end_matches(['\r', '\n']).lines().collect::<Vec<_>>().as_slice() {
            [comment, key_line] if comment.starts_with("untrusted comment:") => key_line,
            [key_line] => key_line.trim(),
            _ => return Err("expected a comment line and a key line".to_owned()),
        };
        let bytes = STANDARD.decode(key_line).map_err(|_| "not base64".to_owned())?;
        let Some((header, point)) = bytes.split_first_chunk::<10>() else {
            return Err(format!("expected 42 bytes, got {}", bytes.len()));
        };
        let Ok(point) = <&[u8; 32]>::try_from(point) else {
            return Err(format!("expected 42 bytes, got {}", bytes.len()));
        };
        if !header.starts_with(b"Ed") {
            return Err("not a minisign Ed25519 key".to_owned());
        }
        refuse_weak_point(point)?;
        let parsed = minisign_verify::PublicKey::from_base64(key_line).map_err(|error| error.to_string())?;
        Ok(Self { parsed, key_line: key_line.to_owned() })
    }

    /// The key line: base64 of algorithm, key id and key.
    pub fn as_line(&self) -> &str {
        &self.key_line
    }

    pub(super) const fn inner(&self) -> &minisign_verify::PublicKey {
        &self.parsed
    }
}

/// 2^255 - 19, little-endian: the field that the y coordinate belongs to (RFC 8032, section 5.1).
const FIELD_PRIME: [u8; 32] = {
    let mut prime = [0xff; 32];
    prime[0] = 0xed;
    prime[31] = 0x7f;
    prime
};

/// The y coordinates of the eight points of small order, little-endian. Under such a key one signature fits
/// many messages, so whoever smuggles it into a configuration could sign for anybody.
const SMALL_ORDER_Y: [[u8; 32]; 5] = [
    [0; 32],
    {
        let mut one = [0; 32];
        one[0] = 1;
        one
    },
    {
        let mut minus_one = FIELD_PRIME;
        minus_one[0] = 0xec;
        minus_one
    },
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5,
        0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a,
        0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
    ],
];

fn refuse_weak_point(point: &[u8; 32]) -> Result<(), String> {
    let mut y = *point;
    if let Some(last) = y.last_mut() {
        *last &= 0x7f; // the top bit is the sign of x
    }
    if y.iter().rev().ge(FIELD_PRIME.iter().rev()) {
        return Err("the key is not in canonical form".to_owned());
    }
    if SMALL_ORDER_Y.contains(&y) {
        return Err("the key is a point of small order".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY_LINE: &str = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";

    fn with_point(point: [u8; 32]) -> String {
        let mut bytes = STANDARD.decode(KEY_LINE).unwrap();
        bytes[10..].copy_from_slice(&point);
        STANDARD.encode(bytes)
    }

    #[test]
    fn three_spellings_give_the_same_key() {
        let file = format!("untrusted comment: minisign public key E7620F1842B4E81F\n{KEY_LINE}\n");
        let packager = STANDARD.encode(&file);
        for text in [KEY_LINE, &file, &packager, &file.replace('\n', "\r\n")] {
            assert_eq!(PublicKey::parse(text).unwrap().as_line(), KEY_LINE);
        }
    }

    #[test]
    fn garbage_is_refused() {
        let too_long = STANDARD.encode([0x45; 43]);
        let uncommented = format!("a line\n{KEY_LINE}");
        for text in ["", "nonsense", "UldRZg==", "untrusted comment: x", &too_long, &uncommented, "a\nb\nc"] {
            assert!(PublicKey::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn small_order_keys_are_refused_under_either_sign() {
        for y in SMALL_ORDER_Y {
            for sign in [0, 0x80] {
                let mut point = y;
                point[31] |= sign;
                assert!(PublicKey::parse(&with_point(point)).unwrap_err().contains("small order"));
            }
        }
    }

    #[test]
    fn non_canonical_keys_are_refused() {
        for low in 0xed..=0xff {
            let mut point = FIELD_PRIME;
            point[0] = low;
            assert!(PublicKey::parse(&with_point(point)).unwrap_err().contains("canonical"));
        }
    }
}
