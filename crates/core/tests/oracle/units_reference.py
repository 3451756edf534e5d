#!/usr/bin/env python3
"""Writes units_reference.tsv, the truth of the tests of `units`, by the library of UDUNITS-2 (Debian: libudunits2-0).

    python3 units_reference.py CF-STANDARD-NAME-TABLE.xml > units_reference.tsv

Three kinds of rows, separated by tabs; values are what 0.5, -3.25 and 288 become:

    unit TEXT BASE VALUES     TEXT is a unit; its values in the product of base units (levels too)
    not  TEXT WHY             UDUNITS refuses TEXT (`unknown`, `syntax`), or takes it for a time reference (`time`)
    pair A B WHAT VALUES      `yes` with values, `no`, or `reciprocal` where UDUNITS would take the reciprocal
"""

import ctypes as c
import random
import re
import sys
import xml.etree.ElementTree as ET

VALUES = [0.5, -3.25, 288.0]
UTF8, ASCII_DEFINITION, UNKNOWN = 2, 8, 11

lib = c.CDLL("libudunits2.so.0")
for name, result, arguments in [
    ("ut_read_xml", c.c_void_p, [c.c_char_p]),
    ("ut_parse", c.c_void_p, [c.c_void_p, c.c_char_p, c.c_int]),
    ("ut_get_converter", c.c_void_p, [c.c_void_p, c.c_void_p]),
    ("cv_convert_double", c.c_double, [c.c_void_p, c.c_double]),
    ("ut_format", c.c_int, [c.c_void_p, c.c_char_p, c.c_size_t, c.c_uint]),
    ("ut_set_error_message_handler", c.c_void_p, [c.c_void_p]),
]:
    function = getattr(lib, name)
    function.restype, function.argtypes = result, arguments
lib.ut_set_error_message_handler(c.cast(lib.ut_ignore, c.c_void_p))
system = lib.ut_read_xml(None)


def parse(text):
    return lib.ut_parse(system, text.strip(" \t\n\r\f\v").encode(), UTF8)


def definition(unit):
    buffer = c.create_string_buffer(512)
    length = lib.ut_format(unit, buffer, 512, ASCII_DEFINITION)
    return buffer.value.decode() if length >= 0 else None


def base(unit):
    """The product of base units below scale, offset and logarithm."""
    powers = re.findall(r"(?<![A-Za-z0-9])(?:m|kg|s|A|K|mol|cd|rad)(?:-?[0-9]+)?(?![A-Za-z0-9])", definition(unit))
    return ".".join(powers) or "1"


def converted(source, target):
    converter = lib.ut_get_converter(source, target)
    return " ".join(repr(lib.cv_convert_double(converter, x)) for x in VALUES)


def is_time(unit):
    return re.search(r"(UTC|@ *-?[0-9]+-[0-9]+-)", definition(unit)) is not None


def row(text):
    unit = parse(text)
    if not unit:
        return ("not", text, "unknown" if lib.ut_get_status() == UNKNOWN else "syntax")
    if is_time(unit):
        return ("not", text, "time")
    product = base(unit)
    return ("unit", text, product, converted(unit, parse(product)))


def pair(a, b):
    first, second = parse(a), parse(b)
    if not lib.ut_get_converter(first, second):
        return ("pair", a, b, "no")
    what = "yes" if same(first, second) else "reciprocal"
    return ("pair", a, b, what, *([converted(first, second)] if what == "yes" else []))


def same(first, second):
    """Equal powers of base units but for the radian, so that a conversion is not through the reciprocal."""
    powers = []
    for unit in (first, second):
        parts = [part for part in base(unit).split(".") if part != "1"]
        found = dict(re.fullmatch(r"([A-Za-z]+)(-?[0-9]*)", part).groups() for part in parts)
        powers.append({name: int(power or 1) for name, power in found.items() if name != "rad"})
    return powers[0] == powers[1]


