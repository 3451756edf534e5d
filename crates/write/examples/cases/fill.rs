//! Writes the objects of a case into a store, through the crate's own interface.

use arcoforge_codec::{Scratch, encode};
use arcoforge_core::block::scalar_to_le;
use arcoforge_core::chunk::{Region, indices};
use arcoforge_core::dtype::{DataType, Scalar};
use arcoforge_core::error::Result;
use arcoforge_core::recipe::TargetFormat;
use arcoforge_core::target::ArraySpec;
use arcoforge_write::{
    LocalStore, Objects, absent_value, chunk_key, chunks_per_shard, encode_text, shard_chunks,
};

use super::Case;

/// Writes every chunk that differs from what readers see where nothing is stored, then the metadata.
pub(crate) fn fill(case: &Case, store: &LocalStore) -> Result<()> {
    for (array, values) in case.dataset.arrays.iter().zip(&case.values) {
        let format = case.dataset.format;
        for object in indices(&Region::whole(&array.objects().counts())) {
            let key = chunk_key(format, array, &object);
            if array.shard.is_some() {
                let mut shard = store.shard(&key, chunks_per_shard(array))?;
                for chunk in shard_chunks(array, &object) {
                    match chunk.map(|chunk| encoded(format, array, values, &chunk)).transpose()?.flatten() {
                        Some(bytes) => shard.append(&bytes)?,
                        None => shard.skip()?,
                    }
                }
                shard.finish()?;
            } else if let Some(bytes) = encoded(format, array, values, &object)? {
                store.write(&key, &bytes)?;
            }
        }
    }
    store.write_metadata(&case.dataset).map(drop)
}

/// The stored bytes of one chunk; `None` where it need not be stored.
fn encoded(
    format: TargetFormat,
    array: &ArraySpec,
    values: &[Scalar],
    index: &[u64],
) -> Result<Option<Vec<u8>>> {
    let cells = cells(array, values, index);
    let absent = absent_value(format, array);
    if cells.iter().flatten().all(|cell| absent.is_some_and(|absent| absent.same(cell))) {
        return Ok(None);
    }
    let cells: Vec<Scalar> = cells.into_iter().map(|c| c.unwrap_or(array.unwritten.clone())).collect();
    let mut elements = Vec::new();
    if array.dtype == DataType::Text {
        let texts: Vec<&str> = cells.iter().map(|c| if let Scalar::Text(t) = c { t } else { "" }).collect();
        elements = encode_text(&texts)?;
    }
    for cell in &cells {
        assert!(array.dtype == DataType::Text || scalar_to_le(array.dtype, cell, &mut elements), "{cell}");
    }
    let mut out = Vec::new();
    encode(&array.encoding, array.dtype.swap_size(), &elements, &mut out, &mut Scratch::new())?;
    Ok(Some(out))
}

/// The cells of one whole chunk; `None` beyond the array's end.
fn cells(array: &ArraySpec, values: &[Scalar], index: &[u64]) -> Vec<Option<Scalar>> {
    let chunks = array.chunks();
    indices(&Region::whole(&chunks.chunk))
        .map(|at| {
            let cell: Vec<u64> =
                at.iter().zip(index).zip(&chunks.chunk).map(|((a, i), c)| a + i * c).collect();
            let inside = cell.iter().zip(&array.shape).all(|(i, n)| i < n);
            let flat = cell.iter().zip(&array.shape).fold(0, |flat, (i, n)| flat * n + i);
            inside.then(|| values[usize::try_from(flat).expect("a small array")].clone())
        })
        .collect()
}
