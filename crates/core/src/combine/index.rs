//! Where a file is along the axes: there is one for every file, so that few axes take no memory of their own.

use std::ops::Deref;

/// The key along every axis.
#[derive(Clone)]
pub struct Index(Form);

/// Axes that are held in place.
const FEW: usize = 3;

#[derive(Clone)]
#[allow(clippy::box_collection)] // rare, and a list in place would make all longer
enum Form {
    /// The first so many of them.
    Few(u8, [u32; FEW]),
    Many(Box<Vec<u32>>),
}

impl From<&[u32]> for Index {
    fn from(keys: &[u32]) -> Self {
        let mut few = [0; FEW];
        Self(match few.get_mut(..keys.len()) {
            Some(held) => {
                held.copy_from_slice(keys);
                Form::Few(keys.len() as u8, few)
            }
            None => Form::Many(Box::new(keys.to_vec())),
        })
    }
}

impl Deref for Index {
    type Target = [u32];

    fn deref(&self) -> &[u32] {
        match &self.0 {
            Form::Few(count, keys) => keys.get(..usize::from(*count)).unwrap_or_default(),
            Form::Many(keys) => keys,
        }
    }
}

impl std::fmt::Debug for Index {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        (**self).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_out_as_they_went_in() {
        let rows: [&[u32]; 5] = [&[], &[7], &[1, 0, u32::MAX], &[4, 3, 2, 1], &[9; 20]];
        for keys in rows {
            assert_eq!(&*Index::from(keys), keys);
            assert_eq!(format!("{:?}", Index::from(keys)), format!("{keys:?}"));
        }
    }
}
