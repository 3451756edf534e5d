#!/usr/bin/env python3
"""Writes crates/core/src/units/definitions.rs from the XML files of UDUNITS-2 (Debian: libudunits2-data 2.2.28).

    python3 units_table.py /usr/share/xml/udunits > ../../src/units/definitions.rs

Every definition is copied as the XML has it; nothing is computed here but plurals, by UDUNITS's own rule.
"""

import sys
import xml.etree.ElementTree as ET
from pathlib import Path

HEAD = """\
//! The units of UDUNITS-2, version 2.2.28. Generated from its XML files by `tests/oracle/units_table.py`; do not edit.
//!
//! Copyright 2008, 2009 University Corporation for Atmospheric Research
//!
//! Access and use of this software shall impose the following obligations
//! and understandings on the user. The user is granted the right, without
//! any fee or cost, to use, copy, modify, alter, enhance and distribute
//! this software, and any derivative works thereof, and its supporting
//! documentation for any purpose whatsoever, provided that this entire
//! notice appears in all copies of the software, derivative works and
//! supporting documentation. Further, UCAR requests that the user credit
//! UCAR/Unidata in any publications that result from the use of this
//! software or in any product that includes this software, although this is
//! not an obligation. The names UCAR and/or Unidata, however, may not be
//! used in any advertising or publicity to endorse or promote any products
//! or commercial entity unless specific written permission is obtained from
//! UCAR/Unidata. The user also understands that UCAR/Unidata is not
//! obligated to provide the user with any support, consulting, training or
//! assistance of any kind with regard to the use, operation and performance
//! of this software nor to provide the user with any updates, revisions,
//! new versions or "bug fixes."
//!
//! THIS SOFTWARE IS PROVIDED BY UCAR/UNIDATA "AS IS" AND ANY EXPRESS OR
//! IMPLIED WARRANTIES, INCLUDING, BUT NOT LIMITED TO, THE IMPLIED
//! WARRANTIES OF MERCHANTABILITY AND FITNESS FOR A PARTICULAR PURPOSE ARE
//! DISCLAIMED. IN NO EVENT SHALL UCAR/UNIDATA BE LIABLE FOR ANY SPECIAL,
//! INDIRECT OR CONSEQUENTIAL DAMAGES OR ANY DAMAGES WHATSOEVER RESULTING
//! FROM LOSS OF USE, DATA OR PROFITS, WHETHER IN AN ACTION OF CONTRACT,
//! NEGLIGENCE OR OTHER TORTIOUS ACTION, ARISING OUT OF OR IN CONNECTION
//! WITH THE ACCESS, USE OR PERFORMANCE OF THIS SOFTWARE.
"""

FILES = ["base", "derived", "accepted", "common"]


def plural(name):
    """UDUNITS's ut_form_plural."""
    if len(name) > 1 and name[-1] == "y":
        return name + "s" if name[-2] in "aeiou" else name[:-1] + "ies"
    if len(name) > 1 and (name[-1] in "sxz" or name[-2:] in ("ch", "sh")):
        return name + "es"
    return name + "s"


def names_of(element):
    names = [element.findtext("singular")]
    if element.find("plural") is not None:
        names.append(element.findtext("plural"))
    elif element.find("noplural") is None:
        names.append(plural(names[0]))
    return names


def collect(unit):
    """Names and symbols, those of the unit before those of its aliases. A symbol is never both."""
    names, symbols = [], []
    for parent in [unit, *unit.findall("aliases")]:
        for child in parent:
            if child.tag == "name":
                names += names_of(child)
            elif child.tag == "symbol":
                symbols.append(child.text)
    return names, symbols


def definition(unit):
    if unit.find("base") is not None or unit.find("dimensionless") is not None:
        return ""
    return unit.findtext("def").strip()


def literal(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def main():
    folder = Path(sys.argv[1])
    print(HEAD)
    print("/// What a unit is, its names (in any case of letters), its symbols; each separated by blanks. An empty")
    print("/// definition is the next base unit.")
    print("pub(super) type Definition = (&'static str, &'static str, &'static str);\n")
    print("/// Name prefixes, in any case of letters.\n#[rustfmt::skip]")
    prefixes = ET.parse(folder / "udunits2-prefixes.xml").getroot().findall("prefix")
    for tag, title in (("name", "NAME"), ("symbol", "SYMBOL")):
        if tag == "symbol":
            print("/// Symbol prefixes, case-sensitive.\n#[rustfmt::skip]")
        print(f"pub(super) const {title}_PREFIXES: &[(&str, f64)] = &[")
        for prefix in prefixes:
            value = prefix.findtext("value")
            value = value if "e" in value else repr(float(value))
            for child in prefix.findall(tag):
                print(f"    ({literal(child.text)}, {value}),")
        print("];\n")
    print("/// In the order of the XML files: a definition uses those before it.\n#[rustfmt::skip]")
    print("pub(super) const DEFINITIONS: &[Definition] = &[")
    for name in FILES:
        for unit in ET.parse(folder / f"udunits2-{name}.xml").getroot().findall("unit"):
            names, symbols = collect(unit)
            assert not any(" " in text for text in names + symbols)
            row = ", ".join(literal(text) for text in (definition(unit), " ".join(names), " ".join(symbols)))
            print(f"    ({row}),")
    print("];")


main()
