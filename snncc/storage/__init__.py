# SPDX-License-Identifier: Apache-2.0
"""Large weights in files: locks, temporary folders, mapped values, serialisation."""
