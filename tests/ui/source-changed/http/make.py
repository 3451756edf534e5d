made.netcdf("changing.nc", {"v": (("x",), np.random.default_rng(0).random(400_000), {}, {"chunksizes": (50_000,)})}, {"x": 400_000})
