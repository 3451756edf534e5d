//! Decodes fields of a GRIB file: what comes out goes to a file, what it cost to standard output.
//!
//!     cargo run --release -p arcoforge-codec --example grib_fields -- FILE FIELDS OUT [TIMES]
//!
//! FIELDS has a line per field: offset, bytes, points, `f32` or `f64`, and where values are to be put in rows also
//! columns, rows, 1 for fields by columns, 1 for rows to and fro. OUT gets the values of all fields, one behind the
//! other. Standard output gets `ok` or the error's message for each field, then the processor seconds for TIMES times
//! of all. `tests/test_grib_packings.py` compares the values with those of ecCodes, `benches/grib.py` the seconds.

use std::error::Error;
use std::fs;
use std::io::Write;

use arcoforge_codec::{Scratch, decode};
use arcoforge_core::codec::{Codec, Encoding, Grib, GribFloat, GribScan};
use arcoforge_core::dtype::Endian;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [file, fields, out, times @ ..] = arguments.as_slice() else {
        return Err("expected FILE FIELDS OUT [TIMES]".into());
    };
    let times: usize = times.first().map_or(Ok(1), |times| times.parse())?;
    let bytes = fs::read(file)?;
    let fields = fs::read_to_string(fields)?;
    let fields: Vec<Field> = fields.lines().map(Field::parse).collect::<Result<_, _>>()?;
    let mut target = fs::File::create(out)?;
    let mut report = std::io::stdout().lock();
    let mut scratch = Scratch::new();
    let mut values = Vec::new();
    let begin = processor_seconds()?;
    for nth in 0..times {
        for field in &fields {
            let stored = bytes.get(field.from..field.from + field.length).ok_or("field beyond the file")?;
            let result = field.decode(stored, &mut values, &mut scratch);
            if nth > 0 {
                continue;
            }
            match result {
                Ok(()) => {
                    writeln!(report, "ok")?;
                    target.write_all(&values)?;
                }
                Err(error) => writeln!(report, "{}", error.message)?,
            }
        }
    }
    writeln!(report, "{:.6}", processor_seconds()? - begin)?;
    Ok(())
}

/// A line of FIELDS.
struct Field {
    from: usize,
    length: usize,
    encoding: Encoding,
    bytes: usize,
}

impl Field {
    fn parse(line: &str) -> Result<Self, Box<dyn Error>> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [from, length, points, float, scan @ ..] = words.as_slice() else {
            return Err(format!("expected OFFSET BYTES POINTS FLOAT, found {line}").into());
        };
        let float = if *float == "f64" { GribFloat::F64 } else { GribFloat::F32 };
        let scan = match scan {
            [columns, rows, by_columns, alternating] => Some(GribScan {
                columns: columns.parse()?,
                rows: rows.parse()?,
                by_columns: *by_columns == "1",
                alternating: *alternating == "1",
            }),
            _ => None,
        };
        let points: u64 = points.parse()?;
        let codecs = vec![Codec::Grib(Grib { float, points, scan })];
        Ok(Self {
            from: from.parse()?,
            length: length.parse()?,
            encoding: Encoding { endian: Endian::Little, codecs },
            bytes: usize::try_from(points)? * float.size(),
        })
    }

    fn decode(
        &self,
        stored: &[u8],
        values: &mut Vec<u8>,
        scratch: &mut Scratch,
    ) -> arcoforge_core::error::Result<()> {
        values.resize(self.bytes, 0);
        decode(&self.encoding, 4, 0, stored, values, scratch)
    }
}

/// Seconds that this process, which has one thread, was on a processor (Linux).
fn processor_seconds() -> Result<f64, Box<dyn Error>> {
    let line = fs::read_to_string("/proc/self/schedstat")?;
    let nanoseconds: f64 = line.split_whitespace().next().ok_or("no schedstat")?.parse()?;
    Ok(nanoseconds / 1e9)
}
