"""Typed parameters: one schema per notebook, profiles as folders of YAML files."""

from echoes_lib.params.load import load_step, read_notebook
from echoes_lib.params.schema import (
    STEPS,
    ChatParams,
    Common,
    EvaluateParams,
    Generation,
    PreprocessParams,
    PrivacyPolicy,
    RegisterParams,
    SearchParams,
    Source,
    TrainParams,
    persona,
)

__all__ = [
    "STEPS",
    "ChatParams",
    "Common",
    "EvaluateParams",
    "Generation",
    "PreprocessParams",
    "PrivacyPolicy",
    "RegisterParams",
    "SearchParams",
    "Source",
    "TrainParams",
    "load_step",
    "persona",
    "read_notebook",
]
