# SPDX-License-Identifier: Apache-2.0
"""Checks of a converted model against its metadata and its source."""
