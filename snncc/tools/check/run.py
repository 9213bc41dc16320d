# SPDX-License-Identifier: Apache-2.0
"""Run all checks of a converted model: structure, kernels, cost and accuracy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt
import onnx

from snncc.coding.from_metadata import replaced_relus
from snncc.errors import DataError, ModelError
from snncc.evaluation.evaluate import evaluate, misfit, refuse_converted
from snncc.evaluation.result import Evaluation
from snncc.execution.folded_form import to_folded
from snncc.execution.stream import own_specs
from snncc.io.batches import Batch, Samples, batches, specs_of
from snncc.io.digests import Digest
from snncc.io.model_reader import Source, model_name, read_model
from snncc.io.preprocess import Preprocess
from snncc.tools.check.expected_parameters import most_spikes
from snncc.tools.check.kernel_agreement import differing_outputs
from snncc.tools.check.structure import structural
from snncc.tools.check.subject import CheckSubject

__all__ = ["Budgets", "CheckResult", "run_checks"]

_BATCH = 64
_TRIAL = 8  # samples on which body and kernel are compared
_NEEDED = ("valid", "ops-known", "bodies")  # without these nothing can be run


@dataclass(frozen=True)
class Budgets:
    """Upper limits on the cost of a converted model; None: no limit.

    Attributes:
        max_drop: points of top-1 accuracy lost against the ANN, at most.
        max_spikes: mean spikes per neuron and sample, without those of the input, at most.
        min_energy_gain: energy gain over the ANN (32 bit, exact count), at least.
        agree: fraction of samples, 0 … 1, with the same answer as the ANN, at least.
    """

    max_drop: float | None = None
    max_spikes: float | None = None
    min_energy_gain: float | None = None
    agree: float | None = None


@dataclass(frozen=True)
class CheckResult:
    """Result of one check: its name, whether it passed, and details."""

    name: str
    passed: bool
    message: str

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {"name": self.name, "passed": self.passed, "message": self.message}

    def __str__(self) -> str:
        return f"{'ok' if self.passed else 'FAILED'}  {self.name}: {self.message}"


def run_checks(
    snn: Source,
    ann: Source,
    data: Samples,
    budgets: Budgets | None = None,
    *,
    calibration: Samples | None = None,
    labels: npt.ArrayLike | None = None,
    preprocess: Preprocess | str | None = None,
    batch_size: int = 64,
    device: str = "auto",
    limit: int | None = None,
) -> list[CheckResult]:
    """Check a converted model against its source and its budgets; the arguments are those of `evaluate`.

    `data` is read twice: a path, an array or a list, not a generator. A model that cannot run fails its checks; nothing
    is raised for it. `calibration` is the data that the scales are said to come from; without it that is not checked.

    Raises:
        SnnccError: a file cannot be read, or data and models do not fit together.
    """
    if isinstance(data, Iterator):
        raise DataError("check reads the data twice, which a generator cannot. Give a list, an array or a path.")
    model = CheckSubject(read_model(snn), read_model(ann))
    refuse_converted(model.ann, model_name(ann), model.snn)
    results = [CheckResult(*found) for found in structural(model)]
    preprocess = Preprocess.of(preprocess)
    if calibration is not None:
        results.append(_calibrated(model, calibration, preprocess))
    budgets = budgets or Budgets()
    if not all(r.passed for r in results if r.name in _NEEDED):
        return [*results, *_unmeasured("kernel", *_asked(budgets))]
    specs = own_specs(model.snn)
    taken = specs, specs_of(model.source.to_proto())
    if message := _uncountable(model.snn) or misfit(*taken, model_name(snn), model_name(ann)):
        return [*results, *_unmeasured("kernel", "spike-limit", *_asked(budgets), reason=message)]
    sample = next(batches(data, specs, preprocess=preprocess, batch_size=_TRIAL))
    try:
        results.append(_kernel(model.snn, sample))
    except ModelError as error:
        return [*results, CheckResult("kernel", False, str(error)), *_unmeasured(*_asked(budgets))]
    told = any(r.name == "metadata" and r.passed for r in results)  # else there is no limit to compare with
    options = {"labels": labels, "preprocess": preprocess, "batch_size": batch_size, "device": device, "limit": limit}
    try:
        found = evaluate(snn, ann, data, **options)  # type: ignore[arg-type]
    except ModelError as error:
        reason = " ".join(str(error).split())
        return [*results, *_unmeasured(*(["spike-limit"] if told else []), *_asked(budgets), reason=reason)]
    return [*results, *([_spike_limit(found, model)] if told else []), *_within(found, budgets)]


def _uncountable(model: onnx.ModelProto) -> str | None:
    try:
        to_folded(model)
    except ModelError as error:
        return str(error)
    return None


def _calibrated(model: CheckSubject, data: Samples, preprocess: Preprocess | None) -> CheckResult:
    """The digest of the calibration data, computed again."""
    digest = Digest()
    for batch in batches(data, specs_of(model.ann), preprocess=preprocess, batch_size=_BATCH):
        digest.update(batch)
    given, recorded = digest.hexdigest(), model.metadata("calibration")
    if recorded.get("origin") == "noise":
        return CheckResult("calibration-data", False, "the scales come from noise, not from data")
    same = (given, digest.samples) == (recorded.get("sha256"), recorded.get("samples"))
    wrong = f"scales come from {recorded.get('samples')} samples with sha256 {str(recorded.get('sha256'))[:12]}, given"
    found = f"{digest.samples} with {given[:12]}"
    fine = "the scales come from the data that was given"
    return CheckResult("calibration-data", same, fine if same else f"{wrong} are {found}")


def _unmeasured(*names: str, reason: str = "not measured, because the model does not run") -> list[CheckResult]:
    return [CheckResult(name, False, reason) for name in names]


def _kernel(model: onnx.ModelProto, sample: Batch) -> CheckResult:
    differing, values = differing_outputs(model, sample)
    message = f"{differing} of {values} outputs differ between function body and native kernel"
    return CheckResult("kernel", differing == 0, message)


def _spike_limit(found: Evaluation, model: CheckSubject) -> CheckResult:
    """No neuron sends more spikes than the coding allows: by count; encoders have separate limits."""
    coding, recorded, neurons = model.metadata("coding"), model.metadata("neurons"), replaced_relus(model.snn)
    if most_spikes(coding) is None:
        return CheckResult("spike-limit", False, f"the coding {coding.get('name')!r} is not known, and so no limit")
    sent = {layer.name: layer.peak for layer in found.layers if layer.name in neurons}
    limits = {name: most_spikes(coding, recorded[name]) or 0 for name in sent}
    if above := [name for name in sent if sent[name] > limits[name]]:
        name = max(above, key=lambda name: sent[name] - limits[name])
        message = f"a neuron of '{name}' sent {sent[name]} spikes, its coding allows {limits[name]}"
        return CheckResult("spike-limit", False, message)
    most, limit = max(sent.values(), default=0), max(limits.values(), default=0)
    return CheckResult("spike-limit", True, f"a neuron sent {most} spike(s) at most, the coding allows {limit}")


def _asked(budgets: Budgets) -> list[str]:
    values = {
        "max-drop": budgets.max_drop,
        "max-spikes": budgets.max_spikes,
        "min-energy-gain": budgets.min_energy_gain,
        "agree": budgets.agree,
    }
    return [name for name, value in values.items() if value is not None]


def _within(found: Evaluation, budgets: Budgets) -> Iterator[CheckResult]:
    """The given budgets, and whether each is met."""
    if budgets.max_drop is not None:
        if found.drop is None:
            yield CheckResult("max-drop", False, "the data has no labels, so that accuracy is not known")
        else:
            message = f"top-1 fell by {found.drop:.2f} points, {budgets.max_drop:g} are allowed"
            yield CheckResult("max-drop", found.drop <= budgets.max_drop, message)
    if budgets.max_spikes is not None:
        message = f"{found.spikes_per_neuron:.4f} spikes per neuron, {budgets.max_spikes:g} are allowed"
        yield CheckResult("max-spikes", found.spikes_per_neuron <= budgets.max_spikes, message)
    if budgets.min_energy_gain is not None:
        gain = found.energy.gain()
        message = (
            f"energy gain {'unlimited' if gain is None else f'{gain:.2f}'}, {budgets.min_energy_gain:g} is asked for"
        )
        yield CheckResult("min-energy-gain", gain is None or gain >= budgets.min_energy_gain, message)
    if budgets.agree is not None:
        message = f"{found.agreement:.4f} of the answers agree, {budgets.agree:g} is asked for"
        yield CheckResult("agree", found.agreement >= budgets.agree, message)
