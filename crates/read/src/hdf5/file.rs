//! The open file: superblock, cached storage, object headers and global heaps.

use std::sync::Arc;

use arcoforge_core::error::{Code, Error, Result};
use arcoforge_store::object::read_range;
use arcoforge_store::{Buffered, Object};
use hdf5_reader::group::Group;
use hdf5_reader::storage::{BytesStorage, DynStorage, Storage, StorageBuffer};
use hdf5_reader::{Hdf5File, OpenOptions};

use super::fault::{Fault, Parsed};

/// Files up to this size are read at once, and parsed from memory.
const WHOLE_BYTES: u64 = 64 << 10;
/// The open file, as the other modules see it. Addresses count from the superblock, not from the file's start.
pub(super) struct File {
    /// The file's bytes, for data.
    pub(super) object: Arc<dyn Object>,
    /// Bytes of one address in the file.
    pub(super) offset_size: u8,
    /// Bytes of one length in the file.
    pub(super) length_size: u8,
    /// Where the superblock is: what is added to an address to get a byte of the file.
    pub(super) base: u64,
    /// The address of the root group's header.
    pub(super) root: u64,
    library: Hdf5File,
    group: Group,
}

impl File {
    /// Reads the superblock.
    pub(super) fn open(object: Arc<dyn Object>) -> Result<Self> {
        let size = object.validator().size;
        let library =
            Hdf5File::from_storage_with_options(storage(&object)?, options()).map_err(superblock_error)?;
        let superblock = library.superblock();
        if superblock.eof_address != u64::MAX && superblock.eof_address > size {
            return Err(Error::new(
                Code::SourceCorrupt,
                format!(
                    "file is truncated: found {size} bytes, its superblock says {}",
                    superblock.eof_address
                ),
            )
            .help("fetch the file again"));
        }
        let root = superblock.root_object_header_address().map_err(Fault::from)?;
        let group = library.root_group().map_err(Fault::from)?;
        let (offset_size, length_size, base) =
            (superblock.offset_size, superblock.length_size, superblock.base_address);
        Ok(Self { object, offset_size, length_size, base, root, library, group })
    }

    /// Random access by address, through the cache of blocks.
    pub(super) fn storage(&self) -> &dyn Storage {
        self.library.storage()
    }

    /// Whether an address is the format's "nowhere".
    pub(super) fn is_undefined(&self, address: u64) -> bool {
        hdf5_reader::io::Cursor::is_undefined_offset(address, self.offset_size)
    }

    /// Bytes of one reference to a sequence in a global heap: count, address, index.
    pub(super) fn heap_reference_bytes(&self) -> usize {
        8 + usize::from(self.offset_size)
    }

    /// The bytes that a reference to a global heap leads to: its count times `element_bytes`.
    pub(super) fn heap_object(&self, reference: &[u8], element_bytes: usize) -> Parsed<Vec<u8>> {
        Ok(self.group.resolve_vlen_reference_bytes(reference, element_bytes)?)
    }
}

fn options() -> OpenOptions {
    OpenOptions::default().with_chunk_cache_bytes(0).with_chunk_cache_slots(1)
}

fn superblock_error(error: hdf5_reader::error::Error) -> Error {
    use hdf5_reader::error::Error as Library;
    match error {
        Library::InvalidMagic => Error::new(Code::SourceFormat, "no HDF5 signature found"),
        error @ (Library::UnsupportedSuperblockVersion(_)
        | Library::UnsupportedOffsetSize(_)
        | Library::UnsupportedLengthSize(_)) => {
            Error::new(Code::SourceUnsupported, "superblock can't be read").caused_by(error)
        }
        other => Fault::from(other).into(),
    }
}

/// Small files from memory, others through a cache of blocks.
fn storage(object: &Arc<dyn Object>) -> Result<DynStorage> {
    let size = object.validator().size;
    let buffered = Buffered::new(Arc::clone(object));
    if size <= WHOLE_BYTES {
        let bytes: Arc<[u8]> = read_range(&buffered, 0..size)?.into();
        return Ok(Arc::new(BytesStorage::from_shared(bytes)));
    }
    Ok(Arc::new(Blocks(buffered)))
}

/// An object as the library's storage; errors of the store pass through unchanged, inside an `io::Error`.
struct Blocks(Buffered);

impl Storage for Blocks {
    fn len(&self) -> u64 {
        self.0.validator().size
    }

    fn read_range(&self, offset: u64, len: usize) -> hdf5_reader::error::Result<StorageBuffer> {
        let end = offset.saturating_add(len as u64);
        let bytes = read_range(&self.0, offset..end).map_err(std::io::Error::other)?;
        Ok(StorageBuffer::from_vec(bytes))
    }
}
