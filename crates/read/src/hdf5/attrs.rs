//! Attributes: raw messages of a header or of its dense storage, and their values.

use arcoforge_core::attrs::{AttrValue, Attrs};
use arcoforge_core::dtype::Scalar;
use hdf5_reader::btree_v2::BTreeV2Record;
use hdf5_reader::io::Cursor;
use hdf5_reader::messages::attribute_info::{self, AttributeInfoMessage};
use hdf5_reader::messages::dataspace::{self, DataspaceType};

use super::dense::Dense;
use super::fault::{Parsed, corrupt, unsupported};
use super::file::File;
use super::header::{Header, kind, shared_payload};
use super::types::{self, Element, Kind, decode_text, unpadded};

/// Most elements of one attribute.
const ELEMENTS_MAX: usize = 16 << 20;

/// An attribute as stored.
#[derive(Debug, Clone)]
pub(super) struct RawAttr {
    pub(super) name: String,
    pub(super) element: Element,
    /// How many elements; `None` for a null dataspace.
    count: Option<usize>,
    data: Vec<u8>,
}

impl RawAttr {
    /// The stored elements, one slice each.
    pub(super) fn elements(&self) -> impl Iterator<Item = &[u8]> {
        self.data.chunks_exact(self.element.size.max(1)).take(self.count.unwrap_or(0))
    }

    /// The text, if it is one.
    pub(super) fn text(&self, file: &File) -> Option<String> {
        match value(file, self) {
            Ok(AttrValue::Text(text)) => Some(text),
            _ => None,
        }
    }
}

/// All attributes of an object, in creation order where the file tracks it, else in the order stored.
pub(super) fn collect(file: &File, header: &Header) -> Parsed<Vec<RawAttr>> {
    let mut found = Vec::new();
    for message in header.messages.iter().filter(|m| m.kind == kind::ATTRIBUTE) {
        found.push((message.order.map(u64::from), parse(file, &message.payload(file)?)?));
    }
    if let Some(info) = header.get(kind::ATTRIBUTE_INFO) {
        let mut cursor = Cursor::new(&info.data);
        let info = attribute_info::parse(&mut cursor, file.offset_size, file.length_size, info.data.len())?;
        dense(file, &info, &mut found)?;
    }
    if found.iter().all(|(order, _)| order.is_some()) {
        found.sort_by_key(|(order, _)| *order);
    }
    Ok(found.into_iter().map(|(_, attr)| attr).collect())
}

fn dense(file: &File, info: &AttributeInfoMessage, found: &mut Vec<(Option<u64>, RawAttr)>) -> Parsed<()> {
    let Some(dense) = Dense::read(file, info.fractal_heap_address, info.btree_name_index_address)? else {
        return Ok(());
    };
    for record in &dense.records {
        let BTreeV2Record::AttributeNameHash { heap_id, creation_order, flags, .. } = record else {
            return corrupt("index of attributes holds records of another type");
        };
        if flags & 2 != 0 {
            return unsupported("has attributes in the file's shared message table, which can't be read yet");
        }
        let bytes = dense.object(heap_id)?;
        let order = info.creation_order_tracked.then_some(u64::from(*creation_order));
        found.push((order, parse(file, &bytes)?));
    }
    Ok(())
}

