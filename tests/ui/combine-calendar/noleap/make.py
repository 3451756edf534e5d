days({}, {"time": time([2], calendar="noleap")})
