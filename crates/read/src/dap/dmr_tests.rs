use super::*;

const DMR: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<Dataset xmlns="http://xml.opendap.org/ns/DAP/4.0#" dapVersion="4.0" dmrVersion="1.0" name="a">
  <Dimension name="time" size="3"/>
  <Enumeration name="cloud" basetype="UInt8"><EnumConst name="Clear sky" value="0"/><EnumConst name="Fog" value="9"/></Enumeration>
  <Float64 name="time"><Dim name="/time"/><Attribute name="units" type="String"><Value>days &amp; hours</Value></Attribute></Float64>
  <Int16 name="sst x"><Dim name="/time"/><Dim size="4"/>
    <Attribute name="_FillValue" type="Int16"><Value value="-9"/></Attribute>
    <Attribute name="list" type="String"><Value>a</Value><Value>b</Value></Attribute>
    <Attribute name="deep" type="Container"><Attribute name="n" type="Int64"><Value>1</Value><Value>2</Value></Attribute></Attribute>
    <Map name="/time"/><Map name="/g/lat"/>
  </Int16>
  <Group name="g">
    <Dimension name="x" size="2"/>
    <Float32 name="lat"><Dim name="/g/x"/></Float32>
    <Enum name="c" enum="/cloud"><Dim name="x"/><Dim name="time"/></Enum>
    <Attribute name="title" type="String"><Value>t</Value></Attribute>
    <Group name="h"><String name="s.t"/><URL name="u"/><Int8 name="i"/><Char name="k"/><UInt64 name="big"/></Group>
  </Group>
  <Attribute name="NC_GLOBAL" type="Container"><Attribute name="title" type="String"><Value>root</Value></Attribute></Attribute>
  <Attribute name="level" type="Enum" enum="/cloud"><Value>Fog</Value></Attribute>
</Dataset>"#;

#[test]
fn descriptions() {
    let (declared, attributes) = parse(DMR, None).unwrap();
    let told: Vec<_> = declared
        .iter()
        .map(|d| {
            let dims: Vec<String> =
                d.dims.iter().map(|(dim, n)| format!("{}={n}", dim.as_deref().unwrap_or("?"))).collect();
            format!("{:?} {} {} {}", d.kind, d.name, d.asked, dims.join(","))
        })
        .collect();
    assert_eq!(
        told,
        [
            "Float64 time /time time=3",
            "Int16 sst x /sst%20x time=3,?=4",
            "Float32 g/lat /g/lat g/x=2",
            "UInt8 g/c /g/c g/x=2,time=3",
            "Text g/h/s.t /g/h/s%5C.t ",
            "Text g/h/u /g/h/u ",
            "Int8 g/h/i /g/h/i ",
            "Char g/h/k /g/h/k ",
            "UInt64 g/h/big /g/h/big ",
        ]
    );
    let told: Vec<_> = attributes
        .iter()
        .map(|a| format!("{}@{} {:?} {}", a.of.as_deref().unwrap_or(""), a.name, a.kind, a.values.join("|")))
        .map(|text| text.replace(SEPARATOR, "^"))
        .collect();
    assert_eq!(
        told,
        [
            "@title Text root",
            "@level UInt8 9",
            "time@units Text days & hours",
            "sst x@_FillValue Int16 -9",
            "sst x@list Text a^b",
            "sst x@deep.n Int64 1|2",
            "@g^title Text t",
            "g/c@flag_values UInt8 0|9",
            "g/c@flag_meanings Text Clear_sky Fog",
            "sst x@coordinates Text /g/lat",
            "@g^ Text ",
            "@g/h^ Text ",
        ]
    );
}

#[test]
fn wanted_paths() {
    let paths = |all: &[&str]| all.iter().map(ToString::to_string).collect::<Vec<_>>();
    for (wanted, expected) in [
        (&["time"][..], Some(&["time"][..])),
        (&["g/h/i", "time"], Some(&["time", "g/h/i"])),
        (&["g"], Some(&["g/lat", "g/c", "g/h/s.t", "g/h/u", "g/h/i", "g/h/k", "g/h/big"])),
        (&["t"], None),
        (&["time", "g/nowhere"], None),
    ] {
        let found = parse(DMR, Some(&paths(wanted)));
        let names =
            found.as_ref().ok().map(|(all, _)| all.iter().map(|d| d.name.as_str()).collect::<Vec<_>>());
        assert_eq!(names.as_deref(), expected);
        if let Ok((_, attributes)) = &found {
            let has_g = attributes.iter().any(|a| a.name == format!("g{SEPARATOR}title"));
            assert_eq!(has_g, wanted.iter().any(|w| w.starts_with('g')));
        }
    }
}

#[test]
fn refusals() {
    for (inside, says) in [
        ("<Structure name='s'><Int8 name='a'/></Structure>", "`s` is a structure"),
        ("<Group name='g'><Sequence name='q'/></Group>", "`g/q` is a sequence"),
        ("<Opaque name='o'/>", "`o` is opaque"),
        ("<Int99 name='a'/>", "the type `Int99`"),
        ("<Int8/>", "without a name"),
        ("<Int8 name='a/b'/>", "holds a slash"),
        ("<Int8 name='a'><Dim name='/nowhere'/></Int8>", "no dimension `/nowhere`"),
        ("<Int8 name='a'><Dim size='-1'/></Int8>", "the size `-1`"),
        ("<Dimension name='x' size='many'/>", "the size `many`"),
        ("<Enum name='a' enum='/b'/>", "no enumeration `/b`"),
        ("<Enumeration name='e' basetype='Float32'/>", "the base type `Float32`"),
        (
            "<Int8 name='a'><Attribute name='b' type='Int99'><Value>1</Value></Attribute></Int8>",
            "the type `Int99`",
        ),
        ("<Dimension name='x' size='0'/><Int8 name='a'><Dim size='2'/><Dim name='/x'/></Int8>", "length 0"),
        ("<Int8>", "no XML"),
    ] {
        let error = parse(&format!("<Dataset name='d'>{inside}</Dataset>"), None).unwrap_err();
        assert!(error.message.contains(says), "{}", error.message);
    }
    let deep = "<Group name='g'>".repeat(200) + &"</Group>".repeat(200);
    assert!(parse(&format!("<Dataset>{deep}</Dataset>"), None).unwrap_err().message.contains("too deep"));
}

#[test]
fn what_servers_say() {
    for (text, says) in [
        ("<Error httpcode='404'><Message>no such\nfile</Message></Error>", "an error: no such file"),
        (
            "<?xml version='1.0'?><dap:Error xmlns:dap='x'><dap:Message>m</dap:Message></dap:Error>",
            "an error: m",
        ),
        ("<html><body>login</body></html>", "web page"),
        ("<kml/>", "XML of `kml`"),
        ("Error { message = \"x\"; };", "an error: x"),
        ("hello", "an error: hello"),
    ] {
        assert!(told(text).message.contains(says), "{}", told(text).message);
    }
    assert!(not_described("Dataset {").message.contains("expected XML of `Dataset`"));
}

#[test]
fn names() {
    for (qualified, expected) in
        [("/g/x", vec!["g", "x"]), ("x", vec!["x"]), (r"/g\/h/s\.t\\", vec!["g/h", r"s.t\"]), ("/", vec![""])]
    {
        assert_eq!(names_of(qualified), expected);
    }
}