/// Parses an attribute message (IV.A.2.m).
fn parse(file: &File, bytes: &[u8]) -> Parsed<RawAttr> {
    let mut cursor = Cursor::new(bytes);
    let version = cursor.read_u8()?;
    if !(1..=3).contains(&version) {
        return unsupported(format!("attribute message of version {version}"));
    }
    let byte = cursor.read_u8()?;
    let flags = if version == 1 { 0 } else { byte };
    let name_bytes = usize::from(cursor.read_u16_le()?);
    let type_bytes = usize::from(cursor.read_u16_le()?);
    let space_bytes = usize::from(cursor.read_u16_le()?);
    if version == 3 {
        cursor.skip(1)?;
    }
    let padded = |n: usize| if version == 1 { n.next_multiple_of(8) } else { n };
    let name = cursor.read_bytes(padded(name_bytes))?;
    let name = decode_text(name.split(|&b| b == 0).next().unwrap_or(name));
    let datatype = cursor.read_bytes(padded(type_bytes))?;
    let dataspace = cursor.read_bytes(padded(space_bytes))?;
    let element = if flags & 1 == 0 {
        types::parse(datatype)?
    } else {
        types::parse(&shared_payload(file, kind::DATATYPE, datatype)?)?
    };
    let dataspace =
        if flags & 2 == 0 { dataspace.to_vec() } else { shared_payload(file, kind::DATASPACE, dataspace)? };
    let count = count(file, &dataspace)?;
    let bytes = element.size.saturating_mul(count.unwrap_or(0));
    let data = cursor.read_bytes(bytes)?.to_vec();
    Ok(RawAttr { name, element, count, data })
}

fn count(file: &File, dataspace: &[u8]) -> Parsed<Option<usize>> {
    let mut cursor = Cursor::new(dataspace);
    let space = dataspace::parse(&mut cursor, file.offset_size, file.length_size, dataspace.len())?;
    if space.dataspace_type == DataspaceType::Null {
        return Ok(None);
    }
    let cells = space.dims.iter().try_fold(1_u64, |all, &n| all.checked_mul(n));
    match cells.and_then(|n| usize::try_from(n).ok()).filter(|&n| n <= ELEMENTS_MAX) {
        Some(count) => Ok(Some(count)),
        None => corrupt(format!("attribute of shape {:?}", space.dims)),
    }
}

/// The value of an attribute. Several dimensions become one; a null dataspace is the empty text or no numbers.
pub(super) fn value(file: &File, attr: &RawAttr) -> Parsed<AttrValue> {
    match &attr.element.kind {
        Kind::Number(number) | Kind::Enum { number, .. } => {
            let values: Option<Vec<Scalar>> = attr.elements().map(|e| number.scalar(e)).collect();
            match values {
                Some(values) => Ok(AttrValue::Numbers { dtype: number.dtype, values }),
                None => corrupt("attribute with numbers of the wrong length"),
            }
        }
        Kind::Text(padding) => {
            Ok(texts(attr.elements().map(|e| decode_text(unpadded(e, *padding))).collect()))
        }
        Kind::HeapText => attr.elements().map(|e| heap_text(file, e)).collect::<Parsed<_>>().map(texts),
        Kind::Bits { .. } => unsupported("is of integers of an unusual precision"),
        Kind::Sequence(_) => unsupported("is of sequences of variable length"),
        Kind::Reference => unsupported("is a reference to another object"),
        Kind::Other(reason) => unsupported(format!("is {reason}")),
    }
}

/// Text of variable length; it ends at the first NUL, as in the C library.
pub(super) fn heap_text(file: &File, reference: &[u8]) -> Parsed<String> {
    let bytes = file.heap_object(reference, 1)?;
    Ok(decode_text(bytes.split(|&b| b == 0).next().unwrap_or(&bytes)))
}

fn texts(mut texts: Vec<String>) -> AttrValue {
    match texts.len() {
        0 => AttrValue::Text(String::new()),
        1 => AttrValue::Text(texts.pop().unwrap_or_default()),
        _ => AttrValue::Texts(texts),
    }
}

/// Attributes as users see them, with the names and reasons of those that can't be carried over.
pub(super) fn visible(
    file: &File,
    raw: &[RawAttr],
    hidden: impl Fn(&str) -> bool,
) -> Parsed<(Attrs, Vec<(String, String)>)> {
    let (mut attrs, mut unreadable) = (Attrs::new(), Vec::new());
    for attr in raw.iter().filter(|attr| !hidden(&attr.name)) {
        match value(file, attr) {
            Ok(value) => attrs.set(attr.name.clone(), value),
            Err(fault) => unreadable.push((attr.name.clone(), fault.unsupported()?)),
        }
    }
    Ok((attrs, unreadable))
}
