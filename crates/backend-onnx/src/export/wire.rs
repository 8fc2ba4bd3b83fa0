//! Reads protocol buffers, as far as a walk through an ONNX model needs it. Nothing is believed: a
//! length that goes past its message is an error, and nothing is copied.

/// A field of a message that is not understood, or is cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Damaged;

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field<'a> {
    Integer(u64),
    Bytes(&'a [u8]),
    /// A number of fixed width.
    Fixed,
}

/// The fields of a message, one after the other: their numbers and what they hold.
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u64, Field<'a>), Damaged>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.0 = &[];
        }
        Some(field)
    }
}

impl<'a> Fields<'a> {
    fn field(&mut self) -> Result<(u64, Field<'a>), Damaged> {
        let key = self.varint()?;
        let field = match key & 7 {
            0 => Field::Integer(self.varint()?),
            1 => self.take(8).map(|_| Field::Fixed)?,
            2 => {
                let length = self.varint()?;
                Field::Bytes(self.take(usize::try_from(length).map_err(|_| Damaged)?)?)
            }
            5 => self.take(4).map(|_| Field::Fixed)?,
            _ => return Err(Damaged),
        };
        Ok((key >> 3, field))
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Damaged> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Damaged)?;
        self.0 = rest;
        Ok(taken)
    }

    fn varint(&mut self) -> Result<u64, Damaged> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.0.split_first().ok_or(Damaged)?;
            self.0 = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Damaged)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_and_cut_off_ones_refused() {
        let message = b"\x08\x96\x01\x12\x02hi\x1d\0\0\0\0";
        let fields: Vec<_> = Fields(message).map(Result::unwrap).collect();
        let wanted = [
            (1, Field::Integer(150)),
            (2, Field::Bytes(b"hi")),
            (3, Field::Fixed),
        ];
        assert_eq!(fields, wanted);
        for damaged in [
            &b"\x08"[..],
            b"\x12\x03hi",
            b"\x1d\0",
            b"\x0b",
            &[
                0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1,
            ],
            b"\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        ] {
            assert!(Fields(damaged).any(|field| field.is_err()), "{damaged:?}");
        }
    }
}
