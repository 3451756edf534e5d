made.netcdf("small.nc", {"v": (("x",), np.zeros(65536))}, {"x": 65536})
