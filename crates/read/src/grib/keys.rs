//! The numbers of a message by the names that ecCodes gives them, as far as parameters, levels and times need them.

use std::collections::BTreeMap;

use super::tables::{Item, Wanted, tables};

/// Where a list of a layout may repeat no further.
const LIST_MAX: i64 = 255;

/// Keys of one message.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Keys {
    numbers: BTreeMap<&'static str, Vec<Option<i64>>>,
    texts: BTreeMap<&'static str, &'static str>,
    /// Where the fields of the section begin, from its first octet.
    places: BTreeMap<&'static str, (usize, usize)>,
}

impl Keys {
    /// The number of a key; of a list the last one. `None` where there is no such key or it is missing.
    pub(super) fn get(&self, key: &str) -> Option<i64> {
        self.numbers.get(key)?.last().copied().flatten()
    }

    /// All numbers of a key.
    pub(super) fn all(&self, key: &str) -> &[Option<i64>] {
        self.numbers.get(key).map(Vec::as_slice).unwrap_or_default()
    }

    /// Whether the key is there, be its value missing or not.
    pub(super) fn has(&self, key: &str) -> bool {
        self.numbers.contains_key(key)
    }

    pub(super) fn set(&mut self, key: &'static str, value: i64) {
        self.numbers.insert(key, vec![Some(value)]);
    }

    pub(super) fn set_text(&mut self, key: &'static str, value: &'static str) {
        self.texts.insert(key, value);
    }

    pub(super) fn text(&self, key: &str) -> Option<&'static str> {
        self.texts.get(key).copied()
    }

    /// Where a field lies in the section that was read last: its first octet and how many they are.
    pub(super) fn place(&self, key: &str) -> Option<(usize, usize)> {
        self.places.get(key).copied()
    }

    /// Every key with its numbers, in the order of names.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&'static str, &[Option<i64>])> {
        self.numbers.iter().map(|(key, values)| (*key, values.as_slice()))
    }

    /// Whether a condition of a concept holds.
    pub(super) fn holds(&self, key: &str, wanted: &Wanted) -> bool {
        match wanted {
            Wanted::Text(text) => self.text(key) == Some(text),
            Wanted::Number(number) => self.get(key) == Some(*number),
            Wanted::Missing => self.has(key) && self.get(key).is_none(),
            Wanted::Numbers(numbers) => {
                let found = self.all(key);
                found.len() == numbers.len() && found.iter().zip(numbers).all(|(a, b)| *a == Some(*b))
            }
        }
    }

    /// Adds the keys of a section with a known layout, from the octet `start` of `section` on; `false` where the layout
    /// is not known. What lies beyond the section's end is not there.
    pub(super) fn read(&mut self, layout: &str, section: &[u8], start: usize) -> bool {
        let Some(items) = tables().layout(layout) else { return false };
        let mut at = start;
        self.items(items, section, &mut at, false);
        true
    }

    fn items(&mut self, items: &[Item], section: &[u8], at: &mut usize, in_list: bool) {
        let mut index = 0;
        while let Some(item) = items.get(index) {
            index += 1;
            match *item {
                Item::Field { key, octets, signed, missing } => {
                    let octets = usize::from(octets);
                    let end = at.saturating_add(octets);
                    let Some(bytes) = section.get(*at..end) else { return };
                    let value = if octets > 8 { None } else { number(bytes, signed, missing) };
                    let values = self.numbers.entry(key).or_default();
                    if !in_list {
                        values.clear();
                    }
                    values.push(value);
                    self.places.insert(key, (*at, octets));
                    *at = end;
                }
                Item::List(count) => {
                    let depth = items.get(index..).and_then(|rest| rest.iter().position(|i| *i == Item::End));
                    let end = index + depth.unwrap_or(0);
                    let body = items.get(index..end).unwrap_or_default();
                    for _ in 0..self.get(count).unwrap_or(0).clamp(0, LIST_MAX) {
                        self.items(body, section, at, true);
                    }
                    index = end + 1;
                }
                Item::End => {}
                Item::Array { octets, count } => {
                    let n = usize::try_from(self.get(count).unwrap_or(0)).unwrap_or(0);
                    *at = at.saturating_add(n.saturating_mul(usize::from(octets)));
                }
                Item::Alias { name, key } => {
                    if let Some(values) = self.numbers.get(key) {
                        let values = values.clone();
                        self.numbers.insert(name, values);
                    }
                }
            }
        }
    }
}

/// A big-endian number; signed ones have their sign in the first bit. `None` where all bits are set and may say so.
pub(super) fn number(bytes: &[u8], signed: bool, missing: bool) -> Option<i64> {
    if missing && bytes.iter().all(|&b| b == 0xff) {
        return None;
    }
    let value = bytes.iter().fold(0u64, |value, &b| value << 8 | u64::from(b));
    let bits = 8 * bytes.len() as u32;
    if !signed || bits == 0 {
        return i64::try_from(value).ok();
    }
    let sign = 1u64 << (bits - 1);
    let magnitude = i64::try_from(value & !sign).ok()?;
    Some(if value & sign != 0 { -magnitude } else { magnitude })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_their_sign_in_the_first_bit() {
        let rows: [(&[u8], bool, bool, Option<i64>); 6] = [
            (&[0x80, 1], true, false, Some(-1)),
            (&[0, 5], true, false, Some(5)),
            (&[0xff], false, false, Some(255)),
            (&[0xff], true, true, None),
            (&[0xff, 0xff], true, false, Some(-32767)),
            (&[], false, false, Some(0)),
        ];
        for (bytes, signed, missing, expected) in rows {
            assert_eq!(number(bytes, signed, missing), expected, "{bytes:?}");
        }
    }

    #[test]
    fn lists_repeat() {
        let mut section = vec![0; 58 + 24];
        section[9 + 32] = 2;
        section[9 + 37] = 1;
        section[9 + 49] = 2;
        let mut keys = Keys::default();
        assert!(keys.read("4.8", &section, 9));
        assert_eq!(keys.all("typeOfStatisticalProcessing"), [Some(1), Some(2)]);
        assert_eq!(keys.get("typeOfStatisticalProcessing"), Some(2));
        assert!(!keys.read("4.65000", &section, 9));
    }
}
