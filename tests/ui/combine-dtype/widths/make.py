days({}, {"sst": field(dtype="f8")})