# What people write, what the language's corners are, and what files of archives have.
WRITTEN = r"""
1|%|K|m|m s-1|m/s|m.s-1|m s^-1|m s**-1|m s^-1 kg|m2|m^2|m**2|m²|m³ s|m²s|m²s-1|kg m-2|kg m^-2|W m**-2|kg/m^2/s|kg/(m^2 s)
kg m-2 s-1|1e-3 kg|0.01 m|.5 m|1.m|1. m|10-3 m|10^-3 m|10e3m|2-1 m|2 3 m|2 3|-1 m|+1 m|--1 m|0 m|1e400 m|1e-400 m|m -2|m--2
m+2|m^+2|m2-1|m-s|m-s-1|m.-2|m.2|m.2.s|m 2.s|1.5.m|5.5.5|5..5|m*s|m * s|m·s|m·s-1|m / s|m per s|m PER s|per s|/s|m/|m.|.m|m..s
m  s|(m)(s)|(m)2|(m)^2|(m)s|m (s)|((m))|()|(m|( m )|m^2s|m^2s-1|(m^2)s|m2s|m2(s)|m^2(s)|m^2 2|m^2-1|m^|m^s|m^ 2|m ^2|m^2^2
m22|m0|m1|m^0|m255|m256|K0|degC0|degC1|degC2|K @ 273.15|K@273.15|K @ 273|K from 5|K after 5|K ref 5|K since 5|K @ -5|K @ +5.5
K @ 1 @ 2|K @ 5 m|@ 5|5 @ 5|% @ 5|(K @ 5 ) m|(K @ 273.15)|(K @ 273.15) m|degC @ 10|K @ 1e3|dBZ @ 5|(dBZ @ 5) 2|degC|degree_C
degrees_C|deg_C|degc|DEGC|celsius|Celsius|degree_Celsius|degrees_celsius|°C|℃|° C|deg C|degree C|1 degC|2 degC|degC m|m degC
mdegC|kdegF|degF|°F|fahrenheit|°R|degK|degrees_K|kelvin|Kelvin|KELVIN|kelvins|k|K-1|degC-1|W m-2 K-1|J/kg/K|J kg-1 K-1|kG|KG|g|G
millig|milliG|MilliGram|kilokilometer|kkm|kilokm|kkilom|km|KM|Km|KILOMETER|Meter|METERS|metre|metres|meters|um|µm|μm|micron|nm|cm
Pa|PA|pa|hPa|hpa|HPA|kPa|mb|mbar|millibar|millibars|dbar|decibar|bar|bars|atm|mmHg|inHg|mm Hg|torr|psi|in|In|inch|inches|ft|feet
foot|yd|mile|mi|nautical_mile|knot|knots|kt|kts|km/h|km h-1|mile/hour|mph|h|hr|hrs|hour|hours|HOURS|min|mins|minutes|s|sec|msec
usec|us|µs|ms|Ms|MS|d|day|days|week|month|months|yr|year|years|Hz|s-1|1/s|rad|radian|radians|sr|rad/s|rad2|degree|degrees|°|'|"
arcdeg|arc_degree|degrees_north|degree_north|degree_N|degreesN|DEGREES_NORTH|degreen|degrees_east|degree_E|degrees_true|degrees_west
degrees north|deg_north|percent|5 %|5%|%2|%/%|% m|m %|%m|m%|%%|g/kg|g kg-1|kg kg-1|kg/kg|1e-3|0.001|1e-6|10^-6|ppm|ppmv|ppb|ppt|psu
PSU|PVU|DU|dobson|Sv|sverdrup|count|counts|bit|byte|mol|mole|moles|mol/mol|1e-9 mol mol-1|nmol/mol|umol mol-1|mol m-3|mmol m-3
molecules/cm^2|molec/cm2|ug/m3|µg m-3|µg/m^3|mm/day|mm d-1|mm hr-1|mm h-1|m of water|mm H2O|mmH2O|cmH2O|H2O|inches_H2O_39F|dBZ|dBm|dBW
dB|BZ|Bm|BµV|dBµV|mm6 m-3|mm^6/m^3|lg(re 1 mW)|lg (re 1 mW)|lg(re mW)|lg(rem)|lg(rE1m)|lg(RE 1 mW)|LG(re 1 mW)|lg(re: 1 mW)
lg(re:1 mW)|log(re 1 mW)|ln(re 1 Pa)|lb(re 1)|lg(re|lg(re)|lg(re 1|lg(re m)2|lg(re m) 2|2lg(re m)|lg(re m)m|m lg(re 1)|dBZ m|dBZ 2
2 dBZ|dBZ2|dBZ1|dBZ dBZ|dBZ rad|dBZ %|1/dBZ|m/dBZ0|10 dBZ|J kg**-1|m s**-1|m**2 s**-2|m2 s-2|gpm|gp m|N m-2|Pa s-1|Pa/s|S m-1
S/m|V|mV|A|C|F|R|T|nT|W|J|cd|lm|lx|Bq m-3|eV|keV|MeV|e|1 e|1e|1e 3|1e3|u|a|ha|are|l|L|ml|mL|t|tonne|ton|bbl|acre|acre_foot
kgf/cm2|einstein|umol photons m-2 s-1|Ω|ohm|kΩ|Å|angstrom|ångström|da|dam|dag|dagram|daPa|unitless|none|dimensionless|no unit|n/a|-
+|inf|nan|m_s|m;s|kg,m|[m]|{m}|m\s|#|m×s|m÷s|é|from|sincere|1e308 m|degree C|degree Celsius|m-3|/m3|1/m3|kg m-3|gram/centimeter^3
s @ 5|1 s @ 5|Hz @ 5|s since 2000|s since 2000-01-01|days since 2000-01-01|days since 2000-01-01 00:00:00|hours since 1900-1-1
seconds since 1970-01-01T00:00:00Z|minutes since 2005-08-28 00:00:00|months since 1955-01-01|Hz since 2000-01-01|DN|ids|wibble|kevin
GtC yr-1|TgN yr-1|kg C m-2 s-1|mol C m-2 s-1|kmol Si s-1|mmol/m^3 cm/s|erg/g|erg/g/K|joule/kg/degK|watt/m^2|watt/m^2/degK^4|seconds-1
meters-1|centimeter/s^2|furlongs|fortnight|furlongs/fortnight|light_year|parsec|au|m3 s-1|m^3/s|1/second|mm/m|degrees_C m-1|m K s-1
"""


