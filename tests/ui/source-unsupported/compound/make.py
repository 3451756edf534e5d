import h5py

with h5py.File("records.h5", "w") as file:
    file["good"] = np.arange(3)
    file["records"] = np.zeros(2, [("a", "i4"), ("b", "f8")])
