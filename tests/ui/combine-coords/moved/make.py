days({}, {"lat": (("lat",), np.array([10.0, 20.5]), {"units": "degrees_north"})})
