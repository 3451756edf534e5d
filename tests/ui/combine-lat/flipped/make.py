days({}, {"lat": (("lat",), np.array([20.0, 10.0]), {"units": "degrees_north"})})
