# SPDX-License-Identifier: Apache-2.0
"""Read-only analysis of graphs: axes, activation sites, analog ops, convertibility and unsupported reasons."""
