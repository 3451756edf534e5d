#!/usr/bin/env python3
"""Writes crates/core/src/check/cf/standard_names.txt from the CF standard name table (an XML file).

    ci/standard-names.py cf-standard-name-table.xml > crates/core/src/check/cf/standard_names.txt

The table is published at https://cfconventions.org/vocabularies.html; the package compliance-checker carries it too.
The output: a line with the version; a line of canonical units, tab-separated; then one line per name, sorted:
characters shared with the name before, the rest of the name, the number of its units (from 0), tab-separated. Aliases
(former names) are lines like all others, with the units of what they stand for.
"""

import os
import sys
from xml.etree import ElementTree


def main(path):
    root = ElementTree.parse(path).getroot()
    names = {e.get("id"): " ".join((e.findtext("canonical_units") or "").split()) for e in root.iter("entry")}
    for alias in root.iter("alias"):
        meant = [e.text.strip() for e in alias.iter("entry_id") if e.text and e.text.strip() in names]
        if meant:
            names.setdefault(alias.get("id"), names[meant[0]])
    units = sorted(set(names.values()))
    print(f"{root.findtext('version_number')}")
    print("\t".join(units))
    before = ""
    for name in sorted(names):
        shared = len(os.path.commonprefix([before, name]))
        print(f"{shared}\t{name[shared:]}\t{units.index(names[name])}")
        before = name


if __name__ == "__main__":
    main(sys.argv[1])