def mutants(texts, count):
    """Texts that differ in one or two places; of the language or not."""
    alphabet = list("m s2-1/.*^()%K0e+'@") + ["lg(re ", " @ ", "degC", "k", "µ", "²", "·"]
    for _ in range(count):
        text = list(random.choice(texts))
        for _ in range(random.randint(1, 2)):
            at = random.randrange(len(text) + 1)
            text[at : at + random.randint(0, 1)] = random.choice(alphabet)
        yield "".join(text).strip()


def known_names():
    """Every name and symbol of the XML files, a third of them with a prefix."""
    prefixes = ["kilo", "mega", "micro", "k", "m", "M", "µ", "da", "d", "n", "c", "Nano", "hecto"]
    folder = "/usr/share/xml/udunits/udunits2-"
    for name in ("base", "derived", "accepted", "common"):
        for unit in ET.parse(f"{folder}{name}.xml").getroot().iter("unit"):
            for element in unit.iter():
                if element.tag in ("singular", "plural", "symbol"):
                    yield element.text if random.random() < 0.6 else random.choice(prefixes) + element.text


def deliberate(text):
    """Texts that are read in another way on purpose; see the documentation of `units`."""
    fraction = r"([0-9²³]|[\^*][-+]?[0-9]+)\.[0-9]"
    balanced = text.count("(") == text.count(")") and "⁻" not in text
    references = re.search(r"l[gnb]\(re *[^)]*(deg|@|°|lg|dB|B)", text)
    return not balanced or references or re.search(r"[A-Za-z)%]" + fraction, text) or re.search(r"\^[^ ]*\.[0-9]", text)


def main():
    random.seed(20260101)
    written = [text for line in WRITTEN.strip().split("\n") for text in line.split("|")]
    canonical = [e.text.strip() for e in ET.parse(sys.argv[1]).getroot().iter("canonical_units") if e.text]
    texts = list(dict.fromkeys(written + sorted(set(canonical)) + list(known_names())))
    rows = [row(text) for text in texts]
    extra = dict.fromkeys(m for m in mutants(written, 900) if m and not deliberate(m) and m not in texts)
    rows += [row(text) for text in list(extra)[:400]]
    units = [r[1] for r in rows[: len(texts)] if r[0] == "unit"]
    by_base = {}
    for r in rows[: len(texts)]:
        if r[0] == "unit":
            by_base.setdefault(r[2], []).append(r[1])
    groups = [group for group in by_base.values() if len(group) > 1]
    pairs = [random.sample(random.choice(groups), 2) for _ in range(260)]
    pairs += [random.sample(units, 2) for _ in range(60)]
    pairs += [("s", "Hz"), ("m", "m-1"), ("kg m-3", "m3 kg-1"), ("rad", "1"), ("degree", "%"), ("rad/s", "Hz"), ("dBZ", "mm6 m-3")]
    pairs += [("dBm", "dBW"), ("dBm", "W"), ("mW", "dBm"), ("ln(re 1 mW)", "dBm"), ("degC", "degF"), ("degF", "K"), ("Sv", "m2 s-2")]
    print("# By units_reference.py with UDUNITS 2.2.28.")
    for r in rows + [pair(a, b) for a, b in dict.fromkeys(map(tuple, pairs))]:
        print("\t".join(r))


main()
