//! Dense storage (III.A.2 of the HDF5 format): objects in a fractal heap, found through a version 2 B-tree. Links of
//! groups and attributes of objects are kept so where there are many.

use hdf5_reader::btree_v2::{self, BTreeV2Header, BTreeV2Record};
use hdf5_reader::fractal_heap::FractalHeap;

use super::fault::Parsed;
use super::file::File;

/// One dense storage with the records of its index.
pub(super) struct Dense<'a> {
    file: &'a File,
    heap: FractalHeap,
    pub(super) records: Vec<BTreeV2Record>,
}

impl<'a> Dense<'a> {
    /// Reads heap header and index; `None` where nothing is stored.
    pub(super) fn read(file: &'a File, heap_address: u64, index_address: u64) -> Parsed<Option<Self>> {
        if file.is_undefined(heap_address) || file.is_undefined(index_address) {
            return Ok(None);
        }
        let (storage, offsets, lengths) = (file.storage(), file.offset_size, file.length_size);
        let heap = FractalHeap::parse_at_storage(storage, heap_address, offsets, lengths)?;
        let index = BTreeV2Header::parse_at_storage(storage, index_address, offsets, lengths)?;
        let records =
            btree_v2::collect_btree_v2_records_storage(storage, &index, offsets, lengths, None, &[], None)?;
        Ok(Some(Self { file, heap, records }))
    }

    /// The bytes of one object of the heap.
    pub(super) fn object(&self, id: &[u8]) -> Parsed<Vec<u8>> {
        let File { offset_size, length_size, .. } = self.file;
        Ok(self.heap.get_object_storage(id, self.file.storage(), *offset_size, *length_size)?)
    }
}
