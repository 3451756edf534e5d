import fcntl

days()
os.makedirs("out.zarr.bake")
lock = open("out.zarr.bake/lock", "w")
fcntl.flock(lock, fcntl.LOCK_EX)
os.dup(lock.fileno())  # held as long as this process lives
