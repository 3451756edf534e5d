"""What other tools make of the edge cases. ci/long/edge-cases-peers.sh calls this, each step in the Python it needs:

python tests/peers write FOLDER               writes the inputs of all cases (tests/requirements.txt)
python tests/peers run TOOL FOLDER [CASE...]  every case in a process of its own; adds to peers/results.json
"""

import datetime
import importlib
import importlib.metadata
import json
import multiprocessing
import os
import re
import shutil
import sys
import time
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from edge import all_cases, judge  # noqa: E402
from peers.tools import TOOLS  # noqa: E402

RESULTS = Path(__file__).with_name("results.json")
SECONDS = 120
DETAIL = 200
# what a message has to name of a Stop: one of its files, and the variable if it is about one
FILES = re.compile(r"f\d\.\w+")
VARIABLES = {"t2m", "T2M", "time", "lat", "lon", "flag", "orbit", "mask", "meta", "leak", "loop", "zstd"}


def unnamed(stop, message):
    files = [word for word in stop.words if FILES.fullmatch(word)]
    variables = [word for word in stop.words if word in VARIABLES]
    out = [] if any(word in message for word in files) else files[:1]
    return out + [word for word in variables if not re.search(rf"\b{re.escape(word)}\b", message)]


def write(folder):
    import hdf5plugin  # noqa: F401  before netCDF4, whose own plugins libhdf5 would find first and fail with

    for case in all_cases():
        if case.peers:
            place = Path(folder) / case.id
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir(parents=True)
            case.write(place)


def told(error):
    """The message of an exception, with those of its causes."""
    lines = []
    while error is not None and len(lines) < 5:
        lines.append(f"{type(error).__name__}: {error}")
        error = error.__cause__ or error.__context__
    return "\n".join(lines)


def one(send, tool, case, folder, work):
    """A case in this process: sends (class, detail)."""
    warnings.simplefilter("ignore")
    sys.stderr = sys.stdout = open(os.devnull, "w")
    outcome = case.outcomes().default
    right = judge.right_of(outcome)
    # the names of the inputs, without writing them again
    paths = sorted(str(path) for path in Path(folder).glob("f*.*"))
    try:
        function = TOOLS[tool][0]
        decoded = {} if right is None or right.decoded else {"mask_and_scale": False}
        ds = function(case, paths, str(work / "out"), **decoded)
        if ds is None:
            return send.send(("n/a", ""))
        for name in ds.variables:  # what is virtual or lazy fails only now
            ds[name].load().values  # noqa: B018
        problems = judge.compare(ds, right) if right else []
    except BaseException as error:  # whatever it is, the tool ended with it
        message = told(error)
        return send.send((judge.judge(outcome, message=message, named=unnamed), first_line(message)))
    send.send((judge.judge(outcome, problems), "; ".join(problems)[:DETAIL]))


def first_line(message):
    line = next((line for line in message.splitlines() if line.strip()), "")
    return re.sub(r"/[\w./-]*/(?=[\w.-]+)", "", line)[:DETAIL]


def apart(tool, case, folder, work):
    """A case in a process of its own, which may crash or hang."""
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    receive, send = multiprocessing.get_context("fork").Pipe(duplex=False)
    process = multiprocessing.get_context("fork").Process(target=one, args=(send, tool, case, folder, work))
    process.start()
    send.close()
    out = None
    try:
        if receive.poll(SECONDS):
            out = receive.recv()
    except EOFError:
        pass
    if out is None:
        process.join(1)
        ended = f"ended by signal {-process.exitcode}" if process.exitcode else f"no end in {SECONDS} s"
        out = (judge.judge(case.outcomes().default, message="", named=unnamed), ended)
    process.kill()
    process.join()
    return out


def run(tool, folder, ids):
    # imported once for all processes; not what starts threads at its import, which a fork does not survive
    for package in ("hdf5plugin", "netCDF4", "h5netcdf", "dask", "zarr", "xarray", "xarray.backends.zarr"):
        try:
            importlib.import_module(package)
        except ImportError:
            continue
    known = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    cases = {} if not ids else known.get(tool, {}).get("cases", {})
    for case in all_cases():
        if not case.peers or (ids and case.id not in ids):
            continue
        started = time.time()
        result, detail = apart(tool, case, Path(folder) / case.id, Path(folder) / "work" / tool)
        cases[case.id] = {"class": result} | ({"detail": detail} if detail else {})
        print(f"{time.time() - started:5.1f} s  {tool}  {case.id}: {result}  {detail[:100]}", flush=True)
    known = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    versions = {package: importlib.metadata.version(package) for package in TOOLS[tool][1]}
    known[tool] = {"measured": str(datetime.date.today()), "versions": versions, "cases": cases}
    RESULTS.write_text(json.dumps({name: known[name] for name in TOOLS if name in known}, indent=1) + "\n")


if __name__ == "__main__":
    match sys.argv[1:]:
        case "write", folder:
            write(folder)
        case "run", tool, folder, *ids:
            run(tool, folder, ids)
        case _:
            sys.exit(__doc__)
