days({}, {"sst": field(units="degC")})
