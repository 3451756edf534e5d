days({}, {"sst": (("lat", "time", "lon"), np.zeros((2, 1, 3), "f4"), {"units": "K"})})
