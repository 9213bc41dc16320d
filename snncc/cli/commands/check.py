# SPDX-License-Identifier: Apache-2.0
"""`snncc check`: the CI gate. One line per budget and per failed check; exit status 1 if one failed."""

from __future__ import annotations

import os
from pathlib import Path

import click

from snncc.cli.output import echo, print_json
from snncc.cli.shared_options import FILE, ann, data, device, json_flag, limit, preprocess
from snncc.io.atomic_write import write_whole
from snncc.io.outputs import require_outputs

__all__ = ["check"]


@click.command(short_help="The gate for CI: structure, kernels, budgets.")
@click.argument("snn", type=FILE)
@ann
@data
@preprocess
@limit
@click.option("--max-drop", type=float, metavar="POINTS", help="Points of top-1 accuracy that may be lost.")
@click.option("--max-spikes", type=float, metavar="N", help="Mean spikes per neuron that are allowed.")
@click.option("--min-energy-gain", type=float, metavar="X", help="How many times less energy than the ANN, at least.")
@click.option(
    "--agree", type=click.FloatRange(0, 1), metavar="FRACTION", help="Share of equal answers, 0 to 1, at least."
)
@click.option("--calib", type=FILE, metavar="FILE", help="The calibration data; its digest must be the recorded one.")
@click.option(
    "--github/--no-github",
    default=None,
    help="Annotate failures for GitHub Actions, on stderr.  [default: if GITHUB_ACTIONS is true]",
)
@click.option("--junit", type=FILE, metavar="FILE", help="Write the outcome as JUnit XML.")
@device
@json_flag
@click.pass_context
def check(
    ctx: click.Context,
    /,
    snn: Path,
    ann: Path,
    data: Path,
    preprocess: str | None,
    limit: int | None,
    device: str,
    calib: Path | None,
    github: bool | None,
    junit: Path | None,
    as_json: bool,
    **budgets: float | None,
) -> None:
    """Check the structure of SNN (no ReLU left, metadata true, kernels right), then its budgets.

    What the metadata claim is worked out anew. A line for each budget and each failed check; exit status 1 if one
    failed. docs/ci.md lists the checks, and shows them in a workflow and as a pre-commit hook.
    """
    from snncc.tools.check.github import annotation
    from snncc.tools.check.junit import junit_xml
    from snncc.tools.check.run import Budgets, run_checks

    require_outputs({"--junit": junit}, [snn, ann, data, calib])
    options = {"calibration": calib, "preprocess": preprocess, "device": device, "limit": limit}
    results = run_checks(snn, ann, data, Budgets(**budgets), **options)  # type: ignore[arg-type]
    if junit is not None:
        write_whole(junit, junit_xml(results, str(snn)))
    failures = [result for result in results if not result.passed]
    if os.environ.get("GITHUB_ACTIONS") == "true" if github is None else github:
        for result in failures:
            echo(annotation(result, str(snn)), err=True)
    if as_json:
        print_json({"passed": not failures, "checks": [result.to_json() for result in results]})
    else:
        asked = {name.replace("_", "-") for name, budget in budgets.items() if budget is not None}
        for result in results:
            if not result.passed or result.name in asked:
                echo(str(result))
        echo(f"{len(results) - len(failures)} of {len(results)} checks passed")
    if failures:
        ctx.exit(1)
