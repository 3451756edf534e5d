os.utime("day2.nc", (1.1e9, 1.1e9))  # somebody put the file there again
