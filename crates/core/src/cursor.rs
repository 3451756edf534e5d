//! A cursor over text, for the small hand-written parsers of dates, units and templates.

/// What is left to parse of a text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    /// At the beginning of `text`.
    pub(crate) const fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// What is left.
    pub(crate) fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or("")
    }

    /// How many bytes were taken.
    pub(crate) const fn at(&self) -> usize {
        self.at
    }

    /// Whether nothing is left.
    pub(crate) fn done(&self) -> bool {
        self.rest().is_empty()
    }

    /// The next character.
    pub(crate) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// Takes one character.
    pub(crate) fn bump(&mut self) -> Option<char> {
        let found = self.peek()?;
        self.at = self.at.saturating_add(found.len_utf8());
        Some(found)
    }

    /// Takes `wanted` where it stands next.
    pub(crate) fn eat(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.bump();
        }
        found
    }

    /// Takes one of the characters of `wanted`.
    pub(crate) fn eat_any(&mut self, wanted: &str) -> Option<char> {
        self.peek().filter(|c| wanted.contains(*c)).and_then(|_| self.bump())
    }

    /// Takes `wanted`, in any case of ASCII letters.
    pub(crate) fn eat_word(&mut self, wanted: &str) -> bool {
        let found = self.rest().get(..wanted.len()).is_some_and(|w| w.eq_ignore_ascii_case(wanted));
        if found {
            self.at = self.at.saturating_add(wanted.len());
        }
        found
    }

    /// Takes characters while they fit, at most `most`.
    pub(crate) fn take_while(&mut self, most: usize, fits: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let length: usize = rest.chars().take(most).take_while(|c| fits(*c)).map(char::len_utf8).sum();
        self.at = self.at.saturating_add(length);
        rest.get(..length).unwrap_or("")
    }

    /// Takes at most `most` ASCII digits, possibly none.
    pub(crate) fn digits(&mut self, most: usize) -> &'a str {
        self.take_while(most, |c| c.is_ascii_digit())
    }

    /// Takes a number of one to `most` digits.
    pub(crate) fn number<T: std::str::FromStr>(&mut self, most: usize) -> Option<T> {
        self.digits(most).parse().ok()
    }

    /// Takes blanks; whether there were any.
    pub(crate) fn blanks(&mut self) -> bool {
        !self.take_while(usize::MAX, char::is_whitespace).is_empty()
    }
}

/// Digits after a decimal point as nanoseconds; `None` where they are finer than that.
pub(crate) fn fraction_to_ns(digits: &str) -> Option<u32> {
    let digits = digits.trim_end_matches('0');
    (digits.len() <= 9).then(|| format!("{digits:0<9}").parse().ok()).flatten()
}

/// Calls `check` with texts that are made of `seeds` by changes in one to four places; always the same texts.
#[cfg(test)]
pub(crate) fn mutations(seeds: &[&str], rounds: usize, mut check: impl FnMut(&str)) {
    const ALPHABET: &[char] = &[
        '0', '1', '9', '-', '+', ':', '.', ' ', 'T', 'Z', '{', '}', '(', ')', ',', '%', 'Y', 'j', 'd', 's',
        'é', '\u{0}', '٣',
    ];
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below.max(1) as u64) as usize
    };
    for round in 0..rounds {
        let mut text: Vec<char> = seeds[round % seeds.len()].chars().collect();
        for _ in 0..=next(4) {
            let at = next(text.len());
            match next(4) {
                0 if !text.is_empty() => drop(text.remove(at)),
                1 if !text.is_empty() => text[at] = ALPHABET[next(ALPHABET.len())],
                2 => text.truncate(at),
                _ => text.insert(at, ALPHABET[next(ALPHABET.len())]),
            }
        }
        check(&text.into_iter().collect::<String>());
    }
}
