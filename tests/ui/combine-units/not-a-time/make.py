days({}, {"time": time([1], "day as %Y%m%d.%f")})
