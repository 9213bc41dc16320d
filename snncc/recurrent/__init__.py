# SPDX-License-Identifier: Apache-2.0
"""Recurrent layers: LSTM, GRU and RNN as loops over the sequence whose gates are few-spikes neurons."""

from __future__ import annotations
