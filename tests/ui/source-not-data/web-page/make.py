Path("page.nc").write_text("<!DOCTYPE html>\n<html><head><title>Please log in</title></head></html>\n")
