//! Object headers as lists of raw messages (HDF5 file format specification 3.0, IV.A).
//!
//! The library's own parser keeps neither the creation order of attributes nor the flags of a layout nor the
//! precision of a number, and refuses a header for one attribute that it can't parse; here every message keeps its
//! bytes, and is parsed where it is needed.

use hdf5_reader::io::Cursor;
use hdf5_reader::messages::shared::{self, SharedMessage};

use super::fault::{Parsed, corrupt, unsupported};
use super::file::File;

/// Message types (IV.A.2).
pub(super) mod kind {
    pub(crate) const DATASPACE: u16 = 0x01;
    pub(crate) const LINK_INFO: u16 = 0x02;
    pub(crate) const DATATYPE: u16 = 0x03;
    pub(crate) const FILL_OLD: u16 = 0x04;
    pub(crate) const FILL: u16 = 0x05;
    pub(crate) const LINK: u16 = 0x06;
    pub(crate) const EXTERNAL_FILES: u16 = 0x07;
    pub(crate) const LAYOUT: u16 = 0x08;
    pub(crate) const GROUP_INFO: u16 = 0x0a;
    pub(crate) const FILTERS: u16 = 0x0b;
    pub(crate) const ATTRIBUTE: u16 = 0x0c;
    pub(crate) const CONTINUATION: u16 = 0x10;
    pub(crate) const SYMBOL_TABLE: u16 = 0x11;
    pub(crate) const ATTRIBUTE_INFO: u16 = 0x15;
}

/// Most bytes of one header, over all of its blocks.
const HEADER_BYTES_MAX: usize = 64 << 20;
/// Most blocks of one header.
const BLOCKS_MAX: usize = 1024;

/// One message.
#[derive(Debug, Clone)]
pub(super) struct Message {
    /// What it is.
    pub(super) kind: u16,
    /// Creation order of an attribute, where the header tracks it.
    pub(super) order: Option<u16>,
    /// The message is a reference to one stored elsewhere.
    pub(super) shared: bool,
    /// The payload.
    pub(super) data: Vec<u8>,
}

/// The messages of one object, in file order, without continuations and padding.
#[derive(Debug, Default)]
pub(super) struct Header {
    pub(super) messages: Vec<Message>,
}

impl Header {
    /// The first message of a kind.
    pub(super) fn get(&self, kind: u16) -> Option<&Message> {
        self.messages.iter().find(|m| m.kind == kind)
    }

    /// The payload of the first message of a kind, wherever it is stored.
    pub(super) fn payload(&self, file: &File, kind: u16) -> Parsed<Option<Vec<u8>>> {
        self.get(kind).map(|message| message.payload(file)).transpose()
    }

    /// Whether this is a dataset's header.
    pub(super) fn is_dataset(&self) -> bool {
        self.get(kind::LAYOUT).is_some()
            || (self.get(kind::DATASPACE).is_some() && self.get(kind::DATATYPE).is_some())
    }

    /// Whether this is a group's header.
    pub(super) fn is_group(&self) -> bool {
        [kind::SYMBOL_TABLE, kind::LINK_INFO, kind::LINK, kind::GROUP_INFO]
            .iter()
            .any(|&k| self.get(k).is_some())
    }
}

impl Message {
    /// The payload, fetched from another header where it is shared.
    pub(super) fn payload(&self, file: &File) -> Parsed<Vec<u8>> {
        if self.shared { shared_payload(file, self.kind, &self.data) } else { Ok(self.data.clone()) }
    }
}

/// The payload of a message that is stored in another header, such as a named datatype's.
pub(super) fn shared_payload(file: &File, kind: u16, reference: &[u8]) -> Parsed<Vec<u8>> {
    let mut cursor = Cursor::new(reference);
    match shared::parse(&mut cursor, kind, file.offset_size, file.length_size, reference.len())? {
        SharedMessage::SharedInOhdr { address, .. } => match read_header(file, address)?.get(kind) {
            Some(message) if !message.shared => Ok(message.data.clone()),
            _ => corrupt(format!("shared message of type {kind} not found at address {address}")),
        },
        SharedMessage::SharedInSohm { .. } => {
            unsupported("uses messages of the file's shared message table, which can't be read yet")
        }
    }
}

/// Reads the header at an address, with all of its continuations.
pub(super) fn read_header(file: &File, address: u64) -> Parsed<Header> {
    let signature = file.storage().read_range(address, 4)?;
    let mut walk =
        Walk { file, header: Header::default(), blocks: Vec::new(), bytes: 0, order_tracked: false };
    let version_2 = signature.as_ref() == b"OHDR";
    if version_2 {
        walk.first_v2(address)?;
    } else {
        walk.first_v1(address)?;
    }
    let mut at = 0;
    while let Some(&(offset, length)) = walk.blocks.get(at) {
        at += 1;
        if at > BLOCKS_MAX || walk.blocks.iter().take(at - 1).any(|&(o, _)| o == offset) {
            return corrupt("object header has a cycle of continuations");
        }
        if version_2 { walk.continue_v2(offset, length)? } else { walk.continue_v1(offset, length)? }
    }
    Ok(walk.header)
}

