Path("field.bufr").write_bytes(b"BUFR\0\0\0\x04" + bytes(40))
