# SPDX-License-Identifier: Apache-2.0
"""Read-only facts about a graph: axes, activation sites, analog ops, what can be converted and why not."""
