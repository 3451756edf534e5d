"""What Icechunk's own client does with repositories: run by a Python that has it, a line of JSON for each line of JSON.

    ["read", REPOSITORY, OUT.npz, "branch=NAME" | "tag=NAME" | "snapshot=ID"]
    ["commit", REPOSITORY, BRANCH, GROUP]
"""

import json
import sys

import icechunk
import numpy as np
import zarr


def opened(folder):
    return icechunk.Repository.open(icechunk.local_filesystem_storage(folder))


def arrays(group, prefix=""):
    for name, node in sorted(group.members()):
        if isinstance(node, zarr.Group):
            yield from arrays(node, f"{prefix}{name}/")
        else:
            yield f"{prefix}{name}", node


def read(folder, out, which):
    """Every array of a version with its values, and what the repository tells of itself."""
    repository = opened(folder)
    kind, name = which.split("=")
    session = repository.readonly_session(**{{"snapshot": "snapshot_id"}.get(kind, kind): name})
    group = zarr.open_group(session.store, mode="r")
    found = dict(arrays(group))
    np.savez(out, **{name.replace("/", "|"): array[...] for name, array in found.items() if array.dtype.kind in "iufb"})
    refs = {"branch": name} if kind == "branch" else {"tag": name} if kind == "tag" else {"snapshot_id": name}
    return {
        "attrs": dict(group.attrs),
        "arrays": {
            name: {"shape": array.shape, "chunks": array.chunks, "dtype": str(array.dtype), "attrs": dict(array.attrs)}
            for name, array in found.items()
        },
        "branches": sorted(repository.list_branches()),
        "tags": {tag: repository.lookup_tag(tag) for tag in repository.list_tags()},
        "history": [
            {"id": snapshot.id, "message": snapshot.message, "properties": snapshot.metadata}
            for snapshot in repository.ancestry(**refs)
        ],
    }


def commit(folder, branch, group):
    """Somebody else's commit: a group with one array."""
    try:
        repository = opened(folder)
    except icechunk.IcechunkError:
        repository = icechunk.Repository.create(icechunk.local_filesystem_storage(folder))
    session = repository.writable_session(branch)
    root = zarr.open_group(session.store, mode="a", path=group)
    root.create_array("theirs", data=np.arange(5.0), overwrite=True)
    return {"id": session.commit("by somebody else")}


if __name__ == "__main__":
    for line in sys.stdin:
        command, *args = json.loads(line)
        try:
            answer = {"read": read, "commit": commit}[command](*args)
        except Exception as error:  # noqa: BLE001  whoever asked says what it was for
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer, default=str), flush=True)
