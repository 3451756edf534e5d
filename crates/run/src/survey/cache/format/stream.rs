//! Postcard through streams.

use std::io::{Read, Write};

use postcard::{Error, Result, de_flavors, ser_flavors};

/// To a stream, counted.
pub(super) struct Packed<W> {
    pub(super) to: W,
    /// Bytes so far.
    pub(super) length: u64,
}

impl<W> Packed<W> {
    pub(super) const fn new(to: W) -> Self {
        Self { to, length: 0 }
    }
}

impl<W: Write> ser_flavors::Flavor for Packed<W> {
    type Output = ();

    fn try_push(&mut self, byte: u8) -> Result<()> {
        self.try_extend(&[byte])
    }

    fn try_extend(&mut self, bytes: &[u8]) -> Result<()> {
        self.length = self.length.saturating_add(bytes.len() as u64);
        self.to.write_all(bytes).map_err(|_| Error::SerializeBufferFull)
    }

    fn finalize(self) -> Result<()> {
        Ok(())
    }
}

/// From a stream, of which one text or one run of bytes is held at a time.
pub(super) struct Unpacked<R> {
    from: R,
    /// Bytes that are left.
    left: u64,
    held: Vec<u8>,
}

impl<R> Unpacked<R> {
    pub(super) const fn new(from: R, length: u64) -> Self {
        Self { from, left: length, held: Vec::new() }
    }
}

impl<'de, R: Read + 'de> de_flavors::Flavor<'de> for Unpacked<R> {
    type Remainder = ();
    type Source = ();

    fn pop(&mut self) -> Result<u8> {
        let mut byte = [0];
        self.from.read_exact(&mut byte).map_err(|_| Error::DeserializeUnexpectedEnd)?;
        self.left = self.left.saturating_sub(1);
        Ok(byte[0])
    }

    fn size_hint(&self) -> Option<usize> {
        usize::try_from(self.left).ok()
    }

    /// Nothing can be borrowed from a stream.
    fn try_take_n(&mut self, _: usize) -> Result<&'de [u8]> {
        Err(Error::WontImplement)
    }

    fn try_take_n_temp<'a>(&'a mut self, count: usize) -> Result<&'a [u8]>
    where
        'de: 'a,
    {
        self.left = self.left.checked_sub(count as u64).ok_or(Error::DeserializeUnexpectedEnd)?;
        self.held.resize(count, 0);
        self.from.read_exact(&mut self.held).map_err(|_| Error::DeserializeUnexpectedEnd)?;
        Ok(&self.held)
    }

    fn finalize(self) -> Result<()> {
        Ok(())
    }
}
