# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

import snncc
from snncc.coding.label import label

CASES = {
    "phase T=24 Q=auto": snncc.Phase(),
    "phase T=24 Q=1.2": snncc.Phase(Q=1.2),
    "phase T=16 Q=1.3 no shift input=one wait=8": snncc.Phase(T=16, Q=1.3, shift=False, input="one", wait=8),
    "fs K=10 alpha=25 no shift": snncc.FS(K=10, alpha=25, shift=False),
    "rate T=32 shift=none": snncc.Rate(shift="none"),
    "rate T=8": snncc.Rate(T=8, signed=True),
    "rate T=8 no signed": snncc.Rate(T=8, signed=False),
    "rate T=6 wait=6": snncc.Rate(T=6, wait=6),
    "msat T=64": snncc.MSAT(),
    "msat T=64 preset=vgg16": snncc.MSAT(preset="vgg16"),
    "msat T=64 tau_rd=0": snncc.MSAT(tau_rd=0),
    "msat T=32 confidence=auto early=8": snncc.MSAT(T=32, confidence="auto", early=8),
}


@pytest.mark.parametrize("text", CASES)
def test_label_tells_what_is_not_at_its_default(text):
    assert label(CASES[text]) == text
