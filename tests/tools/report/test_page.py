# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections import Counter
from html.parser import HTMLParser

import onnx
import pytest

import snncc
from snncc.errors import OptionError
from snncc.models import digits_network
from snncc.tools.report import report
from snncc.tools.report.svg import inline_svg, svg_file

ALWAYS = {"energy", "rates", "errors", "coded", "activations", "curves", "mape", "rasters", "pipeline", "graph"}
EVIL = '<script>alert(1)</script>"\'&amp;$x_1$</svg>\u202e#0a0b14 id="x'


class Page(HTMLParser):
    """Tags, attributes and text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str]] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags[tag] += 1
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data):
        self.texts.append(data)


def test_sections_of_every_coding(reported):
    name = reported.snn.metadata_props
    coding = next(p.value for p in name if p.key == "snncc.coding")
    over_time = '"rate"' in coding or '"msat"' in coding
    keys = [s.key for s in reported.found.sections]
    assert set(keys) == ALWAYS | ({"sin"} if over_time else set())
    page = Page(reported.found.html)
    ids = Counter(value for name, value in page.attributes if name == "id")
    assert all(ids[key] == 1 for key in keys)
    panels = [p for s in reported.found.sections for p in s.panels]
    assert page.tags["svg"] == len(panels) == page.tags["figure"]
    assert len({p.key for p in panels}) == len(panels)
    assert [v for n, v in page.attributes if n == "aria-label" and v in {p.alt for p in panels}] == [
        p.alt for p in panels
    ]


def test_page_is_whole_and_asks_for_nothing(reported):
    page = Page(reported.found.html)
    ids = Counter(value for name, value in page.attributes if name == "id")
    assert max(ids.values()) == 1
    targets = [v for n, v in page.attributes if n in ("href", "xlink:href")]
    assert targets
    assert all(t.startswith("#") and t[1:] in ids for t in targets)
    assert set(re.findall(r"url\(([^)]*)\)", reported.found.html)) <= {f"#{i}" for i in ids}
    assert not {"src", "srcset", "data", "action", "poster"} & {n for n, _ in page.attributes}
    assert not set(page.tags) & {"script", "link", "img", "iframe", "object", "embed", "image", "base"}
    assert not re.search(r"https?:|//\w|@import|@font-face|data:", reported.found.html)
    assert ("content", "default-src 'none'; style-src 'unsafe-inline'") in page.attributes
    assert not re.search(r"#0a0b\d\d", reported.found.html)


def test_numbers_on_the_page_are_those_of_evaluate(reported):
    found = snncc.evaluate(reported.snn, reported.ann, reported.data)
    text = Page(reported.found.html).texts
    for row in found.rows():
        if not row[0].startswith("ms per sample"):
            assert all(cell in text for cell in row if cell)


def test_same_drawing_same_file(reported):
    panel = next(s for s in reported.found.sections if s.key == "rasters").panels[0]
    assert inline_svg(panel) == inline_svg(panel)
    assert svg_file(panel) == svg_file(panel)
    root = ET.fromstring(svg_file(panel))
    assert root.tag.endswith("svg")
    assert panel.png()[:8] == b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module")
def evil(images) -> tuple[onnx.ModelProto, onnx.ModelProto]:
    """The digits network with names of an attacker, and its conversion."""
    ann = onnx.load_from_string(digits_network())
    for node in ann.graph.node:
        if node.op_type in ("Relu", "Conv"):
            node.name = f"{EVIL}{node.name}"
    return ann, snncc.convert(ann, snncc.Phase(T=8, Q=1.3), calibration=images[:50])


def test_names_of_strangers_stay_text(evil, images):
    ann, snn = evil
    found = report(snn, ann, images[:4], layers=[f"{EVIL}wide.relu"])
    page = Page(found.html)
    assert not page.tags["script"]
    assert page.tags["svg"] == sum(len(s.panels) for s in found.sections)
    assert any("alert(1)" in text for text in page.texts)
    assert not any(name.startswith("on") for name, _ in page.attributes)
    assert "\u202e" not in found.html
    for panel in (p for s in found.sections for p in s.panels):
        ET.fromstring(svg_file(panel))


@pytest.mark.parametrize("reported", ["rate"], indirect=True)
def test_layers_and_neurons_of_ones_choice(reported):
    found = report(reported.snn, reported.ann, reported.data, limit=2, layers=["wide.relu"], neurons=[3, 1])
    sections = {s.key: s for s in found.sections}
    for key in ("coded", "activations", "rasters"):
        assert len(sections[key].panels) == 1
    with pytest.raises(OptionError, match=r"no layer 'nothing'; choose from .*stem\.relu"):
        report(reported.snn, reported.ann, reported.data, limit=2, layers=["nothing"])
    with pytest.raises(OptionError, match="has the neurons 0 … "):
        report(reported.snn, reported.ann, reported.data, limit=2, neurons=[10**6])
    with pytest.raises(OptionError, match="limit is 0"):
        report(reported.snn, reported.ann, reported.data, limit=0)
