made.netcdf("big.nc", {"v": (("x",), np.zeros(4_000_000))}, {"x": 4_000_000})
