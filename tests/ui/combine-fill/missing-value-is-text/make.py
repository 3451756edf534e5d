days({"sst": field(missing_value="-99")}, {"sst": field(missing_value="-99")})
