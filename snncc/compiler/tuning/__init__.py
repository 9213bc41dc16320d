# SPDX-License-Identifier: Apache-2.0
"""Choose per-layer settings and time steps by the error of the network's outputs."""
