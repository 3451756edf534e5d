//! Files with bytes changed at random, the same ones in every run.

/// A file, mutated again and again.
pub(crate) struct Mutations<'a> {
    file: &'a [u8],
    left: u32,
    state: u64,
}

impl<'a> Mutations<'a> {
    pub(crate) fn new(file: &'a [u8], count: u32) -> Self {
        Self { file, left: count, state: 0x9e37_79b9_7f4a_7c15 }
    }

    /// xorshift64
    fn next_number(&mut self) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next_number() >> 11).unwrap() % limit.max(1)
    }
}

impl Iterator for Mutations<'_> {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        self.left = self.left.checked_sub(1)?;
        let mut out = self.file.to_vec();
        for _ in 0..=self.below(3) {
            let at = self.below(out.len());
            match self.below(5) {
                0 => out[at] ^= 1 << self.below(8),
                1 => out[at] = [0, 1, 0x7f, 0x80, 0xff][self.below(5)],
                2 => out.iter_mut().skip(at & !3).take(4).for_each(|b| *b = 0xff),
                3 => out.iter_mut().skip(at & !3).take(4).for_each(|b| *b = 0),
                _ => out.truncate(at.max(8)),
            }
        }
        Some(out)
    }
}
