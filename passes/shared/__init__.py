# SPDX-License-Identifier: Apache-2.0
"""Edits that several passes share."""
