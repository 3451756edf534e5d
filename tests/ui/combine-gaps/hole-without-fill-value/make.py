for member in (1, 2):
    for number in (1, 2):
        values = np.full((1, 1, 2), number * member, "i2")
        changed = {"member": (("member",), np.array([member])), "sst": (("member", "time", "x"), values), "lat": None, "lon": None}
        made.netcdf(f"m{member}d{number}.nc", day(number, **changed), {"member": 1, "time": 1, "x": 2})
