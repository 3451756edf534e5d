days({}, {"time": time([0], "days since 2000-01-03")})
