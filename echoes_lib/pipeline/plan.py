"""Decide what a chain runs: the steps a profile has, with their typed parameters.

A profile's chain is made of the notebooks 1 to 5 for which the profile has a file; one
without `2_search.yaml` trains with its own values. Everything is checked before the first
notebook starts.

Shape: profile, overrides as typed on the command line -> {step: params}.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from echoes_lib.errors import ParamsError
from echoes_lib.params import STEPS, Common, load_step
from echoes_lib.pipeline.state import READS
from echoes_lib.workspace import workspace

Overrides = dict[str, dict[str, Any]]


def chain_steps(profile: str) -> list[str]:
    """List the steps of a profile's chain in order."""
    folder = workspace().profiles / profile
    return [step for step in READS if (folder / f"{step}.yaml").is_file()]


def parse_overrides(items: Iterable[str], steps: Iterable[str]) -> Overrides:
    """Sort `name=value` and `step.name=value` to the steps they are for.

    Args:
        items: as typed after `-p`; values are YAML.
        steps: the chain's steps.

    Returns:
        step -> name -> value. A name without a step goes to every step that knows it.

    Raises:
        ParamsError: no `=`, no such step, or a name that no step knows.
    """
    steps = list(steps)
    found: Overrides = {step: {} for step in steps}
    for item in items:
        name, equals, text = item.partition("=")
        step, dot, short = name.partition(".")
        if not equals:
            raise ParamsError(f"-p {item!r} has no '=': write -p name=value")
        if dot and step not in found:
            raise ParamsError(f"-p {name}: {step!r} is not one of {', '.join(steps)}")
        value = yaml.safe_load(text)
        targets = [step] if dot else [s for s in steps if name in STEPS[s].model_fields]
        if not targets:
            raise ParamsError(f"-p {name}: no step of the chain has this parameter")
        for target in targets:
            found[target][short if dot else name] = value
    return found


def step_params(step: str, profile: str, overrides: Overrides, best: Path | None) -> Common:
    """Build one step's parameters.

    Args:
        step: the notebook's name.
        profile: a folder under params/.
        overrides: from `parse_overrides`; they win.
        best: the search's best values, for 3_train; they win over the profile.

    Raises:
        ParamsError: the values do not fit the schema.
    """
    files = [best] if best is not None and step == "3_train" else []
    return load_step(step, profile, overrides.get(step, {}), *files)


def check_all(profile: str, overrides: Overrides) -> Mapping[str, Common]:
    """Build the parameters of all steps before any of them runs.

    Returns:
        step -> parameters (those of 3_train without the search's best).

    Raises:
        ParamsError: lists the faults of all steps.
    """
    params, faults = {}, []
    for step in chain_steps(profile):
        try:
            params[step] = step_params(step, profile, overrides, None)
        except ParamsError as error:
            faults.append(f"{step}: {error}")
    if faults:
        raise ParamsError("\n".join(faults))
    return params
