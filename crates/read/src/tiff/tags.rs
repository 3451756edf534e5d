//! The numbers of tags that are read.

pub(super) const NEW_SUBFILE_TYPE: u16 = 254;
pub(super) const SUBFILE_TYPE: u16 = 255;
pub(super) const WIDTH: u16 = 256;
pub(super) const HEIGHT: u16 = 257;
pub(super) const BITS_PER_SAMPLE: u16 = 258;
pub(super) const COMPRESSION: u16 = 259;
pub(super) const PHOTOMETRIC: u16 = 262;
pub(super) const FILL_ORDER: u16 = 266;
pub(super) const STRIP_OFFSETS: u16 = 273;
pub(super) const SAMPLES_PER_PIXEL: u16 = 277;
pub(super) const ROWS_PER_STRIP: u16 = 278;
pub(super) const STRIP_BYTES: u16 = 279;
pub(super) const PLANAR_CONFIGURATION: u16 = 284;
pub(super) const PREDICTOR: u16 = 317;
pub(super) const COLOR_MAP: u16 = 320;
pub(super) const TILE_WIDTH: u16 = 322;
pub(super) const TILE_LENGTH: u16 = 323;
pub(super) const TILE_OFFSETS: u16 = 324;
pub(super) const TILE_BYTES: u16 = 325;
pub(super) const SAMPLE_FORMAT: u16 = 339;
pub(super) const JPEG_TABLES: u16 = 347;
pub(super) const MODEL_PIXEL_SCALE: u16 = 33_550;
pub(super) const MODEL_TIEPOINT: u16 = 33_922;
pub(super) const MODEL_TRANSFORMATION: u16 = 34_264;
pub(super) const GEO_KEYS: u16 = 34_735;
pub(super) const GEO_DOUBLES: u16 = 34_736;
pub(super) const GEO_TEXTS: u16 = 34_737;
pub(super) const GDAL_METADATA: u16 = 42_112;
pub(super) const GDAL_NODATA: u16 = 42_113;
pub(super) const RPC_COEFFICIENTS: u16 = 50_844;

/// Tags of text that become attributes, under the names that GDAL gives them.
pub(super) const TEXTS: &[(u16, &str)] = &[
    (269, "TIFFTAG_DOCUMENTNAME"),
    (270, "TIFFTAG_IMAGEDESCRIPTION"),
    (305, "TIFFTAG_SOFTWARE"),
    (306, "TIFFTAG_DATETIME"),
    (315, "TIFFTAG_ARTIST"),
    (316, "TIFFTAG_HOSTCOMPUTER"),
    (33_432, "TIFFTAG_COPYRIGHT"),
];
/// The same for numbers.
pub(super) const NUMBERS: &[(u16, &str)] = &[
    (280, "TIFFTAG_MINSAMPLEVALUE"),
    (281, "TIFFTAG_MAXSAMPLEVALUE"),
    (282, "TIFFTAG_XRESOLUTION"),
    (283, "TIFFTAG_YRESOLUTION"),
    (296, "TIFFTAG_RESOLUTIONUNIT"),
];
