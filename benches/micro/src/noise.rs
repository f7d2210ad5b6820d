//! [`Noise`]: numbers without a pattern (xorshift, Marsaglia 2003), which are the same on each run.

const SEED: u64 = 0x9e37_79b9_7f4a_7c15;
const WORDS: usize = 512;
const WORD_BYTES_MAX: usize = 24;

/// A source of bytes.
pub struct Noise {
    state: u64,
    words: Vec<Vec<u8>>,
}

impl Default for Noise {
    fn default() -> Self {
        let mut this = Self { state: SEED, words: Vec::new() };
        this.words = (0..WORDS).map(|_| this.word()).collect();
        this
    }
}

impl Noise {
    /// So many bytes, of which `fresh_percent` say nothing that was said before: the larger it is, the worse they pack.
    pub fn bytes(&mut self, count: usize, fresh_percent: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(count + WORD_BYTES_MAX);
        while bytes.len() < count {
            if self.below(100) < fresh_percent {
                bytes.extend(self.word());
            } else {
                let often = self.below(WORDS).min(self.below(WORDS));
                bytes.extend(&self.words[often]);
            }
        }
        bytes.truncate(count);
        bytes
    }

    fn word(&mut self) -> Vec<u8> {
        let count = 1 + self.below(WORD_BYTES_MAX);
        (0..count).map(|_| self.next().to_le_bytes()[4]).collect()
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() >> 32).expect("32 bits fit") % end
    }

    fn next(&mut self) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state
    }
}
