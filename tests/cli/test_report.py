# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import builtins

import pytest


def test_report_writes_a_page_and_figures(snncc, digits, tmp_path):
    pytest.importorskip("matplotlib", reason="the extra `report` is not installed")
    pytest.importorskip("jinja2", reason="the extra `report` is not installed")
    arguments = ["report", digits / "snn.onnx", "--ann", digits / "ann.onnx", "--data", digits / "test.npz"]
    arguments += ["--limit", 8, "--layer", "wide.relu", "--neuron", 2, "-o", tmp_path / "page.html"]
    result = snncc(*arguments, "--figures", tmp_path / "figures")
    assert result.exit_code == 0, result.output
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    drawings = sorted(path.name for path in (tmp_path / "figures").iterdir())
    assert len(drawings) == 2 * page.count("<figure")
    assert {"energy.png", "energy.svg", "coded-0.png"} <= set(drawings)
    assert f"{page.count('<figure')} figures" in result.stdout


def test_report_without_its_packages_says_how_to_get_them(snncc, digits, tmp_path, monkeypatch):
    real = builtins.__import__

    def missing(name, *arguments, **options):
        if name.startswith("snncc.tools.report"):
            raise ImportError("No module named 'matplotlib'")
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", missing)
    arguments = ["report", digits / "snn.onnx", "--ann", digits / "ann.onnx", "--data", digits / "test.npz"]
    result = snncc(*arguments, "-o", tmp_path / "page.html")
    assert result.exit_code == 1
    assert "pip install 'snncc[report]'" in result.stderr
    assert not (tmp_path / "page.html").exists()
