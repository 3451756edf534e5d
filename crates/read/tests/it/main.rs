//! Reading through the public interface.

mod hdf5;
mod memory;
mod mutate;
mod netcdf3;
mod sniff;
mod zarr;
