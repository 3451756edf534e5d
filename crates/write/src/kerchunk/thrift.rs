//! Thrift's compact protocol, as far as metadata of Parquet needs it
//! (<https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md>).

/// A struct that is being written; fields come in ascending order.
#[derive(Debug, Default)]
pub(super) struct Struct {
    bytes: Vec<u8>,
    last: u8,
}

const I32: u8 = 5;
const I64: u8 = 6;
const BINARY: u8 = 8;
const LIST: u8 = 9;
const STRUCT: u8 = 12;

impl Struct {
    pub(super) fn i32(self, id: u8, value: i32) -> Self {
        self.field(id, I32, &zigzag(i64::from(value)))
    }

    pub(super) fn i64(self, id: u8, value: u64) -> Self {
        self.field(id, I64, &zigzag(i64::try_from(value).unwrap_or(i64::MAX)))
    }

    pub(super) fn text(self, id: u8, value: &str) -> Self {
        self.field(id, BINARY, &binary(value))
    }

    pub(super) fn structure(self, id: u8, value: Self) -> Self {
        self.field(id, STRUCT, &value.end())
    }

    pub(super) fn structures(self, id: u8, values: Vec<Self>) -> Self {
        self.list(id, STRUCT, &values.into_iter().map(Self::end).collect::<Vec<_>>())
    }

    pub(super) fn i32s(self, id: u8, values: &[i32]) -> Self {
        self.list(id, I32, &values.iter().map(|value| zigzag(i64::from(*value))).collect::<Vec<_>>())
    }

    pub(super) fn texts(self, id: u8, values: &[&str]) -> Self {
        self.list(id, BINARY, &values.iter().map(|value| binary(value)).collect::<Vec<_>>())
    }

    /// The struct's bytes.
    pub(super) fn end(mut self) -> Vec<u8> {
        self.bytes.push(0);
        self.bytes
    }

    fn list(self, id: u8, kind: u8, items: &[Vec<u8>]) -> Self {
        let count = items.len();
        let mut bytes = match u8::try_from(count) {
            Ok(count) if count < 15 => vec![count << 4 | kind],
            _ => [vec![0xf0 | kind], varint(count as u64)].concat(),
        };
        bytes.extend(items.concat());
        self.field(id, LIST, &bytes)
    }

    fn field(mut self, id: u8, kind: u8, value: &[u8]) -> Self {
        // ids of Parquet's structs are less than 16 apart
        self.bytes.push(id.saturating_sub(self.last) << 4 | kind);
        self.bytes.extend_from_slice(value);
        self.last = id;
        self
    }
}

fn binary(text: &str) -> Vec<u8> {
    let mut bytes = varint(text.len() as u64);
    bytes.extend_from_slice(text.as_bytes());
    bytes
}

fn zigzag(value: i64) -> Vec<u8> {
    varint(((value << 1) ^ (value >> 63)).cast_unsigned())
}

/// Seven bits a byte, the lowest first.
pub(super) fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value > 0x7f {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_as_the_specification_has_them() {
        let rows: [(Struct, &[u8]); 5] = [
            (Struct::default(), &[0]),
            (Struct::default().i32(1, -1), &[0x15, 1, 0]),
            (Struct::default().i64(2, 300).text(4, "ab"), &[0x26, 0xd8, 4, 0x28, 2, b'a', b'b', 0]),
            (Struct::default().i32s(2, &[0, 3]), &[0x29, 0x25, 0, 6, 0]),
            (Struct::default().structure(5, Struct::default().i32(1, 1)), &[0x5c, 0x15, 2, 0, 0]),
        ];
        for (found, expected) in rows {
            assert_eq!(found.end(), expected);
        }
    }
}
