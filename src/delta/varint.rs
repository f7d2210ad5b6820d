//! Numbers of variable length: unsigned LEB128, and zigzag for the ones with a sign.

use std::io::{self, Read};

use super::invalid;

const MORE: u8 = 0x80;

/// Reads numbers.
pub(super) trait ReadVarint: Read {
    fn varint(&mut self) -> io::Result<u64> {
        let mut value = 0;
        for shift in (0..u64::BITS).step_by(7) {
            let mut byte = [0];
            self.read_exact(&mut byte)?;
            let [byte] = byte;
            let bits = u64::from(byte & !MORE);
            if bits << shift >> shift != bits {
                break;
            }
            value |= bits << shift;
            if byte & MORE == 0 {
                return Ok(value);
            }
        }
        Err(invalid("a number of more than 64 bits"))
    }

    fn signed(&mut self) -> io::Result<i64> {
        let zigzag = self.varint()?;
        Ok((zigzag >> 1).cast_signed() ^ -(zigzag & 1).cast_signed())
    }
}

impl<R: Read + ?Sized> ReadVarint for R {}

/// Appends numbers.
#[cfg(any(test, feature = "release"))]
pub(crate) trait PutVarint {
    fn put_varint(&mut self, value: u64);

    fn put_signed(&mut self, value: i64) {
        self.put_varint(((value << 1) ^ (value >> 63)).cast_unsigned());
    }
}

#[cfg(any(test, feature = "release"))]
impl PutVarint for Vec<u8> {
    #[allow(clippy::cast_possible_truncation, reason = "seven bits at a time")]
    fn put_varint(&mut self, mut value: u64) {
        while value >= u64::from(MORE) {
            self.push(value as u8 | MORE);
            value >>= 7;
        }
        self.push(value as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_they_were_written() {
        for value in [0, 1, 127, 128, 300, 1 << 35, u64::MAX - 1, u64::MAX] {
            let mut bytes = Vec::new();
            bytes.put_varint(value);
            bytes.put_signed(value.cast_signed());
            let mut rest = &bytes[..];
            assert_eq!((rest.varint().unwrap(), rest.signed().unwrap()), (value, value.cast_signed()));
            assert!(rest.is_empty());
        }
    }

    #[test]
    fn a_number_that_does_not_fit_or_does_not_end_is_an_error() {
        let mut large = [0xff; 10];
        large[9] = 2;
        for bytes in [&large[..], &[0xff; 20], &[0x80], &[]] {
            assert!((&mut &bytes[..]).varint().is_err(), "{bytes:?}");
        }
    }
}
