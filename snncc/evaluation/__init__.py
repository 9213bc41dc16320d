# SPDX-License-Identifier: Apache-2.0
"""ANN against SNN on data: accuracy, spikes, synaptic operations, energy, latency."""
