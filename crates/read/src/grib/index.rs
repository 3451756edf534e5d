//! The index of a file: every field with its product, its grid, its time, and where its bytes lie.

use std::collections::BTreeMap;

use arcoforge_core::error::Result;
use arcoforge_store::Buffered;

use super::grid::{self, Grid};
use super::keys::Keys;
use super::product::{Product, keys1, product};
use super::time;
use super::walk::{Found, Headers, walk};

/// IEEE 754 numbers (template 5.4) of double precision.
const IEEE: u64 = 4;
const DOUBLE: u8 = 2;

/// One field.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Field {
    pub(super) offset: u64,
    pub(super) bytes: u64,
    /// The number of its message, from 1.
    pub(super) message: u32,
    pub(super) product: u32,
    pub(super) grid: u32,
    /// Seconds since 1970.
    pub(super) time: i64,
    /// Seconds.
    pub(super) step: Option<i64>,
    /// Whether an interval begins at the reference time.
    pub(super) from_start: bool,
    /// Whether values need double precision.
    pub(super) wide: bool,
}

/// All fields of a file, and what they have in common.
#[derive(Debug, Default)]
pub(super) struct Index {
    pub(super) products: Vec<Product>,
    pub(super) grids: Vec<Grid>,
    pub(super) fields: Vec<Field>,
    /// Names of variables and why fields of theirs are not read.
    pub(super) refused: BTreeMap<String, String>,
    /// Whether there are messages of edition 2.
    pub(super) second_edition: bool,
    /// What is to be said of an index beside the file.
    pub(super) remark: Option<String>,
}

/// What was found out of headers, by their bytes.
#[derive(Default)]
struct Known {
    products: BTreeMap<Vec<u8>, Result<u32, String>>,
    grids: BTreeMap<(Vec<u8>, Vec<u8>), Result<u32, String>>,
}

impl Index {
    /// Walks through a file.
    ///
    /// # Errors
    /// As [`walk`]. Fields that can't be told are in `refused`.
    pub(super) fn read(object: &Buffered) -> Result<Self> {
        let (mut index, mut known) = (Self::default(), Known::default());
        let remark = walk(object, |found| {
            index.second_edition |= found.headers.edition == 2;
            if let Err((name, reason)) = index.add(&mut known, &found) {
                let message = found.message;
                index.refused.entry(name).or_insert_with(|| format!("message {message}: {reason}"));
            }
            Ok(())
        })?;
        index.remark = remark;
        Ok(index)
    }

    /// Adds a field, or says which variable can't be read, and why.
    fn add(&mut self, known: &mut Known, found: &Found) -> Result<(), (String, String)> {
        let headers = &found.headers;
        let keys = keys(headers);
        let of = |reason| (fallback_name(headers), reason);
        let number = match known.products.get(&identity(headers, &keys)) {
            Some(known) => known.clone().map_err(of)?,
            None => {
                let made = product(headers).map(|product| {
                    self.products.push(product);
                    self.products.len() as u32 - 1
                });
                known.products.insert(identity(headers, &keys), made.clone());
                made.map_err(of)?
            }
        };
        let name = || self.products.get(number as usize).map_or_else(String::new, Product::name);
        if found.shared && headers.bitmap == 254 {
            let reason = "its bitmap is that of another field of its message, which is not read";
            return Err((name(), reason.to_owned()));
        }
        let place = grid::identity(headers);
        let grid = match known.grids.get(&place) {
            Some(known) => known.clone(),
            None => {
                let made = Grid::new(headers).map(|grid| {
                    self.grids.push(grid);
                    self.grids.len() as u32 - 1
                });
                known.grids.insert(place, made.clone());
                made
            }
        };
        let grid = grid.map_err(|reason| (name(), reason))?;
        let instant =
            self.products.get(number as usize).is_some_and(|product| product.step_type == "instant");
        let (time, step) = when(headers, &keys, instant).map_err(|reason| (name(), reason))?;
        self.fields.push(Field {
            offset: found.bytes.start,
            bytes: found.bytes.end - found.bytes.start,
            message: u32::try_from(found.message).unwrap_or(u32::MAX),
            product: number,
            grid,
            time,
            step,
            from_start: keys.get("forecastTime").unwrap_or(0) == 0
                && (headers.edition == 2 || headers.identification.get(18) == Some(&0)),
            wide: headers.edition == 2
                && be2(&headers.packing, 9) == IEEE
                && headers.packing.get(11) == Some(&DOUBLE),
        });
        Ok(())
    }
}

/// The keys of the section of the product.
fn keys(headers: &Headers) -> Keys {
    match headers.edition {
        1 => keys1(&headers.identification),
        _ => {
            let mut keys = Keys::default();
            keys.read(&format!("4.{}", be2(&headers.product, 7)), &headers.product, 9);
            keys
        }
    }
}

/// The headers that tell products apart: without times, and without what is of the grid alone.
fn identity(headers: &Headers, keys: &Keys) -> Vec<u8> {
    let mut bytes = vec![headers.edition, headers.discipline];
    bytes.extend_from_slice(headers.grid.get(12..19).unwrap_or_default());
    let mut identification = headers.identification.clone();
    let mut product = headers.product.clone();
    let blank = |section: &mut Vec<u8>, from: usize, octets: usize| {
        section.iter_mut().skip(from).take(octets).for_each(|octet| *octet = 0);
    };
    match headers.edition {
        1 => {
            blank(&mut identification, 12, 5);
            blank(&mut identification, 18, 2);
            blank(&mut identification, 24, 1);
            bytes.extend(headers.grid.get(3));
        }
        _ => {
            blank(&mut identification, 12, 7);
            for key in TIMES {
                if let Some((from, octets)) = keys.place(key) {
                    blank(&mut product, from, octets);
                }
            }
        }
    }
    for part in [&identification, &headers.local, &product] {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part);
    }
    bytes
}

/// Keys that differ from step to step.
const TIMES: [&str; 7] = [
    "forecastTime",
    "yearOfEndOfOverallTimeInterval",
    "monthOfEndOfOverallTimeInterval",
    "dayOfEndOfOverallTimeInterval",
    "hourOfEndOfOverallTimeInterval",
    "minuteOfEndOfOverallTimeInterval",
    "secondOfEndOfOverallTimeInterval",
];

/// Reference time and step.
fn when(headers: &Headers, keys: &Keys, instant: bool) -> Result<(i64, Option<i64>), String> {
    let section = &headers.identification;
    match headers.edition {
        1 => {
            let time = time::reference1(section)?;
            Ok((time, time::step1(section, time, instant)?))
        }
        _ => {
            let time = time::reference2(section)?;
            Ok((time, time::step2(keys, time)?))
        }
    }
}

/// The name of a variable of which nothing is known but its numbers.
fn fallback_name(headers: &Headers) -> String {
    let octet = |section: &[u8], at: usize| section.get(at).copied().unwrap_or(0);
    let (product, identification) = (&headers.product, &headers.identification);
    match headers.edition {
        1 => format!("unknown_{}_{}", octet(identification, 3), octet(identification, 8)),
        _ => format!("unknown_{}_{}_{}", headers.discipline, octet(product, 9), octet(product, 10)),
    }
}

fn be2(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..at + 2).map_or(0, super::walk::be)
}
