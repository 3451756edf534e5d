//! The targets: what reads strangers' bytes, with inputs that are good and the words of each language.

mod checksums;
mod codec;
mod files;
mod grib;
mod language;
mod memory;
mod seeds;
mod wrapped;
mod zarr;

use crate::mutate::{Kind, mutant};
use crate::random::Random;

/// One reader, and what inputs for it are made of.
#[derive(Debug)]
pub struct Target {
    /// Its name on the command line.
    pub name: &'static str,
    /// Reads the bytes; must come to its end whatever they are.
    pub run: fn(&[u8]),
    /// Good inputs.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Words that inputs may hold.
    pub words: &'static [&'static str],
    /// What may be done to inputs.
    pub kind: Kind,
    /// What makes a changed input whole again, for instance its checksums.
    pub repair: Option<fn(&mut [u8])>,
}

/// All targets.
pub static TARGETS: &[Target] = &[
    Target {
        name: "recipe",
        run: language::recipe,
        seeds: seeds::recipes,
        words: language::RECIPE,
        kind: Kind::Text,
        repair: None,
    },
    Target {
        name: "template",
        run: language::template,
        seeds: seeds::templates,
        words: language::TEMPLATE,
        kind: Kind::Text,
        repair: None,
    },
    Target {
        name: "strftime",
        run: language::strftime,
        seeds: seeds::formats,
        words: language::STRFTIME,
        kind: Kind::Text,
        repair: None,
    },
    Target {
        name: "cftime",
        run: language::cftime,
        seeds: seeds::times,
        words: language::CFTIME,
        kind: Kind::Text,
        repair: None,
    },
    Target {
        name: "expression",
        run: language::expression,
        seeds: seeds::expressions,
        words: language::EXPRESSION,
        kind: Kind::Text,
        repair: None,
    },
    Target {
        name: "units",
        run: language::units,
        seeds: seeds::units,
        words: language::UNITS,
        kind: Kind::Text,
        repair: None,
    },
    Target {
        name: "arguments",
        run: language::arguments,
        seeds: seeds::arguments,
        words: language::RECIPE,
        kind: Kind::Text,
        repair: None,
    },
    Target {
        name: "hdf5",
        run: files::hdf5,
        seeds: seeds::hdf5,
        words: &[],
        kind: Kind::Placed,
        repair: Some(checksums::repair),
    },
    Target {
        name: "netcdf3",
        run: files::netcdf3,
        seeds: seeds::netcdf3,
        words: &[],
        kind: Kind::Placed,
        repair: None,
    },
    Target {
        name: "tiff",
        run: files::tiff,
        seeds: seeds::tiff,
        words: &[],
        kind: Kind::Placed,
        repair: None,
    },
    Target {
        name: "sniff",
        run: files::any,
        seeds: seeds::any,
        words: files::SIGNATURES,
        kind: Kind::Bytes,
        repair: None,
    },
    Target {
        name: "wrapped",
        run: wrapped::open,
        seeds: wrapped::seeds,
        words: wrapped::WORDS,
        kind: Kind::Bytes,
        repair: None,
    },
    Target {
        name: "zarr",
        run: zarr::store,
        seeds: seeds::zarr,
        words: zarr::WORDS,
        kind: Kind::Text,
        repair: None,
    },
    Target {
        name: "codec",
        run: codec::decode,
        seeds: seeds::codecs,
        words: &[],
        kind: Kind::Bytes,
        repair: None,
    },
    Target {
        name: "grib-file",
        run: files::grib,
        seeds: seeds::grib_files,
        words: &["GRIB", "7777"],
        kind: Kind::Placed,
        repair: None,
    },
    Target {
        name: "grib-field",
        run: grib::decode,
        seeds: seeds::grib_fields,
        words: &[],
        kind: Kind::Placed,
        repair: Some(grib::repair),
    },
];

/// The target of a name.
pub fn named(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}

impl Target {
    /// The input of a number: a changed seed, three times out of four made whole again.
    pub fn input(&self, seeds: &[Vec<u8>], seed: u64, number: u64) -> Vec<u8> {
        let mut random = Random::new(seed, number);
        let mut out = mutant(seeds, self.words, self.kind, &mut random);
        if let Some(repair) = self.repair.filter(|_| random.below(4) != 0) {
            repair(&mut out);
        }
        out
    }
}
