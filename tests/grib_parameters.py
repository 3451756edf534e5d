"""Writes GRIB messages of many parameters into a folder, with what ecCodes says of them: `names.grib`, `names.json`.

Parameters are found by asking ecCodes for what numbers mean, category by category and table by table.
"""

import json
import sys
from pathlib import Path

import eccodes as ec

KEYS = ("paramId", "shortName", "name", "units", "typeOfLevel", "stepType")
SURFACES = [(1, None), (103, 2), (103, 10), (100, 50000), (105, 1), (106, 0)]


def first_edition():
    for centre, tables in ((98, (128, 129, 140, 151, 162, 210, 228)), (7, (2, 129, 130)), (78, (2, 201, 202))):
        for table in tables:
            for number in range(1, 255, 3):
                yield 1, {"centre": centre, "table2Version": table, "indicatorOfParameter": number}
    for indicator in (1, 3, 4, 113):
        yield 1, {"centre": 78, "table2Version": 2, "indicatorOfParameter": 61, "timeRangeIndicator": indicator}


def second_edition():
    for centre in (0, 7, 98, 78):
        for discipline, categories in ((0, range(8)), (2, range(1)), (10, range(4))):
            for category in categories:
                for number in range(0, 60, 4):
                    keys = {"centre": centre, "discipline": discipline, "parameterCategory": category}
                    yield 2, keys | {"parameterNumber": number}
    for process in (0, 1, 2, 3, 6):
        for number in range(0, 20):
            keys = {"productDefinitionTemplateNumber": 8, "parameterCategory": number % 4, "parameterNumber": number}
            yield 2, keys | {"typeOfStatisticalProcessing": process}
    for number in range(0, 80, 2):
        yield 2, {"productDefinitionTemplateNumber": 40, "parameterCategory": 20, "parameterNumber": 2, "constituentType": number}


def main():
    folder = Path(sys.argv[1])
    samples = {n: ec.codes_grib_new_from_samples(f"regular_ll_sfc_grib{n}") for n in (1, 2)}
    rows = []
    with open(folder / "names.grib", "wb") as out:
        for number, (edition, keys) in enumerate([*first_edition(), *second_edition()]):
            handle = ec.codes_clone(samples[edition])
            try:
                for key, value in keys.items():
                    ec.codes_set(handle, key, value)
                if edition == 2:
                    kind, level = SURFACES[number % len(SURFACES)]
                    ec.codes_set(handle, "typeOfFirstFixedSurface", kind)
                    if level is not None:
                        ec.codes_set(handle, "scaleFactorOfFirstFixedSurface", 0)
                        ec.codes_set(handle, "scaledValueOfFirstFixedSurface", level)
                ec.codes_set(handle, "minute", number % 60)
                ec.codes_set(handle, "hour", number // 60 % 24)
                ec.codes_set(handle, "day", 1 + number // 1440)
                content = ec.codes_get_message(handle)
            except ec.CodesInternalError:
                continue
            finally:
                ec.codes_release(handle)
            again = ec.codes_new_from_message(content)
            row = {}
            for key in KEYS:
                try:
                    row[key] = ec.codes_get(again, key)
                except ec.CodesInternalError:
                    row[key] = None
            ec.codes_release(again)
            rows.append(row)
            out.write(content)
    (folder / "names.json").write_text(json.dumps(rows))


if __name__ == "__main__":
    main()
