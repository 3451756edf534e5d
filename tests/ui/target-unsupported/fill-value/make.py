import h5py

with h5py.File("odd.h5", "w") as file:
    file.create_dataset("v", data=np.arange(4, dtype="i2")).attrs["_FillValue"] = 0.5
