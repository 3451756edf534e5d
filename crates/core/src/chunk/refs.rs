//! Where all chunks of one array lie, in as few bytes as they need: an archive has millions of them.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::ChunkRef;

/// Where every chunk of an array lies, in C order of its grid. Cheap to copy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChunkRefs(Form);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Form {
    /// Stored chunks without filter masks: for each its distance from `base` and its length, in as many bytes as the
    /// largest of them need. A length of zero is a chunk that was never written.
    Packed { base: u64, offset_bytes: u8, length_bytes: u8, packed: Arc<[u8]> },
    /// All others.
    Plain(Arc<[ChunkRef]>),
}

impl ChunkRefs {
    /// How many chunks there are.
    pub fn len(&self) -> usize {
        match &self.0 {
            Form::Packed { offset_bytes, length_bytes, packed, .. } => {
                packed.len() / usize::from(offset_bytes + length_bytes).max(1)
            }
            Form::Plain(refs) => refs.len(),
        }
    }

    /// Whether there are no chunks.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Where the chunk of that C-order number lies.
    pub fn get(&self, number: usize) -> Option<ChunkRef> {
        match &self.0 {
            Form::Plain(refs) => refs.get(number).cloned(),
            Form::Packed { base, offset_bytes, length_bytes, packed } => {
                let (offset_bytes, length_bytes) = (usize::from(*offset_bytes), usize::from(*length_bytes));
                let width = offset_bytes + length_bytes;
                let at = number.checked_mul(width)?;
                let entry = packed.get(at..at.checked_add(width)?).filter(|entry| !entry.is_empty())?;
                let (offset, length) = entry.split_at_checked(offset_bytes)?;
                Some(match number_of(length) {
                    0 => ChunkRef::Unallocated,
                    bytes => ChunkRef::Stored { offset: base + number_of(offset), bytes, filter_mask: 0 },
                })
            }
        }
    }

    /// Where all chunks lie, in order.
    pub fn iter(&self) -> impl Iterator<Item = ChunkRef> + '_ {
        (0..self.len()).filter_map(|number| self.get(number))
    }
}

impl From<Vec<ChunkRef>> for ChunkRefs {
    fn from(refs: Vec<ChunkRef>) -> Self {
        Self(pack(&refs).unwrap_or_else(|| Form::Plain(refs.into())))
    }
}

/// The packed form; `None` where it can't say what the references say.
fn pack(refs: &[ChunkRef]) -> Option<Form> {
    let stored = |chunk: &ChunkRef| match chunk {
        ChunkRef::Stored { offset, bytes, filter_mask: 0 } if *bytes > 0 => Some(Some((*offset, *bytes))),
        ChunkRef::Unallocated => Some(None),
        _ => None,
    };
    let all: Vec<Option<(u64, u64)>> = refs.iter().map(stored).collect::<Option<_>>()?;
    let there = || all.iter().flatten();
    let base = there().map(|(offset, _)| *offset).min().unwrap_or(0);
    let offset_bytes = bytes_for(there().map(|(offset, _)| offset - base).max().unwrap_or(0));
    let length_bytes = bytes_for(there().map(|(_, bytes)| *bytes).max().unwrap_or(0)).max(1);
    let mut packed = Vec::with_capacity(all.len() * usize::from(offset_bytes + length_bytes));
    for chunk in all {
        let (offset, bytes) = chunk.map_or((0, 0), |(offset, bytes)| (offset - base, bytes));
        packed.extend(offset.to_le_bytes().iter().take(usize::from(offset_bytes)));
        packed.extend(bytes.to_le_bytes().iter().take(usize::from(length_bytes)));
    }
    Some(Form::Packed { base, offset_bytes, length_bytes, packed: packed.into() })
}

/// How many bytes a number needs; none for zero.
fn bytes_for(number: u64) -> u8 {
    (u64::BITS - number.leading_zeros()).div_ceil(8) as u8
}

fn number_of(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_packed_is_what_comes_out() {
        let stored = |offset, bytes| ChunkRef::Stored { offset, bytes, filter_mask: 0 };
        let masked = ChunkRef::Stored { offset: 1, bytes: 2, filter_mask: 1 };
        // references, and how many bytes their packed form has; none where they are kept as they are
        let rows: [(Vec<ChunkRef>, Option<usize>); 9] = [
            (vec![], Some(0)),
            (vec![stored(u64::MAX, u64::MAX)], Some(8)),
            (vec![stored(0, 1), stored(u64::MAX - 1, 1)], Some(18)),
            (vec![stored(4096, 255), stored(4351, 255), stored(5000, 200)], Some(9)),
            (vec![ChunkRef::Unallocated; 3], Some(3)),
            (vec![stored(70_000, 300), ChunkRef::Unallocated, stored(70_300, 300)], Some(12)),
            (vec![stored(5, 0)], None),
            (vec![stored(0, 1), masked], None),
            (vec![ChunkRef::Inline([1, 2].into()), ChunkRef::Unallocated], None),
        ];
        for (refs, expected) in rows {
            let packed = ChunkRefs::from(refs.clone());
            assert_eq!(packed.len(), refs.len(), "{refs:?}");
            assert_eq!(packed.iter().collect::<Vec<_>>(), refs);
            assert_eq!(packed.get(refs.len()), None, "{refs:?}");
            let bytes = match &packed.0 {
                Form::Packed { packed, .. } => Some(packed.len()),
                Form::Plain(_) => None,
            };
            assert_eq!(bytes, expected, "{refs:?}");
        }
    }
}
