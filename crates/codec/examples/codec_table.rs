//! Measures codecs on one core: speed of packing and unpacking against size.
//!
//!     cargo run --release -p arcoforge-codec --example codec_table -- [TYPESIZE CHUNK_BYTES FILE]...
//!
//! FILE holds raw little-endian elements, chunk after chunk. Without arguments it makes its own fields: smooth waves,
//! noise and a land mask, packed to int16 with a step of 0.01, and the same as float32.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::f32::consts::PI;
use std::time::{Duration, Instant};

use arcoforge_codec::{Scratch, decode, encode};
use arcoforge_core::codec::{Blosc, BloscShuffle, Codec, Encoding, default_encoding};
use arcoforge_core::dtype::{DataType, Endian};
use arcoforge_core::error::Result;

/// Rows and columns of a synthetic field.
const SHAPE: (usize, usize) = (720, 1440);
/// Fields per synthetic input.
const FIELDS: usize = 16;

/// One input: chunks of elements of one size.
struct Input {
    name: String,
    typesize: u32,
    chunks: Vec<Vec<u8>>,
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let inputs = if arguments.is_empty() { Ok(synthetic()) } else { from_files(&arguments) };
    match inputs
        .map_err(|e| e.to_string())
        .and_then(|i| i.iter().try_for_each(|i| table(i).map_err(|e| e.to_string())))
    {
        Ok(()) => {}
        Err(error) => {
            eprintln!("{error}");
            std::process::exit(1);
        }
    }
}

fn from_files(arguments: &[String]) -> std::io::Result<Vec<Input>> {
    let usage = || std::io::Error::other("usage: codec_table [TYPESIZE CHUNK_BYTES FILE]...");
    arguments
        .chunks(3)
        .map(|three| {
            let [typesize, chunk_bytes, file] = three else { return Err(usage()) };
            let typesize = typesize.parse().map_err(|_| usage())?;
            let chunk_bytes: usize = chunk_bytes.parse().map_err(|_| usage())?;
            let chunks = std::fs::read(file)?.chunks(chunk_bytes.max(1)).map(<[u8]>::to_vec).collect();
            let name = file.rsplit('/').next().unwrap_or(file).to_owned();
            Ok(Input { name, typesize, chunks })
        })
        .collect()
}

/// Smooth waves with noise, a third of the cells masked as land.
fn synthetic() -> Vec<Input> {
    let mut noise = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move || {
        noise ^= noise << 13;
        noise ^= noise >> 7;
        noise ^= noise << 17;
        (noise >> 40) as f32 / 16_777_216.0 - 0.5
    };
    let (rows, columns) = SHAPE;
    let (mut packed, mut floats) = (Vec::new(), Vec::new());
    for field in 0..FIELDS {
        let (mut short, mut float) = (Vec::new(), Vec::new());
        for (row, column) in (0..rows).flat_map(|r| (0..columns).map(move |c| (r, c))) {
            let lat = row as f32 / rows as f32 * PI;
            let lon = column as f32 / columns as f32 * 2.0 * PI;
            let land = (lat * 5.0).sin() * (lon * 3.0).cos() + (lat * 2.0 + lon).sin() > 0.6;
            let wave =
                (lat * 3.0 + field as f32 * 0.1).cos() * (lon * 4.0).sin() + (lat * 7.0 - lon * 2.0).cos();
            let value = 29.0 * lat.sin().powi(2) - 1.0 + wave + 0.1 * random();
            short.extend((if land { -999 } else { (value * 100.0).round() as i16 }).to_le_bytes());
            float.extend((if land { f32::NAN } else { value }).to_le_bytes());
        }
        packed.push(short);
        floats.push(float);
    }
    vec![
        Input { name: "synthetic int16".into(), typesize: 2, chunks: packed },
        Input { name: "synthetic float32".into(), typesize: 4, chunks: floats },
    ]
}

fn blosc(cname: &str, clevel: u32, shuffle: BloscShuffle, typesize: u32, blocksize: u64) -> Vec<Codec> {
    vec![Codec::Blosc(Blosc { cname: cname.into(), clevel, shuffle, typesize, blocksize })]
}

