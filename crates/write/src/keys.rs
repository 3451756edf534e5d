//! Where a chunk lies: keys of objects, chunks of a shard, and what a reader sees where nothing is stored.

use std::sync::Arc;

use arcoforge_core::chunk::{ChunkGrid, Region, indices};
use arcoforge_core::dtype::Scalar;
use arcoforge_core::recipe::TargetFormat;
use arcoforge_core::target::{ArraySpec, Dataset};

/// The key of one stored object (a shard, or a chunk where there are no shards) by its index along every dimension.
///
/// v3: `sst/c/0/3/1`, `sst/c` for a scalar (default key encoding). v2: `sst/0.3.1`, `sst/0` for a scalar.
pub fn chunk_key(format: TargetFormat, array: &ArraySpec, index: &[u64]) -> String {
    let parts = index.iter().map(u64::to_string);
    match format.metadata() {
        TargetFormat::Zarr3 => {
            [array.name.clone(), "c".into()].into_iter().chain(parts).collect::<Vec<_>>().join("/")
        }
        _ if index.is_empty() => format!("{}/0", array.name),
        _ => format!("{}/{}", array.name, parts.collect::<Vec<_>>().join(".")),
    }
}

/// The array of an object, and its number in the array's grid of objects: what [`chunk_key`] made the key of. `None` for
/// any other key.
pub fn chunk_at<'d>(dataset: &'d Dataset, key: &str) -> Option<(&'d Arc<ArraySpec>, u64)> {
    let below = |array: &&Arc<ArraySpec>| {
        key.strip_prefix(array.name.as_str()).is_some_and(|rest| rest.starts_with('/'))
    };
    // an array never lies in another one, so that at most one fits
    let array = dataset.arrays.iter().find(below)?;
    let grid = array.objects();
    let rest = key.get(array.name.len() + 1..)?;
    let format = dataset.format.metadata();
    let (text, separator) = match format {
        TargetFormat::Zarr3 => (rest.strip_prefix('c')?, '/'),
        _ => (rest, '.'),
    };
    let parts = text.trim_start_matches('/').split(separator).filter(|part| !part.is_empty());
    let mut index: Vec<u64> = parts.map(|part| part.parse().ok()).collect::<Option<_>>()?;
    if grid.shape.is_empty() && format != TargetFormat::Zarr3 {
        index.pop();
    }
    let inside = index.len() == grid.shape.len() && index.iter().zip(grid.counts()).all(|(i, n)| *i < n);
    // whatever else reads like a number is no key of ours
    (inside && chunk_key(dataset.format, array, &index) == key).then(|| (array, grid.flat(&index)))
}

/// What a reader sees in the cells of an object that is not stored; `None` where that is not defined, so that
/// every object must be written.
///
/// In v3 that is [`ArraySpec::unwritten`]. In v2 `fill_value` is at once the mask and the value of absent chunks, so
/// it is [`ArraySpec::fill`], and not defined where nothing is masked.
pub fn absent_value(format: TargetFormat, array: &ArraySpec) -> Option<&Scalar> {
    match format.metadata() {
        TargetFormat::Zarr3 => Some(&array.unwritten),
        _ => array.fill.as_ref(),
    }
}

/// The grid of inner chunks within one whole shard; without shards, one chunk.
pub fn inner_grid(array: &ArraySpec) -> ChunkGrid {
    ChunkGrid::new(array.shard.clone().unwrap_or_else(|| array.chunk.clone()), array.chunk.clone())
}

/// How many inner chunks the index of one shard lists, those beyond the array's end included.
pub fn chunks_per_shard(array: &ArraySpec) -> u64 {
    inner_grid(array).len()
}

/// The inner chunks of the shard at `index`, in the order in which [`ShardWriter`](crate::ShardWriter) takes them: the
/// index of each in [`ArraySpec::chunks`], or `None` where it lies wholly beyond the array's end.
pub fn shard_chunks(array: &ArraySpec, index: &[u64]) -> impl Iterator<Item = Option<Vec<u64>>> + use<> {
    let inner = inner_grid(array).counts();
    let counts = array.chunks().counts();
    let first: Vec<u64> = index.iter().zip(&inner).map(|(i, n)| i.saturating_mul(*n)).collect();
    indices(&Region::whole(&inner)).map(move |at| {
        let chunk: Vec<u64> = at.iter().zip(&first).map(|(i, f)| f.saturating_add(*i)).collect();
        chunk.iter().zip(&counts).all(|(i, n)| i < n).then_some(chunk)
    })
}

/// How consolidated metadata is sorted: outer nodes first, and those of one parent together. zarr-python nests nodes by
/// runs of one parent at each depth, and forgets all runs but the last.
pub(crate) fn nesting(path: &str) -> (usize, Option<&str>) {
    (path.matches('/').count(), path.rsplit_once('/').map(|(parent, _)| parent))
}

#[cfg(test)]
mod tests {
    use arcoforge_core::attrs::Attrs;
    use arcoforge_core::codec::Encoding;
    use arcoforge_core::dtype::DataType;

    use super::*;

    fn array(shape: &[u64], chunk: &[u64], shard: Option<&[u64]>) -> ArraySpec {
        ArraySpec {
            name: "g/sst".into(),
            dims: (0..shape.len()).map(|n| format!("d{n}")).collect(),
            shape: shape.to_vec(),
            dtype: DataType::Int16,
            attrs: Attrs::new(),
            fill: Some(Scalar::Int(-1)),
            unwritten: Scalar::Int(0),
            chunk: chunk.to_vec(),
            shard: shard.map(<[u64]>::to_vec),
            encoding: Encoding::raw(),
        }
    }

    #[test]
    fn keys() {
        let rows: [(&[u64], &str, &str); 3] = [
            (&[], "g/sst/c", "g/sst/0"),
            (&[7], "g/sst/c/7", "g/sst/7"),
            (&[0, 12, 3], "g/sst/c/0/12/3", "g/sst/0.12.3"),
        ];
        for (index, v3, v2) in rows {
            let shape = vec![100; index.len()];
            let array = array(&shape, &vec![1; index.len()], None);
            assert_eq!(chunk_key(TargetFormat::Zarr3, &array, index), v3);
            assert_eq!(chunk_key(TargetFormat::Zarr2, &array, index), v2);
        }
    }

    #[test]
    fn a_shard_at_the_end_lists_chunks_beyond_the_array() {
        let array = array(&[5, 3], &[2, 3], Some(&[4, 6]));
        assert_eq!(chunks_per_shard(&array), 4);
        let rows = [
            ([0, 0], [Some(vec![0, 0]), None, Some(vec![1, 0]), None]),
            ([1, 0], [Some(vec![2, 0]), None, None, None]),
        ];
        for (index, expected) in rows {
            assert_eq!(shard_chunks(&array, &index).collect::<Vec<_>>(), expected, "{index:?}");
        }
    }

    #[test]
    fn what_is_not_stored() {
        let array = array(&[5], &[2], None);
        assert_eq!(absent_value(TargetFormat::Zarr3, &array), Some(&Scalar::Int(0)));
        assert_eq!(absent_value(TargetFormat::Zarr2, &array), Some(&Scalar::Int(-1)));
        assert_eq!(absent_value(TargetFormat::Zarr2, &ArraySpec { fill: None, ..array }), None);
    }
}
