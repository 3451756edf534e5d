//! What users see for the keys of an axis: there may be millions, so that they lie in one text.

/// Short texts by their numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Labels {
    text: String,
    /// Where each ends in `text`.
    ends: Vec<usize>,
}

impl Labels {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The one of that number.
    pub fn get(&self, number: usize) -> Option<&str> {
        let end = *self.ends.get(number)?;
        let start = number.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        self.text.get(start..end)
    }
}

impl FromIterator<String> for Labels {
    fn from_iter<I: IntoIterator<Item = String>>(labels: I) -> Self {
        let mut text = String::new();
        let mut ends: Vec<usize> = labels
            .into_iter()
            .map(|label| {
                text.push_str(&label);
                text.len()
            })
            .collect();
        text.shrink_to_fit();
        ends.shrink_to_fit();
        Self { text, ends }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_come_out_as_they_went_in() {
        let rows: [&[&str]; 4] = [&[], &[""], &["2020-01", "", "é", "b"], &["a", "a"]];
        for expected in rows {
            let labels: Labels = expected.iter().map(ToString::to_string).collect();
            let found: Vec<&str> = (0..labels.len()).filter_map(|number| labels.get(number)).collect();
            assert_eq!(found, expected);
            assert_eq!((labels.is_empty(), labels.get(expected.len())), (expected.is_empty(), None));
        }
    }
}
