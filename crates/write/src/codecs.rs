//! The names of codecs in each target, and which of them any reader knows.

use arcoforge_core::codec::{Blosc, BloscShuffle, Codec};
use arcoforge_core::recipe::TargetFormat;
use arcoforge_core::target::TargetCaps;
use serde_json::{Value, json};

/// What a target can hold.
///
/// Extensions were tried with zarr-python: the `numcodecs.*` names of v3 (zarr-python and zarrs read them, zarrita and
/// GDAL not all), and `crc32c` in v2, which numcodecs has only with an optional package.
pub fn caps(format: TargetFormat) -> TargetCaps {
    match format {
        TargetFormat::Zarr3 => TargetCaps {
            format,
            codecs: &["blosc", "zstd", "gzip", "crc32c"],
            codecs_extension: &["shuffle", "zlib", "fletcher32", "bzip2"],
            shards: true,
            references: false,
        },
        // its chunks are what is versioned
        TargetFormat::Icechunk => TargetCaps { format, shards: false, ..caps(TargetFormat::Zarr3) },
        TargetFormat::IcechunkVirtual => {
            TargetCaps { format, references: true, ..caps(TargetFormat::Icechunk) }
        }
        TargetFormat::Zarr2 => TargetCaps {
            format,
            codecs: &["blosc", "zstd", "gzip", "zlib", "bzip2", "shuffle", "fletcher32"],
            codecs_extension: &["crc32c"],
            shards: false,
            references: false,
        },
        TargetFormat::KerchunkJson | TargetFormat::KerchunkParquet => {
            TargetCaps { format, codecs_extension: &[], references: true, ..caps(format.metadata()) }
        }
    }
}

/// The codec as an entry of `codecs` in v3; `None` where v3 has no name for it.
pub(crate) fn v3(codec: &Codec) -> Option<Value> {
    Some(match codec {
        Codec::Blosc(blosc) => json!({"name": "blosc", "configuration": {
            "typesize": blosc.typesize,
            "cname": blosc.cname,
            "clevel": blosc.clevel,
            "shuffle": match blosc.shuffle {
                BloscShuffle::NoShuffle => "noshuffle",
                BloscShuffle::Shuffle => "shuffle",
                BloscShuffle::BitShuffle => "bitshuffle",
            },
            "blocksize": blosc.blocksize,
        }}),
        Codec::Zstd { level } => {
            json!({"name": "zstd", "configuration": {"level": level, "checksum": false}})
        }
        Codec::Gzip { level } => json!({"name": "gzip", "configuration": {"level": level}}),
        Codec::Crc32c => json!({"name": "crc32c"}),
        Codec::Shuffle { element_size } => {
            json!({"name": "numcodecs.shuffle", "configuration": {"elementsize": element_size}})
        }
        Codec::Zlib { level } => json!({"name": "numcodecs.zlib", "configuration": {"level": level}}),
        Codec::Bzip2 { level } => json!({"name": "numcodecs.bz2", "configuration": {"level": level}}),
        Codec::Fletcher32 => json!({"name": "numcodecs.fletcher32", "configuration": {}}),
        _ => return None,
    })
}

/// The codec's configuration in numcodecs; `None` where numcodecs does not have it.
pub(crate) fn numcodecs(codec: &Codec) -> Option<Value> {
    Some(match codec {
        Codec::Blosc(Blosc { cname, clevel, shuffle, blocksize, .. }) => json!({
            "id": "blosc",
            "cname": cname,
            "clevel": clevel,
            "shuffle": match shuffle {
                BloscShuffle::NoShuffle => 0,
                BloscShuffle::Shuffle => 1,
                BloscShuffle::BitShuffle => 2,
            },
            "blocksize": blocksize,
        }),
        Codec::Zstd { level } => json!({"id": "zstd", "level": level}),
        Codec::Gzip { level } => json!({"id": "gzip", "level": level}),
        Codec::Zlib { level } => json!({"id": "zlib", "level": level}),
        Codec::Bzip2 { level } => json!({"id": "bz2", "level": level}),
        Codec::Shuffle { element_size } => json!({"id": "shuffle", "elementsize": element_size}),
        Codec::Fletcher32 => json!({"id": "fletcher32"}),
        Codec::Crc32c => json!({"id": "crc32c"}),
        _ => return None,
    })
}

/// Whether v2 readers expect the codec as `compressor` rather than in `filters`.
pub(crate) fn compresses(codec: &Codec) -> bool {
    matches!(
        codec,
        Codec::Blosc(_) | Codec::Zstd { .. } | Codec::Gzip { .. } | Codec::Zlib { .. } | Codec::Bzip2 { .. }
    )
}

#[cfg(test)]
mod tests {
    use arcoforge_core::codec::{Grib, GribFloat};

    use super::*;

    #[test]
    fn caps_and_names_agree() {
        let blosc = Blosc {
            cname: "zstd".into(),
            clevel: 1,
            shuffle: BloscShuffle::Shuffle,
            typesize: 4,
            blocksize: 0,
        };
        let every = [
            Codec::Shuffle { element_size: 4 },
            Codec::Zlib { level: 4 },
            Codec::Gzip { level: 4 },
            Codec::Fletcher32,
            Codec::Crc32c,
            Codec::Zstd { level: 1 },
            Codec::Blosc(blosc),
            Codec::Lz4Hdf5 { block_bytes: 0 },
            Codec::Lzf,
            Codec::Bzip2 { level: 9 },
            Codec::Szip { params: vec![] },
            Codec::ScaleOffset { params: vec![] },
            Codec::Nbit { params: vec![] },
            Codec::Bitshuffle { params: vec![] },
            Codec::Grib(Grib { float: GribFloat::F32, points: 1, scan: None }),
            Codec::Unknown { id: 1, name: String::new() },
        ];
        for codec in every {
            let one = std::slice::from_ref(&codec);
            assert_eq!(caps(TargetFormat::Zarr3).names(one, true), v3(&codec).is_some(), "{codec:?}");
            assert_eq!(caps(TargetFormat::Zarr2).names(one, true), numcodecs(&codec).is_some(), "{codec:?}");
        }
    }
}
