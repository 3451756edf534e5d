days({}, {"lat": (("lat",), np.array([10.0, 20.0, 30.0]), {"units": "degrees_north"}), "sst": (("time", "lat", "lon"), np.zeros((1, 3, 3), "f4"), {"units": "K"})})
