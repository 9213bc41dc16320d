# SPDX-License-Identifier: Apache-2.0
"""Running models: partial runs, streams of single steps, spike trains."""