fn candidates(typesize: u32) -> Vec<(String, Vec<Codec>)> {
    let mut rows = Vec::new();
    for (cname, clevel) in [("zstd", 1), ("zstd", 2), ("zstd", 3), ("zstd", 5), ("lz4", 5)] {
        for kib in [0, 128, 256, 512, 1024] {
            let size = if kib == 0 { "automatic".into() } else { format!("{kib} KiB") };
            let codecs = blosc(cname, clevel, BloscShuffle::Shuffle, typesize, kib * 1024);
            rows.push((format!("blosc {cname} {clevel}, shuffle, {size}"), codecs));
        }
    }
    for (cname, clevel) in [("zstd", 1), ("zstd", 2), ("zstd", 3), ("lz4", 5)] {
        for kib in [128, 256, 512, 1024] {
            let codecs = blosc(cname, clevel, BloscShuffle::BitShuffle, typesize, kib * 1024);
            rows.push((format!("blosc {cname} {clevel}, bitshuffle, {kib} KiB"), codecs));
        }
    }
    for level in [-1, 1, 3] {
        let codecs = vec![Codec::Shuffle { element_size: typesize }, Codec::Zstd { level }];
        rows.push((format!("shuffle + zstd {level}"), codecs));
    }
    rows.push(("zstd 3".into(), vec![Codec::Zstd { level: 3 }]));
    let codecs = vec![Codec::Shuffle { element_size: typesize }, Codec::Zlib { level: 4 }];
    rows.push(("shuffle + zlib 4".into(), codecs));
    rows.push(("shuffle".into(), vec![Codec::Shuffle { element_size: typesize }]));
    rows
}

fn table(input: &Input) -> Result<()> {
    let bytes: usize = input.chunks.iter().map(Vec::len).sum();
    println!("\n{}: {} chunks, {:.1} MB\n", input.name, input.chunks.len(), bytes as f64 / 1e6);
    println!("| codecs | stored MB | of raw | pack MB/s | unpack MB/s |\n|---|---|---|---|---|");
    for (name, codecs) in candidates(input.typesize) {
        let encoding = Encoding { endian: Endian::Little, codecs };
        let (stored, pack, unpack) = measure(&encoding, input)?;
        let speed = |time: Duration| bytes as f64 / 1e6 / time.as_secs_f64();
        println!(
            "| {name} | {:.2} | {:.2} % | {:.0} | {:.0} |",
            stored as f64 / 1e6,
            stored as f64 * 100.0 / bytes as f64,
            speed(pack),
            speed(unpack)
        );
    }
    let speed = bytes as f64 / 1e6 / convert(input)?.as_secs_f64();
    println!("\nFrom shuffle + zlib 4 to the default codec: {speed:.0} MB/s.");
    Ok(())
}

/// What a bake does with a NetCDF4 archive: from shuffle and zlib 4 to the default codec, chunk by chunk.
fn convert(input: &Input) -> Result<Duration> {
    let codecs = vec![Codec::Shuffle { element_size: input.typesize }, Codec::Zlib { level: 4 }];
    let source = Encoding { endian: Endian::Little, codecs };
    let dtype = match input.typesize {
        1 => DataType::Int8,
        2 => DataType::Int16,
        4 => DataType::Float32,
        _ => DataType::Float64,
    };
    let (size, mut scratch, mut best) = (input.typesize as usize, Scratch::new(), Duration::MAX);
    let mut stored = vec![Vec::new(); input.chunks.len()];
    for (chunk, stored) in input.chunks.iter().zip(&mut stored) {
        encode(&source, size, chunk, stored, &mut scratch)?;
    }
    let (mut elements, mut target) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        let start = Instant::now();
        for (chunk, stored) in input.chunks.iter().zip(&stored) {
            elements.resize(chunk.len(), 0);
            decode(&source, size, 0, stored, &mut elements, &mut scratch)?;
            let default = default_encoding(dtype, chunk.len() as u64);
            encode(&default, size, &elements, &mut target, &mut scratch)?;
        }
        best = best.min(start.elapsed());
    }
    Ok(best)
}

/// Stored bytes, and the best of three times to pack and to unpack every chunk.
fn measure(encoding: &Encoding, input: &Input) -> Result<(usize, Duration, Duration)> {
    let (mut scratch, mut stored) = (Scratch::new(), vec![Vec::new(); input.chunks.len()]);
    let mut out = vec![0; input.chunks.iter().map(Vec::len).max().unwrap_or(0)];
    let (mut pack, mut unpack) = (Duration::MAX, Duration::MAX);
    for _ in 0..3 {
        let start = Instant::now();
        for (chunk, stored) in input.chunks.iter().zip(&mut stored) {
            encode(encoding, input.typesize as usize, chunk, stored, &mut scratch)?;
        }
        pack = pack.min(start.elapsed());
        let start = Instant::now();
        for (chunk, stored) in input.chunks.iter().zip(&stored) {
            let out = &mut out[..chunk.len()];
            decode(encoding, input.typesize as usize, 0, stored, out, &mut scratch)?;
        }
        unpack = unpack.min(start.elapsed());
    }
    Ok((stored.iter().map(Vec::len).sum(), pack, unpack))
}
