import h5py

with h5py.File("huge.nc", "w") as file:
    file.create_dataset("v", (2**44,), "f4", chunks=(1,), compression="gzip")
