import h5py

with h5py.File("links.h5", "w") as file:
    file["good"] = np.arange(3)
    file["elsewhere"] = h5py.ExternalLink("other.h5", "/v")
