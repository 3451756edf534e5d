//! Good inputs, from the fixtures and tests of the crates.

use std::fs;
use std::path::{Path, PathBuf};

use super::zarr::MARK;

/// Larger fixtures cost more time than they show.
const BYTES_MAX: usize = 100 << 10;

fn crates() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates")
}

/// All files below a folder of the crates, sorted.
fn files(folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![crates().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    found
}

fn contents(folder: &str, endings: &[&str]) -> Vec<Vec<u8>> {
    let wanted = |path: &PathBuf| {
        path.extension().is_some_and(|e| endings.iter().any(|ending| e.to_str() == Some(*ending)))
    };
    let read = files(folder).into_iter().filter(wanted).filter_map(|path| fs::read(path).ok());
    read.filter(|bytes| bytes.len() <= BYTES_MAX).collect()
}

fn lines(text: &[&str]) -> Vec<Vec<u8>> {
    text.iter().map(|line| line.as_bytes().to_vec()).collect()
}

pub(super) fn recipes() -> Vec<Vec<u8>> {
    contents("recipe/tests/ui", &["yaml"])
}

pub(super) fn arguments() -> Vec<Vec<u8>> {
    lines(&[
        "rename: {a: b}",
        "drop: [a, \"b*\"]",
        "squeeze: [lev]",
        "attrs: {set: {\"*\": {a: 1}}}",
        "packing=decode",
        "units.sst=error",
        "time=1,lat=720",
        "time=10",
        "256MiB",
        "1.5 GB",
        "blosc:zstd:3",
        "zstd",
        "zarr3",
        "add_dim: {time: {from: name}}",
    ])
}

pub(super) fn expressions() -> Vec<Vec<u8>> {
    lines(&[
        "hypot(u, v)",
        "where(u > 0 and not is_missing(v), u ** 2 / v, coalesce(u, -1))",
        "convert(tt, \"degC\") + 1.5e3 % 7 // 2",
        "clip(round(-u), min(u, v, 3), pi)",
        "`odd name/x` * 2",
    ])
}

pub(super) fn units() -> Vec<Vec<u8>> {
    lines(&[
        "K\ndegC\ndegF",
        "kg m-2 s-1\ng/(cm^2 day)",
        "1e-3 (m2)^-1\n%",
        "dBZ\nlg(re 1 mm^6 m^-3)",
        "W m**-2\nµW.cm⁻²",
        "hours since 1970-01-01\ns",
    ])
}

pub(super) fn templates() -> Vec<Vec<u8>> {
    lines(&[
        "https://host/{time:%Y/%j}/S{time:%H%M%S}-E{time+29min59s:%H%M%S}.nc",
        "{minute_of_day(time):04d}",
        "{n:03d}{{}}",
        "{name}/{name.dir}",
        "{min(time+7d, year_end(time)):%j}",
        "{max(time-1month, month_end(time)):%Y%m%d}",
        "{n+1:3d}",
        "{time}",
    ])
}

pub(super) fn formats() -> Vec<Vec<u8>> {
    lines(&[
        "%Y%m%d\n20000131",
        "%Y-%j\n2000-366",
        "%y%b%d%H%M%S\n99Feb03040506",
        "%%%Y\n%0001",
        "%d.%m.%Y\n31.12.1999",
    ])
}

pub(super) fn times() -> Vec<Vec<u8>> {
    lines(&[
        "days since 1900-01-01\n\n0\n1.5\n-1e9",
        "hours since 1900-1-1 00:00:0.0 +01:00\nproleptic_gregorian\n1e15\n-0.25",
        "seconds since 1970-01-01T00:00:00Z\nnoleap\n1e9",
        "months since 2000-02-01\n360_day\n13\n0.5",
        "nanoseconds since -4713-11-24 12:00\njulian\n9e18",
        "days since 1582-10-15\nall_leap\nNaN",
        "weeks since 0001-01-01\nstandard\n1e300",
        "microseconds since 2000-1-1 -11:30\nutc\n3",
    ])
}

pub(super) fn hdf5() -> Vec<Vec<u8>> {
    contents("read/tests/it/fixtures/hdf5", &["h5", "nc"])
}

pub(super) fn netcdf3() -> Vec<Vec<u8>> {
    contents("read/tests/it/fixtures/netcdf3", &["nc"])
}

pub(super) fn tiff() -> Vec<Vec<u8>> {
    contents("read/tests/it/fixtures/tiff", &["tif"])
}

pub(super) fn any() -> Vec<Vec<u8>> {
    let mut all = netcdf3();
    all.truncate(8);
    all.extend(lines(&[
        "<!DOCTYPE html><html></html>",
        "{\"error\": 1}",
        "<?xml version=\"1.0\"?><Error/>",
        "GRIB0002",
        "",
        "\u{feff}<html>",
    ]));
    all
}

/// Each array of the fixtures as a store of its own, and each whole group without its arrays' chunks.
pub(super) fn zarr() -> Vec<Vec<u8>> {
    let folder = crates().join("read/tests/it/fixtures/zarr");
    let metadata = |path: &Path| {
        path.file_name().is_some_and(|name| name == "zarr.json" || name == ".zarray" || name == ".zmetadata")
    };
    let all = files("read/tests/it/fixtures/zarr");
    let mut out = Vec::new();
    for path in all.iter().filter(|path| metadata(path)) {
        let Some(parent) = path.parent().filter(|parent| *parent != folder) else { continue };
        let mut store = Vec::new();
        for file in all.iter().filter(|file| file.starts_with(parent)).take(10) {
            let Ok(name) = file.strip_prefix(parent) else { continue };
            store.extend_from_slice(format!("{MARK}{}\n", name.display()).as_bytes());
            store.extend(fs::read(file).unwrap_or_default());
        }
        out.push(store);
    }
    out
}

/// The vectors of the codec crate's tests, with their codecs as the target's header says them.
pub(super) fn codecs() -> Vec<Vec<u8>> {
    let folder = crates().join("codec/tests/it/fixtures");
    let table = fs::read_to_string(folder.join("vectors.txt")).unwrap_or_default();
    let stored = fs::read(folder.join("vectors.bin")).unwrap_or_default();
    table.lines().filter_map(|line| vector(line, &stored)).collect()
}

/// The messages of the codec crate's tests, behind the target's header.
pub(super) fn grib_fields() -> Vec<Vec<u8>> {
    let folder = crates().join("codec/tests/it/fixtures");
    let table = fs::read_to_string(folder.join("grib.txt")).unwrap_or_default();
    let stored = fs::read(folder.join("grib.bin")).unwrap_or_default();
    let field = |line: &str| {
        let numbers: Vec<usize> = line.split(' ').skip(1).flat_map(str::parse).collect();
        let [points, start, length] = numbers[..] else { return None };
        let header = super::grib::header(u16::try_from(points).ok()?);
        Some([&header[..], stored.get(start..start.checked_add(length)?)?].concat())
    };
    table.lines().filter_map(field).collect()
}

fn vector(line: &str, all: &[u8]) -> Option<Vec<u8>> {
    let fields: Vec<&str> = line.split(' ').collect();
    let [_, codecs, mask, order, size, count, _, start, len] = fields[..] else { return None };
    let number = |text: &str| text.parse::<usize>().ok();
    let codecs: Vec<Vec<u8>> =
        codecs.split('|').filter(|text| *text != "none").map(codec).collect::<Option<_>>()?;
    let decoded = u16::try_from(number(size)? * number(count)?).ok()?;
    let big = if order == ">" { 0x80 } else { 0 };
    let mut out = vec![codecs.len() as u8];
    out.extend(codecs.concat());
    out.extend([number(size)? as u8, number(mask)? as u8 | big]);
    out.extend(decoded.to_le_bytes());
    out.extend(all.get(number(start)?..number(start)? + number(len)?)?);
    Some(out)
}

fn codec(text: &str) -> Option<Vec<u8>> {
    let (name, params) = text.split_once(':').unwrap_or((text, ""));
    let id = match name {
        "1" | "zlib" => 0,
        "gzip" => 1,
        "32015" | "zstd" => 2,
        "307" | "bz2" => 3,
        "32004" => 4,
        "32000" => 5,
        "32001" | "blosc" => 6,
        "32008" => 7,
        "2" => 8,
        "3" | "fletcher32" => return Some(vec![9, 1, 0]),
        "crc32c" => return Some(vec![9, 1, 1]),
        _ => return None,
    };
    let params: Vec<u8> =
        params.split(',').filter_map(|p| p.parse::<u32>().ok()).map(|p| p.min(239) as u8).collect();
    Some([vec![id, params.len() as u8], params].concat())
}

/// The messages among the fields of GRIB, each of them, and all in one file.
pub(super) fn grib_files() -> Vec<Vec<u8>> {
    let fields = grib_fields();
    let mut files: Vec<Vec<u8>> = fields
        .iter()
        .filter_map(|field| {
            let start = field.windows(4).position(|window| window == b"GRIB")?;
            field.get(start..).map(<[u8]>::to_vec)
        })
        .collect();
    files.push(files.concat());
    files
}

#[cfg(test)]
mod tests {
    use crate::targets::TARGETS;

    #[test]
    fn every_target_has_seeds_and_survives_them() {
        for target in TARGETS {
            let seeds = (target.seeds)();
            assert!(seeds.len() > 4, "{}: {} seeds", target.name, seeds.len());
            for seed in seeds {
                crate::guard::run(target, &seed);
            }
        }
    }
}
