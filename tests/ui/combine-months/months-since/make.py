days({"time": time([0], "months since 2000-01-01")}, {"time": time([1], "months since 2000-01-01")})
