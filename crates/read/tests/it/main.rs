//! Reading through the public interface.

// helpers of tests fail by panicking, and tables of cases are long
#![allow(clippy::unwrap_used, clippy::too_many_lines)]

mod grib;
mod hdf5;
mod memory;
mod mutate;
mod netcdf3;
mod sniff;
mod tiff;
mod zarr;