struct Walk<'a> {
    file: &'a File,
    header: Header,
    /// Continuations found: address and length.
    blocks: Vec<(u64, u64)>,
    bytes: usize,
    order_tracked: bool,
}

impl Walk<'_> {
    fn block(&mut self, address: u64, length: u64) -> Parsed<hdf5_reader::StorageBuffer> {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        self.bytes = self.bytes.saturating_add(length);
        if self.bytes > HEADER_BYTES_MAX {
            return corrupt(format!("object header of more than {HEADER_BYTES_MAX} bytes"));
        }
        Ok(self.file.storage().read_range(address, length)?)
    }

    fn first_v1(&mut self, address: u64) -> Parsed<()> {
        let prefix = self.block(address, 16)?;
        let mut cursor = Cursor::new(prefix.as_ref());
        let version = cursor.read_u8()?;
        if version != 1 {
            return corrupt(format!(
                "object header of version {version} at address {address}, expected 1 or 2"
            ));
        }
        cursor.skip(7)?;
        let size = cursor.read_u32_le()?;
        self.continue_v1(address.saturating_add(16), u64::from(size))
    }

    fn continue_v1(&mut self, address: u64, length: u64) -> Parsed<()> {
        let block = self.block(address, length)?;
        let mut cursor = Cursor::new(block.as_ref());
        while cursor.remaining() >= 8 {
            let kind = cursor.read_u16_le()?;
            let size = usize::from(cursor.read_u16_le()?);
            let flags = cursor.read_u8()?;
            cursor.skip(3)?;
            let data = cursor.read_bytes(size)?;
            self.message(kind, flags, None, data)?;
        }
        Ok(())
    }

    fn first_v2(&mut self, address: u64) -> Parsed<()> {
        let start = self.block(address, 6)?;
        let flags = start.get(5).copied().unwrap_or(0);
        let times = if flags & 0x20 == 0 { 0 } else { 16 };
        let phases = if flags & 0x10 == 0 { 0 } else { 4 };
        let width = 1_usize << (flags & 3);
        let prefix_bytes = 6 + times + phases + width;
        let prefix = self.block(address, prefix_bytes as u64)?;
        let mut cursor = Cursor::new(prefix.as_ref());
        cursor.skip(4)?;
        let version = cursor.read_u8()?;
        if version != 2 {
            return unsupported(format!("object header of version {version}"));
        }
        cursor.skip(1 + times + phases)?;
        let size = cursor.read_uvar(width)?;
        self.order_tracked = flags & 0x04 != 0;
        self.messages_v2(address, prefix_bytes, size.saturating_add(prefix_bytes as u64 + 4))
    }

    fn continue_v2(&mut self, address: u64, length: u64) -> Parsed<()> {
        let signature = self.block(address, 4)?;
        if signature.as_ref() != b"OCHK" {
            return corrupt(format!("object header continuation without signature at address {address}"));
        }
        self.messages_v2(address, 4, length)
    }

    /// Messages between a prefix and the checksum that ends the block.
    fn messages_v2(&mut self, address: u64, prefix: usize, length: u64) -> Parsed<()> {
        let block = self.block(address, length)?;
        let Some((body, sum)) = block.len().checked_sub(4).and_then(|at| block.as_ref().split_at_checked(at))
        else {
            return corrupt("object header block is shorter than its checksum");
        };
        let expected = hdf5_reader::checksum::jenkins_lookup3(body);
        if sum != expected.to_le_bytes() {
            return corrupt(format!("checksum of the object header at address {address} does not match"));
        }
        let mut cursor = Cursor::new(body);
        cursor.skip(prefix)?;
        let envelope = if self.order_tracked { 6 } else { 4 };
        while cursor.remaining() >= envelope {
            let kind = u16::from(cursor.read_u8()?);
            let size = usize::from(cursor.read_u16_le()?);
            let flags = cursor.read_u8()?;
            let order = if self.order_tracked { Some(cursor.read_u16_le()?) } else { None };
            let data = cursor.read_bytes(size)?;
            self.message(kind, flags, order, data)?;
        }
        Ok(())
    }

    fn message(&mut self, kind: u16, flags: u8, order: Option<u16>, data: &[u8]) -> Parsed<()> {
        match kind {
            0 => {}
            kind::CONTINUATION => {
                let mut cursor = Cursor::new(data);
                let address = cursor.read_offset(self.file.offset_size)?;
                self.blocks.push((address, cursor.read_length(self.file.length_size)?));
            }
            _ => self.header.messages.push(Message {
                kind,
                order,
                shared: flags & 2 != 0,
                data: data.to_vec(),
            }),
        }
        Ok(())
    }
}
