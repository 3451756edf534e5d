"""What Icechunk's own client does with repositories: run by a Python that has it, a line of JSON for each line of JSON.

    ["read", REPOSITORY, OUT.npz, "branch=NAME" | "tag=NAME" | "snapshot=ID"]
    ["commit", REPOSITORY, BRANCH, GROUP]
"""

import json
import os
import sys

import icechunk
import numpy as np
import zarr


def storage(place):
    """A folder, or `ENDPOINT s3://BUCKET/PREFIX`."""
    if " s3://" not in place:
        return icechunk.local_filesystem_storage(place)
    endpoint, url = place.split(" s3://")
    bucket, prefix = url.split("/", 1)
    options = {"endpoint_url": endpoint, "allow_http": True, "force_path_style": True, "region": "us-east-1"}
    keys = {"access_key_id": os.environ["AWS_ACCESS_KEY_ID"], "secret_access_key": os.environ["AWS_SECRET_ACCESS_KEY"]}
    return icechunk.s3_storage(bucket=bucket, prefix=prefix, **options, **keys)


def opened(place):
    """The repository, with leave to read wherever it says that chunks lie."""
    held = storage(place)
    config = icechunk.Repository.fetch_config(held)
    by = {
        "file": icechunk.Credentials.LocalFileSystemAccess(),
        "http": icechunk.Credentials.HttpAccess(),
        "s3": icechunk.s3_from_env_credentials(),
    }
    places = (config and config.virtual_chunk_containers) or {}
    allowed = icechunk.containers_credentials({one: by[one.split(":")[0]] for one in places})
    return icechunk.Repository.open(held, authorize_virtual_chunk_access=allowed)


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
    config = repository.config.virtual_chunk_containers or {}
    return {
        "places": sorted(config),
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
        repository = icechunk.Repository.create(storage(folder))
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
