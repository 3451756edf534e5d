import struct

length = 100 << 20
attribute = struct.pack(">III4sII", 12, 1, 1, b"a\0\0\0", 2, length)
with open("header.nc", "wb") as file:
    file.write(b"CDF\x01" + bytes(12) + attribute)
    file.truncate(length + 4096)  # a hole: it takes no room on disk
