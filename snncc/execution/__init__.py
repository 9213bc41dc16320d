# SPDX-License-Identifier: Apache-2.0
"""Execution of models: partial runs, streams of single steps, spike trains."""
