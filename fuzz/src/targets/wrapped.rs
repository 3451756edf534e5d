//! Compressed and archived inputs: opened as what they hold.

use std::sync::OnceLock;

use arcoforge_store::{SourceOptions, Sources};

/// Words of archives.
pub(super) const WORDS: &[&str] =
    &["PK\u{1}\u{2}", "PK\u{3}\u{4}", "PK\u{5}\u{6}", "ustar", "../", "/", "\\", "x.nc", "CDF\u{1}"];

/// One small NetCDF classic file in several wrappings, made by Python's standard library, in hexadecimal.
const WRAPPED: &[&str] = &[
    // gzip
    concat!(
        "1f8b0800000000000203737671636460606002622e2006b1192b18c080890101b8617265103e23032a60066216208e61",
        "6067e000000ec5a73454000000",
    ),
    // bzip2
    concat!(
        "425a68393141592653591f664edb00001e46807cd80d00000401402000219aa3443d194298000ab8899c3daf0d1e8935",
        "648e0562c0fe1a83b579e2fc5dc914e142407d993b6c",
    ),
    // xz
    concat!(
        "fd377a585a000004e6d6b4460200210116000000742fe5a3e0005300265d00219104de13745433a9093845974efa6d88",
        "bdea58b39281bd6167974d9cedfcf6d16f8c23c26b000000052459055d49ead200014254410dcf8e1fb6f37d01000000",
        "0004595a",
    ),
    // zip_stored
    concat!(
        "504b0304140000000000000021000ec5a734540000005400000006000000642f782e6e6343444601000000020000000a",
        "0000000100000001780000000000000200000000000000000000000b0000000100000001760000000000000100000000",
        "000000000000000000000003000000040000005c00070008504b01021403140000000000000021000ec5a73454000000",
        "54000000060000000000000000000000800100000000642f782e6e63504b050600000000010001003400000078000000",
        "0000",
    ),
    // zip_deflated
    concat!(
        "504b0304140000000800000021000ec5a7342b0000005400000006000000642f782e6e63737671636460606002622e20",
        "06b1192b18c080890101b8617265103e23032a60066216208e616067e00000504b01021403140000000800000021000e",
        "c5a7342b00000054000000060000000000000000000000800100000000642f782e6e63504b0506000000000100010034",
        "0000004f0000000000",
    ),
    // tgz
    concat!(
        "1f8b0800000000000203edcd410e82301085e1299260f0129c00aa817a0008a7604374cd4281707c064162d8e386ff4b",
        "5ea6ed6bda6732c4cd437665954bd3cf54db69afb7b55bcedd3d731259f983eeddd62ffd528e292f4aa3c3d3849a696d",
        "86b9f27eae5dbe5d3fefcde69993c6d75412c8590000000000000000000000000000bb1b0141d2f5b700280000",
    ),
];

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    WRAPPED.iter().map(|hex| hex.as_bytes().chunks(2).filter_map(byte).collect()).collect()
}

/// Writes the input into a file of this process, opens it as what it holds, and reads its first and last bytes.
pub(super) fn open(data: &[u8]) {
    static SOURCES: OnceLock<Sources> = OnceLock::new();
    let sources = SOURCES.get_or_init(|| Sources::new(SourceOptions::default()));
    let path = std::env::temp_dir().join(format!("arcoforge-fuzz-{}.bin", std::process::id()));
    if std::fs::write(&path, data).is_err() {
        return;
    }
    for member in ["", "#x.nc", "#*.nc"] {
        let Ok(object) = sources.open(&format!("{}{member}", path.display())) else { continue };
        let size = object.validator().size;
        let mut some = vec![0; size.min(4096) as usize];
        let _ = object.read_into(0, &mut some);
        let _ = object.read_into(size - some.len() as u64, &mut some);
    }
    // the system's folder of temporary files is swept by the system where this fails
    let _ = std::fs::remove_file(&path);
}
