//! The coordinate reference systems of the EPSG Geodetic Parameter Dataset, as GDAL writes them; `ci/epsg.py` makes the
//! table. The dataset is owned by the International Association of Oil & Gas Producers (IOGP); its terms of use allow to
//! distribute data from it free of charge.

use arcoforge_codec::{Scratch, decode_to_end};
use arcoforge_core::codec::Codec;

use super::wkt::Node;

static TABLE: &[u8] = include_bytes!("epsg.bin");

/// The system of a number, projected, geographic or geocentric.
pub(super) fn system(code: u64) -> Option<Node> {
    let block = blocks().take_while(|block| u64::from(block.first) <= code).last()?;
    let line = |text: &str| {
        let (number, wkt) = text.split_once('\t')?;
        (number.parse() == Ok(code)).then(|| Node::parse(wkt))?
    };
    block.text()?.lines().find_map(line)
}

/// The first geographic system in which a node of this name (`DATUM`, `SPHEROID`, `PRIMEM`, `UNIT`) has this number, as
/// that node.
pub(super) fn part(name: &str, code: u64) -> Option<Node> {
    let authority = format!("AUTHORITY[\"EPSG\",\"{code}\"]");
    let of = |text: &str| {
        let (_, wkt) = text.split_once('\t').filter(|(_, wkt)| wkt.contains(&authority))?;
        Node::parse(wkt)?.find(name).filter(|node| node.epsg() == Some(code)).cloned()
    };
    // geographic systems have numbers from 4000, the newest others
    let (old, new): (Vec<Block>, Vec<Block>) =
        blocks().partition(|block| (3900..5000).contains(&block.first));
    old.into_iter().chain(new).find_map(|block| block.text()?.lines().find_map(of))
}

struct Block {
    first: u32,
    bytes: &'static [u8],
}

fn blocks() -> impl Iterator<Item = Block> {
    let number = |bytes: &[u8]| bytes.first_chunk::<4>().map_or(0, |bytes| u32::from_le_bytes(*bytes));
    let count = number(TABLE) as usize;
    let index = TABLE.get(4..4 + count * 12).unwrap_or_default();
    let body = TABLE.get(4 + count * 12..).unwrap_or_default();
    index.chunks_exact(12).map(move |entry| {
        let (first, rest) = entry.split_at(4);
        let (start, length) = (number(rest) as usize, number(rest.get(4..).unwrap_or_default()) as usize);
        Block { first: number(first), bytes: body.get(start..start + length).unwrap_or_default() }
    })
}

impl Block {
    fn text(&self) -> Option<String> {
        let text = decode_to_end(&Codec::Zlib { level: 9 }, self.bytes, &mut Scratch::new()).ok()?;
        String::from_utf8(text).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_a_system() {
        let mut codes = Vec::new();
        for block in blocks() {
            for line in block.text().expect("inflates").lines() {
                let (code, wkt) = line.split_once('\t').expect("a tab");
                let code: u64 = code.parse().expect("a number");
                let node = Node::parse(wkt).expect("well-known text");
                assert_eq!(node.to_string(), wkt);
                assert_eq!(node.epsg(), Some(code));
                codes.push(code);
            }
        }
        assert!(codes.len() > 6900 && codes.is_sorted(), "{} systems", codes.len());
        assert!([0, 1, 32_767, 99_999].into_iter().all(|code| system(code).is_none()));
        assert!([2000, 4326, 32_633, 3857].into_iter().all(|code| system(code).is_some()));
    }

    #[test]
    fn parts_are_found() {
        let rows =
            [("DATUM", 6326, "WGS_1984"), ("SPHEROID", 7019, "GRS 1980"), ("PRIMEM", 8901, "Greenwich")];
        for (name, code, expected) in rows {
            assert_eq!(part(name, code).expect("found").title(), Some(expected));
        }
        assert_eq!(part("DATUM", 1), None);
    }
}
