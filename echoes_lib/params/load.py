"""Read parameters from profiles, command lines and notebooks, and report all faults at once.

    load_step      params/<profile>/common.yaml + <step>.yaml + overrides -> typed parameters
    read_notebook  the names of a notebook's parameter cells -> typed parameters

A profile is a folder under params/. Later sources win. Values keep the name of the file they
came from, so that a fault can say which file to edit.
"""

import ast
import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from echoes_lib.errors import ParamsError
from echoes_lib.params.schema import STEPS, Common
from echoes_lib.workspace import workspace

CELL_MARK = "# Parameters"


def profiles() -> list[str]:
    """List the names of the profiles under params/."""
    return sorted(p.name for p in workspace().profiles.iterdir() if (p / "common.yaml").is_file())


def launch_file(profile: str) -> Path | None:
    """Return the file by which `accelerate launch` trains a profile; None where it has none."""
    path = workspace().profiles / profile / "accelerate.yaml"
    return path if path.is_file() else None


def launch_shards(profile: str) -> int:
    """Return over how many processes a profile's base is split; 1 where it is not."""
    path = launch_file(profile)
    config = read_yaml(path) if path else {}
    return config.get("num_processes", 1) if config.get("distributed_type") == "FSDP" else 1


def load_step(
    step: str, profile: str, overrides: Mapping[str, Any] | None = None, *files: Path
) -> Common:
    """Build the parameters of one step of a profile.

    Args:
        step: a notebook's name, such as `3_train`.
        profile: a folder under params/.
        overrides: values that win over every file, such as those of `-p`.
        *files: further YAML files, such as the best parameters of a search; they win over
            the profile and lose against `overrides`.

    Returns:
        The step's typed parameters.

    Raises:
        ParamsError: the profile or file is missing, or values do not fit; all faults at once.
    """
    folder = _profile_folder(profile)
    values: dict[str, Any] = {"profile": profile}
    origin: dict[str, str] = {}
    for path in (folder / "common.yaml", folder / f"{step}.yaml", *files):
        layer = read_yaml(path) if path.is_file() else {}
        values |= layer
        origin |= dict.fromkeys(layer, _shown(path))
    values |= overrides or {}
    origin |= dict.fromkeys(overrides or {}, "the command line (-p)")
    return validate(STEPS[step], values, origin)


def read_yaml(path: Path) -> dict[str, Any]:
    """Read one file of parameters; an empty file is an empty set.

    Raises:
        ParamsError: not YAML, or not a mapping of names to values.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ParamsError(f"{_shown(path)} is not valid YAML: {error}") from None
    if not isinstance(content or {}, dict):
        raise ParamsError(f"{_shown(path)} must hold `name: value` lines: edit it")
    return content or {}


def validate(
    schema: type[Common], values: Mapping[str, Any], origin: Mapping[str, str] | None = None
) -> Common:
    """Check values against a schema.

    Args:
        schema: the parameters' type.
        values: name -> value, unchecked.
        origin: name -> where it was written, for the message.

    Returns:
        An instance of `schema`.

    Raises:
        ParamsError: lists every fault, one a line.
    """
    try:
        return schema.model_validate(dict(values))
    except ValidationError as error:
        lines = [_fault(schema, item, origin or {}) for item in error.errors()]
        head = f"{len(lines)} fault(s) in the parameters of {schema.__name__}:"
        raise ParamsError("\n  ".join([head, *lines])) from None


def read_notebook(step: str, variables: Mapping[str, Any]) -> Common:
    """Read the parameters of the notebook that calls this, as the reader or papermill set them.

    The parameter cells are those that begin with `# Parameters` (papermill writes the same
    mark over the cell it injects). Names assigned there that the schema does not know are
    faults, where plain papermill would only warn.

    Args:
        step: the notebook's name.
        variables: the notebook's `globals()`.

    Returns:
        The step's typed parameters.

    Raises:
        ParamsError: unknown name, wrong type or value out of range.
    """
    names = parameter_names(variables.get("In", []))
    values = {name: variables[name] for name in names if name in variables}
    return validate(STEPS[step], values, dict.fromkeys(values, "the parameters cell or -p"))


def parameter_names(cells: Iterable[str]) -> list[str]:
    """Return the names assigned in the newest run of parameter cells.

    Args:
        cells: sources of the executed cells, oldest first (IPython's `In`).

    Returns:
        Names in order of assignment: those of the last parameter cells that ran one after
        another, so that an edited and rerun cell replaces its older self.
    """
    names: dict[str, None] = {}
    found = False
    for source in reversed(list(cells)):
        if source.lstrip().startswith(CELL_MARK):
            found = True
            names = dict.fromkeys(assigned_names(source)) | names
        elif found:
            break
    return list(names)


def assigned_names(source: str) -> list[str]:
    """Return the names that a cell assigns at its top level."""
    targets = [
        target
        for node in ast.parse(source).body
        for target in (
            node.targets
            if isinstance(node, ast.Assign)
            else [node.target]
            if isinstance(node, ast.AnnAssign)
            else []
        )
    ]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _fault(schema: type[Common], item: dict[str, Any], origin: Mapping[str, str]) -> str:
    name = ".".join(str(part) for part in item["loc"]) or "together"
    first = str(item["loc"][0]) if item["loc"] else ""
    place = f" (from {origin[first]})" if first in origin else ""
    if item["type"] == "extra_forbidden":
        close = difflib.get_close_matches(name, schema.model_fields, n=1)
        hint = f"did you mean {close[0]}?" if close else f"known: {', '.join(schema.model_fields)}"
        return f"{name} is not a parameter of this notebook{place}: {hint}"
    reason = item["msg"].removeprefix("Value error, ").replace("Input should", "it should")
    shown = f"={item['input']!r}" if item["loc"] else ""
    return f"{name}{shown}: {reason}{place}"


def _profile_folder(profile: str) -> Path:
    folder = workspace().profiles / profile
    if not (folder / "common.yaml").is_file():
        raise ParamsError(
            f"profile={profile!r} is not one of {', '.join(profiles())}: choose one of them, "
            f"or make params/{profile}/common.yaml"
        )
    return folder


def _shown(path: Path) -> str:
    root = workspace().project
    return str(path.relative_to(root)) if path.is_relative_to(root) else path.name
