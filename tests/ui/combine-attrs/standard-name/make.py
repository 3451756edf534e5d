days({"sst": field(standard_name="sea_surface_temperature")}, {"sst": field(standard_name="sea_water_temperature")})
