days({}, {"lon": (("lon",), np.array([-120.0, 0.0, 120.0]), {"units": "degrees_east"})})
