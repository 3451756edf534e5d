"""How many threads have work on average while a command runs, whatever else the machine does at that time.

    benches/busy.py COMMAND...

Wall time on a shared machine says little. Linux counts for every thread how long it ran and how long it could have run
but had to wait for a processor; both together are the time in which it had work. Their sum over all threads, divided
by wall time, is printed, and what the wall time would be on processors of one's own: 2.0 on two threads is the best.
"""

import json
import subprocess
import sys
import time
from pathlib import Path


def had_work(pid, seen):
    """Notes nanoseconds that every thread ran and waited."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            ran, waited, _ = (task / "schedstat").read_text().split()
        except (OSError, ValueError):
            continue
        seen[task.name] = (int(ran), int(waited))


def main():
    began = time.monotonic()
    process = subprocess.Popen(sys.argv[1:])
    seen = {}
    while process.poll() is None:
        try:
            had_work(process.pid, seen)
        except OSError:
            pass
        time.sleep(0.005)
    wall = time.monotonic() - began
    ran, waited = (sum(times[n] for times in seen.values()) / 1e9 for n in (0, 1))
    busy = (ran + waited) / wall
    print(json.dumps({"cpu": round(ran, 2), "waited": round(waited, 2), "wall": round(wall, 2), "busy": round(busy, 2), "wall_alone": round(ran / busy, 2)}))
    sys.exit(process.returncode)


if __name__ == "__main__":
    main()
