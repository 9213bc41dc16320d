# SPDX-License-Identifier: Apache-2.0
"""The page in headless Chromium: light and dark, on a phone, on paper."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import snncc
from snncc.models import digits_network
from snncc.tools.report import report

CHROMIUM = next((p for n in ("chromium", "chromium-browser", "google-chrome") if (p := shutil.which(n))), None)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on the path"),
]

FRAME = """<body style="margin:0"><iframe id="page" src="page.html" style="width:360px;height:700px;border:0"></iframe>
<script>onload = () => {
  const page = document.getElementById("page").contentDocument;
  const wide = [...page.querySelectorAll("body *")].filter(e => !e.closest(".scroll") && !e.closest("svg")
    && e.getBoundingClientRect().right > 360.5).map(e => e.tagName + "." + e.className);
  const letters = [...page.querySelectorAll("figure:not(.wide) svg")].map(s => s.getBoundingClientRect().width
    / s.viewBox.baseVal.width * 7.5);
  const found = {width: page.documentElement.scrollWidth, wide, smallest: Math.min(...letters)};
  document.body.dataset.found = JSON.stringify(found);
}</script></body>"""


@pytest.fixture(scope="module")
def folder(images, tmp_path_factory) -> Path:
    """page.html, a report with every kind of section, grid included."""
    folder = tmp_path_factory.mktemp("page")
    ann = digits_network()
    snn = snncc.convert(ann, snncc.Rate(T=8), calibration=images[:50])
    found = report(snn, ann, images[:8], grid=["T=4,8"], calibration=images[:50])
    (folder / "page.html").write_text(found.html, encoding="utf-8")
    (folder / "frame.html").write_text(FRAME, encoding="utf-8")
    return folder


def run(folder: Path, page: str, *options: str) -> str:
    """What the browser prints; it may read no address but files."""
    assert CHROMIUM is not None
    fixed = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'profile'}"]
    fixed += ["--allow-file-access-from-files", "--host-resolver-rules=MAP * ~NOTFOUND", "--virtual-time-budget=5000"]
    command = [CHROMIUM, *fixed, *options, (folder / page).as_uri()]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=300, cwd=folder).stdout


def shot(folder: Path, scheme: str, width: int) -> np.ndarray:
    scheme_number = {"dark": 0, "light": 1}[scheme]
    path = folder / f"{scheme}-{width}.png"
    settings = f"--blink-settings=preferredColorScheme={scheme_number}"
    run(folder, "page.html", settings, f"--window-size={width},3000", f"--screenshot={path}")
    return np.asarray(Image.open(path).convert("RGB"), np.float64)


@pytest.mark.parametrize("width", [500, 1280])
def test_light_and_dark_have_contrast(folder, width):
    light, dark = shot(folder, "light", width), shot(folder, "dark", width)
    assert np.median(light) > 230
    assert np.median(dark) < 45
    assert np.percentile(light, 0.2) < 80  # text
    assert np.percentile(dark, 99.8) > 170
    assert light.shape == dark.shape == (3000, width, 3)


def test_nothing_sticks_out_on_a_phone(folder):
    dumped = run(folder, "frame.html", "--window-size=500,800", "--dump-dom")
    found = re.search(r'data-found="([^"]*)"', dumped)
    assert found is not None, dumped[:500]
    told = json.loads(html.unescape(found[1]))
    assert 300 < told["width"] <= 360
    assert told["wide"] == []
    assert told["smallest"] > 7.5  # CSS pixels of tick labels


def test_page_is_printed(folder):
    path = folder / "page.pdf"
    run(folder, "page.html", "--no-pdf-header-footer", f"--print-to-pdf={path}")
    content = path.read_bytes()
    assert content[:5] == b"%PDF-"
    pages = len(re.findall(rb"/Type\s*/Page\b", content))
    assert 3 <= pages <= 20
