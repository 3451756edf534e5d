days({"sst": field(_FillValue=-99.0)}, {"sst": field(_FillValue=-1.0)})
