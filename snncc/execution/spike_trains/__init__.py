# SPDX-License-Identifier: Apache-2.0
"""Spike trains: record which neuron fires at which step, store them, replay them to the network's outputs."""

from __future__ import annotations

from snncc.execution.spike_trains.record import spike_trains
from snncc.execution.spike_trains.replay import replay
from snncc.execution.spike_trains.storage import SpikeTrains
from snncc.execution.spike_trains.train import Train

__all__ = ["SpikeTrains", "Train", "replay", "spike_trains"]
