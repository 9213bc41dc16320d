# SPDX-License-Identifier: Apache-2.0
"""`convert`: the stages of a conversion in order, time forms, tuning, metadata, export."""
