//! Coordinate reference systems: from GeoTIFF keys to well-known text, and from that to the grid mappings of CF.

mod build;
mod cf;
mod epsg;
mod keys;
mod wkt;

pub(super) use self::build::crs;
pub(super) use self::cf::{Unit, grid_mapping, unit};
pub(super) use self::keys::Keys;
